// Conditions and updates as a program writes them down; they build the trees of
// partition/api.proto, which every replica evaluates.
//
//   Attr("stock") >= 3 && AttrExists("title")
//   Attr("state").In({"new", "open"}) || !Attr("tags").Contains("hidden")
//   Size("notes") < 100
//   Update().Set("stock", Attr("stock") - 1).Add("sold", 1).Remove("draft")
//           .Set("seen", IfNotExists("seen", 0) + 1)
//           .Set("log", ListAppend(Attr("log"), List({"sold one"})))
//           .Delete("tags", StringSet({"new"}))
//
// Paths: "a.b[3].c" is parsed; Path({"a.b", 3, "c"}) takes names with dots as
// they are. A path that does not parse makes the whole expression an error, and
// the operation that uses it is refused INVALID. Value types.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "client/item.h"
#include "partition/api.pb.h"

namespace fastpath::client {

// A place in an item.
class Path {
 public:
  using Step = std::variant<std::string, uint32_t>;
  Path(const char* text) : Path(std::string_view(text)) {}         // NOLINT: implicit
  Path(const std::string& text) : Path(std::string_view(text)) {}  // NOLINT
  Path(std::string_view text) : status_(Parse(text)) {}            // NOLINT
  Path(std::initializer_list<Step> steps);                         // The first is a name.

  const api::Path& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status Parse(std::string_view text);

  api::Path proto_;
  absl::Status status_;
};

class Condition {
 public:
  Condition() = default;  // None: always true.
  Condition(api::Condition proto, absl::Status status)
      : present_(true), proto_(std::move(proto)), status_(std::move(status)) {}

  bool present() const { return present_; }
  const api::Condition& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }

  // With an absent condition: the other one.
  friend Condition operator&&(Condition a, Condition b) {
    return Join(std::move(a), std::move(b), true);
  }
  friend Condition operator||(Condition a, Condition b) {
    return Join(std::move(a), std::move(b), false);
  }
  friend Condition operator!(Condition a);

 private:
  static Condition Join(Condition a, Condition b, bool all);

  bool present_ = false;
  api::Condition proto_;
  absl::Status status_;
};

class SetExpression;

// One side of a comparison: a value, an attribute, or the size of one.
class Operand {
 public:
  template <class L>
  requires std::constructible_from<Literal, L> &&
      (!std::derived_from<std::decay_t<L>, Operand>)Operand(L&& literal)
      : Operand(FromLiteral(Literal(std::forward<L>(literal)))) {}  // NOLINT

  const api::Operand& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }

  Condition Between(const Operand& low, const Operand& high) const;
  Condition In(std::vector<Operand> list) const;
  Condition BeginsWith(const Operand& prefix) const;
  Condition Contains(const Operand& element) const;

  friend Condition operator==(const Operand& a, const Operand& b) { return Compare(api::EQ, a, b); }
  friend Condition operator!=(const Operand& a, const Operand& b) { return Compare(api::NE, a, b); }
  friend Condition operator<(const Operand& a, const Operand& b) { return Compare(api::LT, a, b); }
  friend Condition operator<=(const Operand& a, const Operand& b) { return Compare(api::LE, a, b); }
  friend Condition operator>(const Operand& a, const Operand& b) { return Compare(api::GT, a, b); }
  friend Condition operator>=(const Operand& a, const Operand& b) { return Compare(api::GE, a, b); }
  friend SetExpression operator+(const Operand& a, const Operand& b);
  friend SetExpression operator-(const Operand& a, const Operand& b);

 protected:
  Operand(api::Operand proto, absl::Status status)
      : proto_(std::move(proto)), status_(std::move(status)) {}
  friend Operand Size(const Path& path);

  api::Operand proto_;

 private:
  static Operand FromLiteral(const Literal& literal);
  static Condition Compare(api::Comparator op, const Operand& a, const Operand& b);

  absl::Status status_;
};

Operand Size(const Path& path);

// An attribute, by its path.
class Attr : public Operand {
 public:
  explicit Attr(Path path);

  Condition Exists() const;
  Condition NotExists() const;
  Condition IsType(std::string_view type) const;  // S N B BOOL NULL M L SS NS BS
};

Condition AttrExists(const Path& path);
Condition AttrNotExists(const Path& path);

// The right side of Set: what an attribute becomes.
class SetExpression {
 public:
  template <class O>
  requires std::convertible_to<O, Operand> SetExpression(O&& operand)
      : SetExpression(FromOperand(std::forward<O>(operand))) {}  // NOLINT

  const api::SetValue& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }

  friend SetExpression operator+(const SetExpression& a, const SetExpression& b);
  friend SetExpression operator-(const SetExpression& a, const SetExpression& b);
  friend SetExpression IfNotExists(const Path& path, const SetExpression& otherwise);
  friend SetExpression ListAppend(const SetExpression& first, const SetExpression& second);

 private:
  SetExpression(api::SetValue proto, absl::Status status)
      : proto_(std::move(proto)), status_(std::move(status)) {}
  static SetExpression FromOperand(const Operand& operand);

  api::SetValue proto_;
  absl::Status status_;
};
SetExpression IfNotExists(const Path& path, const SetExpression& otherwise);
SetExpression ListAppend(const SetExpression& first, const SetExpression& second);

class Update {
 public:
  Update& Set(const Path& path, const SetExpression& value);
  Update& Remove(const Path& path);
  Update& Add(const Path& path, const Literal& value);     // A number, or members of a set.
  Update& Delete(const Path& path, const Literal& value);  // Members of a set.

  const api::UpdateTree& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }

 private:
  api::UpdateTree proto_;
  absl::Status status_;
};

}  // namespace fastpath::client

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
// they are. A path that does not parse makes the whole expression an error, and so does
// nesting over 32 deep; the operation that uses it is refused INVALID.
//
// The same as DynamoDB's text, where expressions come from elsewhere:
//
//   Condition::Parse("stock >= :q AND attribute_exists(#t)", Names{{"#t", "title"}},
//                    Values{{":q", 3}})
//   Update::Parse("SET stock = stock - :q REMOVE draft", {}, Values{{":q", 1}})
//   ParseProjection("id, #t, tags[0]", Names{{"#t", "title"}})
//
// A text that does not parse is an error of the same kind; its status names the
// token and its place. Value types.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/item.h"
#include "partition/api.pb.h"
#include "partition/expression/placeholders.h"

namespace fastpath::client {

using Names = std::map<std::string, std::string>;  // "#t" -> the attribute's name.
using Values = std::map<std::string, Literal>;     // ":q" -> the value.

// Names and values that several texts of one operation share. Texts that are
// given their own must use all of them; of shared ones, status() tells.
class Placeholders {
 public:
  explicit Placeholders(const Names& names = {}, const Values& values = {});

  // Of names and values themselves; that some were used by no text so far.
  absl::Status status() const;
  // For parsing: what is wrong with names and values themselves comes first.
  absl::StatusOr<expression::Placeholders*> Get();

 private:
  expression::Placeholders placeholders_;
  absl::Status status_;
};

// A place in an item.
class Path {
 public:
  using Step = std::variant<std::string, uint32_t>;
  Path(const char* text) : Path(std::string_view(text)) {}         // NOLINT: implicit
  Path(const std::string& text) : Path(std::string_view(text)) {}  // NOLINT
  Path(std::string_view text) : status_(Parse(text)) {}            // NOLINT
  Path(std::initializer_list<Step> steps);                         // The first is a name.
  Path(api::Path proto, absl::Status status)
      : proto_(std::move(proto)), status_(std::move(status)) {}

  const api::Path& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status Parse(std::string_view text);

  api::Path proto_;
  absl::Status status_;
};

// A projection's paths, for GetOptions. Of a text that does not parse, one path
// that is the error.
std::vector<Path> ParseProjection(std::string_view text, const Names& names = {});
std::vector<Path> ParseProjection(std::string_view text, Placeholders& shared);

class Condition {
 public:
  Condition() = default;  // None: always true.
  static Condition Parse(std::string_view text, const Names& names = {}, const Values& values = {});
  static Condition Parse(std::string_view text, Placeholders& shared);
  // The same, with errors that speak of the filter of a query or scan.
  static Condition ParseFilter(std::string_view text, const Names& names = {},
                               const Values& values = {});
  // With `queried`, the table of a query, its key attributes are refused in it.
  static Condition ParseFilter(std::string_view text, Placeholders& shared,
                               const api::Table* queried = nullptr);
  Condition(api::Condition proto, absl::Status status)
      : present_(true), proto_(std::move(proto)), status_(std::move(status)) {}

  bool present() const { return present_; }
  const api::Condition& proto() const { return proto_; }
  absl::Status status() const;

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
  static Update Parse(std::string_view text, const Names& names = {}, const Values& values = {});
  // With `table`, an update of its key names the place; else the server refuses it.
  static Update Parse(std::string_view text, Placeholders& shared,
                      const api::Table* table = nullptr);

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

#include "client/expression.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "partition/model/codec.h"
#include "partition/model/encoded.h"

namespace fastpath::client {
namespace {

absl::Status FirstOf(const absl::Status& a, const absl::Status& b) { return a.ok() ? b : a; }

// The servers' own (partition/expression/evaluate.h); past some 45 levels they could not even
// read the frame.
constexpr int kDepthLimit = 32;

absl::Status NotUtf8() { return absl::InvalidArgumentError("a name that is not UTF-8"); }

// Of a tree, its root being 1.
int DepthOf(const api::Condition& condition) {
  if (condition.has_not_()) return 1 + DepthOf(condition.not_());
  int deepest = 0;
  for (const api::Condition& part :
       (condition.has_all() ? condition.all() : condition.any()).list()) {
    deepest = std::max(deepest, DepthOf(part));
  }
  return 1 + deepest;
}

int DepthOf(const api::SetValue& value) {
  const auto below = [](const api::SetValue::Binary& binary) {
    return std::max(DepthOf(binary.left()), DepthOf(binary.right()));
  };
  if (value.has_plus()) return 1 + below(value.plus());
  if (value.has_minus()) return 1 + below(value.minus());
  if (value.has_list_append()) return 1 + below(value.list_append());
  if (value.has_if_not_exists()) return 1 + DepthOf(value.if_not_exists().otherwise());
  return 1;
}

template <class Tree>
absl::Status CheckDepth(const Tree& tree) {
  if (DepthOf(tree) <= kDepthLimit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("an expression nested over ", kDepthLimit, " deep"));
}

absl::Status BadPath(std::string_view text, std::string_view why, size_t at) {
  return absl::InvalidArgumentError(
      absl::StrCat("path \"", std::string(text), "\": ", std::string(why), " at byte ", at));
}

api::SetValue::Binary* BinaryOf(api::SetValue& value, char op) {
  return op == '+' ? value.mutable_plus() : value.mutable_minus();
}

}  // namespace

// path := name ("." name | "[" digits "]")*        name := [^.\[\]]+
absl::Status Path::Parse(std::string_view text) {
  if (!model::IsUtf8(text)) return NotUtf8();
  size_t at = 0;
  auto fail = [&](std::string_view why) { return BadPath(text, why, at); };
  bool name_due = true;
  while (name_due || at < text.size()) {
    if (name_due) {
      size_t end = std::min(text.find_first_of(".[]", at), text.size());
      if (end == at) return fail("a name is missing");
      proto_.add_steps()->set_name(std::string(text.substr(at, end - at)));
      at = end;
      name_due = false;
    } else if (text[at] == '.') {
      ++at;
      name_due = true;
    } else if (text[at] == '[') {
      uint32_t index = 0;
      const char* end = text.data() + text.size();
      auto [stop, error] = std::from_chars(text.data() + at + 1, end, index);
      if (error != std::errc() || stop == end || *stop != ']') return fail("a bad index");
      proto_.add_steps()->set_index(index);
      at = static_cast<size_t>(stop - text.data()) + 1;
    } else {
      return fail("'.' or '[' expected");
    }
  }
  return absl::OkStatus();
}

Path::Path(std::initializer_list<Step> steps) {
  for (const Step& step : steps) {
    if (const std::string* name = std::get_if<std::string>(&step)) {
      if (!model::IsUtf8(*name)) status_ = NotUtf8();
      proto_.add_steps()->set_name(*name);
    } else {
      proto_.add_steps()->set_index(std::get<uint32_t>(step));
    }
  }
  if (steps.size() == 0 || !proto_.steps(0).has_name()) {
    status_ = absl::InvalidArgumentError("a path begins with a name");
  }
}

// ----------------------------------------------------------------- conditions

absl::Status Condition::status() const { return FirstOf(status_, CheckDepth(proto_)); }

Condition Condition::Join(Condition a, Condition b, bool all) {
  if (!a.present_) return b;
  if (!b.present_) return a;
  auto list_of = [all](api::Condition& c) { return all ? c.mutable_all() : c.mutable_any(); };
  auto same = [all](const api::Condition& c) { return all ? c.has_all() : c.has_any(); };
  absl::Status status = FirstOf(a.status_, b.status_);
  // a && b && c is one list, not a tower of pairs.
  if (same(a.proto_)) {
    *list_of(a.proto_)->add_list() = std::move(b.proto_);
    return Condition(std::move(a.proto_), std::move(status));
  }
  api::Condition joined;
  *list_of(joined)->add_list() = std::move(a.proto_);
  *list_of(joined)->add_list() = std::move(b.proto_);
  return Condition(std::move(joined), std::move(status));
}

Condition operator!(Condition a) {
  if (!a.present_) {
    return Condition({}, absl::InvalidArgumentError("the negation of no condition"));
  }
  api::Condition negated;
  *negated.mutable_not_() = std::move(a.proto_);
  return Condition(std::move(negated), std::move(a.status_));
}

Operand Operand::FromLiteral(const Literal& literal) {
  api::Operand operand;
  model::EncodeValue(*operand.mutable_value(), literal.value());
  return Operand(std::move(operand), absl::OkStatus());
}

Condition Operand::Compare(api::Comparator op, const Operand& a, const Operand& b) {
  api::Condition condition;
  api::Comparison& comparison = *condition.mutable_comparison();
  comparison.set_op(op);
  *comparison.mutable_left() = a.proto_;
  *comparison.mutable_right() = b.proto_;
  return Condition(std::move(condition), FirstOf(a.status_, b.status_));
}

Condition Operand::Between(const Operand& low, const Operand& high) const {
  api::Condition condition;
  api::Between& between = *condition.mutable_between();
  *between.mutable_operand() = proto_;
  *between.mutable_low() = low.proto_;
  *between.mutable_high() = high.proto_;
  return Condition(std::move(condition), FirstOf(status_, FirstOf(low.status_, high.status_)));
}

Condition Operand::In(std::vector<Operand> list) const {
  api::Condition condition;
  *condition.mutable_in()->mutable_operand() = proto_;
  absl::Status status = status_;
  for (Operand& operand : list) {
    status = FirstOf(status, operand.status_);
    *condition.mutable_in()->add_list() = std::move(operand.proto_);
  }
  return Condition(std::move(condition), std::move(status));
}

Condition Operand::BeginsWith(const Operand& prefix) const {
  api::Condition condition;
  *condition.mutable_begins_with()->mutable_operand() = proto_;
  *condition.mutable_begins_with()->mutable_prefix() = prefix.proto_;
  return Condition(std::move(condition), FirstOf(status_, prefix.status_));
}

Condition Operand::Contains(const Operand& element) const {
  api::Condition condition;
  *condition.mutable_contains()->mutable_operand() = proto_;
  *condition.mutable_contains()->mutable_element() = element.proto_;
  return Condition(std::move(condition), FirstOf(status_, element.status_));
}

Attr::Attr(Path path) : Operand({}, path.status()) { *proto_.mutable_path() = path.proto(); }

Condition Attr::Exists() const {
  api::Condition condition;
  *condition.mutable_exists() = proto().path();
  return Condition(std::move(condition), status());
}

Condition Attr::NotExists() const {
  api::Condition condition;
  *condition.mutable_not_exists() = proto().path();
  return Condition(std::move(condition), status());
}

Condition Attr::IsType(std::string_view type) const {
  api::Condition condition;
  *condition.mutable_type()->mutable_path() = proto().path();
  condition.mutable_type()->set_type(std::string(type));
  return Condition(std::move(condition),
                   FirstOf(status(), model::IsUtf8(type) ? absl::OkStatus() : NotUtf8()));
}

Condition AttrExists(const Path& path) { return Attr(path).Exists(); }
Condition AttrNotExists(const Path& path) { return Attr(path).NotExists(); }

Operand Size(const Path& path) {
  api::Operand operand;
  *operand.mutable_size() = path.proto();
  return Operand(std::move(operand), path.status());
}

// -------------------------------------------------------------------- updates

SetExpression SetExpression::FromOperand(const Operand& operand) {
  api::SetValue value;
  *value.mutable_operand() = operand.proto();
  return SetExpression(std::move(value), operand.status());
}

SetExpression operator+(const SetExpression& a, const SetExpression& b) {
  api::SetValue value;
  *BinaryOf(value, '+')->mutable_left() = a.proto_;
  *BinaryOf(value, '+')->mutable_right() = b.proto_;
  return SetExpression(std::move(value), FirstOf(a.status_, b.status_));
}

SetExpression operator-(const SetExpression& a, const SetExpression& b) {
  api::SetValue value;
  *BinaryOf(value, '-')->mutable_left() = a.proto_;
  *BinaryOf(value, '-')->mutable_right() = b.proto_;
  return SetExpression(std::move(value), FirstOf(a.status_, b.status_));
}

SetExpression operator+(const Operand& a, const Operand& b) {
  return SetExpression(a) + SetExpression(b);
}

SetExpression operator-(const Operand& a, const Operand& b) {
  return SetExpression(a) - SetExpression(b);
}

SetExpression IfNotExists(const Path& path, const SetExpression& otherwise) {
  api::SetValue value;
  *value.mutable_if_not_exists()->mutable_path() = path.proto();
  *value.mutable_if_not_exists()->mutable_otherwise() = otherwise.proto_;
  return SetExpression(std::move(value), FirstOf(path.status(), otherwise.status_));
}

SetExpression ListAppend(const SetExpression& first, const SetExpression& second) {
  api::SetValue value;
  *value.mutable_list_append()->mutable_left() = first.proto_;
  *value.mutable_list_append()->mutable_right() = second.proto_;
  return SetExpression(std::move(value), FirstOf(first.status_, second.status_));
}

Update& Update::Set(const Path& path, const SetExpression& value) {
  api::SetAction& action = *proto_.add_set();
  *action.mutable_path() = path.proto();
  *action.mutable_value() = value.proto();
  status_ = FirstOf(status_, FirstOf(path.status(), value.status()));
  status_ = FirstOf(status_, CheckDepth(value.proto()));
  return *this;
}

Update& Update::Remove(const Path& path) {
  *proto_.add_remove() = path.proto();
  status_ = FirstOf(status_, path.status());
  return *this;
}

Update& Update::Add(const Path& path, const Literal& value) {
  api::ValueAction& action = *proto_.add_add();
  *action.mutable_path() = path.proto();
  model::EncodeValue(*action.mutable_value(), value.value());
  status_ = FirstOf(status_, path.status());
  return *this;
}

Update& Update::Delete(const Path& path, const Literal& value) {
  api::ValueAction& action = *proto_.add_delete_();
  *action.mutable_path() = path.proto();
  model::EncodeValue(*action.mutable_value(), value.value());
  status_ = FirstOf(status_, path.status());
  return *this;
}

}  // namespace fastpath::client

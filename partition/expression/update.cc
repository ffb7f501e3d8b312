// An update in three steps, so that an error leaves the item as it was and every
// right side sees it as it was: evaluate the right sides, compute each named
// top-level attribute's new value from a copy, then put them all into place.
#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "partition/expression/evaluate.h"
#include "partition/expression/path.h"
#include "partition/model/codec.h"

namespace fastpath::expression {
namespace {

using model::AttributeMap;
using model::Item;
using model::Number;
using model::Type;
using model::Value;
using Node = PathTree::Node;

constexpr uint32_t kNowhere = UINT32_MAX;  // An index that no list of an item has.

absl::Status WrongType() {
  return absl::InvalidArgumentError(
      "An operand in the update expression has an incorrect data type");
}
absl::Status NoSuchAttribute() {
  return absl::InvalidArgumentError(
      "The provided expression refers to an attribute that does not exist in the item");
}
absl::Status InvalidPath() {
  return absl::InvalidArgumentError(
      "The document path provided in the update expression is invalid for update");
}
absl::Status TooLarge() {
  return absl::ResourceExhaustedError("Item size to update has exceeded the maximum allowed size");
}
absl::Status TooDeep() {
  return absl::InvalidArgumentError("Nesting Levels have exceeded supported limits");
}

// 0 for values without parts.
int NestingOf(const Value& value) {
  int deepest = 0;
  if (value.is(Type::kMap)) {
    for (const auto& [name, part] : value.map()) deepest = std::max(deepest, NestingOf(part));
    return 1 + deepest;
  }
  if (value.is(Type::kList)) {
    for (const Value& part : value.list()) deepest = std::max(deepest, NestingOf(part));
    return 1 + deepest;
  }
  return 0;
}

// -------------------------------------------------------- right sides of SET

absl::StatusOr<Value> Evaluate(const api::SetValue& value, const Item& item);

absl::StatusOr<Value> EvaluateOperand(const api::Operand& operand, const Item& item) {
  switch (operand.kind_case()) {
    case api::Operand::kPath: {
      const Value* value = FindPath(operand.path(), item);
      if (value == nullptr) return NoSuchAttribute();
      return *value;
    }
    case api::Operand::kValue:
      return model::DecodeValue(operand.value());
    case api::Operand::kSize:
    case api::Operand::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a right side of SET without a value");
}

absl::StatusOr<Value> EvaluateSum(const api::SetValue::Binary& sum, bool minus, const Item& item) {
  absl::StatusOr<Value> left = Evaluate(sum.left(), item);
  if (!left.ok()) return left;
  absl::StatusOr<Value> right = Evaluate(sum.right(), item);
  if (!right.ok()) return right;
  if (!left->is(Type::kNumber) || !right->is(Type::kNumber)) return WrongType();
  const absl::StatusOr<Number> number = minus ? Number::Subtract(left->number(), right->number())
                                              : Number::Add(left->number(), right->number());
  if (!number.ok()) return number.status();
  return Value::Num(*number);
}

absl::StatusOr<Value> EvaluateListAppend(const api::SetValue::Binary& append, const Item& item) {
  absl::StatusOr<Value> left = Evaluate(append.left(), item);
  if (!left.ok()) return left;
  absl::StatusOr<Value> right = Evaluate(append.right(), item);
  if (!right.ok()) return right;
  if (!left->is(Type::kList) || !right->is(Type::kList)) return WrongType();
  // All of it will be in the item: refused here, doubling cannot exhaust memory.
  if (ValueSizeBytes(*left) + ValueSizeBytes(*right) > model::kItemLimitBytes) return TooLarge();
  std::vector<Value>& list = left->list();
  for (Value& element : right->list()) list.push_back(std::move(element));
  return left;
}

absl::StatusOr<Value> Evaluate(const api::SetValue& value, const Item& item) {
  switch (value.kind_case()) {
    case api::SetValue::kOperand:
      return EvaluateOperand(value.operand(), item);
    case api::SetValue::kPlus:
      return EvaluateSum(value.plus(), /*minus=*/false, item);
    case api::SetValue::kMinus:
      return EvaluateSum(value.minus(), /*minus=*/true, item);
    case api::SetValue::kListAppend:
      return EvaluateListAppend(value.list_append(), item);
    case api::SetValue::kIfNotExists: {
      const Value* present = FindPath(value.if_not_exists().path(), item);
      if (present != nullptr) return *present;
      return Evaluate(value.if_not_exists().otherwise(), item);
    }
    case api::SetValue::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a right side of SET without a value");
}

// ------------------------------------------------------------------- actions

struct Action {
  enum Kind { kSet, kRemove, kAdd, kDelete } kind;
  Value value;  // Null for REMOVE.
};

template <typename Member>
std::vector<Member> Union(std::vector<Member> left, const std::vector<Member>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;  // Made a set by the value's constructor.
}

template <typename Member>
std::vector<Member> Difference(const std::vector<Member>& left, const std::vector<Member>& right) {
  std::vector<Member> rest;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                      std::back_inserter(rest));
  return rest;
}

// An attribute's value after an action; nullopt: there is none.
using Slot = std::optional<Value>;

absl::StatusOr<Slot> AddTo(const Value* old, const Value& value) {
  const bool addable = value.is(Type::kNumber) || value.is(Type::kStringSet) ||
                       value.is(Type::kNumberSet) || value.is(Type::kBinarySet);
  if (!addable) return WrongType();
  if (old == nullptr) return Slot(value);
  if (old->type() != value.type()) return WrongType();
  switch (value.type()) {
    case Type::kNumber: {
      const absl::StatusOr<Number> sum = Number::Add(old->number(), value.number());
      if (!sum.ok()) return sum.status();
      return Slot(Value::Num(*sum));
    }
    case Type::kNumberSet:
      return Slot(Value::NumberSet(Union(old->numbers(), value.numbers())));
    case Type::kStringSet:
      return Slot(Value::StringSet(Union(old->strings(), value.strings())));
    default:
      return Slot(Value::BinarySet(Union(old->strings(), value.strings())));
  }
}

absl::StatusOr<Slot> DeleteFrom(const Value* old, const Value& value) {
  const bool is_numbers = value.is(Type::kNumberSet);
  if (!is_numbers && !value.is(Type::kStringSet) && !value.is(Type::kBinarySet)) {
    return WrongType();
  }
  if (old == nullptr) return Slot();
  if (old->type() != value.type()) return WrongType();
  if (is_numbers) {
    std::vector<Number> rest = Difference(old->numbers(), value.numbers());
    return rest.empty() ? Slot() : Slot(Value::NumberSet(std::move(rest)));
  }
  std::vector<std::string> rest = Difference(old->strings(), value.strings());
  if (rest.empty()) return Slot();
  return Slot(value.is(Type::kStringSet) ? Value::StringSet(std::move(rest))
                                         : Value::BinarySet(std::move(rest)));
}

class Updater {
 public:
  explicit Updater(const Item& item) : item_(item) {}

  absl::Status Prepare(const api::UpdateTree& update);
  // The new value of a top-level attribute.
  absl::StatusOr<Slot> NewValue(Node& root);
  std::vector<Node>& roots() { return tree_.roots(); }
  // Its indexes are those of the changed lists once the new values are known.
  const PathTree& tree() const { return tree_; }

 private:
  absl::Status Insert(const api::Path& path, Action::Kind kind, absl::StatusOr<Value> value);
  // `depth`: maps and lists around the place.
  absl::StatusOr<Slot> Act(const Node& leaf, const Value* old, int depth);
  // Of a node whose place is not there: to remove something below is nothing.
  absl::Status Missing(const Node& node) const;
  bool OnlyRemoves(const Node& node) const;
  absl::Status Descend(Node& node, Value& value, int depth);
  absl::Status DescendMap(Node& node, AttributeMap& map, int depth);
  absl::Status DescendList(Node& node, std::vector<Value>& list, int depth);

  const Item& item_;
  PathTree tree_;
  std::vector<Action> actions_;  // By leaf.
  size_t set_size_bytes_ = 0;    // Of the right sides: all of them will be in the item.
};

absl::Status Updater::Insert(const api::Path& path, Action::Kind kind,
                             absl::StatusOr<Value> value) {
  if (!value.ok()) return value.status();
  if (path.steps().empty()) return InvalidPath();
  if (absl::Status status = tree_.Insert(path, static_cast<int>(actions_.size())); !status.ok()) {
    return status;
  }
  actions_.push_back({kind, *std::move(value)});
  return absl::OkStatus();
}

absl::Status Updater::Prepare(const api::UpdateTree& update) {
  for (const api::SetAction& set : update.set()) {
    absl::StatusOr<Value> value = Evaluate(set.value(), item_);
    if (value.ok()) set_size_bytes_ += ValueSizeBytes(*value);
    if (set_size_bytes_ > model::kItemLimitBytes) return TooLarge();
    absl::Status status = Insert(set.path(), Action::kSet, std::move(value));
    if (!status.ok()) return status;
  }
  for (const api::Path& path : update.remove()) {
    if (absl::Status status = Insert(path, Action::kRemove, Value()); !status.ok()) return status;
  }
  for (const api::ValueAction& add : update.add()) {
    absl::Status status = Insert(add.path(), Action::kAdd, model::DecodeValue(add.value()));
    if (!status.ok()) return status;
  }
  for (const api::ValueAction& del : update.delete_()) {
    absl::Status status = Insert(del.path(), Action::kDelete, model::DecodeValue(del.value()));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

bool Updater::OnlyRemoves(const Node& node) const {
  if (node.leaf >= 0) return actions_[node.leaf].kind == Action::kRemove;
  return std::all_of(node.children.begin(), node.children.end(),
                     [this](const Node& child) { return OnlyRemoves(child); });
}

absl::Status Updater::Missing(const Node& node) const {
  return OnlyRemoves(node) ? absl::OkStatus() : InvalidPath();
}

absl::StatusOr<Slot> Updater::NewValue(Node& root) {
  const Value* old = item_.Find(root.name);
  if (root.leaf >= 0) return Act(root, old, 0);
  if (old == nullptr) {
    if (absl::Status status = Missing(root); !status.ok()) return status;
    return Slot();
  }
  Slot slot = *old;
  if (absl::Status status = Descend(root, *slot, 1); !status.ok()) return status;
  return slot;
}

absl::StatusOr<Slot> Updater::Act(const Node& leaf, const Value* old, int depth) {
  Action& action = actions_[leaf.leaf];
  switch (action.kind) {
    case Action::kSet:
      if (depth + NestingOf(action.value) > model::kDepthLimit) return TooDeep();
      return Slot(std::move(action.value));
    case Action::kRemove:
      return Slot();
    case Action::kAdd:
      return AddTo(old, action.value);
    case Action::kDelete:
      return DeleteFrom(old, action.value);
  }
  return InvalidPath();
}

absl::Status Updater::Descend(Node& node, Value& value, int depth) {
  const bool by_index = node.children.front().is_index;
  if (by_index && value.is(Type::kList)) return DescendList(node, value.list(), depth);
  if (!by_index && value.is(Type::kMap)) return DescendMap(node, value.map(), depth);
  return Missing(node);
}

absl::Status Updater::DescendMap(Node& node, AttributeMap& map, int depth) {
  std::vector<AttributeMap::Change> changes;
  for (Node& child : node.children) {
    Value* old = map.Find(child.name);
    if (child.leaf < 0) {
      const absl::Status status = old == nullptr ? Missing(child) : Descend(child, *old, depth + 1);
      if (!status.ok()) return status;
      continue;
    }
    absl::StatusOr<Slot> slot = Act(child, old, depth);
    if (!slot.ok()) return slot.status();
    changes.emplace_back(child.name, *std::move(slot));
  }
  map.Apply(std::move(changes));
  return absl::OkStatus();
}

// Erases the elements at `removed`, ascending.
void CloseUp(const std::vector<size_t>& removed, std::vector<Value>& list) {
  auto next = removed.begin();
  size_t kept = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    if (next != removed.end() && *next == i) {
      ++next;
    } else {
      if (kept != i) list[kept] = std::move(list[i]);
      ++kept;
    }
  }
  list.resize(kept);
}

// Indexes are those of the list as it was: what is removed closes up, and what
// is set past the end follows, in order of index, after all else. Each child
// then gets the index that its element has now.
absl::Status Updater::DescendList(Node& node, std::vector<Value>& list, int depth) {
  std::vector<std::pair<Node*, Value>> appended;
  std::vector<size_t> removed;
  for (Node& child : node.children) {
    Value* old = child.index < list.size() ? &list[child.index] : nullptr;
    if (child.leaf < 0) {
      const absl::Status status = old == nullptr ? Missing(child) : Descend(child, *old, depth + 1);
      if (!status.ok()) return status;
      child.index = old == nullptr ? kNowhere : child.index - removed.size();
      continue;
    }
    absl::StatusOr<Slot> slot = Act(child, old, depth);
    if (!slot.ok()) return slot.status();
    if (!slot->has_value()) {
      if (old != nullptr) removed.push_back(child.index);
      child.index = kNowhere;
    } else if (old != nullptr) {
      *old = **std::move(slot);
      child.index -= removed.size();
    } else {
      appended.emplace_back(&child, **std::move(slot));
    }
  }
  CloseUp(removed, list);
  for (auto& [child, value] : appended) {
    child->index = list.size();
    list.push_back(std::move(value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Apply(const api::UpdateTree& update, Item& item, Item* updated) {
  Updater updater(item);
  if (absl::Status status = updater.Prepare(update); !status.ok()) return status;
  std::vector<AttributeMap::Change> changes;
  size_t size_bytes = ItemSizeBytes(item);
  for (Node& root : updater.roots()) {
    absl::StatusOr<Slot> slot = updater.NewValue(root);
    if (!slot.ok()) return slot.status();
    const Value* old = item.Find(root.name);
    if (old != nullptr) size_bytes -= root.name.size() + ValueSizeBytes(*old);
    if (slot->has_value()) size_bytes += root.name.size() + ValueSizeBytes(**slot);
    changes.emplace_back(root.name, *std::move(slot));
  }
  if (size_bytes > model::kItemLimitBytes) return TooLarge();
  item.Apply(std::move(changes));
  if (updated != nullptr) *updated = ProjectTree(updater.tree(), item);
  return absl::OkStatus();
}

}  // namespace fastpath::expression

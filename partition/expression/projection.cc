#include <optional>

#include "partition/expression/evaluate.h"
#include "partition/expression/path.h"
#include "partition/expression/prepared.h"

namespace fastpath::expression {
namespace {

using model::AttributeMap;
using model::Item;
using model::Type;
using model::Value;
using Node = PathTree::Node;

// What of `value` the tree names; nullopt if nothing is there. A list's chosen
// elements close up.
std::optional<Value> ProjectValue(const Node& node, const Value& value) {
  if (node.leaf >= 0) return value;
  AttributeMap map;
  std::vector<Value> list;
  for (const Node& child : node.children) {
    const Value* part = nullptr;
    if (child.is_index && value.is(Type::kList) && child.index < value.list().size()) {
      part = &value.list()[child.index];
    } else if (!child.is_index && value.is(Type::kMap)) {
      part = value.map().Find(child.name);
    }
    if (part == nullptr) continue;
    std::optional<Value> projected = ProjectValue(child, *part);
    if (!projected.has_value()) continue;
    if (child.is_index) {
      list.push_back(*std::move(projected));
    } else {
      map.Set(std::string(child.name), *std::move(projected));
    }
  }
  if (!map.empty()) return Value::Map(std::move(map));
  if (!list.empty()) return Value::List(std::move(list));
  return std::nullopt;
}

// Validated paths do not clash; of others the first counts.
void InsertPath(const api::Path& path, int leaf, PathTree& tree) {
  if (!path.steps().empty()) tree.Insert(path, leaf).IgnoreError();
}

}  // namespace

Item ProjectTree(const PathTree& tree, const Item& item) {
  Item out;
  for (const Node& root : tree.roots()) {
    const Value* value = item.Find(root.name);
    if (value == nullptr) continue;
    std::optional<Value> projected = ProjectValue(root, *value);
    if (projected.has_value()) out.Set(std::string(root.name), *std::move(projected));
  }
  return out;
}

Item Touched(const api::UpdateTree& update, const Item& item) {
  PathTree tree;
  int leaf = 0;
  for (const api::SetAction& action : update.set()) InsertPath(action.path(), leaf++, tree);
  for (const api::Path& path : update.remove()) InsertPath(path, leaf++, tree);
  for (const api::ValueAction& action : update.add()) InsertPath(action.path(), leaf++, tree);
  for (const api::ValueAction& action : update.delete_()) InsertPath(action.path(), leaf++, tree);
  return ProjectTree(tree, item);
}

PreparedProjection::PreparedProjection(const google::protobuf::RepeatedPtrField<api::Path>& paths) {
  for (int i = 0; i < paths.size(); ++i) {
    InsertPath(paths[i], i, tree_);
    weight_ += static_cast<size_t>(paths[i].steps_size());
  }
}

Item Project(const google::protobuf::RepeatedPtrField<api::Path>& paths, const Item& item) {
  return PreparedProjection(paths).Of(item);
}

}  // namespace fastpath::expression

#include "partition/expression/path.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "partition/model/check.h"

namespace fastpath::expression {
namespace {

using Node = PathTree::Node;

// The child for a step, or where it belongs.
std::vector<Node>::iterator Locate(std::vector<Node>& children, const api::Step& step) {
  return std::lower_bound(
      children.begin(), children.end(), step, [](const Node& child, const api::Step& wanted) {
        return child.is_index ? child.index < wanted.index() : child.name < wanted.name();
      });
}

bool IsStep(const Node& node, const api::Step& step) {
  return node.is_index ? node.index == step.index() : node.name == step.name();
}

Node MakeNode(const api::Step& step) {
  Node node;
  node.is_index = step.kind_case() == api::Step::kIndex;
  node.name = step.name();
  node.index = step.index();
  return node;
}

absl::Status Clash(absl::string_view how, const api::Path& one, const api::Path& two) {
  return absl::InvalidArgumentError(absl::StrCat(
      "Two document paths ", how,
      " with each other; must remove or rewrite one of these paths; path one: ", PathText(one),
      ", path two: ", PathText(two)));
}

}  // namespace

const model::Value* FindPath(const api::Path& path, const model::Item& item) {
  if (path.steps().empty()) return nullptr;
  const model::Value* value = item.Find(path.steps(0).name());
  for (int i = 1; i < path.steps_size() && value != nullptr; ++i) {
    const api::Step& step = path.steps(i);
    if (step.kind_case() == api::Step::kIndex) {
      const bool found = value->is(model::Type::kList) && step.index() < value->list().size();
      value = found ? &value->list()[step.index()] : nullptr;
    } else {
      value = value->is(model::Type::kMap) ? value->map().Find(step.name()) : nullptr;
    }
  }
  return value;
}

std::string PathText(const api::Path& path) {
  std::string text = "[";
  for (const api::Step& step : path.steps()) {
    if (text.size() > 1) text += ", ";
    if (step.kind_case() == api::Step::kIndex) {
      absl::StrAppend(&text, "[", step.index(), "]");
    } else {
      text += step.name();
    }
  }
  return text + "]";
}

const api::Path* PathTree::AnyPathUnder(const Node& node) const {
  const Node* at = &node;
  while (at->leaf < 0) at = &at->children.front();
  return paths_[at->leaf];
}

absl::Status PathTree::Insert(const api::Path& path, int leaf) {
  FASTPATH_MODEL_CHECK(leaf >= 0 && !path.steps().empty());
  // First down what is there already, so that a refused path leaves no trace.
  Node* at = &top_;
  int depth = 0;
  for (; depth < path.steps_size() && !at->children.empty(); ++depth) {
    const api::Step& step = path.steps(depth);
    const bool is_index = step.kind_case() == api::Step::kIndex;
    if (at->children.front().is_index != is_index) {
      return Clash("conflict", *AnyPathUnder(*at), path);
    }
    auto child = Locate(at->children, step);
    if (child == at->children.end() || !IsStep(*child, step)) break;
    at = &*child;
  }
  const bool ends_here = depth == path.steps_size();
  if (ends_here || at->leaf >= 0) return Clash("overlap", *AnyPathUnder(*at), path);
  for (; depth < path.steps_size(); ++depth) {
    const api::Step& step = path.steps(depth);
    at = &*at->children.insert(Locate(at->children, step), MakeNode(step));
  }
  at->leaf = leaf;
  if (paths_.size() <= static_cast<size_t>(leaf)) paths_.resize(leaf + 1, nullptr);
  paths_[leaf] = &path;
  return absl::OkStatus();
}

}  // namespace fastpath::expression

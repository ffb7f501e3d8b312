// Document paths, one by one and as the trees that many of them form together.
// Internal to partition/expression. Views point into the request's messages,
// which outlive every tree. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "partition/api.pb.h"
#include "partition/model/value.h"

namespace fastpath::expression {

// What a path leads to; null if any step is absent or of another type.
const model::Value* FindPath(const api::Path& path, const model::Item& item);

std::string PathText(const api::Path& path);  // "[a, b, [1]]", as DynamoDB's messages have it.

// Paths that share their beginnings. Children are either all names or all
// indexes, ascending; only nodes without children are leaves.
class PathTree {
 public:
  struct Node {
    bool is_index = false;
    std::string_view name;
    uint32_t index = 0;
    int leaf = -1;  // What Insert was given; -1: an inner node.
    std::vector<Node> children;
  };

  // InvalidArgument, in DynamoDB's words without their prefix: the path overlaps
  // one before it (equal, or one begins the other), or contradicts it (one has a
  // name where the other has an index). Then the tree is unchanged.
  // `leaf` is not negative. `path` has steps and outlives the tree.
  absl::Status Insert(const api::Path& path, int leaf);

  const std::vector<Node>& roots() const { return top_.children; }
  std::vector<Node>& roots() { return top_.children; }

 private:
  const api::Path* AnyPathUnder(const Node& node) const;

  Node top_;
  std::vector<const api::Path*> paths_;  // By leaf, for messages.
};

// What of `item` the tree names. Elements chosen from a list close up, and what
// is absent is left out.
model::Item ProjectTree(const PathTree& tree, const model::Item& item);

}  // namespace fastpath::expression

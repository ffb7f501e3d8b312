// A condition and a projection made ready for many items: what does not depend on the item is
// done once. They answer as Holds and Project (evaluate.h) do. The trees, which are valid, outlive
// them. Thread-safe: constant once made.
#pragma once

#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "partition/api.pb.h"
#include "partition/expression/path.h"
#include "partition/model/value.h"

namespace fastpath::expression {

// The constants of a tree, decoded, by the operands that have them; never iterated.
using Constants = absl::flat_hash_map<const api::Operand*, model::Value>;

class PreparedCondition {
 public:
  explicit PreparedCondition(const api::Condition& condition);

  bool Holds(const model::Item& item) const;
  // What an item costs, at most, in operands that are looked at.
  size_t weight() const { return weight_; }

 private:
  const api::Condition& condition_;
  Constants constants_;
  size_t weight_ = 0;
};

class PreparedProjection {
 public:
  explicit PreparedProjection(const google::protobuf::RepeatedPtrField<api::Path>& paths);

  model::Item Of(const model::Item& item) const { return ProjectTree(tree_, item); }
  size_t weight() const { return weight_; }  // Likewise, in steps.

 private:
  PathTree tree_;
  size_t weight_ = 0;
};

}  // namespace fastpath::expression

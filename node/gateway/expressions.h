// A request's expressions, which share their placeholders, into the protocol's trees.
// Views last as long as the request's document.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/gateway/shape.h"
#include "partition/api.pb.h"
#include "partition/expression/key_condition.h"
#include "partition/expression/parse.h"
#include "partition/expression/placeholders.h"

namespace fastpath::node::gateway {

class Expressions {
 public:
  // `texts`: the expressions that the operation may have; `legacy`: the parameters of
  // old which they exclude. InvalidArgument: both kinds, placeholders without expressions, or no
  // placeholders.
  static absl::StatusOr<Expressions> Open(const dom::object& parameters,
                                          const std::vector<std::string_view>& texts,
                                          const std::vector<std::string_view>& legacy);

  bool Has(std::string_view text) const { return Find(parameters_, text).has_value(); }
  // Each reads one of the texts, if it is there, into a tree. Called in the order in which
  // their errors should be told.
  // `owner` has a mutable_condition().
  template <class Owner>
  absl::Status Condition(std::string_view text, Owner& owner) {
    if (!Has(text)) return absl::OkStatus();
    auto tree = expression::ParseCondition(TextOf(parameters_, text), placeholders_);
    if (tree.ok()) owner.mutable_condition()->Swap(&*tree);
    return tree.status();
  }
  // Of a query (its table, whose keys a filter may not name) or a scan (null).
  absl::Status Filter(std::string_view text, const api::Table* queried, api::Condition& tree);
  absl::Status Update(std::string_view text, api::UpdateTree& tree);
  absl::Status Projection(expression::Paths& paths);
  absl::StatusOr<expression::KeyCondition> KeyCondition(const api::Table& table);
  // When all are read: a placeholder that none used is an error.
  absl::Status Close() const { return placeholders_.CheckAllUsed(); }

 private:
  explicit Expressions(const dom::object& parameters) : parameters_(parameters) {}
  absl::Status AddPlaceholders();

  dom::object parameters_;
  expression::Placeholders placeholders_;
};

}  // namespace fastpath::node::gateway

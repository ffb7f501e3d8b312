// The paths of a query's filter, which may not lead to its key.
#include "absl/strings/str_cat.h"
#include "partition/expression/evaluate.h"
#include "partition/expression/rules.h"
#include "partition/expression/walk.h"

namespace fastpath::expression {
namespace {

// A key attribute of `table` that `filter`, which is valid, looks at; empty if there is none.
std::string KeyIn(const api::Table& table, const api::Condition& filter) {
  std::string found;
  const auto look = [&](const api::Path& path) {
    if (IsKeyAttribute(table, path.steps(0).name())) found = path.steps(0).name();
  };
  Walk(filter, look, [&](const api::Operand& operand) {
    if (operand.has_path()) look(operand.path());
    if (operand.has_size()) look(operand.size());
  });
  return found;
}

}  // namespace

absl::Status ValidateQueryFilter(const api::Table& table, const api::Condition& filter) {
  if (absl::Status status = ValidateCondition(filter); !status.ok()) return status;
  const std::string key = KeyIn(table, filter);
  if (key.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("Filter Expression can only contain non-primary key attributes: Primary key "
                   "attribute: ",
                   key));
}

}  // namespace fastpath::expression

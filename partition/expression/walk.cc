#include "partition/expression/walk.h"

namespace fastpath::expression {

void Walk(const api::Condition& condition, absl::FunctionRef<void(const api::Path&)> path,
          absl::FunctionRef<void(const api::Operand&)> operand) {
  switch (condition.kind_case()) {
    case api::Condition::kComparison:
      operand(condition.comparison().left());
      operand(condition.comparison().right());
      break;
    case api::Condition::kBetween:
      operand(condition.between().operand());
      operand(condition.between().low());
      operand(condition.between().high());
      break;
    case api::Condition::kIn:
      operand(condition.in().operand());
      for (const api::Operand& candidate : condition.in().list()) operand(candidate);
      break;
    case api::Condition::kBeginsWith:
      operand(condition.begins_with().operand());
      operand(condition.begins_with().prefix());
      break;
    case api::Condition::kContains:
      operand(condition.contains().operand());
      operand(condition.contains().element());
      break;
    case api::Condition::kExists:
      path(condition.exists());
      break;
    case api::Condition::kNotExists:
      path(condition.not_exists());
      break;
    case api::Condition::kType:
      path(condition.type().path());
      break;
    case api::Condition::kAll:
      for (const api::Condition& part : condition.all().list()) Walk(part, path, operand);
      break;
    case api::Condition::kAny:
      for (const api::Condition& part : condition.any().list()) Walk(part, path, operand);
      break;
    case api::Condition::kNot:
      Walk(condition.not_(), path, operand);
      break;
    case api::Condition::KIND_NOT_SET:
      break;
  }
}

}  // namespace fastpath::expression

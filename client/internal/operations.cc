#include "client/internal/operations.h"

namespace fastpath::client::internal {

Result<bool> WhetherOurs(const Result<WriteAnswer>& deleted) {
  if (deleted.ok()) return true;
  if (deleted.code() == api::CONDITION_FAILED) return false;
  return deleted.failure();
}

std::string TextAt(const Item& item, const std::string& attribute) {
  const Value* value = item.Find(attribute);
  return value != nullptr && value->is(model::Type::kString) ? value->text() : "";
}

int64_t IntegerAt(const Item& item, const std::string& attribute) {
  const Value* value = item.Find(attribute);
  int64_t number = 0;
  if (value == nullptr || !value->is(model::Type::kNumber)) return 0;
  return value->number().ToInt64(number) ? number : 0;
}

}  // namespace fastpath::client::internal

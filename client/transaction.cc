#include "client/transaction.h"

#include "partition/model/codec.h"

namespace fastpath::client {

void TransactWrite::Note(const absl::Status& status) {
  if (status_.ok()) status_ = status;
}

api::TransactItem& TransactWrite::Add(const std::string& table) {
  api::TransactItem& item = *proto_.add_items();
  item.set_table(table);
  return item;
}

template <class Op>
void TransactWrite::Set(OnlyIf only_if, Op& op) {
  Note(only_if.condition.status());
  if (only_if.condition.present()) *op.mutable_condition() = only_if.condition.proto();
  op.set_return_item_on_failure(only_if.return_item_on_failure);
}

TransactWrite& TransactWrite::Put(std::string table, const Item& item, OnlyIf only_if) {
  api::Put& put = *Add(table).mutable_put();
  put.set_item(model::EncodeItem(item));
  Set(std::move(only_if), put);
  return *this;
}

TransactWrite& TransactWrite::Update(const Key& key, const client::Update& update, OnlyIf only_if) {
  Note(update.status());
  api::Update& op = *Add(key.table).mutable_update();
  *op.mutable_key() = key.ToProto();
  *op.mutable_update() = update.proto();
  Set(std::move(only_if), op);
  return *this;
}

TransactWrite& TransactWrite::Delete(const Key& key, OnlyIf only_if) {
  api::Delete& op = *Add(key.table).mutable_delete_();
  *op.mutable_key() = key.ToProto();
  Set(std::move(only_if), op);
  return *this;
}

TransactWrite& TransactWrite::Check(const Key& key, OnlyIf only_if) {
  if (!only_if.condition.present()) {
    Note(absl::InvalidArgumentError("a condition check has a condition"));
  }
  api::ConditionCheck& op = *Add(key.table).mutable_check();
  *op.mutable_key() = key.ToProto();
  Set(std::move(only_if), op);
  return *this;
}

TransactWrite& TransactWrite::Token(std::string token) {
  if (token.empty() || token.size() > kTokenLimitBytes) {
    Note(absl::InvalidArgumentError("a client request token has 1 to 36 bytes"));
  }
  proto_.set_token(std::move(token));
  return *this;
}

TransactGet& TransactGet::Get(const Key& key, const std::vector<Path>& projection) {
  api::TransactGetItem& item = *proto_.add_items();
  item.set_table(key.table);
  *item.mutable_key() = key.ToProto();
  for (const Path& path : projection) {
    if (status_.ok()) status_ = path.status();
    *item.add_projection() = path.proto();
  }
  return *this;
}

std::string ReasonName(api::Code code) {
  switch (code) {
    case api::OK:
      return "None";
    case api::CONDITION_FAILED:
      return "ConditionalCheckFailed";
    case api::CONFLICT:
      return "TransactionConflict";
    case api::INVALID:
    case api::TOO_LARGE:
      return "ValidationError";
    case api::TABLE_NOT_FOUND:
      return "ResourceNotFound";
    case api::OVERLOADED:
      return "ThrottlingError";
    default:
      return api::Code_Name(code);
  }
}

}  // namespace fastpath::client

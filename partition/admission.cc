#include "partition/admission.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "partition/expression/evaluate.h"
#include "partition/known_fields.h"
#include "partition/model/codec.h"
#include "partition/session.h"
#include "partition/state_machine.h"

namespace fastpath::partition {

namespace {

Refusal Invalid(std::string message) { return {api::INVALID, std::move(message)}; }
Refusal Invalid(const absl::Status& why) { return Invalid(ToStd(why.message())); }

std::optional<Refusal> CheckSession(const api::Session& session) {
  if (session.client().size() != kClientIdBytes) {
    return Invalid(
        absl::StrCat("session.client: a write needs a client id of ", kClientIdBytes, " bytes"));
  }
  if (session.done_below() > session.sequence()) {
    return Invalid("session.done_below: above the write's own sequence");
  }
  if (session.not_after() == 0) {
    return Invalid("session.not_after: a write needs its last moment");
  }
  return std::nullopt;
}

std::optional<Refusal> CheckCondition(bool has, const api::Condition& condition) {
  if (has) {
    if (absl::Status valid = expression::ValidateCondition(condition); !valid.ok()) {
      return Invalid(valid);
    }
  }
  return std::nullopt;
}

std::optional<Refusal> CheckOldOrNone(api::ReturnValues return_values) {
  if (return_values != api::NONE && return_values != api::ALL_OLD) {
    return Invalid("Return values set to invalid value");
  }
  return std::nullopt;
}

std::optional<Refusal> Check(const api::Table& table, const api::Put& put) {
  if (auto refusal = CheckItem(put.item())) {
    return refusal;
  }
  if (auto refusal = CheckOldOrNone(put.return_values())) {
    return refusal;
  }
  return CheckCondition(put.has_condition(), put.condition());
}

std::optional<Refusal> Check(const api::Table& table, const api::Update& update) {
  if (absl::Status valid = expression::ValidateUpdate(table, update.update()); !valid.ok()) {
    return Invalid(valid);
  }
  return CheckCondition(update.has_condition(), update.condition());
}

std::optional<Refusal> Check(const api::Table& table, const api::Delete& del) {
  if (auto refusal = CheckOldOrNone(del.return_values())) {
    return refusal;
  }
  return CheckCondition(del.has_condition(), del.condition());
}

// Fills the operation of `out` from the request's, checked.
template <typename Request>
std::optional<Refusal> AdmitOperation(const api::Table& table, const Request& request,
                                      command::Write* out) {
  if (request.has_put()) {
    *out->mutable_put() = request.put();
    return Check(table, request.put());
  }
  if (request.has_update()) {
    *out->mutable_update() = request.update();
    return Check(table, request.update());
  }
  if (request.has_delete_()) {
    *out->mutable_delete_() = request.delete_();
    return Check(table, request.delete_());
  }
  return Invalid("write: neither put, update nor delete");
}

api::ReturnValues ReturnValuesOf(const command::Write& write) {
  switch (write.op_case()) {
    case command::Write::kPut:
      return write.put().return_values();
    case command::Write::kUpdate:
      return write.update().return_values();
    case command::Write::kDelete:
      return write.delete_().return_values();
    default:
      return api::NONE;
  }
}

std::optional<Refusal> AdmitTransactOperation(const api::Table& table,
                                              const api::TransactItem& item, command::Write* out) {
  if (item.has_check()) {
    *out->mutable_check() = item.check();
    return CheckCondition(true, item.check().condition());
  }
  if (auto refusal = AdmitOperation(table, item, out)) {
    return refusal;
  }
  if (ReturnValuesOf(*out) != api::NONE) {
    return Invalid("a transaction returns no values of its items");
  }
  return std::nullopt;
}

// The place of the item, which is not in `keys` yet.
std::optional<Refusal> AdmitItem(const Catalog& catalog, const api::TransactItem& item,
                                 absl::flat_hash_set<std::string>& keys,
                                 StateMachine::AdmittedTransact* out) {
  const api::Table* table = nullptr;
  if (auto refusal = FindActiveTable(catalog, item.table(), &table)) {
    return refusal;
  }
  command::Write& write = out->writes.emplace_back();
  if (auto refusal = AdmitTransactOperation(*table, item, &write)) {
    return refusal;
  }
  absl::StatusOr<model::EncodedKey> key = KeyOfWrite(*table, write);
  if (!key.ok()) {
    return Invalid(key.status());
  }
  write.set_space(table->space());
  out->buckets.push_back(storage::BucketOf(key->hash));
  std::string row = storage::DataKey(table->space(), key->hash, key->partition, key->sort);
  if (!keys.insert(std::move(row)).second) {
    return Invalid(kOneItemTwiceMessage);
  }
  return std::nullopt;
}

std::optional<Refusal> CheckTransact(const api::TransactWriteRequest& request) {
  if (!FullyKnownTree(request)) {
    return Refusal{api::UNIMPLEMENTED,
                   "the transaction has a field that this server does not know"};
  }
  if (auto refusal = CheckSession(request.session())) {
    return refusal;
  }
  if (request.items().empty() || request.items_size() > kTransactItemLimit) {
    return Invalid(absl::StrCat("a transaction has 1 to ", kTransactItemLimit, " items, not ",
                                request.items_size()));
  }
  if (request.token().size() > kTokenLimitBytes) {
    return Invalid(absl::StrCat("token: over ", kTokenLimitBytes, " bytes"));
  }
  return std::nullopt;
}

// By DynamoDB's item size, as far as it is known before apply. Requires an admitted item.
size_t SizeBytes(const api::TransactItem& item) {
  return item.has_put() ? model::EncodedItemSizeBytes(item.put().item()) : item.ByteSizeLong();
}

// Of what a token stands for.
uint64_t FingerprintOf(const api::TransactWriteRequest& request) {
  std::string bytes;
  for (const api::TransactItem& item : request.items()) {
    const std::string encoded = item.SerializeAsString();
    storage::PutBig32(bytes, static_cast<uint32_t>(encoded.size()));
    bytes += encoded;
  }
  return model::XxHash64(bytes, 0);
}

std::optional<Refusal> CheckOwner(const Catalog& catalog, const model::EncodedKey& key) {
  if (!catalog.Owns(storage::BucketOf(key.hash))) {
    return Refusal{api::WRONG_GROUP,
                   absl::StrCat("the key is not in the range of group ", catalog.group())};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> AdmitWrite(const Catalog& catalog, const api::WriteRequest& request,
                                  command::Write* out) {
  if (!FullyKnown(request)) {
    return Refusal{api::UNIMPLEMENTED, "the write has a field that this server does not know"};
  }
  if (auto refusal = CheckSession(request.session())) {
    return refusal;
  }
  const api::Table* table = nullptr;
  if (auto refusal = FindActiveTable(catalog, request.table(), &table)) {
    return refusal;
  }
  if (auto refusal = AdmitOperation(*table, request, out)) {
    return refusal;
  }
  absl::StatusOr<model::EncodedKey> key = KeyOfWrite(*table, *out);
  if (!key.ok()) {
    return Invalid(key.status());
  }
  out->set_space(table->space());
  out->set_return_capacity(request.return_capacity() && catalog.version() >= kCapacityVersion);
  *out->mutable_session() = request.session();
  return CheckOwner(catalog, *key);
}

std::optional<Refusal> AdmitTransact(const Catalog& catalog,
                                     const api::TransactWriteRequest& request,
                                     StateMachine::AdmittedTransact* out) {
  if (catalog.version() < kTransactVersion) {
    return Refusal{api::UNIMPLEMENTED, "the group's command version has no transactions yet"};
  }
  if (auto refusal = CheckTransact(request)) {
    return refusal;
  }
  absl::flat_hash_set<std::string> keys;
  size_t bytes = 0;
  for (int i = 0; i < request.items_size(); ++i) {
    if (auto refusal = AdmitItem(catalog, request.items(i), keys, out)) {
      refusal->message = absl::StrCat("items[", i, "]: ", refusal->message);
      return refusal;
    }
    out->writes.back().set_return_capacity(request.return_capacity());
    bytes += SizeBytes(request.items(i));
  }
  if (bytes > kTransactLimitBytes) {
    return Refusal{api::TOO_LARGE,
                   absl::StrCat("the transaction is over ", kTransactLimitBytes, " bytes")};
  }
  out->place = request.token().empty() ? out->buckets.front()
                                       : storage::BucketOf(model::TokenHash(request.token()));
  if (!catalog.Owns(out->place)) {
    return Refusal{api::WRONG_GROUP,
                   absl::StrCat("the transaction's place is not in group ", catalog.group())};
  }
  out->fingerprint = FingerprintOf(request);
  out->id = request.session().client();
  storage::PutBig64(out->id, request.session().sequence());
  return std::nullopt;
}

std::optional<Refusal> FindActiveTable(const Catalog& catalog, std::string_view name,
                                       const api::Table** table) {
  *table = catalog.FindTable(name);
  if (*table == nullptr) {
    return Refusal{api::TABLE_NOT_FOUND, TableNotFoundMessage(name)};
  }
  return std::nullopt;
}

std::optional<Refusal> LocateKey(const Catalog& catalog, const api::Table& table,
                                 const api::Key& key, model::EncodedKey* out) {
  absl::StatusOr<model::EncodedKey> encoded = model::EncodeKey(table, key);
  if (!encoded.ok()) {
    return Invalid(encoded.status());
  }
  *out = *std::move(encoded);
  return CheckOwner(catalog, *out);
}

absl::StatusOr<model::EncodedKey> KeyOfWrite(const api::Table& table, const command::Write& write) {
  switch (write.op_case()) {
    case command::Write::kPut:
      return model::KeyOfItem(table, write.put().item());
    case command::Write::kUpdate:
      return model::EncodeKey(table, write.update().key());
    case command::Write::kDelete:
      return model::EncodeKey(table, write.delete_().key());
    case command::Write::kCheck:
      return model::EncodeKey(table, write.check().key());
    case command::Write::OP_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("write: neither put, update nor delete");
}

}  // namespace fastpath::partition

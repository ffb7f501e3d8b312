#include "tests/sim/bank.h"

#include <utility>

#include "partition/map.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"
#include "partition/model/value.h"
#include "tests/sim/requests.h"

namespace fastpath::sim {
namespace {

api::TransactItem ItemOf() {
  api::TransactItem item;
  item.set_table(kTable);
  return item;
}

void Add(api::UpdateTree& update, const char* attribute, int64_t delta) {
  api::ValueAction* add = update.add_add();
  add->mutable_path()->add_steps()->set_name(attribute);
  add->set_value(model::EncodeValue(model::Value::Num(delta)));
}

}  // namespace

api::TransactItem TransactPut(const std::string& key, const std::string& value) {
  api::TransactItem item = ItemOf();
  *item.mutable_put() = Put(key, value).write().put();
  return item;
}

api::TransactItem TransactDelete(const std::string& key) {
  api::TransactItem item = ItemOf();
  *item.mutable_delete_()->mutable_key() = Delete(key).write().delete_().key();
  return item;
}

api::TransactItem TransactCheck(const std::string& key, const std::optional<std::string>& value) {
  const api::Request likewise = CompareAndSet(key, value, std::nullopt);
  api::TransactItem item = ItemOf();
  *item.mutable_check()->mutable_key() = likewise.write().delete_().key();
  *item.mutable_check()->mutable_condition() = likewise.write().delete_().condition();
  return item;
}

api::TransactItem TransactMove(const std::string& key, int64_t delta, int64_t moved,
                               std::optional<int64_t> least) {
  api::TransactItem item = ItemOf();
  api::Update& update = *item.mutable_update();
  *update.mutable_key() = Delete(key).write().delete_().key();
  Add(*update.mutable_update(), "n", delta);
  if (moved != 0) Add(*update.mutable_update(), "moved", moved);
  if (least) {
    api::Comparison* comparison = update.mutable_condition()->mutable_comparison();
    comparison->set_op(api::GE);
    comparison->mutable_left()->mutable_path()->add_steps()->set_name("n");
    comparison->mutable_right()->set_value(model::EncodeValue(model::Value::Num(*least)));
  }
  return item;
}

api::Request TransactWrite(std::vector<api::TransactItem> items, const std::string& token) {
  api::Request request;
  for (api::TransactItem& item : items) {
    *request.mutable_transact_write()->add_items() = std::move(item);
  }
  request.mutable_transact_write()->set_token(token);
  return request;
}

api::Request TransactGet(const std::vector<std::string>& keys) {
  api::Request request;
  for (const std::string& key : keys) {
    api::TransactGetItem* item = request.mutable_transact_get()->add_items();
    item->set_table(kTable);
    *item->mutable_key() = Get(kTable, key, false).get().key();
  }
  return request;
}

int64_t CountOf(const std::string& encoded, const char* attribute) {
  const auto item = model::DecodeItem(encoded);
  const model::Value* count = item.ok() ? item->Find(attribute) : nullptr;
  return count == nullptr ? 0 : std::stoll(count->number().ToString());
}

uint32_t GroupOfKey(uint32_t groups, const std::string& key) {
  const api::Map map = InitialMap(groups);
  std::string part;
  model::AppendKeyPart(part, model::Value::String(key));
  const uint32_t bucket = BucketOfHash(model::KeyHash(part));
  for (const api::GroupDescriptor& group : map.groups()) {
    if (group.first_bucket() <= bucket && bucket <= group.last_bucket()) return group.group();
  }
  return 0;
}

Teller::Teller(Simulation& simulation, const std::string& name, uint64_t seed)
    : loop_(simulation.loop()),
      host_(std::make_unique<ClientHost>(&simulation.loop(), &simulation.fabric(), name, seed,
                                         simulation.cluster().client_endpoints(), 3 * kSecond)) {}

void Teller::Begin(api::Request request, client::internal::Target target, Micros deadline) {
  busy_ = true;
  called_at_ = loop_.Now();
  host_->core().Call(std::move(request), target, deadline, [this](client::internal::Answer answer) {
    busy_ = false;
    returned_at_ = loop_.Now();
    answer_ = std::move(answer);
  });
}

}  // namespace fastpath::sim

#include "tests/sim/requests.h"

#include "absl/strings/str_cat.h"
#include "partition/model/codec.h"
#include "partition/model/value.h"

namespace fastpath::sim {
namespace {

constexpr char kKey[] = "k";
constexpr char kValue[] = "v";
constexpr char kCount[] = "n";
constexpr char kExpiry[] = "e";

void SetKey(api::Key* to, const std::string& key) {
  to->set_partition(model::EncodeValue(model::Value::String(key)));
}

std::string Item(const std::string& key, const char* attribute, model::Value value) {
  model::Item item;
  item.Set(kKey, model::Value::String(key));
  item.Set(attribute, std::move(value));
  return model::EncodeItem(item);
}

api::WriteRequest* WriteTo(api::Request& request, const char* table) {
  request.mutable_write()->set_table(table);
  return request.mutable_write();
}

api::Condition Expect(const std::optional<std::string>& value) {
  api::Condition condition;
  if (!value) {
    condition.mutable_not_exists()->add_steps()->set_name(kKey);
    return condition;
  }
  api::Comparison* comparison = condition.mutable_comparison();
  comparison->set_op(api::EQ);
  comparison->mutable_left()->mutable_path()->add_steps()->set_name(kValue);
  comparison->mutable_right()->set_value(model::EncodeValue(model::Value::String(*value)));
  return condition;
}

}  // namespace

api::Request CreateTable(const std::string& name, bool expiring) {
  api::Request request;
  api::Table* table = request.mutable_create_table()->mutable_table();
  table->set_name(name);
  table->mutable_partition_key()->set_name(kKey);
  table->mutable_partition_key()->set_type(api::S);
  if (expiring) table->set_ttl_attribute(kExpiry);
  return request;
}

api::Request Put(const std::string& key, const std::string& value) {
  api::Request request;
  WriteTo(request, kTable)->mutable_put()->set_item(Item(key, kValue, model::Value::String(value)));
  return request;
}

api::Request PutExpiring(const std::string& key, int64_t expires_s) {
  api::Request request;
  WriteTo(request, kExpiringTable)
      ->mutable_put()
      ->set_item(Item(key, kExpiry, model::Value::Num(expires_s)));
  return request;
}

api::Request CompareAndSet(const std::string& key, const std::optional<std::string>& expect,
                           const std::optional<std::string>& value) {
  api::Request request = value ? Put(key, *value) : Delete(key);
  api::WriteRequest* write = request.mutable_write();
  if (value) {
    *write->mutable_put()->mutable_condition() = Expect(expect);
  } else {
    *write->mutable_delete_()->mutable_condition() = Expect(expect);
  }
  return request;
}

api::Request Increment(const std::string& key, int64_t delta) {
  api::Request request;
  api::Update* update = WriteTo(request, kTable)->mutable_update();
  SetKey(update->mutable_key(), key);
  api::ValueAction* add = update->mutable_update()->add_add();
  add->mutable_path()->add_steps()->set_name(kCount);
  add->set_value(model::EncodeValue(model::Value::Num(delta)));
  update->set_return_values(api::UPDATED_NEW);
  return request;
}

api::Request Delete(const std::string& key) {
  api::Request request;
  api::Delete* del = WriteTo(request, kTable)->mutable_delete_();
  SetKey(del->mutable_key(), key);
  del->set_return_values(api::ALL_OLD);
  return request;
}

api::Request Get(const std::string& table, const std::string& key, bool eventual) {
  api::Request request;
  request.mutable_get()->set_table(table);
  request.mutable_get()->set_eventual(eventual);
  SetKey(request.mutable_get()->mutable_key(), key);
  return request;
}

api::Request QueryOne(const std::string& table, const std::string& key) {
  api::Request request;
  request.mutable_query()->set_table(table);
  request.mutable_query()->set_partition(model::EncodeValue(model::Value::String(key)));
  return request;
}

std::string Content(const std::string& encoded) {
  const auto item = model::DecodeItem(encoded);
  if (!item.ok()) return absl::StrCat("undecodable: ", std::string(item.status().message()));
  if (const model::Value* value = item->Find(kValue)) return value->text();
  if (const model::Value* count = item->Find(kCount)) return count->number().ToString();
  return "";
}

Seen SeenBy(const api::GetResult& result) {
  if (!result.found()) return {};
  return {true, Content(result.item()), result.version()};
}

Seen SeenBy(const api::PageResult& page) {
  if (page.items_size() == 0) return {};
  return {true, Content(page.items(0)), 0};
}

}  // namespace fastpath::sim

#include "tests/client/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "partition/expression/evaluate.h"
#include "partition/frame.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"

namespace fastpath::client {

struct FakeServer::Connection {
  int fd = -1;
  std::thread thread;
};

FakeServer::FakeServer() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeServer::~FakeServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  DropConnections();
  for (auto& connection : connections_) {
    connection->thread.join();
    close(connection->fd);
  }
}

std::string FakeServer::address() const { return "127.0.0.1:" + std::to_string(port_); }

void FakeServer::DropConnections() {
  std::lock_guard lock(mutex_);
  for (auto& connection : connections_) shutdown(connection->fd, SHUT_RDWR);
}

void FakeServer::AnswerOnceWith(std::string raw) {
  std::lock_guard lock(mutex_);
  raw_ = std::move(raw);
}

void FakeServer::Accept() {
  while (!stopping_) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    auto connection = std::make_shared<Connection>();
    connection->fd = fd;
    std::lock_guard lock(mutex_);
    connections_.push_back(connection);
    connection->thread = std::thread([this, connection] { Serve(connection); });
  }
}

void FakeServer::Serve(std::shared_ptr<Connection> connection) {
  FrameDecoder decoder(kClientPreface, kClientFrameLimitBytes);
  char buffer[65536];
  while (true) {
    ssize_t got = recv(connection->fd, buffer, sizeof(buffer), 0);
    if (got <= 0) return;
    decoder.Feed({buffer, static_cast<size_t>(got)});
    std::string out;
    while (true) {
      auto frame = decoder.Next();
      if (!frame.ok()) return;
      if (!frame->has_value()) break;
      api::Request request;
      if (!request.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size()))) return;
      std::lock_guard lock(mutex_);
      std::string answer = Answer(request).SerializeAsString();
      out += raw_.empty() ? FrameHeader(answer.size()) + answer : std::exchange(raw_, "");
    }
    if (!out.empty() && send(connection->fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) return;
  }
}

void FakeServer::Intercept(Interceptor intercept) {
  std::lock_guard lock(mutex_);
  intercept_ = std::move(intercept);
}

void FakeServer::Fill(api::Map& map) {
  map.set_cluster_id("0123456789abcdef");
  map.set_version(map_version_);
  api::Node& node = *map.add_nodes();
  node.set_id(1);
  node.set_client_address(address());
  for (uint32_t id : {0, 1}) {
    api::GroupDescriptor& group = *map.add_groups();
    group.set_group(id);
    group.set_epoch(1);
    group.set_first_bucket(id == 0 ? 1 : 0);
    group.set_last_bucket(id == 0 ? 0 : 65535);
    group.add_voters()->set_node(1);
    group.mutable_voters(0)->set_replica(id + 1);
    group.set_leader_node(1);
  }
  for (const auto& [name, table] : tables_) *map.add_tables() = table;
}

void FakeServer::Update(const api::UpdateTableRequest& update, api::Reply& reply) {
  const auto found = tables_.find(update.name());
  if (found == tables_.end()) {
    reply.set_code(api::TABLE_NOT_FOUND);
    return;
  }
  api::Table& table = found->second;
  if (update.has_deletion_protection()) {
    table.set_deletion_protection(update.deletion_protection());
  }
  if (update.has_ttl()) table.set_ttl_attribute(update.ttl().attribute());
  if (update.has_tag()) *table.mutable_tags() = update.tag().tags();
  if (update.has_untag()) table.clear_tags();
  *reply.mutable_table() = table;
}

api::Reply FakeServer::Answer(const api::Request& request) {
  api::Reply reply;
  reply.set_id(request.id());
  auto now = std::chrono::system_clock::now().time_since_epoch();
  reply.set_log_time(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
  if (intercept_ && intercept_(request, reply)) return reply;
  if (request.has_map()) Fill(*reply.mutable_map());
  if (request.has_create_table()) {
    api::Table table = request.create_table().table();
    table.set_state(api::ACTIVE);
    table.set_space(static_cast<uint32_t>(tables_.size() + 1));
    if (!tables_.emplace(table.name(), table).second) {
      reply.set_code(api::TABLE_EXISTS);
    } else {
      ++map_version_;
      *reply.mutable_table() = table;
    }
  }
  if (request.has_describe_table()) {
    const auto found = tables_.find(request.describe_table().name());
    if (found == tables_.end()) {
      reply.set_code(api::TABLE_NOT_FOUND);
    } else {
      *reply.mutable_table() = found->second;
    }
  }
  if (request.has_update_table()) Update(request.update_table(), reply);
  if (request.has_table_size()) {
    reply.mutable_table_size()->set_items(7);
    reply.mutable_table_size()->set_bytes(700);
    reply.mutable_table_size()->set_exact(true);
  }
  if (request.has_delete_table() && tables_.erase(request.delete_table().name()) == 0) {
    reply.set_code(api::TABLE_NOT_FOUND);
  }
  if (request.has_status()) {
    reply.mutable_status()->set_node(1);
    for (uint32_t id : {0, 1}) {
      api::ReplicaStatus& replica = *reply.mutable_status()->add_replicas();
      replica.set_group(id);
      replica.set_replica(id + 1);
      replica.set_leader(id + 1);
      replica.set_role("leader");
      replica.set_term(1);
    }
  }
  if (request.has_digest()) {
    reply.mutable_digest()->set_index(7);
    reply.mutable_digest()->set_digest(99);
  }
  if (request.has_get()) Get(request.get(), *reply.mutable_get());
  for (const api::TransactGetItem& item : request.transact_get().items()) {
    api::GetRequest get;
    get.set_table(item.table());
    *get.mutable_key() = item.key();
    *get.mutable_projection() = item.projection();
    Get(get, *reply.mutable_transact_get()->add_items());
  }
  if (request.has_export_()) {
    for (const auto& [key, item] : items_) {
      if (key.compare(0, request.export_().table().size(), request.export_().table()) == 0) {
        reply.mutable_export_()->add_items(item);
      }
    }
  }
  if (request.has_write()) Write(request.write(), reply);
  if (request.has_transact_write()) Write(request.transact_write(), reply);
  return reply;
}

void FakeServer::Get(const api::GetRequest& get, api::GetResult& result) {
  auto found = items_.find(get.table() + get.key().partition() + get.key().sort());
  result.set_found(found != items_.end());
  if (found == items_.end()) return;
  const model::Item item = *model::DecodeItem(found->second);
  result.set_item(get.projection().empty()
                      ? found->second
                      : model::EncodeItem(expression::Project(get.projection(), item)));
}

api::TransactReason FakeServer::Write(const api::TransactItem& item) {
  api::Reply reply;
  bool returns_item = false;
  if (item.has_check()) {
    const api::ConditionCheck& check = item.check();
    const auto found = items_.find(item.table() + check.key().partition() + check.key().sort());
    const std::string stored = found == items_.end() ? "" : found->second;
    const model::Item now = stored.empty() ? model::Item() : *model::DecodeItem(stored);
    if (!expression::Holds(check.condition(), now)) {
      reply.set_code(api::CONDITION_FAILED);
      reply.mutable_write()->set_item(stored);
    }
    returns_item = check.return_item_on_failure();
  } else {
    api::WriteRequest write;
    write.set_table(item.table());
    if (item.has_put()) *write.mutable_put() = item.put();
    if (item.has_update()) *write.mutable_update() = item.update();
    if (item.has_delete_()) *write.mutable_delete_() = item.delete_();
    Write(write, reply);
    returns_item = item.has_put()      ? item.put().return_item_on_failure()
                   : item.has_update() ? item.update().return_item_on_failure()
                                       : item.delete_().return_item_on_failure();
  }
  api::TransactReason reason;
  reason.set_code(reply.code());
  reason.set_message(reply.message());
  if (reply.code() == api::CONDITION_FAILED) {
    reason.set_message("The conditional request failed");
    if (returns_item) reason.set_item(reply.write().item());
  }
  return reason;
}

void FakeServer::Write(const api::TransactWriteRequest& transaction, api::Reply& reply) {
  std::string body;
  for (const api::TransactItem& item : transaction.items()) body += item.SerializeAsString();
  if (const auto known = tokens_.find(transaction.token()); known != tokens_.end()) {
    if (known->second != body) reply.set_code(api::TOKEN_MISMATCH);
    return;
  }
  const auto before = items_;
  api::TransactWriteResult& result = *reply.mutable_transact_write();
  for (const api::TransactItem& item : transaction.items()) *result.add_reasons() = Write(item);
  for (const api::TransactReason& reason : result.reasons()) {
    if (reason.code() != api::OK) reply.set_code(api::TRANSACTION_CANCELLED);
  }
  if (reply.code() == api::TRANSACTION_CANCELLED) {
    items_ = before;
    return;
  }
  result.clear_reasons();
  if (!transaction.token().empty()) tokens_[transaction.token()] = body;
  if (!transaction.return_capacity()) return;
  result.add_capacity()->set_table(transaction.items(0).table());
  result.mutable_capacity(0)->set_write_units(2 * static_cast<uint64_t>(transaction.items_size()));
}

void FakeServer::Write(const api::WriteRequest& write, api::Reply& reply) {
  ++writes_;
  auto table = tables_.find(write.table());
  if (table == tables_.end()) {
    reply.set_code(api::TABLE_NOT_FOUND);
    return;
  }
  api::Key key = write.has_update() ? write.update().key() : write.delete_().key();
  if (write.has_put()) {
    auto item = model::DecodeItem(write.put().item());
    if (!item.ok()) std::abort();
    auto own = model::RequestKeyOfItem(table->second, *item);
    if (!own.ok()) {
      reply.set_code(api::INVALID);
      reply.set_message(std::string(own.status().message()));
      return;
    }
    key = *own;
  }
  std::string& stored = items_[write.table() + key.partition() + key.sort()];
  model::Item item;
  if (!stored.empty()) item = *model::DecodeItem(stored);
  const api::Condition& condition = write.has_put()      ? write.put().condition()
                                    : write.has_update() ? write.update().condition()
                                                         : write.delete_().condition();
  if (condition.kind_case() != 0 && !expression::Holds(condition, item)) {
    reply.set_code(api::CONDITION_FAILED);
    if (!stored.empty()) reply.mutable_write()->set_item(stored);
    return;
  }
  if (write.has_delete_()) {
    items_.erase(write.table() + key.partition() + key.sort());
    return;
  }
  if (write.has_put()) {
    stored = write.put().item();
  } else {
    if (stored.empty())
      item.Set(table->second.partition_key().name(), *model::DecodeValue(key.partition()));
    if (!expression::Apply(write.update().update(), item).ok()) std::abort();
    stored = model::EncodeItem(item);
    if (write.update().return_values() != api::NONE) reply.mutable_write()->set_item(stored);
  }
  reply.mutable_write()->set_version(++version_);
}

}  // namespace fastpath::client

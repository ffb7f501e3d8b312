#include "tests/client/sim.h"

#include <utility>

#include "client/expression.h"
#include "client/item.h"
#include "partition/model/codec.h"

namespace fastpath::client::internal {

class SimWorld::SimChannel : public Channel {
 public:
  SimChannel(SimWorld& world, uint32_t node, std::shared_ptr<Conn> conn)
      : world_(world), node_(node), conn_(std::move(conn)) {}
  ~SimChannel() override {
    conn_->closed = true;
    conn_->handlers = {};
  }
  void Start(Handlers handlers) override { conn_->handlers = std::move(handlers); }
  void Send(std::string frame) override {
    if (conn_->closed) return;
    if (world_.nodes_.at(node_).clogged) {
      conn_->unsent += frame.size();
      return;
    }
    world_.At(world_.now_ + kWire, [this, node = node_, conn = conn_, frame = std::move(frame),
                                    &world = world_] { world.Arrived(node, conn, frame); });
  }
  size_t unsent() const override { return conn_->unsent; }

 private:
  SimWorld& world_;
  uint32_t node_;
  std::shared_ptr<Conn> conn_;
};

SimWorld::SimWorld() {
  map.set_cluster_id("cluster-0123456789");
  map.set_version(5);
  for (uint32_t id = 1; id <= 3; ++id) {
    nodes_[id].address = "node" + std::to_string(id) + ":1";
    api::Node& node = *map.add_nodes();
    node.set_id(id);
    node.set_client_address(nodes_[id].address);
  }
  for (uint32_t id = 0; id <= 2; ++id) {
    api::GroupDescriptor& group = *map.add_groups();
    group.set_group(id);
    group.set_epoch(1);
    group.set_first_bucket(id == 2 ? 32768 : id == 1 ? 0 : 1);
    group.set_last_bucket(id == 2 ? 65535 : id == 1 ? 32767 : 0);
    for (uint32_t node = 1; node <= 3; ++node) {
      api::Member& member = *group.add_voters();
      member.set_node(node);
      member.set_replica(id * 10 + node);
    }
    group.set_leader_node(1);
  }
  api::Table& table = *map.add_tables();
  table.set_name("t");
  table.mutable_partition_key()->set_name("id");
  table.mutable_partition_key()->set_type(api::S);
  table.set_state(api::ACTIVE);
}

uint64_t SimWorld::Next() {  // splitmix64
  uint64_t z = (random_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void SimWorld::Post(Work work) { At(now_, std::move(work)); }

TimerId SimWorld::At(Micros monotonic, Work work) {
  TimerId id = next_timer_++;
  Micros at = std::max(monotonic, now_);
  due_.emplace(std::pair(at, id), std::move(work));
  timers_[id] = at;
  return id;
}

void SimWorld::Cancel(TimerId timer) {
  auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  due_.erase({found->second, timer});
  timers_.erase(found);
}

void SimWorld::RunUntil(Micros until) {
  while (!due_.empty() && due_.begin()->first.first <= until) {
    auto first = due_.extract(due_.begin());
    now_ = first.key().first;
    timers_.erase(first.key().second);
    first.mapped()();
  }
  now_ = until;
}

void SimWorld::Dial(const std::string& address,
                    std::function<void(absl::StatusOr<std::unique_ptr<Channel>>)> done) {
  At(now_ + kWire, [this, address, done = std::move(done)] {
    for (auto& [id, node] : nodes_) {
      if (node.address != address) continue;
      ++node.dials;
      if (!node.up) break;
      auto conn = std::make_shared<Conn>();
      node.conns.push_back(conn);
      done(std::make_unique<SimChannel>(*this, id, conn));
      return;
    }
    done(absl::UnavailableError("Connection refused"));
  });
}

void SimWorld::Close(const std::shared_ptr<Conn>& conn, std::string why) {
  if (std::exchange(conn->closed, true)) return;
  Post([conn, why] {
    if (auto on_close = std::move(conn->handlers.on_close)) on_close(absl::UnavailableError(why));
  });
}

void SimWorld::Reset(uint32_t id) {
  for (auto& conn : std::exchange(nodes_.at(id).conns, {})) Close(conn, "Connection reset by peer");
}

void SimWorld::Crash(uint32_t id) {
  nodes_.at(id).up = false;
  Reset(id);
}

void SimWorld::SendRaw(uint32_t id, std::string frame) {
  std::shared_ptr<Conn> conn = nodes_.at(id).conns.back();
  At(now_ + kWire, [conn, frame = std::move(frame)] {
    if (!conn->closed && conn->handlers.on_frame) conn->handlers.on_frame(frame);
  });
}

api::Reply SimWorld::MapOf(uint32_t node, const api::MapRequest& request) const {
  const bool knows = node == meta_leader || !followers_map;
  if (!knows && request.of_leader()) return ReplyOf(api::NOT_LEADER);
  api::Reply reply;
  *reply.mutable_map() = knows ? map : *followers_map;
  return reply;
}

void SimWorld::Arrived(uint32_t id, const std::shared_ptr<Conn>& conn, const std::string& frame) {
  if (conn->closed || nodes_.at(id).silent) return;
  api::Request request;
  if (!request.ParseFromString(frame)) std::abort();
  std::optional<api::Reply> reply;
  if (request.has_map()) {
    ++maps_asked;
    if (answer_maps) reply = MapOf(id, request.map());
  } else {
    seen.push_back({id, request, now_});
    reply = script ? script(id, request) : Fine(id, request);
  }
  if (!reply) return;
  reply->set_id(request.id());
  if (reply->log_time() == 0) reply->set_log_time(LogTime());
  At(now_ + kWire, [conn, answer = reply->SerializeAsString()] {
    if (!conn->closed && conn->handlers.on_frame) conn->handlers.on_frame(answer);
  });
}

std::optional<api::Reply> SimWorld::Fine(uint32_t node, const api::Request& request) {
  api::Reply reply;
  reply.set_stamp(LogTime());
  if (request.has_write()) reply.mutable_write()->set_version(LogTime());
  if (request.has_get()) reply.mutable_get()->set_found(false);
  if (request.has_transact_write()) reply.mutable_transact_write();
  for (int i = 0; i < request.transact_get().items_size(); ++i) {
    reply.mutable_transact_get()->add_items()->set_found(false);
  }
  return reply;
}

api::Request GetOf(const std::string& id, bool eventual) {
  api::Request request;
  request.mutable_get()->set_table("t");
  *request.mutable_get()->mutable_key() = Key("t", id).ToProto();
  request.mutable_get()->set_eventual(eventual);
  return request;
}

api::Request PutOf(const std::string& id) {
  api::Request request;
  request.mutable_write()->set_table("t");
  *request.mutable_write()->mutable_put()->mutable_item() =
      model::EncodeItem(MakeItem({{"id", id}, {"n", 1}}));
  return request;
}

api::Request IncrementOf(const std::string& id) {
  api::Request request;
  request.mutable_write()->set_table("t");
  api::Update& update = *request.mutable_write()->mutable_update();
  *update.mutable_key() = Key("t", id).ToProto();
  *update.mutable_update() = Update().Add("n", 1).proto();
  return request;
}

api::Reply ReplyOf(api::Code code, std::string message) {
  api::Reply reply;
  reply.set_code(code);
  reply.set_message(std::move(message));
  return reply;
}

std::shared_ptr<Ended> CallCore(SimWorld& world, Core& core, api::Request request, Target target,
                                Micros timeout) {
  auto ended = std::make_shared<Ended>();
  core.Call(std::move(request), target, timeout, [&world, ended](Answer answer) {
    ended->answer = std::move(answer);
    ended->at = world.Monotonic();
    ++ended->times;
  });
  return ended;
}

}  // namespace fastpath::client::internal

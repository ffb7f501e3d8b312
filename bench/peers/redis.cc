#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <sys/epoll.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/keys.h"
#include "bench/peers/epoll.h"
#include "bench/peers/peers.h"
#include "bench/program.h"

namespace fastpath::bench {
namespace {

class RedisTarget;

// One lane: hiredis says when it wants to write; what it wants is written at once
// at the end of the loop's turn, and epoll asked only if the socket is full.
class Connection : public Epoll::Handler {
 public:
  Connection(RedisTarget& target, size_t lane, redisAsyncContext* context);
  ~Connection() override { redisAsyncFree(context_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Begin(const Operation& operation);
  void Flush();
  void Ready(uint32_t events) override;

 private:
  static void WantWrite(void* self);
  static void WroteAll(void* self) { static_cast<Connection*>(self)->wants_write_ = false; }
  static void Answered(redisAsyncContext* context, void* reply, void* self);

  RedisTarget& target_;
  const size_t lane_;
  redisAsyncContext* const context_;
  bool wants_write_ = false, listed_ = false, awaits_room_ = false, read_ = false;
};

class RedisTarget : public Target {
 public:
  static absl::StatusOr<std::unique_ptr<Target>> Make(uint16_t port, size_t lanes) {
    auto target = std::make_unique<RedisTarget>();
    for (size_t lane = 0; lane < lanes; ++lane) {
      redisAsyncContext* context = redisAsyncConnect("127.0.0.1", port);
      if (context == nullptr || context->err != 0) return absl::UnavailableError("no Redis there");
      target->connections_.push_back(std::make_unique<Connection>(*target, lane, context));
    }
    return target;
  }

  void Listen(Listener* listener) override { listener_ = listener; }
  void Begin(size_t lane, const Operation& operation) override {
    connections_[lane]->Begin(operation);
  }
  void Poll(Clock::time_point until) override {
    FlushAll();
    epoll_.Poll(until);
    FlushAll();
  }

  void FlushSoon(Connection* connection) { to_flush_.push_back(connection); }
  Epoll& epoll() { return epoll_; }
  Listener& listener() { return *listener_; }

 private:
  void FlushAll() {
    flushing_.swap(to_flush_);
    for (Connection* connection : flushing_) connection->Flush();
    flushing_.clear();
  }

  Epoll epoll_;
  Listener* listener_ = nullptr;
  std::vector<Connection*> to_flush_, flushing_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

Connection::Connection(RedisTarget& target, size_t lane, redisAsyncContext* context)
    : target_(target), lane_(lane), context_(context) {
  context->ev.data = this;
  context->ev.addWrite = WantWrite;
  context->ev.delWrite = WroteAll;  // Reading is always wanted.
  target.epoll().Add(context->c.fd, EPOLLIN, this);
}

void Connection::Begin(const Operation& operation) {
  read_ = operation.read;
  const std::string key = KeyName(operation.key);
  const char* words[] = {operation.read ? "GET" : "SET", key.data(), operation.value.data()};
  const size_t lengths[] = {3, key.size(), operation.value.size()};
  const int status =
      redisAsyncCommandArgv(context_, Answered, this, operation.read ? 2 : 3, words, lengths);
  if (status != REDIS_OK) Die("Redis is lost");
}

void Connection::WantWrite(void* self) {
  auto* connection = static_cast<Connection*>(self);
  connection->wants_write_ = true;
  if (connection->listed_) return;
  connection->listed_ = true;
  connection->target_.FlushSoon(connection);
}

void Connection::Flush() {
  listed_ = false;
  if (!awaits_room_) redisAsyncHandleWrite(context_);
  listed_ = false;  // A write that did not finish wants another: for that there is epoll.
  if (wants_write_ == awaits_room_) return;
  awaits_room_ = wants_write_;
  target_.epoll().Change(context_->c.fd, EPOLLIN | (awaits_room_ ? EPOLLOUT : 0u), this);
}

void Connection::Ready(uint32_t events) {
  if (events & EPOLLOUT) {
    awaits_room_ = false;
    target_.epoll().Change(context_->c.fd, EPOLLIN, this);
    redisAsyncHandleWrite(context_);
  }
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) redisAsyncHandleRead(context_);
}

void Connection::Answered(redisAsyncContext* context, void* answer, void* self) {
  const auto* reply = static_cast<redisReply*>(answer);
  auto* connection = static_cast<Connection*>(self);
  if (reply == nullptr) {
    if (context->err != 0) Die(absl::StrCat("Redis is lost: ", context->errstr));
    return;  // Freed at the end.
  }
  Ending ending = Ending::kOk;
  if (reply->type == REDIS_REPLY_ERROR) ending = Ending::kUnknown;
  if (connection->read_ && reply->type == REDIS_REPLY_NIL) ending = Ending::kMissing;
  const std::string_view why = ending == Ending::kUnknown
                                   ? std::string_view(reply->str, static_cast<size_t>(reply->len))
                                   : std::string_view();
  connection->target_.listener().Ended(connection->lane_, ending, why);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> MakeRedis(uint16_t port, size_t lanes) {
  return RedisTarget::Make(port, lanes);
}

}  // namespace fastpath::bench

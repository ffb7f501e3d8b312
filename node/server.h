// The clients' side: frames in, frames out. Many requests of a connection are in
// flight at once and answered as they finish, by their ids. Each has a deadline;
// past it the answer is UNKNOWN for what may take effect, DEADLINE for what
// cannot. Past a limit the answer is OVERLOADED, at once: too many or too large
// requests, too many replies that nobody takes, or writes that wait so long
// already that a new one would not be done while its client still waits.
//
// Threads: the shard's executor.
#pragma once

#include <google/protobuf/arena.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "node/environment.h"
#include "node/lifetime.h"
#include "node/router.h"

namespace fastpath::node {

class Server {
 public:
  Server(const Environment& environment, Network* network, Router* router);
  ~Server();

  absl::StatusOr<std::string> Listen(const std::string& address);
  void Tick();  // Ends what is overdue; every 20 ms or so.

  size_t in_flight() const { return requests_.size(); }
  size_t connections() const { return sessions_.size(); }

 private:
  struct Session;
  struct InFlight {
    uint64_t session = 0;
    uint64_t id = 0;  // The client's.
    Micros arrived = 0;
    Micros deadline = 0;
    size_t bytes = 0;
    Op op = Op::kUnknown;
  };

  void Accepted(std::unique_ptr<Connection> connection);
  void RefuseConnection(std::unique_ptr<Connection> connection);
  void Closed(uint64_t session, const absl::Status& why);
  void OnFrame(uint64_t session, std::string_view frame);
  void Unreadable(uint64_t session, uint64_t id);  // `id`: 0 if that does not parse, either.
  // Why not; null if there is room.
  const char* Overload(const Session& session, const InFlight& request);
  const char* WritesAreLate(const InFlight& request);
  void Finish(uint64_t token, api::Reply& reply);
  void Send(Session& session, uint64_t id, Op op, api::Reply& reply);

  const Environment env_;
  Network* network_;
  Router* router_;
  google::protobuf::Arena arena_;  // Of the requests being taken in.
  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  absl::flat_hash_map<uint64_t, InFlight> requests_;
  uint64_t last_session_ = 0;
  uint64_t last_token_ = 0;
  size_t request_bytes_ = 0;
  size_t reply_bytes_ = 0;       // Unsent, as of the last tick, and given to send since.
  std::deque<uint64_t> writes_;  // Tokens in order of arrival; some may be answered.
  size_t writes_in_flight_ = 0;
  Lifetime lifetime_;
};

}  // namespace fastpath::node

#include <libpq-fe.h>
#include <sys/epoll.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/keys.h"
#include "bench/peers/epoll.h"
#include "bench/peers/peers.h"
#include "bench/program.h"

namespace fastpath::bench {
namespace {

constexpr char kCreate[] =
    "CREATE TABLE IF NOT EXISTS bench (k text PRIMARY KEY, v bytea NOT NULL)";
constexpr char kUpsert[] =
    "INSERT INTO bench (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
constexpr char kSelect[] = "SELECT v FROM bench WHERE k = $1";

// Runs a statement that returns nothing, blocking.
absl::Status Require(PGconn* connection, PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  if (status == PGRES_COMMAND_OK) return absl::OkStatus();
  return absl::UnavailableError(PQerrorMessage(connection));
}

class Connection : public Epoll::Handler {
 public:
  Connection(Listener*& listener, size_t lane, PGconn* connection)
      : listener_(listener), lane_(lane), connection_(connection) {}
  ~Connection() override { PQfinish(connection_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status Open(Epoll& epoll, bool create) {
    if (PQstatus(connection_) != CONNECTION_OK) {
      return absl::UnavailableError(PQerrorMessage(connection_));
    }
    absl::Status status;
    if (create) status = Require(connection_, PQexec(connection_, kCreate));
    if (status.ok())
      status = Require(connection_, PQprepare(connection_, "put", kUpsert, 2, nullptr));
    if (status.ok())
      status = Require(connection_, PQprepare(connection_, "get", kSelect, 1, nullptr));
    if (!status.ok()) return status;
    PQsetnonblocking(connection_, 1);
    epoll_ = &epoll;
    epoll.Add(PQsocket(connection_), EPOLLIN, this);
    return absl::OkStatus();
  }

  void Begin(const Operation& operation) {
    read_ = operation.read;
    ending_ = read_ ? Ending::kMissing : Ending::kOk;
    const std::string key = KeyName(operation.key);
    const char* values[] = {key.data(), operation.value.data()};
    const int lengths[] = {static_cast<int>(key.size()), static_cast<int>(operation.value.size())};
    constexpr int kBinary[] = {1, 1};
    if (!PQsendQueryPrepared(connection_, read_ ? "get" : "put", read_ ? 1 : 2, values, lengths,
                             kBinary, 1)) {
      Lost();
    }
    Flush();
  }

  void Ready(uint32_t events) override {
    if (events & EPOLLOUT) Flush();
    if (!PQconsumeInput(connection_)) Lost();
    while (!PQisBusy(connection_)) {
      PGresult* result = PQgetResult(connection_);
      if (result == nullptr) {
        listener_->Ended(lane_, ending_, why_);
        why_.clear();
        return;
      }
      Take(result);
      PQclear(result);
    }
  }

 private:
  void Take(const PGresult* result) {
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK) {
      ending_ = PQntuples(result) == 1 ? Ending::kOk : Ending::kMissing;
    } else if (status != PGRES_COMMAND_OK) {
      ending_ = Ending::kUnknown;
      why_ = PQresultErrorMessage(result);
    }
  }

  // What the socket has no room for goes when epoll says so.
  void Flush() {
    const int left = PQflush(connection_);
    if (left < 0) Lost();
    const bool waits = left > 0;
    if (waits == awaits_room_) return;
    awaits_room_ = waits;
    epoll_->Change(PQsocket(connection_), EPOLLIN | (waits ? EPOLLOUT : 0u), this);
  }

  void Lost() { Die(absl::StrCat("PostgreSQL is lost: ", PQerrorMessage(connection_))); }

  Listener*& listener_;
  const size_t lane_;
  PGconn* const connection_;
  Epoll* epoll_ = nullptr;
  bool read_ = false, awaits_room_ = false;
  Ending ending_ = Ending::kOk;
  std::string why_;
};

class PostgresTarget : public Target {
 public:
  absl::Status Open(const std::string& conninfo, size_t lanes, bool create) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      connections_.push_back(
          std::make_unique<Connection>(listener_, lane, PQconnectdb(conninfo.c_str())));
      absl::Status opened = connections_.back()->Open(epoll_, create && lane == 0);
      if (!opened.ok()) return opened;
    }
    return absl::OkStatus();
  }

  void Listen(Listener* listener) override { listener_ = listener; }
  void Poll(Clock::time_point until) override { epoll_.Poll(until); }
  void Begin(size_t lane, const Operation& operation) override {
    connections_[lane]->Begin(operation);
  }

 private:
  Epoll epoll_;
  Listener* listener_ = nullptr;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> MakePostgres(const std::string& conninfo, size_t lanes,
                                                     bool create) {
  auto target = std::make_unique<PostgresTarget>();
  if (absl::Status opened = target->Open(conninfo, lanes, create); !opened.ok()) return opened;
  return target;
}

}  // namespace fastpath::bench

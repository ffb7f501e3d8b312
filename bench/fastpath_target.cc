#include "bench/fastpath_target.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bench/keys.h"
#include "client/client.h"

namespace fastpath::bench {
namespace {

constexpr char kTable[] = "bench";
constexpr char kKeyName[] = "k";
constexpr char kValueName[] = "v";
constexpr char kCountName[] = "n";

class FastpathTarget : public Target {
 public:
  FastpathTarget(std::vector<client::Client> clients, const FastpathOptions& options)
      : eventual_(options.eventual), count_(options.count), clients_(std::move(clients)) {}

  size_t threads() const override { return clients_.size(); }
  void Listen(Listener* listener) override { listener_ = listener; }
  void Poll(Clock::time_point until) override { std::this_thread::sleep_until(until); }

  void Begin(size_t lane, const Operation& operation) override {
    client::Client& client = clients_[lane % clients_.size()];
    const std::string key = KeyName(operation.key);
    if (operation.read) {
      client.Get(client::Key(kTable, key), client::GetOptions().Eventual(eventual_))
          .Then([this, lane](client::Result<client::GetAnswer> result) {
            End(lane, result, result.ok() && !result->item);
          });
    } else if (count_) {
      client.Increment(client::Key(kTable, key), kCountName)
          .Then([this, lane](client::Result<model::Number> result) { End(lane, result, false); });
    } else {
      client
          .Put(kTable,
               client::MakeItem(
                   {{kKeyName, key}, {kValueName, client::Binary(std::string(operation.value))}}))
          .Then([this, lane](client::Result<client::WriteAnswer> result) {
            End(lane, result, false);
          });
    }
  }

 private:
  template <class Result>
  void End(size_t lane, const Result& result, bool missing) {
    if (result.ok()) return listener_->Ended(lane, missing ? Ending::kMissing : Ending::kOk, "");
    listener_->Ended(lane, result.refused() ? Ending::kRefused : Ending::kUnknown,
                     absl::StrCat(api::Code_Name(result.code()), ": ", result.message()));
  }

  const bool eventual_;
  const bool count_;
  Listener* listener_ = nullptr;
  std::vector<client::Client> clients_;
};

absl::Status CreateTable(client::Client& client) {
  api::Table table;
  table.set_name(kTable);
  table.mutable_partition_key()->set_name(kKeyName);
  table.mutable_partition_key()->set_type(api::S);
  const auto made = client.CreateTable(table).Wait();
  if (made.ok() || made.code() == api::TABLE_EXISTS) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot make the table: ", made.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> MakeFastpath(const FastpathOptions& options, size_t lanes,
                                                     bool create) {
  client::Options settings;
  settings.endpoints = options.endpoints;
  settings.max_in_flight = std::max<size_t>(lanes, 4096);
  std::vector<client::Client> clients;
  for (size_t i = 0; i < std::min(options.connections, lanes); ++i) {
    auto client = client::Client::Connect(settings);
    if (!client.ok()) return client.status();
    clients.push_back(*std::move(client));
  }
  if (create) {
    if (absl::Status made = CreateTable(clients.front()); !made.ok()) return made;
  }
  return std::make_unique<FastpathTarget>(std::move(clients), options);
}

}  // namespace fastpath::bench

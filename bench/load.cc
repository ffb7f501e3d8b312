#include "bench/load.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/client.h"

namespace fastpath::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kKeyName[] = "k";
constexpr char kValueName[] = "v";

enum class Phase { kWarmup, kMeasure, kStop };

client::Options ClientOptions(const LoadOptions& options) {
  client::Options out;
  out.endpoints = options.endpoints;
  out.max_in_flight = static_cast<size_t>(std::max(options.in_flight, 4096));
  return out;
}

client::Item ItemOf(uint64_t key, FastRandom& random, size_t value_bytes) {
  return client::MakeItem(
      {{kKeyName, KeyName(key)}, {kValueName, client::Binary(RandomValue(random, value_bytes))}});
}

// Lets the main thread wait until every loop has ended.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void Done() {
    std::lock_guard lock(mutex_);
    if (--left_ == 0) zero_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    zero_.wait(lock, [&] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable zero_;
  int left_;
};

// What one client's loops share; touched on the client's thread only.
struct Tally {
  Histogram writes, reads;
  uint64_t missing = 0, refused = 0, unknown = 0;
  std::string first_failure;

  template <class Result>
  void CountFailure(const Result& result) {
    ++(result.refused() ? refused : unknown);
    if (first_failure.empty()) {
      first_failure = absl::StrCat(api::Code_Name(result.code()), ": ", result.message());
    }
  }
};

// One operation at a time, for ever, until the phase says stop.
class Loop {
 public:
  Loop(const LoadOptions& options, const KeyChooser& keys, const std::atomic<Phase>& phase,
       client::Client& client, Tally& tally, Countdown& running, uint64_t seed)
      : options_(options),
        keys_(keys),
        phase_(phase),
        client_(client),
        tally_(tally),
        running_(running),
        random_(seed) {}

  void Next() {
    const Phase phase = phase_.load(std::memory_order_relaxed);
    if (phase == Phase::kStop) return running_.Done();
    measured_ = phase == Phase::kMeasure;
    const uint64_t key = keys_.Choose(random_);
    const bool read = options_.read_share > 0 && random_.Fraction() < options_.read_share;
    begun_ = Clock::now();
    if (read) {
      client_
          .Get(client::Key(options_.table, KeyName(key)),
               client::GetOptions().Eventual(options_.eventual))
          .Then([this](client::Result<client::GetAnswer> result) {
            if (Counts(tally_.reads, result) && !result->item) ++tally_.missing;
            Next();
          });
    } else {
      client_.Put(options_.table, ItemOf(key, random_, options_.value_bytes))
          .Then([this](client::Result<client::WriteAnswer> result) {
            Counts(tally_.writes, result);
            Next();
          });
    }
  }

 private:
  template <class Result>
  bool Counts(Histogram& histogram, const Result& result) {
    if (!measured_ || phase_.load(std::memory_order_relaxed) != Phase::kMeasure) return false;
    if (!result.ok()) {
      tally_.CountFailure(result);
      return false;
    }
    histogram.Record(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begun_).count()));
    return true;
  }

  const LoadOptions& options_;
  const KeyChooser& keys_;
  const std::atomic<Phase>& phase_;
  client::Client& client_;
  Tally& tally_;
  Countdown& running_;
  FastRandom random_;
  Clock::time_point begun_;
  bool measured_ = false;
};

// Puts every key once, `window` at a time; keeps the first failure.
class Filler {
 public:
  Filler(const LoadOptions& options, client::Client& client)
      : options_(options), client_(client), running_(kWindow) {}

  absl::Status Run() {
    for (int i = 0; i < kWindow; ++i) Next();
    running_.Wait();
    std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  static constexpr int kWindow = 512;

  void Next() {
    const uint64_t key = next_.fetch_add(1, std::memory_order_relaxed);
    if (key >= options_.keys || failed_.load(std::memory_order_relaxed)) return running_.Done();
    FastRandom random(options_.seed ^ (key * 0x9e3779b97f4a7c15u));
    client_.Put(options_.table, ItemOf(key, random, options_.value_bytes))
        .Then([this](client::Result<client::WriteAnswer> result) {
          if (!result.ok()) Fail(result.message());
          Next();
        });
  }
  void Fail(const std::string& message) {
    std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = absl::UnavailableError(message);
    failed_ = true;
  }

  const LoadOptions& options_;
  client::Client& client_;
  Countdown running_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  absl::Status failure_;
};

}  // namespace

absl::Status Prepare(const LoadOptions& options) {
  auto client = client::Client::Connect(ClientOptions(options));
  if (!client.ok()) return client.status();
  api::Table table;
  table.set_name(options.table);
  table.mutable_partition_key()->set_name(kKeyName);
  table.mutable_partition_key()->set_type(api::S);
  const auto made = client->CreateTable(table).Wait();
  if (!made.ok() && made.code() != api::TABLE_EXISTS) {
    return absl::UnavailableError(absl::StrCat("cannot make the table: ", made.message()));
  }
  return Filler(options, *client).Run();
}

absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options) {
  const KeyChooser keys(options.distribution, options.keys);
  std::atomic<Phase> phase{Phase::kWarmup};
  const int connections = std::max(1, std::min(options.connections, options.in_flight));
  Countdown running(options.in_flight);
  std::vector<Tally> tallies(static_cast<size_t>(connections));
  std::vector<client::Client> clients;
  for (int i = 0; i < connections; ++i) {
    auto client = client::Client::Connect(ClientOptions(options));
    if (!client.ok()) return client.status();
    clients.push_back(*std::move(client));
  }
  std::vector<std::unique_ptr<Loop>> loops;
  for (int i = 0; i < options.in_flight; ++i) {
    const auto c = static_cast<size_t>(i % connections);
    loops.push_back(std::make_unique<Loop>(options, keys, phase, clients[c], tallies[c], running,
                                           options.seed * 1'000'003 + static_cast<uint64_t>(i)));
  }
  for (auto& loop : loops) loop->Next();
  std::this_thread::sleep_for(options.warmup);
  const auto start = Clock::now();
  phase = Phase::kMeasure;
  std::this_thread::sleep_for(options.measure);
  phase = Phase::kStop;
  const std::chrono::duration<double> took = Clock::now() - start;
  running.Wait();

  LoadResult result;
  result.seconds = took.count();
  for (const Tally& tally : tallies) {
    result.writes.Merge(tally.writes);
    result.reads.Merge(tally.reads);
    result.missing += tally.missing;
    result.refused += tally.refused;
    result.unknown += tally.unknown;
    if (result.first_failure.empty()) result.first_failure = tally.first_failure;
  }
  return result;
}

}  // namespace fastpath::bench

#include "bench/load.h"

#include <atomic>
#include <mutex>
#include <vector>

#include "bench/host_watch.h"
#include "bench/open_loop.h"

namespace fastpath::bench {
namespace {

using std::chrono::nanoseconds;

Nanos Now() { return Clock::now().time_since_epoch() / nanoseconds(1); }

// Until nothing is outstanding. Targets with threads of their own sleep in Poll,
// so it is asked often.
template <class Outstanding>
void Drain(Target& target, const Outstanding& outstanding) {
  while (outstanding() > 0) target.Poll(Clock::now() + std::chrono::milliseconds(1));
}

void PollUntil(Target& target, Clock::time_point end) {
  while (Clock::now() < end) target.Poll(end);
}

class Filler : public Listener {
 public:
  Filler(const LoadOptions& options, Target& target) : options_(options), target_(target) {}

  absl::Status Run(size_t lanes) {
    target_.Listen(this);
    running_ = lanes;
    for (size_t lane = 0; lane < lanes; ++lane) Next(lane);
    Drain(target_, [&] { return running_.load(); });
    std::lock_guard lock(mutex_);
    return failure_;
  }

  void Ended(size_t lane, Ending ending, std::string_view why) override {
    if (ending != Ending::kOk) {
      failed_ = true;
      std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = absl::UnavailableError(std::string(why));
    }
    Next(lane);
  }

 private:
  void Next(size_t lane) {
    const uint64_t key = next_.fetch_add(1, std::memory_order_relaxed);
    if (key >= options_.keys || failed_) {
      --running_;
      return;
    }
    FastRandom random(options_.seed ^ (key * 0x9e3779b97f4a7c15u));
    target_.Begin(lane, {false, key, RandomValue(random, options_.value_bytes)});
  }

  const LoadOptions& options_;
  Target& target_;
  std::atomic<uint64_t> next_{0};
  std::atomic<size_t> running_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  absl::Status failure_;
};

enum class Phase { kWarmup, kMeasure, kStop };

// Each lane goes on by itself, on its own thread, until the phase says stop.
class ClosedLoop : public Listener {
 public:
  ClosedLoop(const LoadOptions& options, Target& target)
      : options_(options),
        target_(target),
        keys_(options.distribution, options.keys),
        results_(target.threads()) {
    for (size_t i = 0; i < options.in_flight; ++i) {
      lanes_.push_back(Lane{FastRandom(options.seed * 1'000'003 + i), {}, false, false});
    }
  }

  LoadResult Run() {
    target_.Listen(this);
    running_ = lanes_.size();
    for (size_t lane = 0; lane < lanes_.size(); ++lane) Next(lane);
    PollUntil(target_, Clock::now() + options_.warmup);
    const auto start = Clock::now();
    phase_ = Phase::kMeasure;
    PollUntil(target_, start + options_.measure);
    phase_ = Phase::kStop;
    const std::chrono::duration<double> took = Clock::now() - start;
    Drain(target_, [&] { return running_.load(); });
    LoadResult all;
    for (const LoadResult& result : results_) all.Merge(result);
    all.seconds = took.count();
    return all;
  }

  void Ended(size_t index, Ending ending, std::string_view why) override {
    const Lane& lane = lanes_[index];
    if (lane.measured) {
      LoadResult& result = results_[index % results_.size()];
      if (ending != Ending::kOk) {  // However late: it fails the run.
        result.CountFailure(ending, why);
      } else if (phase_.load(std::memory_order_relaxed) == Phase::kMeasure) {
        const auto took = static_cast<uint64_t>((Clock::now() - lane.begun) / nanoseconds(1));
        (lane.read ? result.reads : result.writes).Record(took);
        ++(lane.read ? result.reads_done : result.writes_done);
      }
    }
    Next(index);
  }

 private:
  struct Lane {
    FastRandom random;
    Clock::time_point begun;
    bool measured;
    bool read;
  };

  void Next(size_t index) {
    Lane& lane = lanes_[index];
    const Phase phase = phase_.load(std::memory_order_relaxed);
    if (phase == Phase::kStop) {
      --running_;
      return;
    }
    lane.measured = phase == Phase::kMeasure;
    lane.read = options_.read_share > 0 && lane.random.Fraction() < options_.read_share;
    const uint64_t key = keys_.Choose(lane.random, index);
    const std::string value =
        lane.read ? std::string() : RandomValue(lane.random, options_.value_bytes);
    lane.begun = Clock::now();
    target_.Begin(index, {lane.read, key, value});
  }

  const LoadOptions& options_;
  Target& target_;
  const KeyChooser keys_;
  std::vector<Lane> lanes_;
  std::vector<LoadResult> results_;  // One for each of the target's threads.
  std::atomic<Phase> phase_{Phase::kWarmup};
  std::atomic<size_t> running_{0};
};

// Arrivals are begun by the polling thread when their time has come, and by an
// ending lane when others wait already.
class OpenRun : public Listener {
 public:
  OpenRun(const LoadOptions& options, Target& target)
      : options_(options),
        target_(target),
        keys_(options.distribution, options.keys),
        random_(options.seed),
        loop_(PlanOf(options)) {}

  LoadResult Run(HostWatch* watch) {
    target_.Listen(this);
    while (Now() < loop_.plan().end) {
      target_.Poll(Clock::time_point(nanoseconds(BeginDue())));
    }
    {
      std::lock_guard lock(mutex_);
      loop_.Close();
    }
    Drain(target_, [&] {
      std::lock_guard lock(mutex_);
      return loop_.in_flight();
    });
    if (watch != nullptr) loop_.LeaveOut(Disturbed(watch->Stop()));
    LoadResult result = loop_.result();
    result.seconds = static_cast<double>(loop_.plan().end - loop_.plan().measure_from) / 1e9;
    return result;
  }

  void Ended(size_t lane, Ending ending, std::string_view why) override {
    {
      std::lock_guard lock(mutex_);
      loop_.Ended(lane, Now(), ending, why);
    }
    BeginDue();
  }

 private:
  static OpenLoop::Plan PlanOf(const LoadOptions& options) {
    const Nanos begin = Now();
    const Nanos measure_from = begin + options.warmup / nanoseconds(1);
    return {options.rate,
            options.poisson,
            begin,
            measure_from,
            measure_from + options.measure / nanoseconds(1),
            options.read_share,
            options.in_flight,
            options.seed,
            options.watch_host};
  }

  // When no lane is free, one may be soon, which a target with threads of its own
  // does not tell the polling thread.
  static constexpr Nanos kFullPause = 100'000;

  // Begins what is due; returns when the next arrival is.
  Nanos BeginDue() {
    std::lock_guard lock(mutex_);
    while (const auto start = loop_.StartDue(Now())) {
      const std::string value =
          start->read ? std::string() : RandomValue(random_, options_.value_bytes);
      target_.Begin(start->lane, {start->read, keys_.Choose(random_, start->lane), value});
    }
    return loop_.full() ? Now() + kFullPause : loop_.next_due();
  }

  const LoadOptions& options_;
  Target& target_;
  const KeyChooser keys_;
  std::mutex mutex_;
  FastRandom random_;
  OpenLoop loop_;
};

}  // namespace

void LoadResult::Merge(const LoadResult& other) {
  writes.Merge(other.writes);
  reads.Merge(other.reads);
  undisturbed_writes.Merge(other.undisturbed_writes);
  undisturbed_reads.Merge(other.undisturbed_reads);
  writes_done += other.writes_done;
  reads_done += other.reads_done;
  unsent += other.unsent;
  missing += other.missing;
  refused += other.refused;
  unknown += other.unknown;
  if (first_failure.empty()) first_failure = other.first_failure;
}

void LoadResult::CountFailure(Ending ending, std::string_view why) {
  ++(ending == Ending::kMissing ? missing : ending == Ending::kRefused ? refused : unknown);
  if (first_failure.empty()) first_failure = why;
}

absl::Status Fill(const LoadOptions& options, Target& target, size_t lanes) {
  return Filler(options, target).Run(lanes);
}

LoadResult RunClosed(const LoadOptions& options, Target& target) {
  return ClosedLoop(options, target).Run();
}

absl::StatusOr<LoadResult> RunOpen(const LoadOptions& options, Target& target) {
  std::unique_ptr<HostWatch> watch;
  if (options.watch_host) {
    absl::StatusOr<std::unique_ptr<HostWatch>> started = HostWatch::Start();
    if (!started.ok()) return started.status();
    watch = *std::move(started);
  }
  return OpenRun(options, target).Run(watch.get());
}

}  // namespace fastpath::bench

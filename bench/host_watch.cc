#include "bench/host_watch.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bench/target.h"

namespace fastpath::bench {
namespace {

constexpr std::chrono::microseconds kPeriod{500};
constexpr std::chrono::microseconds kLate{300};
constexpr int kPriority = 50;  // Of 1 to 99: before everything that shares its time.

Nanos Of(Clock::time_point time) { return time.time_since_epoch() / std::chrono::nanoseconds(1); }

absl::Status Place(std::thread& thread, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  int error = pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set);
  const sched_param priority{.sched_priority = kPriority};
  if (error == 0) error = pthread_setschedparam(thread.native_handle(), SCHED_FIFO, &priority);
  return absl::ErrnoToStatus(error, absl::StrCat("real-time priority on processor ", processor));
}

}  // namespace

struct HostWatch::Processor {
  std::vector<Stall> stalls;
  std::thread thread;
};

HostWatch::HostWatch() = default;

HostWatch::~HostWatch() { Stop(); }

absl::StatusOr<std::unique_ptr<HostWatch>> HostWatch::Start() {
  std::unique_ptr<HostWatch> watch(new HostWatch());
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
    return absl::ErrnoToStatus(errno, "the processors of this process");
  }
  for (int number = 0; number < CPU_SETSIZE; ++number) {
    if (!CPU_ISSET(number, &allowed)) continue;
    watch->processors_.push_back(std::make_unique<Processor>());
    Processor& processor = *watch->processors_.back();
    processor.thread = std::thread([&stop = watch->stop_, &stalls = processor.stalls] {
      for (Clock::time_point due = Clock::now(); !stop; due = std::max(due, Clock::now())) {
        due += kPeriod;
        std::this_thread::sleep_until(due);
        const Clock::time_point now = Clock::now();
        if (now - due >= kLate) stalls.push_back({Of(due - kPeriod), Of(now)});
      }
    });
    const absl::Status placed = Place(processor.thread, number);
    if (!placed.ok()) return placed;
  }
  return watch;
}

std::vector<Stall> HostWatch::Stop() {
  stop_ = true;
  std::vector<Stall> all;
  for (const auto& processor : processors_) {
    if (processor->thread.joinable()) processor->thread.join();
    all.insert(all.end(), processor->stalls.begin(), processor->stalls.end());
  }
  return all;
}

}  // namespace fastpath::bench

#include "client/internal/loop.h"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "client/internal/io/ports.h"

namespace fastpath::client::internal {
namespace {

thread_local bool on_loop_thread = false;

class AsioLoop : public Loop {
 public:
  explicit AsioLoop(Options options)
      : io_(1), work_(asio::make_work_guard(io_)), executor_(io_, clock_), dialer_(io_) {
    core_.emplace(std::move(options), Ports{&clock_, &random_, &executor_, &dialer_});
    thread_ = std::thread([this] {
      on_loop_thread = true;
      io_.run();
    });
    pthread_setname_np(thread_.native_handle(), "fastpath-client");
  }

  ~AsioLoop() override { Stop(); }

  void Submit(Job job) override {
    {
      std::lock_guard lock(mutex_);
      if (!stopped_) {
        jobs_.push_back(std::move(job));
        if (std::exchange(drain_due_, true)) return;
        asio::post(io_, [this] { Drain(); });
        return;
      }
    }
    job(nullptr);
  }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    if (on_loop_thread) {
      std::fputs("fastpath client: destroyed on its own thread\n", stderr);
      std::abort();
    }
    asio::post(io_, [this] {
      Drain();
      core_->Stop();
      // After everything that the core has posted.
      asio::post(io_, [this] {
        core_.reset();
        work_.reset();
        io_.stop();
      });
    });
    thread_.join();
  }

 private:
  void Drain() {
    std::vector<Job> jobs;
    {
      std::lock_guard lock(mutex_);
      jobs.swap(jobs_);
      drain_due_ = false;
    }
    for (Job& job : jobs) job(&*core_);
  }

  SystemClock clock_;
  SystemRandom random_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  AsioExecutor executor_;
  TcpDialer dialer_;
  std::optional<Core> core_;

  std::mutex mutex_;
  std::vector<Job> jobs_;
  bool drain_due_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Loop> StartLoop(Options options) {
  return std::make_unique<AsioLoop>(std::move(options));
}

bool OnLoopThread() { return on_loop_thread; }

}  // namespace fastpath::client::internal

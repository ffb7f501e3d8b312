// The Engine port in memory: an ordered map plus its persisted image. For
// simulation and tests; keeps the contract of engine.h, crashes included.
//
// The SimStore is the disk: it outlives engines. Destroying a SimEngine is a
// crash, and the next one opened on the same store begins with the image. An
// install persists at once.
//
// Threads: the executor's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "storage/engine.h"

namespace fastpath::storage {

class SimEngine;

class SimStore {
 public:
  using Rows = std::map<std::string, std::string>;
  const Rows& image() const { return image_; }
  // While there is no space the image stays as it is: flushes wait, installs are
  // refused, and the engine stalls once `full_stall_batches` wait.
  void set_no_space(bool none);
  // Gets of these keys find damage (DataLoss). Null: none.
  void set_damage(std::function<bool(const std::string& key)> damaged) {
    damaged_ = std::move(damaged);
  }

 private:
  friend class SimEngine;
  Rows image_;
  bool no_space_ = false;
  std::function<bool(const std::string&)> damaged_;
  SimEngine* engine_ = nullptr;  // The one that is open.
};

struct SimEngineOptions {
  // After so many batches a flush of what is there then begins in the
  // background; 0: only Flush and installs persist.
  size_t flush_after_batches = 0;
  size_t full_stall_batches = 1000;
  // With `random`: one read in `late_read_one_in` is answered later, as if it
  // had missed the cache, and one write in `stall_one_in` finds the engine
  // stalled. 0: none.
  Random* random = nullptr;
  uint64_t late_read_one_in = 0;
  uint64_t stall_one_in = 0;
};

std::unique_ptr<Engine> OpenSimEngine(SimStore* store, SimEngineOptions options,
                                      Executor* executor);

}  // namespace fastpath::storage

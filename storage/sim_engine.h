// The Engine port in memory: an ordered map plus its persisted image. For
// simulation and tests; keeps the contract of engine.h, crashes included.
//
// The SimStore is the disk: it outlives engines. Destroying a SimEngine is a
// crash, and the next one opened on the same store begins with the image. An
// install persists at once.
//
// Threads: the executor's.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "storage/engine.h"

namespace fastpath::storage {

class SimStore {
 public:
  using Rows = std::map<std::string, std::string>;
  const Rows& image() const { return image_; }

 private:
  friend class SimEngine;
  Rows image_;
};

struct SimEngineOptions {
  // After so many batches a flush of what is there then begins in the
  // background; 0: only Flush and installs persist.
  size_t flush_after_batches = 0;
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

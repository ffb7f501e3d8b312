// An engine that passes all calls on to another: what tests derive from that watch,
// refuse or delay some of them.
//
// Threads: the other's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/engine.h"

namespace fastpath::testing {

class PassingEngine : public storage::Engine {
 public:
  explicit PassingEngine(storage::Engine* engine) : engine_(engine) {}
  void MultiGet(std::vector<std::string> keys, GotMany done) override {
    engine_->MultiGet(std::move(keys), std::move(done));
  }
  void Get(std::string key, Got done) override { engine_->Get(std::move(key), std::move(done)); }
  void Write(storage::WriteBatch batch, storage::Done done) override {
    engine_->Write(std::move(batch), std::move(done));
  }
  void WhenWritable(Task task) override { engine_->WhenWritable(std::move(task)); }
  bool full() const override { return engine_->full(); }
  void Scan(storage::KeyRange range, storage::ScanOptions options,
            absl::AnyInvocable<void(absl::StatusOr<storage::ScanResult>)> done) override {
    engine_->Scan(std::move(range), std::move(options), std::move(done));
  }
  storage::View Pin() override { return engine_->Pin(); }
  std::unique_ptr<storage::Installer> NewInstall(std::vector<storage::KeyRange> ranges) override {
    return engine_->NewInstall(std::move(ranges));
  }
  void Flush(storage::Done done) override { engine_->Flush(std::move(done)); }
  void SetPersistedListener(std::function<void(raft::GroupId, raft::Index)> listener) override {
    engine_->SetPersistedListener(std::move(listener));
  }
  uint64_t approximate_bytes(const storage::KeyRange& range) override {
    return engine_->approximate_bytes(range);
  }

 private:
  storage::Engine* const engine_;
};

}  // namespace fastpath::testing

#include "storage/sim_engine.h"

#include <deque>
#include <set>
#include <utility>

#include "raft/check.h"
#include "storage/install_check.h"
#include "storage/keys.h"

namespace fastpath::storage {
namespace {

using Rows = SimStore::Rows;

struct SimView : PinnedView {
  explicit SimView(std::shared_ptr<const Rows> rows) : rows(std::move(rows)) {}
  const std::shared_ptr<const Rows> rows;
};

void EraseRange(Rows& rows, const std::string& begin, const std::string& end) {
  if (begin < end) rows.erase(rows.lower_bound(begin), rows.lower_bound(end));
}

void ApplyBatch(Rows& rows, const WriteBatch& batch) {
  for (const WriteBatch::Item& item : batch.items()) {
    switch (item.op) {
      case WriteBatch::Op::kPut:
        rows[item.key] = item.value;
        break;
      case WriteBatch::Op::kPutNew:
        FASTPATH_CHECK(rows.emplace(item.key, item.value).second, "PutNew over an existing row");
        break;
      case WriteBatch::Op::kDelete:
        rows.erase(item.key);
        break;
      case WriteBatch::Op::kDeleteRange:
        EraseRange(rows, item.key, item.value);
        break;
    }
  }
}

std::optional<std::string> Find(const Rows& rows, const std::string& key) {
  auto found = rows.find(key);
  if (found == rows.end()) return std::nullopt;
  return found->second;
}

ScanResult ScanRows(const Rows& rows, const KeyRange& range, const ScanOptions& options) {
  ScanResult result;
  if (range.begin >= range.end) return result;
  size_t bytes = 0;
  // False once a limit is reached; the row is then not taken.
  auto take = [&](const KeyValue& row) {
    const bool full = result.rows.size() >= options.limit_rows || bytes >= options.limit_bytes;
    if (full && !result.rows.empty()) return result.more = true, false;
    bytes += row.first.size() + row.second.size();
    result.rows.push_back(row);
    return true;
  };
  auto first = rows.lower_bound(range.begin);
  auto last = rows.lower_bound(range.end);
  if (options.reverse) {
    while (last != first && take(*std::prev(last))) --last;
    return result;
  }
  while (first != last && take(*first)) {
    const std::string to = options.skip_to ? options.skip_to(first->first) : std::string();
    ++first;
    if (to >= range.end) break;
    if (first != last && first->first < to) first = rows.lower_bound(to);
  }
  return result;
}

}  // namespace

class SimEngine : public Engine {
 public:
  SimEngine(SimStore* store, SimEngineOptions options, Executor* executor)
      : store_(store),
        options_(options),
        executor_(executor),
        rows_(std::make_shared<Rows>(store->image_)),
        alive_(std::make_shared<bool>(true)) {
    store_->engine_ = this;
  }
  ~SimEngine() override {
    if (store_->engine_ == this) store_->engine_ = nullptr;
  }

  void MultiGet(std::vector<std::string> keys, GotMany done) override {
    AnswerRead([this, keys = std::move(keys), done = std::move(done)]() mutable {
      std::vector<std::optional<std::string>> values;
      values.reserve(keys.size());
      for (const std::string& key : keys) {
        if (Damaged(key)) return done(absl::DataLossError("a damaged row"));
        values.push_back(Find(*rows_, key));
      }
      done(std::move(values));
    });
  }

  void Get(std::string key, Got done) override {
    AnswerRead([this, key = std::move(key), done = std::move(done)]() mutable {
      if (Damaged(key)) return done(absl::DataLossError("a damaged row"));
      done(Find(*rows_, key));
    });
  }

  void Write(WriteBatch batch, Done done) override {
    if (!stalled_ && OneIn(options_.stall_one_in)) {
      stalled_ = true;
      Later([this] { EndStall(); });
    }
    if (full_ && pending_.size() >= options_.full_stall_batches) stalled_ = true;
    if (stalled_) return done(absl::UnavailableError("engine stalled"));
    ApplyBatch(Writable(), batch);
    pending_.push_back(std::move(batch));
    if (options_.flush_after_batches != 0 && pending_.size() >= options_.flush_after_batches &&
        !flushing_) {
      flushing_ = true;
      Later([this, batches = pending_.size()] {
        WithSpace([this, batches] {
          flushing_ = false;
          Persist(std::min(batches, pending_.size()));
        });
      });
    }
    done(absl::OkStatus());
  }

  void WhenWritable(Task task) override {
    if (!stalled_) return Later(std::move(task));
    when_writable_.push_back(std::move(task));
  }

  bool full() const override { return full_; }

  void Scan(KeyRange range, ScanOptions options,
            absl::AnyInvocable<void(absl::StatusOr<ScanResult>)> done) override {
    FASTPATH_CHECK(options.limit_rows >= 1, "a scan returns at least one row");
    FASTPATH_CHECK(!options.reverse || !options.skip_to, "a scan skips forwards only");
    AnswerRead([this, range = std::move(range), options = std::move(options),
                done = std::move(done)]() mutable {
      const auto* view = static_cast<const SimView*>(options.view.get());
      done(ScanRows(view != nullptr ? *view->rows : *rows_, range, options));
    });
  }

  View Pin() override { return std::make_shared<SimView>(rows_); }

  std::unique_ptr<Installer> NewInstall(std::vector<KeyRange> ranges) override;

  void Flush(Done done) override {
    Later([this, batches = flushed_ + pending_.size(), done = std::move(done)]() mutable {
      WithSpace([this, batches, done = std::move(done)]() mutable {
        if (batches > flushed_) Persist(batches - flushed_);
        done(absl::OkStatus());
      });
    });
  }

  void SetPersistedListener(std::function<void(raft::GroupId, raft::Index)> listener) override {
    listener_ = std::move(listener);
  }

  uint64_t approximate_bytes(const KeyRange& range) override {
    uint64_t bytes = 0;
    if (range.begin >= range.end) return 0;
    const auto end = rows_->lower_bound(range.end);
    for (auto at = rows_->lower_bound(range.begin); at != end; ++at) {
      bytes += at->first.size() + at->second.size();
    }
    return bytes;
  }

  // The store has space again.
  void SpaceAgain() {
    if (!full_) return;
    Later([this] {
      full_ = false;
      for (Task& task : std::exchange(when_space_, {})) task();
      EndStall();
    });
  }

 private:
  class SimInstaller;

  void WithSpace(Task task) {
    if (!store_->no_space_ && !full_) return task();
    full_ = true;
    when_space_.push_back(std::move(task));
  }

  bool Damaged(const std::string& key) const { return store_->damaged_ && store_->damaged_(key); }

  bool OneIn(uint64_t n) {
    return options_.random != nullptr && n != 0 && options_.random->Next() % n == 0;
  }

  void Later(Task task) {
    executor_->Post([alive = std::weak_ptr<bool>(alive_), task = std::move(task)]() mutable {
      if (!alive.expired()) task();
    });
  }

  void AnswerRead(Task answer) {
    if (OneIn(options_.late_read_one_in)) return Later(std::move(answer));
    answer();
  }

  // Views share the map until the next write.
  Rows& Writable() {
    if (rows_.use_count() > 1) rows_ = std::make_shared<Rows>(*rows_);
    return *rows_;
  }

  void EndStall() {
    stalled_ = false;
    for (Task& task : std::exchange(when_writable_, {})) Later(std::move(task));
  }

  void Persist(size_t batches) {
    std::set<raft::GroupId> groups;
    for (size_t i = 0; i < batches; ++i) {
      for (const WriteBatch::Item& item : pending_.front().items()) {
        if (auto group = ParseAppliedKey(item.key)) groups.insert(*group);
      }
      ApplyBatch(store_->image_, pending_.front());
      pending_.pop_front();
    }
    flushed_ += batches;
    for (raft::GroupId group : groups) Tell(group);
  }

  void Tell(raft::GroupId group) {
    std::optional<std::string> value = Find(store_->image_, AppliedKey(group));
    if (!value || !listener_) return;
    absl::StatusOr<AppliedRow> row = DecodeAppliedRow(*value);
    FASTPATH_CHECK(row.ok(), "an applied row was written by EncodeAppliedRow");
    listener_(group, row->index);
  }

  SimStore* store_;
  SimEngineOptions options_;
  Executor* executor_;
  std::shared_ptr<Rows> rows_;
  std::deque<WriteBatch> pending_;  // Written, not in the image.
  uint64_t flushed_ = 0;            // Batches ever moved into the image.
  bool flushing_ = false;
  bool stalled_ = false;
  bool full_ = false;
  std::vector<Task> when_writable_;
  std::vector<Task> when_space_;  // In order, each for a prefix of the batches.
  std::function<void(raft::GroupId, raft::Index)> listener_;
  std::shared_ptr<bool> alive_;
};

class SimEngine::SimInstaller : public Installer {
 public:
  SimInstaller(SimEngine* engine, std::vector<KeyRange> ranges)
      : engine_(engine), check_(std::move(ranges)) {}

  void Add(std::vector<KeyValue> rows, Done done) override {
    if (status_.ok()) status_ = check_.Accept(rows);
    if (status_.ok() && engine_->store_->no_space_) status_ = NoSpace();
    if (status_.ok()) rows_.insert(rows_.end(), rows.begin(), rows.end());
    engine_->Later([status = status_, done = std::move(done)]() mutable { done(status); });
  }

  void Commit(Done done) override {
    engine_->Later([engine = engine_, status = status_, check = std::move(check_),
                    rows = std::move(rows_), done = std::move(done)]() mutable {
      if (status.ok() && engine->store_->no_space_) status = NoSpace();
      if (!status.ok()) return done(status);
      engine->Persist(engine->pending_.size());
      for (Rows* target : {&engine->Writable(), &engine->store_->image_}) {
        for (const KeyRange& range : check.ranges()) EraseRange(*target, range.begin, range.end);
        target->insert(rows.begin(), rows.end());
      }
      if (check.applied()) engine->Tell(check.applied()->first);
      done(absl::OkStatus());
    });
    status_ = absl::FailedPreconditionError("install: committed already");
  }

 private:
  static absl::Status NoSpace() { return absl::ResourceExhaustedError("install: no space"); }

  SimEngine* engine_;
  InstallCheck check_;
  absl::Status status_;
  std::vector<KeyValue> rows_;
};

std::unique_ptr<Installer> SimEngine::NewInstall(std::vector<KeyRange> ranges) {
  return std::make_unique<SimInstaller>(this, std::move(ranges));
}

void SimStore::set_no_space(bool none) {
  no_space_ = none;
  if (!none && engine_ != nullptr) engine_->SpaceAgain();
}

std::unique_ptr<Engine> OpenSimEngine(SimStore* store, SimEngineOptions options,
                                      Executor* executor) {
  return std::make_unique<SimEngine>(store, options, executor);
}

}  // namespace fastpath::storage

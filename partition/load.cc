#include <memory>
#include <utility>

#include "partition/limits.h"
#include "partition/machine.h"
#include "partition/require.h"

namespace fastpath::partition {

namespace {

// Reads a group's rows, a page at a time, in the order of its members. Keeps
// itself alive until it has answered.
class Loader : public std::enable_shared_from_this<Loader> {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<StateMachine>>)>;

  Loader(raft::GroupId group, storage::Engine* engine, StateMachine::Listeners listeners, Done done)
      : group_(group), engine_(engine), listeners_(std::move(listeners)), done_(std::move(done)) {
    loaded_.catalog = Catalog(group);
  }

  void Start() {
    engine_->MultiGet(
        {storage::AppliedKey(group_), storage::GroupKey(group_, storage::GroupRow::kDescriptor)},
        [self = shared_from_this()](auto rows) {
          if (absl::IsResourceExhausted(rows.status())) {
            return self->engine_->WhenWritable([self] { self->Start(); });
          }
          self->Continue(rows.ok() ? self->TakeHead(*rows) : rows.status());
        });
  }

 private:
  absl::Status TakeHead(const std::vector<std::optional<std::string>>& rows) {
    if (!rows[0].has_value()) {
      return absl::NotFoundError("the engine has no such group");
    }
    absl::StatusOr<storage::AppliedRow> applied = storage::DecodeAppliedRow(*rows[0]);
    if (!applied.ok()) {
      return applied.status();
    }
    loaded_.applied = *std::move(applied);
    if (!rows[1].has_value()) {
      return absl::DataLossError("a group without its descriptor row");
    }
    absl::Status restored = loaded_.catalog.RestoreDescriptor(*rows[1]);
    if (restored.ok()) {
      scans_ = {{GroupRows(storage::GroupRow::kTable),
                 [this](const storage::KeyValue& row) {
                   return loaded_.catalog.RestoreTable(row.second);
                 }},
                {GroupRows(storage::GroupRow::kMeta), [this](const storage::KeyValue& row) {
                   std::string_view key = row.first;
                   const size_t prefix = storage::GroupKey(group_, storage::GroupRow::kMeta).size();
                   return loaded_.meta.Restore(key.substr(prefix), row.second);
                 }}};
      if (!loaded_.catalog.buckets().empty) {
        AddScan(storage::KeyKind::kRequest, loaded_.sessions);
        AddScan(storage::KeyKind::kLock, loaded_.locks);
        AddScan(storage::KeyKind::kTransaction, loaded_.transactions);
      }
    }
    return restored;
  }

  template <typename Table>
  void AddScan(storage::KeyKind kind, Table& table) {
    scans_.push_back(
        {storage::BucketedRange(kind, loaded_.catalog.buckets()),
         [&table](const storage::KeyValue& row) { return table.Restore(row.first, row.second); }});
  }

  storage::KeyRange GroupRows(storage::GroupRow row) const {
    const auto next = static_cast<storage::GroupRow>(static_cast<uint8_t>(row) + 1);
    return {storage::GroupKey(group_, row), storage::GroupKey(group_, next)};
  }

  // On an error, or past the last scan, answers; else goes on with a page.
  void Continue(absl::Status status) {
    if (!status.ok()) {
      return done_(std::move(status));
    }
    if (next_scan_ == scans_.size()) {
      return done_(std::make_unique<Machine>(std::move(loaded_), engine_, std::move(listeners_)));
    }
    engine_->Scan(scans_[next_scan_].range, {}, [self = shared_from_this()](auto page) {
      if (absl::IsResourceExhausted(page.status())) {
        return self->engine_->WhenWritable([self] { self->Continue(absl::OkStatus()); });
      }
      self->Continue(page.ok() ? self->TakePage(*page) : page.status());
    });
  }

  absl::Status TakePage(const storage::ScanResult& page) {
    ScanOf& scan = scans_[next_scan_];
    for (const storage::KeyValue& row : page.rows) {
      if (absl::Status restored = scan.restore(row); !restored.ok()) {
        return restored;
      }
    }
    if (page.more && !page.rows.empty()) {
      scan.range.begin = page.rows.back().first + '\0';
    } else {
      ++next_scan_;
    }
    return absl::OkStatus();
  }

  struct ScanOf {
    storage::KeyRange range;
    std::function<absl::Status(const storage::KeyValue&)> restore;
  };

  const raft::GroupId group_;
  storage::Engine* const engine_;
  StateMachine::Listeners listeners_;
  Done done_;
  Machine::Loaded loaded_;
  std::vector<ScanOf> scans_;
  size_t next_scan_ = 0;
};

}  // namespace

void StateMachine::Load(
    raft::GroupId group, storage::Engine* engine, Listeners listeners,
    absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<StateMachine>>)> done) {
  std::make_shared<Loader>(group, engine, std::move(listeners), std::move(done))->Start();
}

void BootstrapGroup(const api::GroupDescriptor& descriptor, Stamp stamp, storage::WriteBatch& batch,
                    uint32_t version) {
  Require(descriptor.epoch() > 0, "epochs start at 1");
  Catalog(descriptor, version).PutDescriptor(batch);
  storage::AppliedRow applied;
  applied.index = 1;
  applied.term = 1;
  applied.stamp = stamp;
  applied.configuration = ConfigurationOf(descriptor);
  batch.Put(storage::AppliedKey(descriptor.group()), storage::EncodeAppliedRow(applied));
}

void BootstrapMeta(const api::Map& map, Stamp stamp, storage::WriteBatch& batch, uint32_t version) {
  api::Map first = map;
  first.set_version(1);
  Meta(first).PutAll(batch);
  for (const api::GroupDescriptor& group : map.groups()) {
    if (group.group() == raft::kMetaGroup) {
      BootstrapGroup(group, stamp, batch, version);
      return;
    }
  }
  Require(false, "the first map holds the meta group");
}

std::vector<storage::KeyRange> InstallRanges(raft::GroupId group, storage::BucketRange buckets,
                                             const std::vector<storage::SpaceId>& spaces) {
  return storage::Ranges(group, buckets, spaces);
}

}  // namespace fastpath::partition

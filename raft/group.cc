#include "raft/group.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "raft/check.h"
#include "raft/prefetch.h"

namespace fastpath::raft {
namespace {

// One Apply's entries: bounds how long the shard is away from its other groups.
constexpr size_t kApplyLimitBytes = 4u << 20;
constexpr size_t kApplyLimitEntries = 4096;

}  // namespace

struct Group::Impl : std::enable_shared_from_this<Group::Impl> {
  Impl(Options options, InitialState initial, Ports ports_in, Hooks hooks_in)
      : group(options.group),
        gather_entries(options.gather_entries),
        gather_bytes(options.gather_bytes),
        ports(ports_in),
        hooks(std::move(hooks_in)),
        raft(std::move(options), std::move(initial), ports.clock->Monotonic()),
        applied(raft.applied()) {}

  Micros Now() const { return ports.clock->Monotonic(); }
  void MarkDirty();
  void Pump();
  void Process(Output output);
  void StartWrite(Output& output);
  void OnDurable(absl::Status status);
  void Send(std::vector<Addressed>& messages);
  bool Gathering();
  void StartApply();
  std::vector<Entry> NextBatch();
  void OnApplied(absl::Status status, Index last);
  void ServeReads();
  void StartFetch(const Fetch& fetch);
  void Fail(absl::Status status);
  bool BeginInstall(const SnapshotMeta& meta, std::function<void()> install_ready);
  void MaybeInstallReady();
  void FinishInstall(const SnapshotMeta& meta);
  void OnReset(absl::Status status, const SnapshotMeta& meta);
  void AbortInstall();
  void Persisted(Index index);

  const GroupId group;
  const size_t gather_entries;
  const size_t gather_bytes;
  const Ports ports;
  const Hooks hooks;
  Raft raft;
  Index applied;  // raft.applied(), but also true while an Apply is completing.
  bool failed = false;
  bool dirty = false;

  // Writes in flight, in call order; what may be said when each is durable.
  struct PendingWrite {
    uint64_t ticket;
    std::vector<Addressed> messages;
  };
  std::deque<PendingWrite> writes;

  std::deque<Entry> to_apply;  // Committed and durable.
  size_t to_apply_bytes = 0;
  bool apply_all = false;  // Until to_apply is empty: nothing gathers.
  bool applying = false;
  bool in_apply_loop = false;
  std::deque<ReadGrant> reads;  // Granted; their indexes ascend.

  bool installing = false;
  bool resetting = false;               // FinishInstall's log write is under way.
  std::function<void()> install_ready;  // Not yet called.
  std::vector<Addressed> held;          // Became true while installing.
};

// --- output

void Group::Impl::MarkDirty() {
  if (dirty || failed || installing || !raft.HasOutput()) return;
  dirty = true;
  if (hooks.dirty) hooks.dirty();
}

void Group::Impl::Pump() {
  dirty = false;
  while (!failed && !installing && raft.HasOutput()) Process(raft.Take());
}

void Group::Impl::Process(Output output) {
  const bool write = output.hard_state.has_value() || !output.entries.empty();
  Send(output.messages_now);
  if (write) {
    StartWrite(output);
  } else if (output.sync_ticket != 0 && !writes.empty()) {
    auto& messages = writes.back().messages;
    std::move(output.messages_after_sync.begin(), output.messages_after_sync.end(),
              std::back_inserter(messages));
  } else {
    Send(output.messages_after_sync);
  }
  for (Entry& entry : output.committed) {
    to_apply_bytes += entry.payload->size();
    to_apply.push_back(std::move(entry));
  }
  StartApply();
  for (const ReadGrant& grant : output.reads) reads.push_back(grant);
  ServeReads();
  if (hooks.read_done) {
    for (uint64_t id : output.reads_failed) hooks.read_done(id, false);
  }
  for (const Fetch& fetch : output.fetches) StartFetch(fetch);
  if (failed) return;
  if (hooks.snapshot_wanted) {
    for (const SnapshotOffer& offer : output.snapshots) hooks.snapshot_wanted(offer);
  }
  if (output.role_changed && hooks.role_changed) hooks.role_changed();
  if (output.configuration_changed && hooks.configuration_changed) hooks.configuration_changed();
}

void Group::Impl::Send(std::vector<Addressed>& messages) {
  for (Addressed& addressed : messages) {
    if (addressed.node == 0) continue;  // Nobody knows where it lives.
    ports.transport->Send(addressed.node, std::move(addressed.message));
  }
  messages.clear();
}

// --- the log

void Group::Impl::StartWrite(Output& output) {
  writes.push_back({output.sync_ticket, std::move(output.messages_after_sync)});
  LogWrite write;
  write.group = group;
  write.hard_state = output.hard_state;
  write.entries = std::move(output.entries);
  ports.log->Write(std::move(write), [weak = weak_from_this()](absl::Status status) {
    if (auto self = weak.lock()) self->OnDurable(std::move(status));
  });
}

void Group::Impl::OnDurable(absl::Status status) {
  if (failed) return;
  if (!status.ok()) return Fail(std::move(status));
  FASTPATH_CHECK(!writes.empty(), "group: completion without a write");
  PendingWrite write = std::move(writes.front());
  writes.pop_front();
  raft.Synced(Now(), write.ticket);
  if (installing) {
    std::move(write.messages.begin(), write.messages.end(), std::back_inserter(held));
    return MaybeInstallReady();
  }
  Send(write.messages);
  MarkDirty();
}

void Group::Impl::StartFetch(const Fetch& fetch) {
  ports.log->Read(group, fetch.from, fetch.through, fetch.limit_bytes,
                  [weak = weak_from_this(), fetch](absl::StatusOr<std::vector<Entry>> entries) {
                    auto self = weak.lock();
                    if (self == nullptr || self->failed) return;
                    if (!entries.ok() && !absl::IsNotFound(entries.status())) {
                      return self->Fail(entries.status());
                    }
                    self->raft.Fetched(self->Now(), fetch,
                                       entries.ok() ? *std::move(entries) : std::vector<Entry>());
                    self->MarkDirty();
                  });
}

// --- apply and reads

// Nobody waits for a follower's apply, and a larger batch costs less an entry.
bool Group::Impl::Gathering() {
  if (to_apply.empty()) apply_all = false;
  apply_all = apply_all || raft.role() != Role::kFollower || to_apply.size() >= gather_entries ||
              to_apply_bytes >= gather_bytes;
  return to_apply.empty() || !apply_all;
}

void Group::Impl::StartApply() {
  if (in_apply_loop) return;
  in_apply_loop = true;
  while (!applying && !installing && !failed && !Gathering()) {
    applying = true;
    std::vector<Entry> batch = NextBatch();
    const Index last = batch.back().index;
    ports.state_machine->Apply(std::move(batch),
                               [weak = weak_from_this(), last](absl::Status status) {
                                 if (auto self = weak.lock()) {
                                   self->OnApplied(std::move(status), last);
                                 }
                               });
  }
  in_apply_loop = false;
}

std::vector<Entry> Group::Impl::NextBatch() {
  std::vector<Entry> batch;
  batch.reserve(std::min(to_apply.size(), kApplyLimitEntries));
  size_t bytes = 0;
  while (!to_apply.empty() && batch.size() < kApplyLimitEntries) {
    bytes += to_apply.front().payload->size();
    if (!batch.empty() && bytes > kApplyLimitBytes) break;
    to_apply_bytes -= to_apply.front().payload->size();
    batch.push_back(std::move(to_apply.front()));
    to_apply.pop_front();
  }
  return batch;
}

void Group::Impl::OnApplied(absl::Status status, Index last) {
  applying = false;
  if (failed) return;
  if (!status.ok()) return Fail(std::move(status));
  applied = last;
  raft.Applied(last);
  ServeReads();
  MaybeInstallReady();
  StartApply();
}

void Group::Impl::ServeReads() {
  while (!failed && !reads.empty() && reads.front().index <= applied) {
    const uint64_t id = reads.front().id;
    reads.pop_front();
    if (hooks.read_done) hooks.read_done(id, true);
  }
}

void Group::Impl::Fail(absl::Status status) {
  if (failed) return;
  failed = true;
  writes.clear();
  to_apply.clear();
  to_apply_bytes = 0;
  held.clear();
  if (hooks.failed) hooks.failed(std::move(status));
}

// --- snapshot install

bool Group::Impl::BeginInstall(const SnapshotMeta& meta, std::function<void()> ready) {
  if (failed || installing || !raft.WantsSnapshot(meta)) return false;
  installing = true;
  install_ready = std::move(ready);
  MaybeInstallReady();
  return true;
}

void Group::Impl::MaybeInstallReady() {
  if (!installing || !install_ready || applying || !writes.empty()) return;
  std::exchange(install_ready, nullptr)();
}

void Group::Impl::FinishInstall(const SnapshotMeta& meta) {
  if (failed) return;
  FASTPATH_CHECK(installing && !resetting && !applying && writes.empty(),
                 "group: FinishInstall before install_ready");
  resetting = true;
  HardState hard_state = raft.hard_state();
  if (meta.term > hard_state.term) hard_state = {meta.term, 0, 0};
  hard_state.commit = meta.index;
  LogWrite write;
  write.group = group;
  write.hard_state = hard_state;
  write.reset = LogWrite::Position{meta.index, meta.term};
  ports.log->Write(std::move(write), [weak = weak_from_this(), meta](absl::Status status) {
    if (auto self = weak.lock()) self->OnReset(std::move(status), meta);
  });
}

void Group::Impl::OnReset(absl::Status status, const SnapshotMeta& meta) {
  if (failed) return;
  if (!status.ok()) return Fail(std::move(status));
  resetting = false;
  installing = false;
  held.clear();  // They speak of a log that is gone.
  to_apply.clear();
  to_apply_bytes = 0;
  applied = meta.index;
  raft.Restored(Now(), meta);
  ServeReads();
  MarkDirty();
}

void Group::Impl::AbortInstall() {
  if (failed || !installing) return;
  FASTPATH_CHECK(!resetting, "group: AbortInstall after FinishInstall");
  installing = false;
  install_ready = nullptr;
  Send(held);
  StartApply();
  MarkDirty();
}

void Group::Impl::Persisted(Index index) {
  if (failed || installing) return;
  const Index cut = raft.CompactableTo(std::min(index, applied));
  if (cut < raft.first_index()) return;
  ports.log->Truncate(group, cut);
  raft.Compacted(cut);
}

// --- the public face

Group::Group(Options options, InitialState initial, Ports ports, Hooks hooks)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(initial), ports,
                                   std::move(hooks))) {}

Group::~Group() = default;

void Group::Step(Message message) {
  if (impl_->failed || impl_->installing) return;
  impl_->raft.Step(impl_->Now(), std::move(message));
  impl_->MarkDirty();
}

void Group::Tick() {
  if (impl_->failed) return;
  if (impl_->installing) return impl_->raft.Postpone(impl_->Now());
  impl_->raft.Tick(impl_->Now());
  impl_->MarkDirty();
}

void Group::ApplyGathered() {
  if (impl_->to_apply.empty()) return;
  impl_->apply_all = true;
  impl_->StartApply();
}

absl::StatusOr<Index> Group::Propose(Payload payload) {
  if (impl_->failed) return absl::UnavailableError("the group has stopped");
  absl::StatusOr<Index> index = impl_->raft.Propose(impl_->Now(), std::move(payload));
  impl_->MarkDirty();
  return index;
}

absl::StatusOr<Index> Group::ChangeConfiguration(Configuration target) {
  if (impl_->failed) return absl::UnavailableError("the group has stopped");
  absl::StatusOr<Index> index = impl_->raft.ChangeConfiguration(impl_->Now(), std::move(target));
  impl_->MarkDirty();
  return index;
}

void Group::Read(uint64_t id) {
  if (impl_->failed) return;
  impl_->raft.Read(impl_->Now(), id);
  impl_->MarkDirty();
}

absl::Status Group::TransferLeadership(ReplicaId target) {
  if (impl_->failed) return absl::UnavailableError("the group has stopped");
  absl::Status status = impl_->raft.TransferLeadership(impl_->Now(), target);
  impl_->MarkDirty();
  return status;
}

void Group::Campaign() {
  if (impl_->failed || impl_->installing) return;
  impl_->raft.Campaign(impl_->Now());
  impl_->MarkDirty();
}

void Group::Wake(bool leader_gone) {
  if (impl_->failed || impl_->installing) return;
  impl_->raft.Wake(impl_->Now(), leader_gone);
  impl_->MarkDirty();
}

void Group::SnapshotSent(ReplicaId to, Index index, bool ok) {
  if (impl_->failed) return;
  impl_->raft.SnapshotSent(impl_->Now(), to, index, ok);
  impl_->MarkDirty();
}

bool Group::BeginInstall(const SnapshotMeta& meta, std::function<void()> install_ready) {
  return impl_->BeginInstall(meta, std::move(install_ready));
}
void Group::FinishInstall(const SnapshotMeta& meta) { impl_->FinishInstall(meta); }
void Group::AbortInstall() { impl_->AbortInstall(); }
void Group::Persisted(Index index) { impl_->Persisted(index); }
void Group::Pump() { impl_->Pump(); }
void Group::Prefetch(int stage) const {
  if (stage == 0) return PrefetchLines(impl_.get(), sizeof(Impl));
  impl_->raft.Prefetch();
}
const Raft& Group::raft() const { return impl_->raft; }
Index Group::applied() const { return impl_->applied; }
bool Group::failed() const { return impl_->failed; }
bool Group::gathered() const { return !impl_->to_apply.empty(); }
bool Group::idle() const {
  return impl_->raft.quiet() && impl_->to_apply.empty() && !impl_->applying &&
         impl_->writes.empty() && !impl_->installing;
}

}  // namespace fastpath::raft

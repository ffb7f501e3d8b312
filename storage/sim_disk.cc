#include "storage/sim_disk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "raft/check.h"

namespace fastpath::storage {

class SimDiskFile : public DiskFile {
 public:
  SimDiskFile(SimDisk* device, std::shared_ptr<SimDisk::Session> session,
              std::shared_ptr<SimDisk::File> file)
      : device_(device), session_(std::move(session)), file_(std::move(file)) {}

  void Write(uint64_t offset, std::vector<std::string> pieces, bool sync, Done done) override {
    device_->Submit(session_, [device = device_, file = file_, offset, pieces = std::move(pieces),
                               sync, done = std::move(done)]() mutable {
      if (!device->Step()) return;
      absl::Status status = device->WriteFile(*file, offset, pieces);
      if (status.ok() && sync) {
        if (!device->Step()) return;
        status = device->SyncFile(*file);
      }
      if (!device->frozen()) done(std::move(status));
    });
  }

  void Read(uint64_t offset, size_t bytes,
            absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override {
    device_->Submit(session_, [device = device_, file = file_, offset, bytes,
                               done = std::move(done)]() mutable {
      if (device->frozen()) return;
      const uint64_t from = std::min<uint64_t>(offset, file->cached.size());
      done(file->cached.substr(from, bytes));
    });
  }

 private:
  SimDisk* device_;
  std::shared_ptr<SimDisk::Session> session_;
  std::shared_ptr<SimDisk::File> file_;
};

class AttachedDisk : public Disk {
 public:
  AttachedDisk(SimDisk* device, std::shared_ptr<SimDisk::Session> session)
      : device_(device), session_(std::move(session)) {}
  ~AttachedDisk() override {
    session_->dead = true;
    session_->queue.clear();
  }

  void Open(const std::string& name, uint64_t allocate_bytes, bool sync, Opened done) override {
    device_->Submit(session_, [device = device_, session = session_, name, allocate_bytes, sync,
                               done = std::move(done)]() mutable {
      if (!device->names_.contains(name)) {
        if (!device->Step()) return;
        auto file = std::make_shared<SimDisk::File>();
        device->ChangeNames([name, file](SimDisk::Names& names) { names[name] = file; });
      }
      std::shared_ptr<SimDisk::File> file = device->names_.at(name);
      absl::Status status;
      if (file->cached.size() < allocate_bytes) {
        if (!device->Step()) return;
        const uint64_t have = file->cached.size();
        status = device->WriteFile(*file, have, {std::string(allocate_bytes - have, '\0')});
      }
      if (status.ok() && sync) {
        if (!device->Step()) return;
        status = device->SyncFile(*file);
        device->SyncNames();
      }
      if (device->frozen()) return;
      if (!status.ok()) return done(status);
      done(std::make_unique<SimDiskFile>(device, session, file));
    });
  }

  void Rename(const std::string& from, const std::string& to, Done done) override {
    ChangeName(from, std::move(done), [from, to](SimDisk::Names& names) {
      if (auto moved = names.extract(from)) names[to] = moved.mapped();
    });
  }

  void Remove(const std::string& name, Done done) override {
    ChangeName(name, std::move(done), [name](SimDisk::Names& names) { names.erase(name); });
  }

  void SyncDirectory(Done done) override {
    device_->Submit(session_, [device = device_, done = std::move(done)]() mutable {
      if (!device->Step()) return;
      device->SyncNames();
      if (!device->frozen()) done(absl::OkStatus());
    });
  }

  void List(absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) override {
    device_->Submit(session_, [device = device_, done = std::move(done)]() mutable {
      if (device->frozen()) return;
      std::vector<Entry> entries;
      for (const auto& [name, file] : device->names_)
        entries.push_back({name, file->cached.size()});
      done(std::move(entries));
    });
  }

 private:
  void ChangeName(const std::string& name, Done done,
                  absl::AnyInvocable<void(SimDisk::Names&)> change) {
    device_->Submit(session_, [device = device_, name, done = std::move(done),
                               change = std::move(change)]() mutable {
      if (!device->Step()) return;
      if (!device->names_.contains(name)) return done(absl::NotFoundError(name));
      device->ChangeNames(std::move(change));
      if (!device->frozen()) done(absl::OkStatus());
    });
  }

  SimDisk* device_;
  std::shared_ptr<SimDisk::Session> session_;
};

std::unique_ptr<SimDisk> SimDisk::Copy() const {
  FASTPATH_CHECK(unsynced_names_.empty(), "names are synced before a copy");
  auto copy = std::make_unique<SimDisk>(random_);
  for (const auto& [name, file] : names_) copy->names_[name] = std::make_shared<File>(*file);
  copy->durable_names_ = copy->names_;
  return copy;
}

std::unique_ptr<Disk> SimDisk::Attach(Executor* executor, Clock* clock) {
  if (session_) session_->dead = true;
  freeze_at_.reset();
  session_ = std::make_shared<Session>();
  session_->executor = executor;
  session_->clock = clock;
  return std::make_unique<AttachedDisk>(this, session_);
}

void SimDisk::Submit(std::shared_ptr<Session> session, Task operation) {
  if (session->dead) return;
  session->queue.push_back(std::move(operation));
  if (!session->busy) StartNext(std::move(session));
}

// One operation after the other, each an event of its own.
void SimDisk::StartNext(std::shared_ptr<Session> session) {
  session->busy = true;
  const auto [low, high] = latency_;
  const Micros takes =
      low + (high > low ? static_cast<Micros>(random_->Next() % (high - low + 1)) : 0);
  Task run = [this, weak = std::weak_ptr<Session>(session)] {
    std::shared_ptr<Session> session = weak.lock();
    if (!session || session->dead || frozen()) return;
    Task operation = std::move(session->queue.front());
    session->queue.erase(session->queue.begin());
    operation();
    if (session->dead) return;
    session->busy = false;
    if (!session->queue.empty()) StartNext(session);
  };
  if (takes == 0) return session->executor->Post(std::move(run));
  session->executor->At(session->clock->Monotonic() + takes, std::move(run));
}

bool SimDisk::Step() {
  if (frozen()) return false;
  ++steps_;
  return true;
}

std::optional<absl::Status> SimDisk::TakeFault(std::map<uint64_t, absl::Status>& faults,
                                               uint64_t number) {
  auto fault = faults.extract(number);
  if (!fault) return std::nullopt;
  return fault.mapped();
}

void SimDisk::Place(std::string& into, uint64_t offset, std::string_view bytes) {
  if (into.size() < offset + bytes.size()) into.resize(offset + bytes.size(), '\0');
  into.replace(offset, bytes.size(), bytes);
}

absl::Status SimDisk::WriteFile(File& file, uint64_t offset,
                                const std::vector<std::string>& pieces) {
  if (auto fault = TakeFault(write_faults_, writes_++)) return *fault;
  std::string bytes;
  for (const std::string& piece : pieces) bytes += piece;
  const uint64_t end = offset + bytes.size();
  const uint64_t grows = end > file.cached.size() ? end - file.cached.size() : 0;
  if (grows > 0 && used_bytes() + grows > capacity_bytes_) {
    return absl::ResourceExhaustedError("simulated disk: no space left on device");
  }
  Place(file.cached, offset, bytes);
  file.unsynced.push_back({offset, std::move(bytes)});
  return absl::OkStatus();
}

absl::Status SimDisk::SyncFile(File& file) {
  auto fault = TakeFault(sync_faults_, syncs_++);
  for (const File::Write& write : std::exchange(file.unsynced, {})) {
    Persist(file, write, fault ? Unsynced::kTorn : Unsynced::kKept);
  }
  return fault.value_or(absl::OkStatus());
}

void SimDisk::Persist(File& file, const File::Write& write, Unsynced unsynced) {
  if (unsynced == Unsynced::kLost) return;
  if (unsynced == Unsynced::kKept) return Place(file.durable, write.offset, write.bytes);
  // Some writes land whole, some not at all, some in part.
  const uint64_t luck = random_->Next() % 4;
  if (luck == 0) return;
  const std::string_view bytes = write.bytes;
  for (uint64_t at = write.offset; at < write.offset + bytes.size();) {
    const uint64_t end =
        std::min((at / kSectorBytes + 1) * kSectorBytes, write.offset + bytes.size());
    if (luck == 1 || random_->Next() % 2 == 0) {
      Place(file.durable, at, bytes.substr(at - write.offset, end - at));
    }
    at = end;
  }
}

void SimDisk::ChangeNames(absl::AnyInvocable<void(Names&)> change) {
  change(names_);
  unsynced_names_.push_back(std::move(change));
}

void SimDisk::SyncNames() {
  durable_names_ = names_;
  unsynced_names_.clear();
}

void SimDisk::PowerCut(Unsynced unsynced) {
  if (session_) session_->dead = true;
  freeze_at_.reset();
  size_t kept = unsynced == Unsynced::kKept ? unsynced_names_.size() : 0;
  if (unsynced == Unsynced::kTorn) kept = random_->Next() % (unsynced_names_.size() + 1);
  for (size_t i = 0; i < kept; ++i) unsynced_names_[i](durable_names_);
  unsynced_names_.clear();
  names_ = durable_names_;
  for (const auto& [name, file] : names_) {
    for (const File::Write& write : file->unsynced) Persist(*file, write, unsynced);
    file->unsynced.clear();
    file->cached = file->durable;
  }
}

void SimDisk::FlipBits(const std::string& name, uint64_t offset, uint8_t mask) {
  File& file = *names_.at(name);
  FASTPATH_CHECK(offset < file.cached.size(), "the byte exists");
  file.cached[offset] = static_cast<char>(file.cached[offset] ^ mask);
  if (offset < file.durable.size()) {
    file.durable[offset] = static_cast<char>(file.durable[offset] ^ mask);
  }
}

uint64_t SimDisk::used_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [name, file] : names_) bytes += file->cached.size();
  return bytes;
}

std::vector<std::string> SimDisk::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : names_) names.push_back(name);
  return names;
}

const std::string& SimDisk::contents(const std::string& name) const {
  return names_.at(name)->cached;
}

}  // namespace fastpath::storage

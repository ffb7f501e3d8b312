#include "client/internal/tables.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace fastpath::client::internal {
namespace {

constexpr Micros kPollPause = 20'000;
constexpr Micros kWaitPause = 100'000;
constexpr size_t kSampleRows = 16384;  // Of a table's rows, over all groups.

const api::Table* FindTable(const api::Map& map, const std::string& name) {
  for (const api::Table& table : map.tables()) {
    if (table.name() == name) return &table;
  }
  return nullptr;
}

bool SameDefinition(const api::Table& a, const api::Table& b) {
  auto same_key = [](const api::KeyAttribute& x, const api::KeyAttribute& y) {
    return x.name() == y.name() && x.type() == y.type();
  };
  return same_key(a.partition_key(), b.partition_key()) && same_key(a.sort_key(), b.sort_key()) &&
         a.ttl_attribute() == b.ttl_attribute();
}

// Every group has it; its TTL attribute may be changing.
bool Usable(const api::Table& table) {
  return table.state() == api::ACTIVE || table.state() == api::UPDATING;
}

// One wish on its way: asked once, then watched on the map until it is fulfilled.
class Wish : public std::enable_shared_from_this<Wish> {
 public:
  Wish(Core& core, api::Table table, bool present, Micros timeout, Core::Done done)
      : core_(core),
        table_(std::move(table)),
        present_(present),
        done_(std::move(done)),
        deadline_(core.DeadlineAfter(timeout)) {}

  void Ask() {
    api::Request request;
    if (present_) {
      *request.mutable_create_table()->mutable_table() = table_;
    } else {
      request.mutable_delete_table()->set_name(table_.name());
    }
    core_.Call(std::move(request), Target::Group(0), deadline_ - Now(),
               [self = shared_from_this()](Answer answer) { self->Asked(std::move(answer)); });
  }

 private:
  Micros Now() const { return core_.ports().clock->Monotonic(); }

  void Asked(Answer answer) {
    api::Code done_already = present_ ? api::TABLE_EXISTS : api::TABLE_NOT_FOUND;
    bool maybe_ours =
        answer.outcome == Outcome::kUnknown &&
        (answer.reply.code() == done_already || answer.reply.code() == api::TABLE_BUSY);
    if (answer.outcome != Outcome::kOk && !maybe_ours) {
      done_(std::move(answer));
      return;
    }
    if (answer.reply.has_table()) last_ = answer.reply.table();
    if (present_ && Usable(last_)) {
      Fulfilled();
    } else {
      Look();
    }
  }

  void Look(Micros pause = 0) {
    if (Now() >= deadline_) {
      Answer late{.outcome = Outcome::kUnknown};
      late.reply.set_code(api::DEADLINE);
      late.reply.set_message(absl::StrCat("table \"", table_.name(), "\" is still being ",
                                          present_ ? "created" : "deleted"));
      done_(std::move(late));
      return;
    }
    api::Request request;
    request.mutable_map()->set_of_leader(true);
    core_.Call(
        std::move(request), Target::Group(0), deadline_ - Now(),
        [self = shared_from_this()](Answer answer) { self->Looked(std::move(answer)); }, pause);
  }

  void Looked(Answer answer) {
    if (answer.outcome != Outcome::kOk) {
      answer.outcome = Outcome::kUnknown;
      done_(std::move(answer));
      return;
    }
    const api::Table* found = FindTable(answer.reply.map(), table_.name());
    if (!present_ && found == nullptr) {
      Fulfilled();
      return;
    }
    if (present_ && found != nullptr && !SameDefinition(*found, table_)) {
      Answer other{.outcome = Outcome::kRefused};
      other.reply.set_code(api::TABLE_EXISTS);
      other.reply.set_message(absl::StrCat("table \"", table_.name(), "\" has other keys"));
      done_(std::move(other));
      return;
    }
    if (found != nullptr) last_ = *found;
    if (present_ && found != nullptr && Usable(*found)) {
      Fulfilled();
      return;
    }
    Look(kPollPause);
  }

  void Fulfilled() {
    if (present_) core_.LearnTable(last_);
    last_.set_name(table_.name());  // Of a deleted one nothing may have been told.
    Answer answer{.outcome = Outcome::kOk};
    *answer.reply.mutable_table() = std::move(last_);
    done_(std::move(answer));
  }

  Core& core_;
  api::Table table_;  // As asked for; only its name to delete.
  bool present_;      // What is wished: there, or gone.
  Core::Done done_;
  Micros deadline_;
  api::Table last_;  // As last seen.
};

// Who waits for a table.
class Waiting : public std::enable_shared_from_this<Waiting> {
 public:
  Waiting(Core& core, std::string name, Until until, Micros timeout, Core::Done done)
      : core_(core),
        name_(std::move(name)),
        until_(until),
        done_(std::move(done)),
        deadline_(core.DeadlineAfter(timeout)) {}

  void Look(Micros pause = 0) {
    if (core_.ports().clock->Monotonic() >= deadline_) return Late();
    api::Request request;
    request.mutable_describe_table()->set_name(name_);
    core_.Call(
        std::move(request), Target::Group(0), deadline_ - core_.ports().clock->Monotonic(),
        [self = shared_from_this()](Answer answer) { self->Looked(std::move(answer)); }, pause);
  }

 private:
  void Looked(Answer answer) {
    const bool there = answer.outcome == Outcome::kOk;
    const bool gone =
        answer.outcome == Outcome::kRefused && answer.reply.code() == api::TABLE_NOT_FOUND;
    if (!there && !gone) {
      if (answer.reply.code() == api::DEADLINE) return Late();
      return done_(std::move(answer));
    }
    if (there) last_ = answer.reply.table();
    seen_ = there ? api::TableState_Name(last_.state()) : "not there";
    const bool fulfilled = until_ == Until::kGone ? gone : there && last_.state() == api::ACTIVE;
    if (!fulfilled) return Look(kWaitPause);
    last_.set_name(name_);
    Answer ended{.outcome = Outcome::kOk};
    *ended.reply.mutable_table() = std::move(last_);
    done_(std::move(ended));
  }

  void Late() {
    Answer late{.outcome = Outcome::kRefused};
    late.reply.set_code(api::DEADLINE);
    late.reply.set_message(absl::StrCat("table \"", name_, "\" is ", seen_));
    done_(std::move(late));
  }

  Core& core_;
  const std::string name_;
  const Until until_;
  Core::Done done_;
  const Micros deadline_;
  api::Table last_;
  std::string seen_ = "not known yet";
};

// The sizes that the groups tell, on their way to be one.
class Measuring : public std::enable_shared_from_this<Measuring> {
 public:
  Measuring(Core& core, std::string name, Micros timeout, Core::Done done)
      : core_(core),
        name_(std::move(name)),
        done_(std::move(done)),
        deadline_(core.DeadlineAfter(timeout)) {}

  void Begin() {
    api::Request request;
    request.mutable_map();
    core_.Call(std::move(request), Target::Group(0), Left(),
               [self = shared_from_this()](Answer answer) { self->Ask(std::move(answer)); });
  }

 private:
  Micros Left() const { return std::max<Micros>(1, deadline_ - core_.ports().clock->Monotonic()); }

  void Ask(Answer answer) {
    if (answer.outcome != Outcome::kOk) return done_(std::move(answer));
    std::vector<uint32_t> groups;
    for (const api::GroupDescriptor& group : answer.reply.map().groups()) {
      if (group.first_bucket() <= group.last_bucket()) groups.push_back(group.group());
    }
    result_.reply.mutable_table_size()->set_exact(true);
    missing_ = groups.size();
    const auto rows = static_cast<uint32_t>(
        std::clamp<size_t>(kSampleRows / std::max<size_t>(groups.size(), 1), 64, 1024));
    for (const uint32_t group : groups) {
      api::Request request;
      request.mutable_table_size()->set_table(name_);
      request.mutable_table_size()->set_group(group);
      request.mutable_table_size()->set_sample_rows(rows);
      core_.Call(std::move(request), Target::Group(group), Left(),
                 [self = shared_from_this()](Answer told) { self->Add(std::move(told)); });
    }
    if (missing_ == 0) done_(std::move(result_));
  }

  void Add(Answer answer) {
    if (answer.outcome != Outcome::kOk) {
      if (result_.outcome == Outcome::kOk) result_ = std::move(answer);
    } else if (result_.outcome == Outcome::kOk) {
      const api::TableSizeResult& part = answer.reply.table_size();
      api::TableSizeResult& all = *result_.reply.mutable_table_size();
      all.set_items(all.items() + part.items());
      all.set_bytes(all.bytes() + part.bytes());
      all.set_exact(all.exact() && part.exact());
    }
    if (--missing_ == 0) done_(std::move(result_));
  }

  Core& core_;
  const std::string name_;
  Core::Done done_;
  const Micros deadline_;
  size_t missing_ = 0;
  Answer result_{.outcome = Outcome::kOk};
};

}  // namespace

void CreateTable(Core& core, api::Table table, Micros timeout, Core::Done done) {
  std::make_shared<Wish>(core, std::move(table), true, timeout, std::move(done))->Ask();
}

void DeleteTable(Core& core, std::string name, Micros timeout, Core::Done done) {
  api::Table table;
  table.set_name(std::move(name));
  std::make_shared<Wish>(core, std::move(table), false, timeout, std::move(done))->Ask();
}

void WaitForTable(Core& core, std::string name, Until until, Micros timeout, Core::Done done) {
  std::make_shared<Waiting>(core, std::move(name), until, timeout, std::move(done))->Look();
}

void TableSize(Core& core, std::string name, Micros timeout, Core::Done done) {
  std::make_shared<Measuring>(core, std::move(name), timeout, std::move(done))->Begin();
}

void LearnTables(Core& core, std::set<std::string> names, Micros timeout,
                 absl::AnyInvocable<void(std::optional<Answer>)> done) {
  api::Request request;
  request.mutable_map()->set_of_leader(true);
  core.Call(std::move(request), Target::Group(0), timeout,
            [&core, names = std::move(names), done = std::move(done)](Answer answer) mutable {
              if (answer.outcome != Outcome::kOk) {
                answer.outcome = Outcome::kRefused;
                return done(std::move(answer));
              }
              for (const api::Table& table : answer.reply.map().tables()) {
                if (names.contains(table.name())) core.LearnTable(table);
              }
              done(std::nullopt);
            });
}

}  // namespace fastpath::client::internal

#include "client/internal/tables.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fastpath::client::internal {
namespace {

constexpr Micros kPollPause = 20'000;

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

// One wish on its way: asked once, then watched on the map until it is fulfilled.
class Wish : public std::enable_shared_from_this<Wish> {
 public:
  Wish(Core& core, api::Table table, bool present, Micros timeout, Core::Done done)
      : core_(core), table_(std::move(table)), present_(present), done_(std::move(done)) {
    if (timeout <= 0) {
      timeout =
          std::chrono::duration_cast<std::chrono::microseconds>(core.options().deadline).count();
    }
    deadline_ = Now() + timeout;
  }

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
    if (present_ && last_.state() == api::ACTIVE) {
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
    request.mutable_map();
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
    if (present_ && found != nullptr && found->state() == api::ACTIVE) {
      Fulfilled();
      return;
    }
    Look(kPollPause);
  }

  void Fulfilled() {
    if (present_) core_.LearnTable(last_);
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

}  // namespace

void CreateTable(Core& core, api::Table table, Micros timeout, Core::Done done) {
  std::make_shared<Wish>(core, std::move(table), true, timeout, std::move(done))->Ask();
}

void DeleteTable(Core& core, std::string name, Micros timeout, Core::Done done) {
  api::Table table;
  table.set_name(std::move(name));
  std::make_shared<Wish>(core, std::move(table), false, timeout, std::move(done))->Ask();
}

}  // namespace fastpath::client::internal

#include "client/internal/transact.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/internal/tables.h"
#include "client/transaction.h"
#include "partition/model/codec.h"

namespace fastpath::client::internal {
namespace {

constexpr char kItemTooLarge[] = "Item size has exceeded the maximum allowed size";
constexpr char kTooLarge[] = "The aggregate size of the items in the transaction exceeds 4 MB";
constexpr char kTwice[] = "Transaction request cannot include multiple operations on one item";

std::optional<Answer> CheckCount(int count, const char* call) {
  if (count == 0) return Refused(api::INVALID, "a transaction has at least one item");
  if (count <= static_cast<int>(kTransactLimit)) return std::nullopt;
  return Refused(api::INVALID, absl::StrCat("Too many items requested for the ", call,
                                            " call: ", count, ", at most ", kTransactLimit));
}

// Of what is known before the items are read: the puts.
std::optional<Answer> CheckSizes(const api::TransactWriteRequest& request) {
  size_t sum = 0;
  for (const api::TransactItem& item : request.items()) {
    if (!item.has_put()) continue;
    const size_t bytes = model::EncodedItemSizeBytes(item.put().item());
    if (bytes > model::kItemLimitBytes) return Refused(api::TOO_LARGE, kItemTooLarge);
    sum += bytes;
  }
  if (sum > kTransactLimitBytes) return Refused(api::TOO_LARGE, kTooLarge);
  return std::nullopt;
}

// Values are encoded so that each tells its end: no two keys have one name.
std::string NameOf(const std::string& table, std::string_view partition, std::string_view sort) {
  std::string name = model::EncodeValue(Value::String(table));
  return name.append(partition).append(sort);
}

std::string NameOf(const std::string& table, const api::Key& key) {
  return NameOf(table, key.partition(), key.sort());
}

// Empty: the item is put, and has no key that is known here.
std::string NameOf(const api::TransactItem& item, const api::Table* table) {
  if (item.has_update()) return NameOf(item.table(), item.update().key());
  if (item.has_delete_()) return NameOf(item.table(), item.delete_().key());
  if (item.has_check()) return NameOf(item.table(), item.check().key());
  if (table == nullptr) return "";
  const std::string& put = item.put().item();
  const std::string& sort = table->sort_key().name();
  const std::string_view partition = model::FindEncoded(put, table->partition_key().name());
  if (partition.empty()) return "";
  return NameOf(item.table(), partition, sort.empty() ? "" : model::FindEncoded(put, sort));
}

bool Cancelled(const Answer& answer) {
  return answer.outcome == Outcome::kRefused && answer.reply.code() == api::TRANSACTION_CANCELLED;
}

// Without any reason: its coordinator was lost, and the next one ended it.
bool CoordinatorLost(const Answer& answer) {
  return Cancelled(answer) && answer.reply.transact_write().reasons().empty();
}

// Held by others, all of what kept it from having an effect.
bool ConflictsAlone(const Answer& answer) {
  if (!Cancelled(answer)) return false;
  bool conflict = false;
  for (const api::TransactReason& reason : answer.reply.transact_write().reasons()) {
    if (reason.code() != api::OK && reason.code() != api::CONFLICT) return false;
    conflict |= reason.code() == api::CONFLICT;
  }
  return conflict;
}

class Write : public std::enable_shared_from_this<Write> {
 public:
  Write(Core& core, api::TransactWriteRequest request, bool retry_conflicts, Micros timeout,
        Core::Done done)
      : core_(core),
        retry_conflicts_(retry_conflicts),
        done_(std::move(done)),
        deadline_(core.DeadlineAfter(timeout)) {
    *request_.mutable_transact_write() = std::move(request);
  }

  // Never ends inside this call.
  void Begin() {
    const api::TransactWriteRequest& write = request_.transact_write();
    std::optional<Answer> refusal = CheckCount(write.items_size(), "TransactWriteItems");
    if (!refusal) refusal = CheckSizes(write);
    if (refusal) return core_.EndLater(std::move(done_), *std::move(refusal));
    if (!TablesOfPutsAreKnown() || NamesAnItemTwice()) return AskForTables();
    Send(0);
  }

 private:
  Micros Now() const { return core_.ports().clock->Monotonic(); }
  Micros Left() const { return std::max<Micros>(1, deadline_ - Now()); }

  bool TablesOfPutsAreKnown() const {
    for (const api::TransactItem& item : request_.transact_write().items()) {
      if (item.has_put() && core_.FindTable(item.table()) == nullptr) return false;
    }
    return true;
  }

  bool NamesAnItemTwice() const {
    std::set<std::string> seen;
    for (const api::TransactItem& item : request_.transact_write().items()) {
      std::string name = NameOf(item, core_.FindTable(item.table()));
      if (!name.empty() && !seen.insert(std::move(name)).second) return true;
    }
    return false;
  }

  // Also those that may have other keys now. A put into a table that even meta does not have
  // is left to the servers, who say so.
  void AskForTables() {
    std::set<std::string> named;
    for (const auto& item : request_.transact_write().items()) named.insert(item.table());
    LearnTables(core_, std::move(named), Left(),
                [self = shared_from_this()](std::optional<Answer> refusal) {
                  if (refusal) return self->done_(*std::move(refusal));
                  if (self->NamesAnItemTwice()) return self->done_(Refused(api::INVALID, kTwice));
                  self->Send(0);
                });
  }

  // Each time a transaction of its own, with a new sequence: the core's, or the next of a
  // session that the caller gave. So who repeats the whole call goes the same way.
  void Send(Micros pause) {
    core_.Call(
        request_, Target::Key(), Left(),
        [self = shared_from_this()](Answer answer) { self->Answered(std::move(answer)); }, pause);
    api::TransactWriteRequest& next = *request_.mutable_transact_write();
    if (next.has_session()) next.mutable_session()->set_sequence(next.session().sequence() + 1);
  }

  void Answered(Answer answer) {
    const bool too_late =
        answer.outcome == Outcome::kRefused && answer.reply.code() == api::DEADLINE;
    if (too_late && cancellation_) return done_(*std::move(cancellation_));
    const bool again = CoordinatorLost(answer) || (retry_conflicts_ && ConflictsAlone(answer));
    if (!again) return done_(std::move(answer));
    const Micros pause = BackoffMicros(*core_.ports().random, Cause::kBusy, conflicts_++);
    if (Now() + pause >= deadline_) return done_(std::move(answer));
    cancellation_ = std::move(answer);
    Send(pause);
  }

  Core& core_;
  api::Request request_;  // The next one, without what the core adds.
  const bool retry_conflicts_;
  Core::Done done_;
  const Micros deadline_;
  int conflicts_ = 0;
  std::optional<Answer> cancellation_;  // The last one.
};

}  // namespace

void RunTransactWrite(Core& core, api::TransactWriteRequest request, bool retry_conflicts,
                      Micros timeout, Core::Done done) {
  std::make_shared<Write>(core, std::move(request), retry_conflicts, timeout, std::move(done))
      ->Begin();
}

void RunTransactGet(Core& core, api::TransactGetRequest request, Micros timeout, Core::Done done) {
  std::optional<Answer> refusal = CheckCount(request.items_size(), "TransactGetItems");
  std::set<std::string> seen;
  for (const api::TransactGetItem& item : request.items()) {
    if (!seen.insert(NameOf(item.table(), item.key())).second && !refusal) {
      refusal = Refused(api::INVALID, kTwice);
    }
  }
  if (refusal) return core.EndLater(std::move(done), *std::move(refusal));
  api::Request get;
  *get.mutable_transact_get() = std::move(request);
  core.Call(std::move(get), Target::Key(), timeout, std::move(done));
}

}  // namespace fastpath::client::internal

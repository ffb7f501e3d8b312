#include "client/internal/batch.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/batch.h"
#include "client/internal/tables.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"

namespace fastpath::client::internal {
namespace {

constexpr char kItemTooLarge[] = "Item size has exceeded the maximum allowed size";
constexpr char kAnswerTooLarge[] = "the answer is over 16 MB";
static_assert(kBatchWriteLimit * model::kItemLimitBytes <= kBatchLimitBytes,
              "no batch of writes is over DynamoDB's 16 MB");
constexpr char kDuplicates[] = "Provided list of item keys contains duplicates";

Answer Invalid(std::string_view message) { return Refused(api::INVALID, message); }

const std::string& TableOf(const api::Request& request) {
  return request.has_get() ? request.get().table() : request.write().table();
}

absl::StatusOr<model::EncodedKey> KeyOf(const api::Table& table, const api::Request& request) {
  if (request.has_get()) return model::EncodeKey(table, request.get().key());
  if (request.write().has_put()) return model::KeyOfItem(table, request.write().put().item());
  return model::EncodeKey(table, request.write().delete_().key());
}

class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(Core& core, std::vector<api::Request> requests, Micros timeout, BatchDone done)
      : core_(core),
        requests_(std::move(requests)),
        done_(std::move(done)),
        deadline_(core.DeadlineAfter(timeout)) {}

  // Never ends inside this call.
  void Begin() {
    std::optional<Answer> refusal = CheckCount();
    if (!refusal) refusal = CheckItems();
    if (refusal) return RefuseLater(*std::move(refusal));
    if (CheckKeys()) return AskForTables();
    Send();
  }

 private:
  Micros Left() const { return std::max<Micros>(1, deadline_ - core_.ports().clock->Monotonic()); }

  void RefuseLater(Answer refusal) {
    core_.ports().executor->Post(
        [self = shared_from_this(), refusal = std::move(refusal)]() mutable {
          self->done_({.refusal = std::move(refusal)});
        });
  }

  std::optional<Answer> CheckCount() const {
    if (requests_.empty()) return Invalid("a batch has at least one item");
    const bool reads = requests_.front().has_get();
    const size_t limit = reads ? kBatchGetLimit : kBatchWriteLimit;
    if (requests_.size() <= limit) return std::nullopt;
    return Invalid(absl::StrCat("Too many items requested for the Batch", reads ? "Get" : "Write",
                                "Item call: ", requests_.size(), ", at most ", limit));
  }

  // What its server would refuse, while others are written.
  std::optional<Answer> CheckItems() const {
    for (const api::Request& request : requests_) {
      if (!request.write().has_put()) continue;
      const std::string& item = request.write().put().item();
      if (absl::Status bad = model::ValidateItem(item); !bad.ok()) {
        return Invalid(std::string(bad.message()));
      }
      if (model::EncodedItemSizeBytes(item) > model::kItemLimitBytes) {
        return Refused(api::TOO_LARGE, kItemTooLarge);
      }
    }
    return std::nullopt;
  }

  // What speaks against it may be a schema of the past: tables come, and come anew with other keys.
  void AskForTables() {
    std::set<std::string> named;
    for (const api::Request& request : requests_) named.insert(TableOf(request));
    LearnTables(core_, std::move(named), Left(),
                [self = shared_from_this()](std::optional<Answer> refusal) {
                  if (!refusal) refusal = self->CheckKeys();
                  if (refusal) return self->done_({.refusal = *std::move(refusal)});
                  self->Send();
                });
  }

  void Send() {
    end_.answers.resize(requests_.size());
    missing_answers_ = requests_.size();
    for (size_t i = 0; i < requests_.size(); ++i) {
      core_.Call(std::move(requests_[i]), Target::Key(), Left(),
                 [self = shared_from_this(), i](Answer answer) {
                   self->end_.answers[i] = self->Bounded(std::move(answer));
                   if (--self->missing_answers_ == 0) self->done_(std::move(self->end_));
                 });
    }
  }

  // What comes after 16 MB is let go at once, not held until the last answer is here.
  Answer Bounded(Answer answer) {
    if (!answer.reply.get().found()) return answer;
    const size_t bytes = model::EncodedItemSizeBytes(answer.reply.get().item());
    if (items_bytes_ + bytes > kBatchLimitBytes) return Refused(api::TOO_LARGE, kAnswerTooLarge);
    items_bytes_ += bytes;
    return answer;
  }

  std::optional<Answer> CheckKeys() const {
    std::set<std::string> seen;
    for (const api::Request& request : requests_) {
      const api::Table* table = core_.FindTable(TableOf(request));
      if (table == nullptr) {
        return Refused(
            api::TABLE_NOT_FOUND,
            absl::StrCat("Requested resource not found: Table: ", TableOf(request), " not found"));
      }
      const absl::StatusOr<model::EncodedKey> key = KeyOf(*table, request);
      if (!key.ok()) return Invalid(std::string(key.status().message()));
      std::string name;
      model::EncodeValue(name, Value::String(TableOf(request)));  // Ends where the key begins.
      if (!seen.insert(absl::StrCat(name, key->partition, key->sort)).second) {
        return Invalid(kDuplicates);
      }
    }
    return std::nullopt;
  }

  Core& core_;
  std::vector<api::Request> requests_;
  BatchDone done_;
  const Micros deadline_;
  BatchEnd end_;
  size_t missing_answers_ = 0;
  size_t items_bytes_ = 0;  // Of the items in end_.
};

}  // namespace

void RunBatch(Core& core, std::vector<api::Request> requests, Micros timeout, BatchDone done) {
  std::make_shared<Batch>(core, std::move(requests), timeout, std::move(done))->Begin();
}

}  // namespace fastpath::client::internal

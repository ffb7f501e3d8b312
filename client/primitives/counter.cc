#include "client/primitives/counter.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/internal/operations.h"

namespace fastpath::client {
namespace {

using model::Number;

constexpr char kCount[] = "n";

Failure Invalid(std::string why) {
  return {Outcome::kRefused, api::INVALID, std::move(why), std::nullopt};
}

// Of an item that may not be there, or may lack the attribute.
Result<Number> NumberIn(const std::optional<Item>& item, const api::Path& path) {
  const Value* value = item ? item->Find(path.steps(0).name()) : nullptr;
  for (int i = 1; i < path.steps_size() && value != nullptr; ++i) {
    const api::Step& step = path.steps(i);
    if (step.has_name() && value->is(model::Type::kMap)) {
      value = value->map().Find(step.name());
    } else if (step.has_index() && value->is(model::Type::kList) &&
               step.index() < value->list().size()) {
      value = &value->list()[step.index()];
    } else {
      value = nullptr;
    }
  }
  if (value == nullptr) return Number();
  if (!value->is(model::Type::kNumber)) return Invalid("the counter is no number");
  return value->number();
}

Result<Number> Sum(const Result<BatchGetAnswer>& got) {
  if (!got.ok()) return got.failure();
  if (!got->unprocessed.empty()) return got->unprocessed.front().why;
  Number sum;
  for (const BatchItem& shard : got->items) {
    const Result<Number> count = NumberIn(shard.item, internal::Named(kCount).proto());
    if (!count.ok()) return count;
    const absl::StatusOr<Number> more = Number::Add(sum, *count);
    if (!more.ok()) return Invalid(std::string(more.status().message()));
    sum = *more;
  }
  return sum;
}

}  // namespace

Operation<Number> Counter::Add(Literal delta, CallOptions options) {
  return client_->Increment(key_, attribute_, std::move(delta), options);
}

Operation<Number> Counter::Read(CallOptions options) {
  if (!attribute_.status().ok()) return internal::Refused<Number>(*client_, attribute_.status());
  // All of the attribute: of a list, a projection would move the elements.
  const Path whole = internal::Named(attribute_.proto().steps(0).name());
  return internal::Then<Number>(
      client_->Get(key_, GetOptions().Projection({whole}).Deadline(options.deadline)),
      [path = attribute_.proto()](Result<GetAnswer> got) -> Result<Number> {
        if (!got.ok()) return got.failure();
        return NumberIn(got->item, path);
      });
}

ShardedCounter::ShardedCounter(Client& client, std::string table, std::string name, uint32_t shards,
                               RandomSource random)
    : client_(&client),
      table_(std::move(table)),
      name_(std::move(name)),
      shards_(shards),
      random_(std::move(random)) {
  if (shards < 1 || shards > kMostShards) {
    status_ = absl::InvalidArgumentError("a counter has 1 to 100 shards");
  }
}

Operation<Nothing> ShardedCounter::Add(Literal delta, CallOptions options) {
  if (!status_.ok()) return internal::Refused<Nothing>(*client_, status_);
  return internal::Then<Nothing>(
      client_->Increment(ShardAt(random_() % shards_), kCount, std::move(delta), options),
      [](Result<Number> added) -> Result<Nothing> {
        if (!added.ok()) return added.failure();
        return Nothing{};
      });
}

Operation<Number> ShardedCounter::Read(CallOptions options) {
  if (!status_.ok()) return internal::Refused<Number>(*client_, status_);
  std::vector<Key> keys;
  for (uint32_t shard = 0; shard < shards_; ++shard) keys.push_back(ShardAt(shard));
  return internal::Then<Number>(client_->BatchGet(keys, GetOptions().Deadline(options.deadline)),
                                Sum);
}

Key ShardedCounter::ShardAt(uint64_t shard) const {
  return Key(table_, absl::StrCat(name_, "#", shard));
}

}  // namespace fastpath::client

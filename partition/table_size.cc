// How much of a table a group holds, estimated without counting it: rows lie by
// their keys' hash, so the first ones are a sample of all. What the sample covers of
// the hashes says how much is behind it. Where a few partition keys hold most rows
// that says little, and the engine's estimate of the bytes is taken instead.
#include <algorithm>

#include "absl/numeric/int128.h"
#include "partition/admission.h"
#include "partition/machine.h"
#include "partition/model/codec.h"

namespace fastpath::partition {

namespace {

constexpr uint32_t kSampleRows = 512;
constexpr uint32_t kSampleRowsLimit = 1024;
constexpr size_t kSampleLimitBytes = 1u << 20;
constexpr uint64_t kPartitionsToTrust = 32;

struct Sample {
  uint64_t items = 0;  // Not expired; of the partition keys that are in it with all their rows,
  uint64_t bytes = 0;  // and their size as DynamoDB counts it.
  uint64_t partitions = 0;
  uint64_t row_bytes = 0;  // As stored, of all its rows,
  uint64_t rows = 0;
  uint64_t all_items = 0;  // and what of them has not expired.
  uint64_t all_bytes = 0;
  uint64_t last_hash = 0;
};

uint64_t HashOf(const storage::KeyValue& row) { return storage::ParseDataKey(row.first)->hash; }

absl::StatusOr<Sample> Look(const storage::ScanResult& page, const ExpiryRule& rule, Stamp now) {
  Sample sample;
  for (const storage::KeyValue& row : page.rows) {
    std::string_view item = row.second;
    absl::StatusOr<ValueHeader> header = rule.TakeHeader(item);
    if (!header.ok()) {
      return header.status();
    }
    const uint64_t hash = HashOf(row);
    if (sample.rows > 0 && hash != sample.last_hash) {
      sample.items = sample.all_items;
      sample.bytes = sample.all_bytes;
      ++sample.partitions;
    }
    sample.last_hash = hash;
    ++sample.rows;
    sample.row_bytes += row.first.size() + row.second.size();
    if (!header->ExpiredAt(now)) {
      ++sample.all_items;
      sample.all_bytes += model::EncodedItemSizeBytes(item);
    }
  }
  return sample;
}

uint64_t Scaled(uint64_t value, absl::uint128 all, absl::uint128 part) {
  const absl::uint128 scaled = absl::uint128(value) * all / part;
  return scaled > UINT64_MAX ? UINT64_MAX : static_cast<uint64_t>(scaled);
}

// Of more rows than the sample has.
void Estimate(const Sample& sample, const storage::BucketRange& buckets, uint64_t stored_bytes,
              api::TableSizeResult& result) {
  constexpr int kBelowBucket = 48;
  const uint64_t first = uint64_t{buckets.first} << kBelowBucket;
  if (sample.partitions >= kPartitionsToTrust) {
    const absl::uint128 all = absl::uint128(buckets.last - buckets.first + 1u) << kBelowBucket;
    const absl::uint128 covered = sample.last_hash - first;
    result.set_items(Scaled(sample.items, all, covered));
    result.set_bytes(Scaled(sample.bytes, all, covered));
    return;
  }
  const uint64_t stored = std::max(stored_bytes, sample.row_bytes);
  result.set_items(Scaled(sample.all_items, stored, sample.row_bytes));
  result.set_bytes(Scaled(sample.all_bytes, stored, sample.row_bytes));
}

}  // namespace

void Machine::TableSize(const api::TableSizeRequest& request, ReadPoint at,
                        absl::AnyInvocable<void(absl::StatusOr<TableSizeAnswer>)> done) {
  const api::Table* table = nullptr;
  std::optional<Refusal> refusal = FindActiveTable(catalog_, request.table(), &table);
  if (!refusal.has_value() && catalog_.buckets().empty) {
    refusal = Refusal{api::INVALID, "table_size.group: the group holds no items"};
  }
  if (refusal.has_value()) {
    return done(TableSizeAnswer{.refusal = std::move(refusal)});
  }
  storage::ScanOptions options;
  options.limit_rows =
      request.sample_rows() == 0 ? kSampleRows : std::min(request.sample_rows(), kSampleRowsLimit);
  options.limit_bytes = kSampleLimitBytes;
  storage::KeyRange range = catalog_.DataRange(table->space());
  engine_->Scan(range, options,
                [this, alive = std::weak_ptr<bool>(alive_), range, at, rule = ExpiryRule(*table),
                 done = std::move(done)](absl::StatusOr<storage::ScanResult> page) mutable {
                  if (alive.expired()) {
                    return;
                  }
                  if (!page.ok()) {
                    return done(page.status());
                  }
                  absl::StatusOr<Sample> sample =
                      Look(*page, rule, std::max(at.now, applied_.stamp));
                  if (!sample.ok()) {
                    return done(sample.status());
                  }
                  TableSizeAnswer answer;
                  answer.result.set_items(sample->all_items);
                  answer.result.set_bytes(sample->all_bytes);
                  answer.result.set_exact(!page->more);
                  if (page->more) {
                    const bool trusted = sample->partitions >= kPartitionsToTrust;
                    Estimate(*sample, catalog_.buckets(),
                             trusted ? 0 : engine_->approximate_bytes(range), answer.result);
                  }
                  done(std::move(answer));
                });
}

}  // namespace fastpath::partition

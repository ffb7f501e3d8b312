// Queries, scans and exports: which keys each is about, and where it goes on.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/admission.h"
#include "partition/expression/evaluate.h"
#include "partition/known_fields.h"
#include "partition/machine.h"
#include "partition/model/capacity.h"
#include "partition/model/key.h"
#include "partition/model/key_range.h"

namespace fastpath::partition {

namespace {

constexpr uint32_t kExportDefaultBytes = 1u << 20;
constexpr uint32_t kExportLimitBytes = 2u << 20;  // With one item more, inside a client frame.

Refusal Invalid(absl::string_view why) { return {api::INVALID, ToStd(why)}; }

// What queries and scans have in common: table, filter, projection, limit.
template <class Request>
std::optional<Refusal> Begin(const Catalog& catalog, const Request& request, PageSpec& spec) {
  if (!FullyKnownTree(request)) {
    return Refusal{api::UNIMPLEMENTED, "the read has a field that this server does not know"};
  }
  const api::Table* table = nullptr;
  if (auto refusal = FindActiveTable(catalog, request.table(), &table)) return refusal;
  spec.table = *table;
  if (absl::Status valid = expression::ValidateProjection(request.projection()); !valid.ok()) {
    return Invalid(valid.message());
  }
  if (request.count_only() && request.projection_size() > 0) {
    return Invalid("a projection, where only the count is asked for");
  }
  spec.projection = request.projection();
  spec.count_only = request.count_only();
  spec.filtered = request.has_filter();
  spec.filter = request.filter();
  if (request.limit() > 0) spec.limit_items = request.limit();
  spec.strong = !request.eventual();
  return std::nullopt;
}

template <class Request>
void FillCapacity(const Request& request, api::PageResult& result) {
  if (!request.return_capacity()) return;
  result.mutable_capacity()->set_table(request.table());
  result.mutable_capacity()->set_read_half_units(
      model::ReadHalfUnits(result.scanned_bytes(), request.eventual()));
}

// The key of a row of `table`, as requests name it.
api::Key KeyOfRow(const api::Table& table, const std::string& row) {
  const std::optional<storage::DataKeyParts> parts = storage::ParseDataKey(row);
  absl::StatusOr<api::Key> key = model::RequestKeyOfParts(table, parts->keys);
  return key.ok() ? *std::move(key) : api::Key();
}

// ----------------------------------------------------------------------- queries

// Moves the range to after the last page's end.
std::optional<Refusal> StartAfter(const api::QueryRequest& request, PageSpec& spec) {
  if (!request.has_start_after()) return std::nullopt;
  absl::StatusOr<model::EncodedKey> key = model::EncodeKey(spec.table, request.start_after());
  if (!key.ok()) {
    return Invalid(absl::StrCat("The provided starting key is invalid: ", key.status().message()));
  }
  const std::string row =
      storage::DataKey(spec.table.space(), key->hash, key->partition, key->sort);
  if (row < spec.range.begin || row >= spec.range.end) {
    return Invalid(
        "The provided starting key is outside query boundaries based on provided conditions");
  }
  if (spec.reverse) {
    spec.range.end = row;
  } else {
    spec.range.begin = row + '\0';
  }
  return std::nullopt;
}

std::optional<Refusal> Locate(const Catalog& catalog, const api::QueryRequest& request,
                              PageSpec& spec) {
  absl::StatusOr<model::KeyPartRange> keys = model::RangeOfQuery(
      spec.table, request.partition(), request.has_sort() ? &request.sort() : nullptr);
  if (!keys.ok()) return Invalid(keys.status().message());
  if (request.has_filter()) {
    absl::Status valid = expression::ValidateQueryFilter(spec.table, request.filter());
    if (!valid.ok()) return Invalid(valid.message());
  }
  if (!catalog.Owns(storage::BucketOf(keys->hash))) {
    return Refusal{api::WRONG_GROUP, absl::StrCat("the partition key is not in the range of group ",
                                                  catalog.group())};
  }
  spec.reverse = request.reverse();
  spec.range = {storage::DataKey(spec.table.space(), keys->hash, keys->begin, {}),
                storage::DataKey(spec.table.space(), keys->hash, keys->end, {})};
  return StartAfter(request, spec);
}

// ------------------------------------------------------------------------- scans

// What of the segment this group holds, and where it goes on elsewhere.
struct ScanPlace {
  storage::KeyRange range;
  uint64_t next_hash = 0;
};

std::optional<Refusal> CheckStart(const api::ScanRequest& request, const PageSpec& spec,
                                  const model::HashRange& segment, uint64_t first,
                                  std::string* after) {
  if (!request.has_start_after()) return std::nullopt;
  absl::StatusOr<model::EncodedKey> key = model::EncodeKey(spec.table, request.start_after());
  if (!key.ok()) {
    return Invalid(absl::StrCat("The provided starting key is invalid: ", key.status().message()));
  }
  if (first < segment.first || first > segment.last) {
    return Invalid(
        absl::StrCat("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
                     "ExclusiveStartKey with correct Segment. TotalSegments: ",
                     std::max(request.total_segments(), 1u), " Segment: ", request.segment()));
  }
  *after = storage::DataKey(spec.table.space(), key->hash, key->partition, key->sort) + '\0';
  return std::nullopt;
}

std::optional<Refusal> Locate(const Catalog& catalog, const api::ScanRequest& request,
                              PageSpec& spec, uint64_t* next_hash) {
  const auto segment = model::HashesOfSegment(request.segment(), request.total_segments());
  if (!segment.ok()) return Invalid(segment.status().message());
  if (request.has_filter()) {
    absl::Status valid = expression::ValidateCondition(request.filter());
    if (!valid.ok()) return Invalid(valid.message());
  }
  const auto first = model::FirstHashOfScan(request);
  if (!first.ok()) return Invalid(first.status().message());
  if (!request.has_start_after() && *first > segment->last) {
    return Invalid("start_hash: past the segment");
  }
  std::string after;
  if (auto refusal = CheckStart(request, spec, *segment, *first, &after)) return refusal;
  if (!catalog.Owns(storage::BucketOf(*first))) {
    return Refusal{api::WRONG_GROUP,
                   absl::StrCat("the scan does not begin in group ", catalog.group())};
  }
  // Of the segment, up to the end of the group.
  const uint64_t group_last = (uint64_t{catalog.buckets().last} << 48) | (UINT64_MAX >> 16);
  const storage::SpaceId space = spec.table.space();
  spec.range = catalog.DataRange(space);
  spec.range.begin = after.empty() ? storage::DataKey(space, *first, {}, {}) : std::move(after);
  if (segment->last <= group_last && segment->last != UINT64_MAX) {
    spec.range.end = storage::DataKey(space, segment->last + 1, {}, {});
  }
  *next_hash = segment->last > group_last ? group_last + 1 : 0;
  if (request.limit_bytes() > 0) {
    spec.limit_bytes = std::min<uint64_t>(request.limit_bytes(), kPageLimitBytes);
    spec.one_at_least = false;
  }
  return std::nullopt;
}

}  // namespace

void Machine::StartPage(PageSpec spec, ReadPoint at, Finish finish, GotPage done) {
  spec.now = at.now;
  spec.applied = applied_.stamp;
  const Stamp stamp = applied_.stamp;
  ReadPage(engine_, engine_->Pin(), std::move(spec),
           [alive = std::weak_ptr<bool>(alive_), stamp, finish = std::move(finish),
            done = std::move(done)](absl::StatusOr<Page> page) mutable {
             if (alive.expired()) return;
             if (!page.ok()) return done(page.status());
             PageAnswer answer{.needs_time_entry = page->needs_time_entry, .stamp = stamp};
             answer.result = std::move(page->result);
             finish(*page, answer.result);
             done(std::move(answer));
           });
}

std::vector<StateMachine::Holder> Machine::HoldersOf(const api::QueryRequest& request, Stamp now,
                                                     std::string* from) const {
  PageSpec spec;
  if (locks_.empty() || Begin(catalog_, request, spec).has_value() ||
      Locate(catalog_, request, spec).has_value()) {
    from->clear();
    return {};
  }
  return HoldersIn(std::move(spec.range), now, from);
}

std::vector<StateMachine::Holder> Machine::HoldersOf(const api::ScanRequest& request, Stamp now,
                                                     std::string* from) const {
  PageSpec spec;
  uint64_t next_hash = 0;
  if (locks_.empty() || Begin(catalog_, request, spec).has_value() ||
      Locate(catalog_, request, spec, &next_hash).has_value()) {
    from->clear();
    return {};
  }
  return HoldersIn(std::move(spec.range), now, from);
}

void Machine::Query(const api::QueryRequest& request, ReadPoint at, GotPage done) {
  PageSpec spec;
  std::optional<Refusal> refusal = Begin(catalog_, request, spec);
  if (!refusal.has_value()) refusal = Locate(catalog_, request, spec);
  if (refusal.has_value()) return done(PageAnswer{.refusal = std::move(refusal)});
  auto finish = [request, table = spec.table](const Page& page, api::PageResult& result) {
    if (page.more) *result.mutable_last_key() = KeyOfRow(table, page.last_row);
    FillCapacity(request, result);
  };
  StartPage(std::move(spec), at, std::move(finish), std::move(done));
}

void Machine::Scan(const api::ScanRequest& request, ReadPoint at, GotPage done) {
  PageSpec spec;
  uint64_t next_hash = 0;
  std::optional<Refusal> refusal = Begin(catalog_, request, spec);
  if (!refusal.has_value()) refusal = Locate(catalog_, request, spec, &next_hash);
  if (refusal.has_value()) return done(PageAnswer{.refusal = std::move(refusal)});
  auto finish = [request, next_hash, table = spec.table](const Page& page,
                                                         api::PageResult& result) {
    if (!page.last_row.empty()) *result.mutable_last_key() = KeyOfRow(table, page.last_row);
    result.set_more(page.more);
    if (!page.more) result.set_next_hash(next_hash);
    FillCapacity(request, result);
  };
  StartPage(std::move(spec), at, std::move(finish), std::move(done));
}

// A scan of a whole group that keeps nothing back: its resume point is a row's key, its limit
// is in bytes as they lie, and what it reads may be of any replica.
void Machine::Export(const api::ExportRequest& request, ReadPoint at,
                     absl::AnyInvocable<void(absl::StatusOr<ExportAnswer>)> done) {
  const api::Table* table = nullptr;
  if (auto refusal = FindActiveTable(catalog_, request.table(), &table)) {
    return done(ExportAnswer{.refusal = std::move(refusal)});
  }
  PageSpec spec;
  spec.table = *table;
  spec.range = catalog_.DataRange(table->space());
  if (!request.after().empty()) {
    if (request.after() < spec.range.begin || request.after() >= spec.range.end) {
      return done(ExportAnswer{
          .refusal = Refusal{api::INVALID, "export.after: not a resume point of this group"}});
    }
    spec.range.begin = request.after() + '\0';
  }
  spec.limit_bytes = UINT64_MAX;
  spec.limit_result_bytes = std::min(
      request.limit_bytes() == 0 ? kExportDefaultBytes : request.limit_bytes(), kExportLimitBytes);
  auto after = std::make_shared<std::string>();
  auto finish = [after](const Page& page, api::PageResult&) {
    if (page.more) *after = page.last_row;
  };
  StartPage(std::move(spec), at, std::move(finish),
            [after, done = std::move(done)](absl::StatusOr<PageAnswer> page) mutable {
              if (!page.ok()) return done(page.status());
              ExportAnswer answer;
              answer.result.mutable_items()->Swap(page->result.mutable_items());
              answer.result.set_after(std::move(*after));
              done(std::move(answer));
            });
}

}  // namespace fastpath::partition

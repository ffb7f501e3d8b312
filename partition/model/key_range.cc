#include "partition/model/key_range.h"

#include <algorithm>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"

namespace fastpath::model {
namespace {

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

// After every key part: those begin with a type.
constexpr char kPastParts = '\xff';

std::string After(std::string key) { return std::move(key) + '\0'; }

// Past every string that begins with `prefix`, which has a byte below 0xff.
std::string PastPrefix(std::string prefix) {
  while (prefix.back() == '\xff') prefix.pop_back();
  ++prefix.back();
  return prefix;
}

char TypeOf(api::KeyType type) {
  switch (type) {
    case api::S:
      return static_cast<char>(Type::kString);
    case api::N:
      return static_cast<char>(Type::kNumber);
    default:
      return static_cast<char>(Type::kBinary);
  }
}

absl::Status CheckType(const api::KeyAttribute& attribute, std::string_view value) {
  if (value.empty() || value[0] != TypeOf(attribute.type())) {
    return Invalid(
        "One or more parameter values were invalid: Condition parameter type does not match "
        "schema type");
  }
  return absl::OkStatus();
}

// What a condition on the sort key leaves of the keys of one partition.
class SortRange {
 public:
  SortRange(const api::Table& table, KeyPartRange& range) : table_(table), range_(range) {}

  absl::Status Apply(const api::SortCondition& sort) {
    switch (sort.kind_case()) {
      case api::SortCondition::kEqual:
        return Between(sort.equal(), sort.equal());
      case api::SortCondition::kLess:
        return Bound(sort.less(), [this](std::string key) { range_.end = std::move(key); });
      case api::SortCondition::kLessOrEqual:
        return Bound(sort.less_or_equal(),
                     [this](std::string key) { range_.end = After(std::move(key)); });
      case api::SortCondition::kGreater:
        return Bound(sort.greater(),
                     [this](std::string key) { range_.begin = After(std::move(key)); });
      case api::SortCondition::kGreaterOrEqual:
        return Bound(sort.greater_or_equal(),
                     [this](std::string key) { range_.begin = std::move(key); });
      case api::SortCondition::kBetween:
        return Between(sort.between().low(), sort.between().high());
      case api::SortCondition::kBeginsWith:
        return BeginsWith(sort.begins_with());
      case api::SortCondition::KIND_NOT_SET:
        break;
    }
    return Invalid("sort: an empty condition");
  }

 private:
  template <class Set>
  absl::Status Bound(std::string_view value, Set set) {
    if (absl::Status status = CheckType(table_.sort_key(), value); !status.ok()) return status;
    absl::StatusOr<std::string> part = EncodeSortPart(table_, value);
    if (!part.ok()) return part.status();
    set(partition_ + *part);
    return absl::OkStatus();
  }

  absl::Status Between(std::string_view low, std::string_view high) {
    std::string last;
    absl::Status status = Bound(low, [this](std::string key) { range_.begin = std::move(key); });
    if (status.ok()) status = Bound(high, [&](std::string key) { last = std::move(key); });
    if (status.ok() && last < range_.begin) {
      status = Invalid(
          "The BETWEEN operator requires upper bound to be greater than or equal to lower bound");
    }
    range_.end = After(std::move(last));
    return status;
  }

  absl::Status BeginsWith(std::string_view value) {
    if (absl::Status status = CheckType(table_.sort_key(), value); !status.ok()) return status;
    if (table_.sort_key().type() == api::N) {
      return Invalid(
          "Incorrect operand type for operator or function; operator or function: begins_with, "
          "operand type: N");
    }
    absl::StatusOr<std::string> prefix = EncodeSortPrefix(table_, value);
    if (!prefix.ok()) return prefix.status();
    range_.begin = partition_ + *prefix;
    range_.end = partition_ + PastPrefix(*std::move(prefix));
    return absl::OkStatus();
  }

  const api::Table& table_;
  KeyPartRange& range_;
  const std::string partition_ = range_.begin;
};

}  // namespace

absl::StatusOr<KeyPartRange> RangeOfQuery(const api::Table& table, std::string_view partition,
                                          const api::SortCondition* sort) {
  if (absl::Status status = CheckType(table.partition_key(), partition); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::string> part = EncodePartitionPart(table, partition);
  if (!part.ok()) return part.status();
  KeyPartRange range{.hash = KeyHash(*part), .begin = *part, .end = *part + kPastParts};
  if (sort == nullptr) return range;
  if (table.sort_key().name().empty()) return Invalid("Query key condition not supported");
  if (absl::Status status = SortRange(table, range).Apply(*sort); !status.ok()) return status;
  return range;
}

absl::StatusOr<api::Key> RequestKeyOfParts(const api::Table& table, std::string_view parts) {
  api::Key key;
  absl::StatusOr<Value> partition = TakeKeyPart(parts);
  if (!partition.ok()) return partition.status();
  key.set_partition(EncodeValue(*partition));
  if (!table.sort_key().name().empty()) {
    absl::StatusOr<Value> sort = TakeKeyPart(parts);
    if (!sort.ok()) return sort.status();
    key.set_sort(EncodeValue(*sort));
  }
  if (!parts.empty()) return Invalid("malformed key parts");
  return key;
}

absl::StatusOr<HashRange> HashesOfSegment(uint32_t segment, uint32_t total) {
  if (total > kTotalSegmentsLimit) {
    return Invalid(absl::StrCat("TotalSegments: ", total, " is over ", kTotalSegmentsLimit));
  }
  const uint32_t segments = std::max(total, 1u);
  if (segment >= segments) {
    return Invalid(
        absl::StrCat("The Segment parameter is zero-based and must be less than parameter "
                     "TotalSegments: Segment: ",
                     segment, " is not less than TotalSegments: ", segments));
  }
  // The first hash h with floor(h * segments / 2^64) == segment.
  const auto first = [segments](uint32_t of) {
    const absl::uint128 scaled = absl::MakeUint128(of, 0) + (segments - 1);
    return scaled / segments;
  };
  return HashRange{absl::Uint128Low64(first(segment)), absl::Uint128Low64(first(segment + 1) - 1)};
}

absl::StatusOr<uint64_t> FirstHashOfScan(const api::ScanRequest& request) {
  absl::StatusOr<HashRange> hashes = HashesOfSegment(request.segment(), request.total_segments());
  if (!hashes.ok()) return hashes.status();
  if (!request.has_start_after()) return std::max(hashes->first, request.start_hash());
  absl::StatusOr<Value> partition = DecodeValue(request.start_after().partition());
  if (!partition.ok()) return partition.status();
  if (!partition->is(Type::kString) && !partition->is(Type::kNumber) &&
      !partition->is(Type::kBinary)) {
    return Invalid("a partition key is of type S, N or B");
  }
  std::string part;
  AppendKeyPart(part, *partition);
  return KeyHash(part);
}

}  // namespace fastpath::model

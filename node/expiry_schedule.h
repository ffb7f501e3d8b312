// When the buckets of a group have something to look for in the TTL index: for
// each a lower bound of its earliest expiry that is not known by name
// (expiry_names.h), so that nothing is looked for where nothing is due. A leader
// learns the bounds by looking and from the writes that it applies.
//
// Value type; threads as values have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "storage/keys.h"

namespace fastpath::node {

class ExpirySchedule {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  struct Expiry {
    storage::Bucket bucket = 0;
    uint64_t seconds = 0;
  };

  // Nothing is known of any bucket: all are due. `buckets` is not empty.
  explicit ExpirySchedule(const storage::BucketRange& buckets);

  // Something in `bucket` expires then, or may.
  void Note(Expiry expiry);
  // A look at these buckets begins, in ascending order; what is noted from now on may be missed
  // by it.
  void Looking(std::vector<storage::Bucket> buckets);
  // It came to the end of `last`, or of what it was to look at. All that it found to expire: of
  // other buckets it need not be all.
  void Looked(storage::Bucket last, const std::vector<Expiry>& found);

  // The first bucket with a bound not after `now`, from `from` on and around.
  std::optional<storage::Bucket> NextDue(storage::Bucket from, uint64_t now) const;
  // The first `limit` of them from `from` on, ascending.
  std::vector<storage::Bucket> Due(storage::Bucket from, uint64_t now, size_t limit) const;
  // The least bound; 0: there are buckets to look at; kNever: nothing expires.
  uint64_t Earliest() const;

 private:
  size_t At(storage::Bucket bucket) const;

  const storage::BucketRange buckets_;
  std::vector<uint64_t> bounds_;
  std::vector<storage::Bucket> looking_;
  std::vector<Expiry> noted_;  // While looking; they hold for what the look has passed.
};

}  // namespace fastpath::node

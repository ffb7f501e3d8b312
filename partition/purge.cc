// What a Purge does at apply: removes what its leader found in the TTL index, if
// it is still so. The index tells: a row is there exactly while its item is, with
// that expiry; so the items themselves are not read.
#include "partition/machine.h"
#include "partition/ttl.h"
#include "storage/keys.h"

namespace fastpath::partition {

namespace {

std::string IndexKeyOf(const command::Purge::Item& item) {
  const storage::DataKeyParts parts = *storage::ParseDataKey(item.key());
  return storage::TtlKey(storage::BucketOf(parts.hash), item.expiry(), item.key());
}

}  // namespace

void Machine::LocatePurge(Step& step) {
  for (const command::Purge::Item& item : step.command->purge().items()) {
    Doomed& doomed = step.doomed.emplace_back(Doomed::kForeign);
    std::optional<storage::DataKeyParts> parts = storage::ParseDataKey(item.key());
    if (!parts.has_value() || !catalog_.Owns(storage::BucketOf(parts->hash)) ||
        item.expiry() == 0 || item.expiry() > kMaxExpirySeconds) {
      continue;
    }
    if (catalog_.FindSpace(parts->space) == nullptr) {
      doomed = Doomed::kOrphan;
      continue;
    }
    doomed = Doomed::kOwn;
    std::string key = IndexKeyOf(item);
    if (work_->chunk.expiries.try_emplace(key, false).second) {
      work_->chunk.expiry_keys.push_back(std::move(key));
    }
  }
}

void Machine::EvaluatePurge(Step& step) {
  uint32_t purged = 0;
  for (size_t i = 0; i < step.doomed.size(); ++i) {
    const command::Purge::Item& item = step.command->purge().items(static_cast<int>(i));
    switch (step.doomed[i]) {
      case Doomed::kForeign:
        break;
      case Doomed::kOrphan:
        // Its table's items went with the table; a space is never used again.
        MoveExpiry(item.key(), item.expiry(), 0, work_->chunk.rows);
        ++purged;
        break;
      case Doomed::kOwn:
        purged += PurgeOne(item, step.command->stamp()) ? 1 : 0;
        break;
    }
  }
  step.outcome->set_purged(purged);
}

bool Machine::PurgeOne(const command::Purge::Item& item, Stamp stamp) {
  // While a table's TTL attribute changes, its rows of the index may be the old attribute's.
  const storage::SpaceId space = storage::ParseDataKey(item.key())->space;
  stamp = ExpiryRule(*catalog_.FindSpace(space)).IndexTrustedUntil(stamp);
  if (!ValueHeader{.expiry_seconds = item.expiry()}.ExpiredAt(stamp)) {
    return false;
  }
  // Of an item that this chunk's writes touch, before or after, the cell knows.
  if (Cell* cell = work_->chunk.overlay.Find(item.key()); cell != nullptr) {
    if (!cell->present() || cell->header().expiry_seconds != item.expiry()) {
      return false;
    }
    cell->Remove();
    return true;
  }
  bool& stored = work_->chunk.expiries[IndexKeyOf(item)];
  if (!stored) {
    return false;
  }
  stored = false;
  removed_[storage::BucketOf(storage::ParseDataKey(item.key())->hash)] = work_->chunk.applied.stamp;
  work_->chunk.rows.Delete(item.key());
  MoveExpiry(item.key(), item.expiry(), 0, work_->chunk.rows);
  return true;
}

}  // namespace fastpath::partition

// What a Purge does at apply: removes what its leader found in the TTL index, if
// it is still so. The index tells: a row is there exactly while its item is, with
// that expiry; so the items themselves are not read.
#include "partition/machine.h"
#include "partition/ttl.h"
#include "storage/keys.h"

namespace fastpath::partition {

void Machine::LocatePurge(Step& step) {
  Chunk& chunk = work_->chunk;
  step.doomed.reserve(static_cast<size_t>(step.command->purge().items_size()));
  for (const command::Purge::Item& item : step.command->purge().items()) {
    Doomed& doomed = step.doomed.emplace_back();
    const std::optional<storage::DataKeyParts> parts = storage::ParseDataKey(item.key());
    if (!parts.has_value() || item.expiry() == 0 || item.expiry() > kMaxExpirySeconds) {
      continue;
    }
    doomed.bucket = storage::BucketOf(parts->hash);
    if (!catalog_.Owns(doomed.bucket)) {
      continue;
    }
    doomed.table = catalog_.FindSpace(parts->space);
    doomed.kind = doomed.table == nullptr ? Doomed::Kind::kOrphan : Doomed::Kind::kOwn;
    if (doomed.kind == Doomed::Kind::kOrphan) {
      continue;
    }
    std::string key = storage::TtlKey(doomed.bucket, item.expiry(), item.key());
    if (const auto known = chunk.index_row_of.find(key); known != chunk.index_row_of.end()) {
      doomed.row = known->second;
    } else {
      doomed.row = &chunk.index_rows.emplace_back(std::move(key));
      chunk.index_row_of.emplace(doomed.row->key, doomed.row);
    }
  }
}

void Machine::EvaluatePurge(Step& step) {
  uint32_t purged = 0;
  work_->chunk.rows.Reserve(2 * step.doomed.size());
  for (size_t i = 0; i < step.doomed.size(); ++i) {
    const command::Purge::Item& item = step.command->purge().items(static_cast<int>(i));
    switch (step.doomed[i].kind) {
      case Doomed::Kind::kForeign:
        break;
      case Doomed::Kind::kOrphan:
        // Its table's items went with the table; a space is never used again.
        MoveExpiry(item.key(), item.expiry(), 0, work_->chunk.rows);
        ++purged;
        break;
      case Doomed::Kind::kOwn:
        purged += PurgeOne(item, step.doomed[i], step.command->stamp()) ? 1 : 0;
        break;
    }
  }
  step.outcome->set_purged(purged);
}

bool Machine::PurgeOne(const command::Purge::Item& item, const Doomed& doomed, Stamp stamp) {
  // While a table's TTL attribute changes, its rows of the index may be the old attribute's.
  stamp = ExpiryRule(*doomed.table).IndexTrustedUntil(stamp);
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
  if (!doomed.row->stored) {
    return false;
  }
  doomed.row->stored = false;
  removed_[doomed.bucket] = work_->chunk.stamp;
  work_->chunk.rows.Delete(item.key());
  work_->chunk.rows.Delete(doomed.row->key);
  return true;
}

}  // namespace fastpath::partition

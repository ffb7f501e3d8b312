// What a Purge does at apply: removes what its leader found in the TTL index, if
// it is still so.
#include "partition/machine.h"
#include "partition/ttl.h"
#include "storage/keys.h"

namespace fastpath::partition {

// The items' cells, so that one MultiGet reads them with the chunk's others.
void Machine::LocatePurge(Step& step) {
  step.purge.resize(step.command->purge().items_size());
  for (int i = 0; i < step.command->purge().items_size(); ++i) {
    const std::string& key = step.command->purge().items(i).key();
    std::optional<storage::DataKeyParts> parts = storage::ParseDataKey(key);
    if (!parts.has_value() || !catalog_.Owns(storage::BucketOf(parts->hash))) {
      continue;
    }
    Doomed& doomed = step.purge[i];
    if (catalog_.FindSpace(parts->space) == nullptr) {
      doomed.orphan = true;
    } else {
      doomed.cell = chunk_.overlay.Touch(key);
    }
  }
}

void Machine::EvaluatePurge(Step& step) {
  const Stamp stamp = step.command->stamp();
  uint32_t purged = 0;
  for (size_t i = 0; i < step.purge.size(); ++i) {
    const command::Purge::Item& item = step.command->purge().items(static_cast<int>(i));
    const Doomed& doomed = step.purge[i];
    if (doomed.orphan) {
      // Its table's items went with the table; a space is never used again.
      MoveExpiry(item.key(), item.expiry(), 0, chunk_.rows);
      ++purged;
      continue;
    }
    Cell* cell = doomed.cell;
    if (cell == nullptr || !cell->present() || cell->header().locked ||
        cell->header().expiry_seconds != item.expiry() || !cell->header().ExpiredAt(stamp)) {
      continue;
    }
    cell->Remove();
    ++purged;
  }
  step.outcome->set_purged(purged);
}

}  // namespace fastpath::partition

// What a Retime does at apply: items that its leader found to have an expiry of
// before their table's TTL attribute changed get the one that holds. Each is judged
// again here, so one that was written since, or named twice, stays as it is.
#include "partition/machine.h"
#include "storage/keys.h"

namespace fastpath::partition {

void Machine::LocateRetime(Step& step) {
  const command::Retime& retime = step.command->retime();
  const api::Table* table = catalog_.FindSpace(retime.space());
  if (table == nullptr || table->revision() != retime.revision() ||
      !table->ttl_change().under_way()) {
    return;
  }
  const ExpiryRule rule(*table);
  for (const std::string& key : retime.keys()) {
    std::optional<storage::DataKeyParts> parts = storage::ParseDataKey(key);
    if (!parts.has_value() || parts->space != retime.space() ||
        !catalog_.Owns(storage::BucketOf(parts->hash))) {
      continue;
    }
    Cell* cell = work_->chunk.overlay.Touch(key);
    cell->JudgeBy(rule);
    step.retimed.push_back(cell);
  }
}

}  // namespace fastpath::partition

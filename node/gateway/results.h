// Parts that many operations' answers have.
#pragma once

#include <string_view>

#include "node/gateway/call.h"
#include "partition/api.pb.h"
#include "partition/model/json.h"

namespace fastpath::node::gateway {

enum class WantsCapacity { kNone, kTotal, kIndexes };
WantsCapacity WantsCapacityOf(const Call& call);

// "ConsumedCapacity": {...}, if it was asked for and told. Inside an object.
void WriteCapacity(model::JsonWriter& json, const api::Capacity& capacity, WantsCapacity wants);
// "ConsumedCapacity": [...], likewise, one for each table. `transaction`: reads and writes are
// told apart, too.
void WriteCapacities(model::JsonWriter& json,
                     const google::protobuf::RepeatedPtrField<api::Capacity>& capacities,
                     WantsCapacity wants, bool transaction);

}  // namespace fastpath::node::gateway

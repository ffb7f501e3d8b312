#include "node/gateway/results.h"

#include "absl/strings/str_cat.h"

namespace fastpath::node::gateway {
namespace {

// Of half units: "0.5", "12.0".
std::string Units(uint64_t half_units) {
  return absl::StrCat(half_units / 2, half_units % 2 == 0 ? ".0" : ".5");
}

void WriteUnits(model::JsonWriter& json, const api::Capacity& capacity, bool apart) {
  const uint64_t halves = capacity.read_half_units() + 2 * capacity.write_units();
  json.Name("CapacityUnits").Raw(Units(halves));
  if (!apart) return;
  if (capacity.read_half_units() > 0) {
    json.Name("ReadCapacityUnits").Raw(Units(capacity.read_half_units()));
  }
  if (capacity.write_units() > 0) {
    json.Name("WriteCapacityUnits").Raw(Units(2 * capacity.write_units()));
  }
}

void WriteOne(model::JsonWriter& json, const api::Capacity& capacity, WantsCapacity wants,
              bool apart) {
  json.BeginObject().Name("TableName").String(capacity.table());
  WriteUnits(json, capacity, apart);
  if (wants == WantsCapacity::kIndexes) {
    json.Name("Table").BeginObject();
    WriteUnits(json, capacity, apart);
    json.EndObject();
  }
  json.EndObject();
}

}  // namespace

WantsCapacity WantsCapacityOf(const Call& call) {
  const std::string_view asked = call.Text("ReturnConsumedCapacity");
  if (asked == "INDEXES") return WantsCapacity::kIndexes;
  return asked == "TOTAL" ? WantsCapacity::kTotal : WantsCapacity::kNone;
}

void WriteCapacity(model::JsonWriter& json, const api::Capacity& capacity, WantsCapacity wants) {
  if (wants == WantsCapacity::kNone) return;
  json.Name("ConsumedCapacity");
  WriteOne(json, capacity, wants, false);
}

void WriteCapacities(model::JsonWriter& json,
                     const google::protobuf::RepeatedPtrField<api::Capacity>& capacities,
                     WantsCapacity wants, bool transaction) {
  if (wants == WantsCapacity::kNone) return;
  json.Name("ConsumedCapacity").BeginArray();
  for (const api::Capacity& capacity : capacities) WriteOne(json, capacity, wants, transaction);
  json.EndArray();
}

}  // namespace fastpath::node::gateway

// DescribeLimits and DescribeEndpoints.
#include "node/gateway/operations.h"
#include "partition/model/json.h"

namespace fastpath::node::gateway {
namespace {

// DynamoDB's default quotas; nothing here is limited by them.
constexpr uint64_t kAccountUnits = 80'000;
constexpr uint64_t kTableUnits = 40'000;
constexpr uint64_t kCacheMinutes = 1440;

}  // namespace

const Shape& NoParametersShape() {
  static const Shape shape = Structure({});
  return shape;
}

absl::Status DescribeLimits(Call& call) {
  model::JsonWriter json;
  json.BeginObject();
  json.Name("AccountMaxReadCapacityUnits").Number(kAccountUnits);
  json.Name("AccountMaxWriteCapacityUnits").Number(kAccountUnits);
  json.Name("TableMaxReadCapacityUnits").Number(kTableUnits);
  json.Name("TableMaxWriteCapacityUnits").Number(kTableUnits);
  call.TakeEnd()(Json(json.EndObject().Take()));
  return absl::OkStatus();
}

absl::Status DescribeEndpoints(Call& call) {
  model::JsonWriter json;
  json.BeginObject().Name("Endpoints").BeginArray().BeginObject();
  json.Name("Address").String(call.sender.host);
  json.Name("CachePeriodInMinutes").Number(kCacheMinutes);
  call.TakeEnd()(Json(json.EndObject().EndArray().EndObject().Take()));
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway

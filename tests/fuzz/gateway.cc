// DynamoDB's JSON into requests: every body of every operation is answered once, by a JSON
// object; what is put is what was written.
//
//   input := u8(which operation) body
#include "node/gateway/gateway.h"

#include <iterator>

#include "node/gateway/values.h"
#include "partition/model/codec.h"
#include "tests/client/sim.h"
#include "tests/fuzz/fuzz.h"

namespace fastpath::fuzz {
namespace {

using namespace node::gateway;

constexpr const char* kOperations[] = {"PutItem",
                                       "GetItem",
                                       "UpdateItem",
                                       "DeleteItem",
                                       "Query",
                                       "Scan",
                                       "BatchGetItem",
                                       "BatchWriteItem",
                                       "TransactGetItems",
                                       "TransactWriteItems",
                                       "CreateTable",
                                       "UpdateTable",
                                       "DescribeTable",
                                       "DeleteTable",
                                       "ListTables",
                                       "UpdateTimeToLive",
                                       "DescribeTimeToLive",
                                       "TagResource",
                                       "UntagResource",
                                       "ListTagsOfResource",
                                       "DescribeLimits",
                                       "DescribeEndpoints",
                                       "DescribeContinuousBackups"};

constexpr client::internal::Micros kPatience = 60'000'000;

void CheckJson(const std::string& text) {
  dom::parser parser;
  dom::element json;
  FUZZ_CHECK(parser.parse(text).get(json) == simdjson::SUCCESS && json.is_object());
}

// Written as JSON and read again, an item is the same.
void CheckPut(const api::Request& request) {
  if (!request.has_write() || !request.write().has_put()) return;
  const std::string& encoded = request.write().put().item();
  if (!model::ValidateItem(encoded).ok()) return;  // The servers refuse it.
  model::JsonWriter writer;
  WriteItem(writer, encoded);
  dom::parser parser;
  dom::element json;
  FUZZ_CHECK(parser.parse(writer.text()).get(json) == simdjson::SUCCESS);
  FUZZ_CHECK(!Check(json, AttributeMapShape()));
  const auto again = ReadEncodedItem(json);
  FUZZ_CHECK(again.ok() && *again == encoded);
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  std::string_view in = AsText(data, size);
  const char* operation = kOperations[TakeByte(in) % std::size(kOperations)];
  fastpath::client::internal::SimWorld world;
  world.map.mutable_tables(0)->set_name("things");
  GatewayOptions options;
  options.endpoints = {"node1:1"};
  options.keys = std::nullopt;
  Gateway gateway(std::move(options), world.ports());
  HttpRequest request;
  request.method = "POST";
  request.headers = {{"x-amz-target", std::string("DynamoDB_20120810.") + operation},
                     {"amz-sdk-invocation-id", "1"}};
  request.body = in;
  int answers = 0;
  gateway.Serve(request, [&](HttpResponse response) {
    ++answers;
    CheckJson(response.body);
  });
  world.RunFor(kPatience);
  FUZZ_CHECK(answers == 1);
  for (const auto& seen : world.seen) CheckPut(seen.request);
  return 0;
}

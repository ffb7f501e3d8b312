// The parameters of old mean what their expressions mean: both reach the nodes as the same
// trees ("Legacy conditional parameters", Developer Guide).
#include "tests/node/gateway/fixture.h"

namespace fastpath::node::gateway {
namespace {

struct Same {
  const char* operation;
  const char* legacy;
  const char* expression;
};

class LegacyTest : public GatewayTest, public testing::WithParamInterface<Same> {};

std::string Wrapped(const char* operation, const char* more) {
  const std::string of_put = R"({"TableName":"things","Item":{"id":{"S":"a"}},)";
  const std::string of_key = R"({"TableName":"things","Key":{"id":{"S":"a"}},)";
  const std::string of_sorted = R"({"TableName":"sorted",)";
  const std::string name = operation;
  return (name == "PutItem"                   ? of_put
          : name == "Query" || name == "Scan" ? of_sorted
                                              : of_key) +
         more + "}";
}

TEST_P(LegacyTest, BothAreTheSameRequest) {
  world.script = [this](uint32_t node, const api::Request& request) {
    if (!request.has_query() && !request.has_scan()) return world.Fine(node, request);
    api::Reply reply;
    reply.mutable_page();
    return std::optional<api::Reply>(std::move(reply));
  };
  const auto ask = [this](const char* more) {
    const HttpResponse response = Ask(GetParam().operation, Wrapped(GetParam().operation, more));
    EXPECT_EQ(response.status, 200) << response.body;
    api::Request request = Last();
    request.set_id(0);
    if (request.has_write()) request.mutable_write()->clear_session();
    request.clear_deadline_ms();
    if (request.has_get()) request.mutable_get()->set_min_stamp(0);
    if (request.has_query()) request.mutable_query()->set_min_stamp(0);
    if (request.has_scan()) request.mutable_scan()->set_min_stamp(0);
    return request.DebugString();
  };
  const std::string legacy = ask(GetParam().legacy);
  EXPECT_EQ(legacy, ask(GetParam().expression));
}

INSTANTIATE_TEST_SUITE_P(
    Trees, LegacyTest,
    testing::Values(
        Same{"PutItem", R"("Expected":{"id":{"Exists":false}})",
             R"j("ConditionExpression":"attribute_not_exists(id)")j"},
        Same{"PutItem", R"("Expected":{"n":{"Value":{"N":"1"}}})",
             R"("ConditionExpression":"n = :v","ExpressionAttributeValues":{":v":{"N":"1"}})"},
        Same{"PutItem",
             R"("Expected":{"n":{"ComparisonOperator":"GE","AttributeValueList":[{"N":"1"}]}})",
             R"("ConditionExpression":"n >= :v","ExpressionAttributeValues":{":v":{"N":"1"}})"},
        Same{"DeleteItem",
             R"("ConditionalOperator":"OR","Expected":{"a":{"ComparisonOperator":"NULL"},
                "b":{"ComparisonOperator":"BEGINS_WITH","AttributeValueList":[{"S":"x"}]}})",
             R"j("ConditionExpression":"attribute_not_exists(a) OR begins_with(b, :v)",
                "ExpressionAttributeValues":{":v":{"S":"x"}})j"},
        Same{"DeleteItem",
             R"("Expected":{"a":{"ComparisonOperator":"NOT_NULL"},
                "b":{"ComparisonOperator":"IN","AttributeValueList":[{"S":"x"},{"S":"y"}]}})",
             R"j("ConditionExpression":"attribute_exists(a) AND b IN (:x, :y)",
                "ExpressionAttributeValues":{":x":{"S":"x"},":y":{"S":"y"}})j"},
        Same{"UpdateItem",
             R"("Expected":{"n":{"ComparisonOperator":"BETWEEN",
                "AttributeValueList":[{"N":"1"},{"N":"2"}]}})",
             R"("ConditionExpression":"n BETWEEN :a AND :b",
                "ExpressionAttributeValues":{":a":{"N":"1"},":b":{"N":"2"}})"},
        Same{"UpdateItem", R"("AttributeUpdates":{"a":{"Value":{"S":"x"}},"b":{"Action":"DELETE"},
                "c":{"Action":"ADD","Value":{"N":"2"}},
                "d":{"Action":"DELETE","Value":{"SS":["q"]}}})",
             R"("UpdateExpression":"SET a = :a REMOVE b ADD c :c DELETE d :d",
                "ExpressionAttributeValues":{":a":{"S":"x"},":c":{"N":"2"},":d":{"SS":["q"]}})"},
        Same{"GetItem", R"("AttributesToGet":["a","b"])", R"("ProjectionExpression":"a, b")"},
        Same{
            "Query",
            R"("KeyConditions":{"id":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"x"}]},
                "at":{"ComparisonOperator":"LT","AttributeValueList":[{"N":"5"}]}},
                "QueryFilter":{"v":{"ComparisonOperator":"CONTAINS",
                "AttributeValueList":[{"S":"q"}]}})",
            R"j("KeyConditionExpression":"id = :i AND #a < :t","FilterExpression":"contains(v, :q)",
                "ExpressionAttributeNames":{"#a":"at"},
                "ExpressionAttributeValues":{":i":{"S":"x"},":t":{"N":"5"},":q":{"S":"q"}})j"},
        Same{
            "Scan",
            R"("ScanFilter":{"v":{"ComparisonOperator":"NE","AttributeValueList":[{"BOOL":true}]}})",
            R"("FilterExpression":"v <> :v","ExpressionAttributeValues":{":v":{"BOOL":true}})"}));

class LegacyErrors : public GatewayTest {};

TEST_F(LegacyErrors, EachIsToldInDynamoDBsWords) {
  const struct {
    const char* operation;
    const char* more;
    const char* message;
  } kCases[] = {
      {"PutItem", R"("Expected":{"a":{"Exists":false,"Value":{"S":"x"}}})",
       "Value cannot be used when Exists is false for Attribute: a"},
      {"PutItem", R"("Expected":{"a":{}})",
       "Value must be provided when Exists is null for Attribute: a"},
      {"PutItem", R"("Expected":{"a":{"Exists":true}})",
       "Value must be provided when Exists is true for Attribute: a"},
      {"PutItem", R"("Expected":{"a":{"ComparisonOperator":"EQ"}})",
       "AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a"},
      {"PutItem", R"("Expected":{"a":{"ComparisonOperator":"EQ","Value":{"S":"x"}}})",
       "Value cannot be used together with ComparisonOperator for Attribute: a"},
      {"PutItem", R"("Expected":{"a":{"AttributeValueList":[{"S":"x"}]}})",
       "AttributeValueList can only be used with a ComparisonOperator for Attribute: a"},
      {"PutItem",
       R"("Expected":{"a":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"x"},{"S":"y"}]}})",
       "Invalid number of argument(s) for the EQ ComparisonOperator"},
      {"PutItem",
       R"("Expected":{"a":{"ComparisonOperator":"LT","AttributeValueList":[{"BOOL":true}]}})",
       "ComparisonOperator LT is not valid for BOOL AttributeValue type"},
      {"PutItem", R"("Expected":{"a":{"ComparisonOperator":"IN",
                     "AttributeValueList":[{"S":"x"},{"S":"y"},{"N":"1"}]}})",
       "One or more parameter values were invalid: AttributeValues inside AttributeValueList must "
       "all be of the same type"},
      {"PutItem", R"("ConditionalOperator":"AND")",
       "ConditionalOperator cannot be used without Filter or Expected"},
      {"PutItem", R"("ConditionalOperator":"AND","Expected":{"a":{"Exists":false}})",
       "ConditionalOperator can only be used when Filter or Expected has two or more elements"},
      {"PutItem",
       R"j("Expected":{"a":{"Exists":false}},"ConditionExpression":"attribute_exists(a)")j",
       "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
      {"UpdateItem", R"("AttributeUpdates":{"a":{"Action":"ADD","Value":{"S":"x"}}})",
       "ADD action is not supported for the type S"},
      {"UpdateItem", R"("AttributeUpdates":{"a":{"Action":"PUT"}})",
       "Only DELETE action is allowed when no attribute value is specified"},
      {"GetItem", R"("AttributesToGet":["a","a"])", "Duplicate value in attribute name: a"},
      {"Query", R"("KeyConditions":{})", "Conditions can be of length 1 or 2 only"},
      {"Query",
       R"("KeyConditions":{"at":{"ComparisonOperator":"EQ","AttributeValueList":[{"N":"1"}]}})",
       "Query condition missed key schema element: id"},
  };
  for (const auto& expected : kCases) {
    const HttpResponse response =
        Ask(expected.operation, Wrapped(expected.operation, expected.more));
    EXPECT_EQ(response.status, 400) << expected.more;
    EXPECT_NE(response.body.find(expected.message), std::string::npos) << expected.more << "\n"
                                                                       << response.body;
  }
  EXPECT_TRUE(world.seen.empty());
}

}  // namespace
}  // namespace fastpath::node::gateway

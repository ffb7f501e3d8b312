// What the gateway makes of requests and answers, on scripted nodes.
#include "node/gateway/values.h"
#include "tests/node/gateway/fixture.h"
#include "tests/partition/generators.h"

namespace fastpath::node::gateway {
namespace {

using client::internal::ReplyOf;

std::string TypeOf(const HttpResponse& response) {
  const size_t begin = response.body.find('#');
  return begin == std::string::npos
             ? ""
             : response.body.substr(begin + 1, response.body.find('"', begin) - begin - 1);
}

HttpRequest WithInvocation(HttpRequest request, const std::string& id) {
  request.headers.emplace_back("amz-sdk-invocation-id", id);
  return request;
}

constexpr char kIncrement[] =
    R"({"TableName":"things","Key":{"id":{"S":"a"}},"UpdateExpression":"ADD n :one",
        "ExpressionAttributeValues":{":one":{"N":"1"}}})";

// ---------------------------------------------------------------- requests

TEST_F(GatewayTest, APutCarriesTheItem) {
  const HttpResponse response =
      Ask("PutItem", R"({"TableName":"things","Item":{"id":{"S":"a"},"n":{"N":"1.50"}},
                         "ReturnValues":"ALL_OLD","ConditionExpression":"n < :n",
                         "ExpressionAttributeValues":{":n":{"N":"2"}}})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{}");
  const api::WriteRequest& write = Last().write();
  EXPECT_EQ(write.table(), "things");
  const auto item = model::DecodeItem(write.put().item());
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(model::JsonWriter().Item(*item, model::Dialect::kTyped).text(),
            R"({"id":{"S":"a"},"n":{"N":"1.5"}})");
  EXPECT_EQ(write.put().return_values(), api::ALL_OLD);
  EXPECT_EQ(write.put().condition().comparison().op(), api::LT);
}

TEST_F(GatewayTest, AReadIsEventualUnlessItIsAskedToBeStrong) {
  Ask("GetItem", R"({"TableName":"things","Key":{"id":{"S":"a"}}})");
  EXPECT_TRUE(Last().get().eventual());
  Ask("GetItem", R"({"TableName":"things","Key":{"id":{"S":"a"}},"ConsistentRead":true})");
  EXPECT_FALSE(Last().get().eventual());
}

TEST_F(GatewayTest, AQueryCarriesItsKeys) {
  world.script = [](uint32_t, const api::Request&) {
    api::Reply reply;
    reply.mutable_page()->set_scanned_count(2);
    return reply;
  };
  const HttpResponse response =
      Ask("Query", R"({"TableName":"sorted","KeyConditionExpression":"id = :i AND #a > :t",
                       "ExpressionAttributeNames":{"#a":"at"},"ScanIndexForward":false,"Limit":7,
                       "ExpressionAttributeValues":{":i":{"S":"x"},":t":{"N":"5"}}})");
  EXPECT_EQ(response.body, R"({"Items":[],"Count":0,"ScannedCount":2})");
  const api::QueryRequest& query = Last().query();
  EXPECT_EQ(query.partition(), model::EncodeValue(model::Value::String("x")));
  EXPECT_EQ(query.sort().greater(), model::EncodeValue(model::Value::Num(5)));
  EXPECT_TRUE(query.reverse());
  EXPECT_EQ(query.limit(), 7u);
}

// ---------------------------------------------------------------- once

TEST_F(GatewayTest, TheTriesOfOneCallAreOneWriteOnAnyGateway) {
  const HttpRequest request = WithInvocation(RequestOf("UpdateItem", kIncrement), "5f2c");
  const auto other = Make();
  Send(*gateway, request);
  Send(*other, request);
  Send(*gateway, WithInvocation(RequestOf("UpdateItem", kIncrement), "77aa"));
  Send(*gateway, WithInvocation(RequestOf("UpdateItem", std::string(kIncrement) + " "), "5f2c"));
  ASSERT_EQ(world.seen.size(), 4u);
  const auto session = [&](size_t i) { return world.seen[i].request.write().session(); };
  EXPECT_EQ(session(0).client().size(), 16u);
  EXPECT_EQ(session(0).client(), session(1).client());
  EXPECT_EQ(session(0).sequence(), session(1).sequence());
  EXPECT_NE(session(0).client(), session(2).client()) << "another call";
  EXPECT_NE(session(0).client(), session(3).client()) << "another body";
}

TEST_F(GatewayTest, ACallThatIsNotNamedIsTheGatewaysOwnWrite) {
  Send(*gateway, RequestOf("UpdateItem", kIncrement));
  Send(*gateway, RequestOf("UpdateItem", kIncrement));
  ASSERT_EQ(world.seen.size(), 2u);
  EXPECT_EQ(world.seen[0].request.write().session().sequence(), 1u);
  EXPECT_EQ(world.seen[1].request.write().session().sequence(), 2u);
}

TEST_F(GatewayTest, TheWritesOfABatchAreToldApart) {
  Send(*gateway, WithInvocation(RequestOf("BatchWriteItem", R"({"RequestItems":{"things":[
           {"PutRequest":{"Item":{"id":{"S":"a"}}}},{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]}})"),
                                "5f2c"));
  ASSERT_EQ(world.seen.size(), 2u);
  const api::Session& one = world.seen[0].request.write().session();
  const api::Session& two = world.seen[1].request.write().session();
  EXPECT_EQ(one.client(), two.client());
  EXPECT_NE(one.sequence(), two.sequence());
}

// ---------------------------------------------------------------- errors

TEST_F(GatewayTest, WhatCameFirstIsTold) {
  HttpRequest rubbish = RequestOf("PutItem", "{");
  EXPECT_EQ(TypeOf(*Send(*gateway, rubbish)), "SerializationException");
  EXPECT_EQ(TypeOf(*Send(*gateway, RequestOf("PutItem", "[]"))), "SerializationException");
  EXPECT_EQ(TypeOf(*Send(*gateway, RequestOf("PutItem", ""))), "SerializationException");
  EXPECT_EQ(TypeOf(*Send(*gateway, RequestOf("ExecuteStatement", "{}"))),
            "UnknownOperationException");
  EXPECT_EQ(TypeOf(*Send(*gateway, RequestOf("PutItem", R"({"TableName":7})"))),
            "SerializationException");
  EXPECT_EQ(TypeOf(*Send(*gateway, RequestOf("PutItem", R"({"TableName":"none"})"))),
            "ValidationException");
  EXPECT_EQ(
      TypeOf(*Send(*gateway, RequestOf("PutItem", R"({"TableName":"none","Item":{"id":{}}})"))),
      "ValidationException");
  EXPECT_EQ(TypeOf(*Send(*gateway, RequestOf("PutItem", R"({"TableName":"none","Item":{}})"))),
            "ResourceNotFoundException");
  EXPECT_TRUE(world.seen.empty());
}

TEST_F(GatewayTest, WithoutASignatureThereIsNoAnswerButThat) {
  GatewayOptions options;
  options.endpoints = {"node1:1"};
  Gateway locked(std::move(options), world.ports());
  EXPECT_EQ(TypeOf(*Send(locked, RequestOf("PutItem", "{}"))),
            "MissingAuthenticationTokenException");
  EXPECT_EQ(TypeOf(*Send(locked, RequestOf("PutItem", "{"))), "SerializationException");
  EXPECT_EQ(TypeOf(*Send(locked, RequestOf("Nothing", "{}"))), "UnknownOperationException");
}

TEST_F(GatewayTest, AnswersThatAreNotOkAreDynamoDBsExceptions) {
  const struct {
    api::Code code;
    const char* type;
    int status;
  } kCases[] = {{api::INVALID, "ValidationException", 400},
                {api::CONDITION_FAILED, "ConditionalCheckFailedException", 400},
                {api::TOO_LARGE, "ValidationException", 400},
                {api::TABLE_NOT_FOUND, "ResourceNotFoundException", 400},
                {api::SESSION_EXPIRED, "InternalServerError", 503},
                // Tried again until the deadline.
                {api::OVERLOADED, "InternalServerError", 503},
                {api::SESSION_LIMIT, "ThrottlingException", 400},
                {api::CONFLICT, "TransactionConflictException", 400}};
  for (const auto& expected : kCases) {
    world.script = [&](uint32_t, const api::Request&) { return ReplyOf(expected.code, "why"); };
    const HttpResponse response = Ask("UpdateItem", kIncrement);
    EXPECT_EQ(response.status, expected.status) << api::Code_Name(expected.code);
    EXPECT_EQ(TypeOf(response), expected.type) << api::Code_Name(expected.code);
  }
}

TEST_F(GatewayTest, WhatIsTooMuchIsThrottledAtOnce) {
  GatewayOptions options;
  options.endpoints = {"node1:1"};
  options.keys = std::nullopt;
  options.requests = 2;
  Gateway small(std::move(options), world.ports());
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  EXPECT_TRUE(Send(small, RequestOf("UpdateItem", kIncrement)).has_value());  // Learns the table.
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(Send(small, RequestOf("UpdateItem", kIncrement), 1000).has_value());
  }
  EXPECT_EQ(TypeOf(*Send(small, RequestOf("UpdateItem", kIncrement), 1000)), "ThrottlingException");
}

TEST_F(GatewayTest, WhatMayHaveBeenDoneIsA500ThatAnSdkTriesAgain) {
  world.script = [](uint32_t, const api::Request&) { return ReplyOf(api::UNKNOWN); };
  const HttpResponse response = Ask("UpdateItem", kIncrement);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(TypeOf(response), "InternalServerError");
}

TEST_F(GatewayTest, TheItemThatFailedItsConditionIsShown) {
  world.script = [](uint32_t, const api::Request&) {
    api::Reply reply = ReplyOf(api::CONDITION_FAILED, "The conditional request failed");
    model::Item item;
    item.Set("id", model::Value::String("a"));
    reply.mutable_write()->set_item(model::EncodeItem(item));
    return reply;
  };
  const HttpResponse response = Ask("DeleteItem", R"j({"TableName":"things","Key":{"id":{"S":"a"}},
          "ConditionExpression":"attribute_exists(n)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"
})j");
  EXPECT_TRUE(Last().write().delete_().return_item_on_failure());
  EXPECT_EQ(response.body,
            R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",)"
            R"("message":"The conditional request failed","Item":{"id":{"S":"a"}}})");
}

TEST_F(GatewayTest, ATransactionCarriesItsActions) {
  const HttpResponse response = Ask("TransactWriteItems", R"j({"ClientRequestToken":"once",
      "TransactItems":[
      {"Put":{"TableName":"things","Item":{"id":{"S":"a"}}}},
      {"Update":{"TableName":"things","Key":{"id":{"S":"b"}},"UpdateExpression":"REMOVE n"}},
      {"ConditionCheck":{"TableName":"things","Key":{"id":{"S":"c"}},
                         "ConditionExpression":"attribute_exists(n)"}},
      {"Delete":{"TableName":"things","Key":{"id":{"S":"d"}}}}]})j");
  EXPECT_EQ(response.status, 200) << response.body;
  const api::TransactWriteRequest& write = Last().transact_write();
  EXPECT_EQ(write.token(), "once");
  ASSERT_EQ(write.items_size(), 4);
  EXPECT_TRUE(write.items(0).has_put());
  EXPECT_EQ(write.items(1).update().update().remove_size(), 1);
  EXPECT_TRUE(write.items(2).check().condition().has_exists());
  EXPECT_TRUE(write.items(3).has_delete_());
  EXPECT_NE(Ask("TransactWriteItems", R"({"TransactItems":[{"ConditionCheck":{
      "TableName":"things","Key":{"id":{"S":"c"}}}}]})")
                .body.find("Value null at 'transactItems.1.member.conditionCheck."
                           "conditionExpression' failed to satisfy constraint"),
            std::string::npos);
}

TEST_F(GatewayTest, ACancelledTransactionTellsItsReasons) {
  world.script = [](uint32_t, const api::Request&) {
    api::Reply reply = ReplyOf(api::TRANSACTION_CANCELLED);
    reply.mutable_transact_write()->add_reasons();
    api::TransactReason& reason = *reply.mutable_transact_write()->add_reasons();
    reason.set_code(api::CONDITION_FAILED);
    reason.set_message("The conditional request failed");
    return reply;
  };
  const HttpResponse response = Ask("TransactWriteItems", R"({"TransactItems":[
      {"Put":{"TableName":"things","Item":{"id":{"S":"a"}}}},
      {"Delete":{"TableName":"things","Key":{"id":{"S":"b"}}}}]})");
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("\"Message\":\"Transaction cancelled, please refer cancellation "
                               "reasons for specific reasons [None, ConditionalCheckFailed]\""),
            std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find(R"("CancellationReasons":[{"Code":"None"},)"
                               R"({"Code":"ConditionalCheckFailed",)"
                               R"("Message":"The conditional request failed"}])"),
            std::string::npos)
      << response.body;
}

// Of all items: what the tables' schemas speak against. Nothing was sent.
TEST_F(GatewayTest, AnItemThatItsTableSpeaksAgainstCancelsTheTransaction) {
  const HttpResponse written = Ask("TransactWriteItems", R"({"TransactItems":[
      {"Put":{"TableName":"things","Item":{"a":{"S":"x"}}}},
      {"Delete":{"TableName":"things","Key":{"id":{"S":"a"}}}},
      {"Delete":{"TableName":"sorted","Key":{"id":{"S":"a"},"at":{"S":"x"}}}},
      {"Delete":{"TableName":"things","Key":{"id":{"S":""}}}},
      {"Update":{"TableName":"things","Key":{"id":{"S":"b"}},"UpdateExpression":"REMOVE id"}}]})");
  EXPECT_EQ(written.status, 400);
  EXPECT_EQ(
      written.body,
      R"({"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",)"
      R"("Message":"Transaction cancelled, please refer cancellation reasons for specific reasons )"
      R"([ValidationError, None, ValidationError, ValidationError, ValidationError]",)"
      R"("CancellationReasons":[{"Code":"ValidationError","Message":"One or more parameter values )"
      R"(were invalid: Missing the key id in the item"},{"Code":"None"},{"Code":"ValidationError",)"
      R"("Message":"The provided key element does not match the schema"},{"Code":"ValidationError",)"
      R"("Message":"One or more parameter values are not valid. The AttributeValue for a key )"
      R"(attribute cannot contain an empty string value. Key: id"},{"Code":"ValidationError",)"
      R"("Message":"One or more parameter values were invalid: Cannot update attribute id. This )"
      R"(attribute is part of the key"}]})");
  const HttpResponse read = Ask("TransactGetItems", R"({"TransactItems":[
      {"Get":{"TableName":"things","Key":{"id":{"S":"a"}}}},
      {"Get":{"TableName":"things","Key":{"id":{"N":"1"}}}}]})");
  EXPECT_EQ(TypeOf(read), "TransactionCanceledException");
  EXPECT_NE(read.body.find(R"("CancellationReasons":[{"Code":"None"},{"Code":"ValidationError",)"
                           R"("Message":"The provided key element does not match the schema"}])"),
            std::string::npos)
      << read.body;
  EXPECT_TRUE(world.seen.empty());
}

// What one value of the body becomes in many places of a request is refused while it grows.
TEST_F(GatewayTest, ARequestThatGrowsPastAFrameIsBuiltNoFurther) {
  const std::string name(60'000, 'n');
  const std::string paths = "a.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n.#n";
  const std::string names =
      R"("ExpressionAttributeNames":{"#n":")" + name + R"("},"ProjectionExpression":")" + paths;
  std::string gets, keys;
  for (int i = 0; i < 20; ++i) {
    const std::string key = R"({"id":{"S":"k)" + std::to_string(i) + R"("}})";
    gets += (i > 0 ? "," : "") + (R"({"Get":{"TableName":"things","Key":)" + key + "," + names) +
            "\"}}";
    keys += (i > 0 ? "," : "") + key;
  }
  const HttpResponse transact = Ask("TransactGetItems", R"({"TransactItems":[)" + gets + "]}");
  EXPECT_EQ(TypeOf(transact), "ValidationException");
  EXPECT_NE(transact.body.find("the request's first 4 items are over 4194304 bytes"),
            std::string::npos)
      << transact.body;
  const HttpResponse batch =
      Ask("BatchGetItem", R"({"RequestItems":{"things":{"Keys":[)" + keys + "]," + names + "\"}}}");
  EXPECT_EQ(TypeOf(batch), "ValidationException");
  EXPECT_NE(batch.body.find("the request's first 14 items are over 16777216 bytes"),
            std::string::npos)
      << batch.body;
  std::string checks;
  for (int i = 0; i < 3; ++i) {
    checks +=
        (i > 0 ? "," : "") + (R"({"ConditionCheck":{"TableName":"things","Key":{"id":{"S":"a"}},
                   "ConditionExpression":"a = :v","ExpressionAttributeValues":{":v":{"S":")" +
                              std::string(2'000'000, 'x') + "\"}}}}");
  }
  const HttpResponse writes = Ask("TransactWriteItems", R"({"TransactItems":[)" + checks + "]}");
  EXPECT_EQ(TypeOf(writes), "ValidationException");
  EXPECT_NE(writes.body.find("the request's first 3 items are over"), std::string::npos)
      << writes.body;
  EXPECT_TRUE(world.seen.empty());
}

TEST_F(GatewayTest, AttributesToGetAreOnceEachAndBounded) {
  const auto get = [&](int count) {
    std::string names;
    for (int i = 0; i < count; ++i) names += (i > 0 ? ",\"a" : "\"a") + std::to_string(i) + "\"";
    return Ask("GetItem", R"({"TableName":"things","Key":{"id":{"S":"a"}},"AttributesToGet":[)" +
                              names + "]}");
  };
  EXPECT_EQ(get(2048).status, 200);
  EXPECT_EQ(Last().get().projection_size(), 2048);
  EXPECT_NE(get(2049).body.find("projection: too many paths; limit: 2048"), std::string::npos);
  EXPECT_NE(Ask("GetItem", R"({"TableName":"things","Key":{"id":{"S":"a"}},
                               "AttributesToGet":["a","b","a"]})")
                .body.find("Duplicate value in attribute name: a"),
            std::string::npos);
}

// What a key that was not read is told with is JSON again, whatever else was asked with it.
TEST_F(GatewayTest, UnprocessedKeysRepeatWhatWasAsked) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    const std::string late = model::EncodeValue(model::Value::String("b"));
    if (request.get().key().partition() == late) return ReplyOf(api::OVERLOADED);
    return world.Fine(node, request);
  };
  const HttpResponse response =
      Ask("BatchGetItem", R"({"RequestItems":{"things":{"Keys":[{"id":{"S":"a"}},{"id":{"S":"b"}}],
           "ConsistentRead":true,"O\"dd":"\u0001x\""}}})");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_NE(response.body.find(R"("UnprocessedKeys":{"things":{"Keys":[{"id":{"S":"b"}}],)"
                               R"("ConsistentRead":true,"O\"dd":"\u0001x\""}})"),
            std::string::npos)
      << response.body;
  dom::parser parser;
  EXPECT_EQ(parser.parse(response.body).error(), simdjson::SUCCESS);
}

TEST_F(GatewayTest, WhatIsWrongWithAnItemIsToldBeforeItIsSent) {
  const struct {
    const char* operation;
    const char* body;
    const char* told;
  } kCases[] = {
      {"PutItem", R"({"TableName":"things","Item":{"a":{"S":"x"}}})",
       "One or more parameter values were invalid: Missing the key id in the item"},
      {"PutItem", R"({"TableName":"things","Item":{"id":{"BOOL":true}}})",
       "Type mismatch for key id expected: S actual: BOOL"},
      {"PutItem", R"({"TableName":"things","Item":{"id":{"S":"x"},"b":{"B":"YWJ"}}})",
       "SerializationException"},
      {"BatchWriteItem", R"({"RequestItems":{"things":[{"PutRequest":{"Item":{}}}]}})",
       R"("message":"The provided key element does not match the schema")"},
      {"BatchWriteItem",
       R"({"RequestItems":{"sorted":[{"PutRequest":{"Item":{"id":{"S":"x"},"at":{"S":"y"}}}}]}})",
       R"("message":"The provided key element does not match the schema")"},
      {"BatchWriteItem", R"({"RequestItems":{"things":[{"PutRequest":{"Item":{"id":{"S":""}}}}]}})",
       "cannot contain an empty string value. Key: id"},
      {"BatchWriteItem", R"({"RequestItems":{"a b":[{"PutRequest":{"Item":{}}}]}})",
       "at 'requestItems' failed to satisfy constraint: Map keys must satisfy constraint: [Member "
       "must have length less than or equal to 255, Member must have length greater than or equal "
       "to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]"},
      {"BatchWriteItem",
       R"({"RequestItems":{"things":[{"PutRequest":{"Item":{"id":{"S":"a"}}}},
                                     {"PutRequest":{"Item":{"id":{"S":"b"},"":{"S":"x"}}}}]}})",
       "an empty attribute name"},
      {"BatchGetItem", R"({"RequestItems":{"things":null}})",
       "Value null at 'requestItems.things.member' failed to satisfy constraint: Member must not "
       "be null"},
      {"BatchWriteItem", R"({"RequestItems":{"things":null}})",
       "Value null at 'requestItems.things.member' failed to satisfy constraint: Member must not "
       "be null"},
      {"TransactWriteItems",
       R"({"TransactItems":[{"Put":{"TableName":"things","Item":{"a":{"S":"x"}}}}]})",
       "Missing the key id in the item"},
  };
  for (const auto& expected : kCases) {
    const HttpResponse response = Ask(expected.operation, expected.body);
    EXPECT_EQ(response.status, 400) << expected.body;
    EXPECT_NE(response.body.find(expected.told), std::string::npos) << response.body;
  }
  EXPECT_TRUE(world.seen.empty());
}

TEST_F(GatewayTest, ATransactGetInConflictToItsDeadlineIsCancelled) {
  world.script = [](uint32_t, const api::Request&) { return ReplyOf(api::CONFLICT); };
  const HttpResponse response = Ask("TransactGetItems", R"({"TransactItems":[
      {"Get":{"TableName":"things","Key":{"id":{"S":"a"}}}},
      {"Get":{"TableName":"things","Key":{"id":{"S":"b"}}}}]})");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(TypeOf(response), "TransactionCanceledException");
  EXPECT_NE(response.body.find(R"("CancellationReasons":[{"Code":"TransactionConflict"},)"
                               R"({"Code":"TransactionConflict"}])"),
            std::string::npos)
      << response.body;
}

TEST_F(GatewayTest, ARequiredMemberThatIsRepeatedIsRead) {
  const struct {
    const char* operation;
    const char* body;
  } kCases[] = {
      {"PutItem", R"({"TableName":"things","Item":null,"Item":{"id":{"S":"a"}}})"},
      {"GetItem", R"({"TableName":"things","Key":null,"Key":{"id":{"S":"a"}}})"},
      {"Scan", R"({"TableName":"things","ScanFilter":{"a":{"ComparisonOperator":null,
                   "ComparisonOperator":"EQ","AttributeValueList":[{"S":"x"}]}}})"},
      {"BatchGetItem", R"({"RequestItems":{"things":{"Keys":null,"Keys":[{"id":{"S":"a"}}]}}})"},
      {"TransactGetItems", R"({"TransactItems":null,"TransactItems":[
          {"Get":null,"Get":{"TableName":"things","Key":{"id":{"S":"a"}}}}]})"},
  };
  for (const auto& [operation, body] : kCases) {
    const size_t before = world.seen.size();
    EXPECT_EQ(Ask(operation, body).status, 200) << body;
    EXPECT_GT(world.seen.size(), before) << body;
  }
}

// ---------------------------------------------------------------- tables

TEST_F(GatewayTest, ASchemaOfThePastIsLearntAnew) {
  const std::string by_name = R"({"TableName":"things","Key":{"name":{"S":"a"}}})";
  EXPECT_EQ(Ask("GetItem", R"({"TableName":"things","Key":{"id":{"S":"a"}}})").status, 200);
  EXPECT_EQ(TypeOf(Ask("GetItem", by_name)), "ValidationException");
  world.map.mutable_tables(0)->mutable_partition_key()->set_name("name");
  world.map.set_version(6);
  EXPECT_EQ(Ask("GetItem", by_name).status, 200);
}

TEST_F(GatewayTest, StoppedItRefuses) {
  auto answer = std::make_shared<std::optional<HttpResponse>>();
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  gateway->Serve(RequestOf("UpdateItem", kIncrement),
                 [answer](HttpResponse response) { *answer = std::move(response); });
  world.RunFor(100'000);
  gateway->Stop();
  world.RunFor(100'000);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status, 500) << "it may have been done";
  EXPECT_EQ(Ask("UpdateItem", kIncrement).status, 503);
}

// ---------------------------------------------------------------- values

TEST(GatewayValues, WhatIsWrittenReadsAsTheSame) {
  model::Property([] {
    const model::Item item = *model::MapGen(3);
    const std::string json = model::JsonWriter().Item(item, model::Dialect::kTyped).text();
    dom::parser parser;
    const dom::element parsed = parser.parse(json);
    RC_ASSERT(!Check(parsed, AttributeMapShape()).has_value());
    const auto again = ReadItem(parsed);
    RC_ASSERT(again.ok());
    RC_ASSERT(*again == item);
  });
}

// A value is inside as many levels, whether it came in an item or by an expression.
TEST_F(GatewayTest, AnItemAndAnUpdateNestEquallyDeep) {
  const auto nested = [](int levels, const char* innermost) {
    std::string json = innermost;
    for (int i = 0; i < levels; ++i) json = R"({"L":[)" + json + "]}";
    return json;
  };
  const auto put = [&](const std::string& value) {
    return Ask("PutItem", R"({"TableName":"things","Item":{"id":{"S":"a"},"v":)" + value + "}}");
  };
  const auto update = [&](const std::string& value) {
    return Ask("UpdateItem", R"({"TableName":"things","Key":{"id":{"S":"a"}},
        "UpdateExpression":"SET v = :v","ExpressionAttributeValues":{":v":)" +
                                 value + "}}");
  };
  const auto batch = [&](const std::string& value) {
    return Ask("BatchWriteItem", R"({"RequestItems":{"things":[
        {"PutRequest":{"Item":{"id":{"S":"a"}}}},{"PutRequest":{"Item":{"id":{"S":"b"},"v":)" +
                                     value + "}}}]}}");
  };
  for (const auto& ask : {std::function(put), std::function(update), std::function(batch)}) {
    for (const auto& [least, innermost] :
         {std::pair(0, R"({"S":"x"})"), std::pair(1, R"({"L":[]})"), std::pair(1, R"({"M":{}})")}) {
      const HttpResponse deep = ask(nested(model::kDepthLimit - least, innermost));
      EXPECT_EQ(deep.status, 200) << deep.body;
      const size_t sent = world.seen.size();
      const HttpResponse deeper = ask(nested(model::kDepthLimit + 1 - least, innermost));
      EXPECT_NE(deeper.body.find("Attributes in the item have nested levels beyond"),
                std::string::npos)
          << deeper.body;
      EXPECT_EQ(world.seen.size(), sent);
    }
  }
}

TEST(GatewayValues, OfAnAttributeGivenTwiceTheLastCounts) {
  dom::parser parser;
  const dom::element json =
      parser.parse(std::string(R"({"b":{"N":"1"},"a":{"N":"2"},"b":{"N":"3"},"a":null})"));
  const auto item = ReadItem(json);
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(model::JsonWriter().Item(*item, model::Dialect::kTyped).text(),
            R"({"a":{"N":"2"},"b":{"N":"3"}})");
}

// Sorted once: one by one, these would be moved 20 billion times.
TEST(GatewayValues, ManyAttributesInDescendingOrder) {
  std::string text;
  for (int i = 300'000; i > 100'000; --i) {
    text += (text.empty() ? "{\"" : ",\"") + std::to_string(i) + R"(":{"NULL":true})";
  }
  dom::parser parser;
  const dom::element json = parser.parse(text + "}");
  const auto item = ReadItem(json);
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->size(), 200'000u);
  EXPECT_EQ(item->begin()->first, "100001");
}

}  // namespace
}  // namespace fastpath::node::gateway

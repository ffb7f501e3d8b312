// Types and constraints as DynamoDB tells them.
#include "node/gateway/shape.h"

#include <gtest/gtest.h>

#include <string>

namespace fastpath::node::gateway {
namespace {

std::string Told(const std::string& json, const Shape& shape) {
  dom::parser parser;
  const dom::element value = parser.parse(json);
  const std::optional<Error> error = Check(value, shape);
  if (!error) return "";
  return error->type.substr(error->type.find('#') + 1) + ": " + error->message;
}

const Shape& Whole() {
  static const Shape shape = Structure(
      {{"TableName", TableName()},
       {"Limit", Integer().Between(1, 100)},
       {"Kind", OneOf({"HASH", "RANGE"})},
       {"Names", ListOf(Text().Between(1, 3)).Between(1, 2)},
       {"Parts", ListOf(Structure({{"AttributeName", Text().Required()}}))},
       {"Tables", MapOf(Structure({{"Keys", ListOf(AttributeMapShape()).Required().AtLeast(1)}}))},
       {"Item", AttributeMapShape()},
       {"Flag", Boolean()}});
  return shape;
}

constexpr char kOne[] = "ValidationException: 1 validation error detected: ";

TEST(Shape, WhatHoldsIsNoError) {
  EXPECT_EQ(Told(R"({"TableName":"abc","Limit":1,"Kind":"HASH","Names":["a"],"Flag":true,
                     "Item":{"a":{"S":"x"},"b":{"L":[{"M":{"c":{"NS":["1"]}}}]}},"Other":[]})",
                 Whole()),
            "");
}

TEST(Shape, AMissingMemberIsNull) {
  EXPECT_EQ(Told("{}", Whole()),
            std::string(kOne) +
                "Value null at 'tableName' failed to satisfy constraint: Member must not be null");
  EXPECT_EQ(Told(R"({"TableName":null})", Whole()), Told("{}", Whole()));
}

TEST(Shape, AllConstraintsAreToldTogether) {
  EXPECT_EQ(
      Told(R"({"TableName":"a;","Limit":0,"Kind":"KEY"})", Whole()),
      "ValidationException: 4 validation errors detected: "
      "Value 'a;' at 'tableName' failed to satisfy constraint: Member must satisfy regular "
      "expression pattern: [a-zA-Z0-9_.-]+; "
      "Value 'a;' at 'tableName' failed to satisfy constraint: Member must have length greater "
      "than or equal to 3; "
      "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or "
      "equal to 1; "
      "Value 'KEY' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: "
      "[HASH, RANGE]");
}

TEST(Shape, MembersOfListsAndMapsAreNamedByTheirPlace) {
  EXPECT_EQ(Told(R"({"TableName":"abc","Parts":[{"AttributeName":"a"},{}]})", Whole()),
            std::string(kOne) +
                "Value null at 'parts.2.member.attributeName' failed to satisfy constraint: Member "
                "must not be null");
  EXPECT_EQ(Told(R"({"TableName":"abc","Tables":{"Tab":{"Keys":[]}}})", Whole()),
            std::string(kOne) +
                "Value '[]' at 'tables.Tab.member.keys' failed to satisfy constraint: Member must "
                "have length greater than or equal to 1");
  EXPECT_EQ(Told(R"({"TableName":"abc","Names":["a","b","c"]})", Whole()),
            std::string(kOne) +
                "Value '[a, b, c]' at 'names' failed to satisfy constraint: Member must have "
                "length less than or equal to 2");
}

// Of lists that are a map's values it is the map that is told.
TEST(Shape, LengthsOfAMapsLists) {
  const Shape shape =
      Structure({{"Tables", MapOf(ListOf(Structure({{"Key", Text().Required()}})).Between(1, 2))}});
  const std::string constraint =
      " at 'tables' failed to satisfy constraint: Map value must satisfy constraint: [Member must "
      "have length less than or equal to 2, Member must have length greater than or equal to 1]";
  EXPECT_EQ(Told(R"({"Tables":{"one":[{"Key":"a"}],"two":[]}})", shape),
            std::string(kOne) + "Value '{one=[{Key=a}], two=[]}'" + constraint);
  EXPECT_EQ(Told(R"({"Tables":{"t":[{"Key":"a"},{"Key":"b"},{"Key":"c"}]}})", shape),
            std::string(kOne) + "Value '{t=[{Key=a}, {Key=b}, {Key=c}]}'" + constraint);
  EXPECT_EQ(Told(R"({"Tables":{"t":[{"Key":"a"},{}]}})", shape),
            std::string(kOne) +
                "Value null at 'tables.t.member.2.member.key' failed to satisfy "
                "constraint: Member must not be null");
}

// The path above a member is not built for each: this would be 40 GB of names.
TEST(Shape, ALongKeyWithManyMembersIsNoWork) {
  std::string json =
      R"({"TableName":"abc","Tables":{")" + std::string(1 << 20, 'k') + R"(":{"Keys":[{})";
  for (int i = 0; i < 40'000; ++i) json += ",{}";
  EXPECT_EQ(Told(json + "]}}}", Whole()), "");
}

TEST(Shape, AnotherTypeIsASerializationException) {
  EXPECT_EQ(Told(R"({"TableName":1})", Whole()),
            "SerializationException: NUMBER_VALUE cannot be converted to String");
  EXPECT_EQ(Told(R"({"TableName":true})", Whole()),
            "SerializationException: TRUE_VALUE cannot be converted to String");
  EXPECT_EQ(Told(R"({"Limit":"1"})", Whole()),
            "SerializationException: STRING_VALUE cannot be converted to Integer");
  for (const char* json :
       {R"({"TableName":{}})", R"({"TableName":[]})", R"({"Names":"a"})", R"({"Names":[1]})",
        R"({"Item":[]})", R"({"Item":{"a":"x"}})", R"({"Item":{"a":{"S":1}}})",
        R"({"Item":{"a":{"BOOL":"true"}}})", R"({"Item":{"a":{"SS":"x"}}})",
        R"({"Item":{"a":{"SS":[1]}}})", R"({"Item":{"a":{"L":{}}}})",
        R"({"Item":{"a":{"M":{"b":{"N":1}}}}})", R"({"Flag":"true"})", R"({"Flag":0})"}) {
    EXPECT_EQ(Told(json, Whole()).substr(0, 23), "SerializationException:") << json;
  }
}

TEST(Shape, TypesComeBeforeConstraints) {
  EXPECT_EQ(Told(R"({"Kind":"KEY","Flag":1})", Whole()).substr(0, 22), "SerializationException");
}

// What is required and was seen by the check is found after it, however it was repeated.
TEST(Shape, OfARepeatedMemberTheLastThatIsNotNullCounts) {
  dom::parser parser;
  for (const char* json :
       {R"({"TableName":null,"TableName":"abc"})", R"({"TableName":"abc","TableName":null})",
        R"({"TableName":"xyz","TableName":"abc"})"}) {
    const dom::element value = parser.parse(std::string(json));
    EXPECT_EQ(Check(value, Whole()), std::nullopt) << json;
    EXPECT_EQ(TextOf(ObjectOf(value), "TableName"), "abc") << json;
  }
  const dom::element value = parser.parse(std::string(R"({"TableName":null,"TableName":null})"));
  EXPECT_FALSE(Find(ObjectOf(value), "TableName").has_value());
}

}  // namespace
}  // namespace fastpath::node::gateway

"""What no SDK would send: Developer Guide "Error handling", "DynamoDB low-level API"."""

import json
import re
import unittest
import zlib

from harness import GatewayTest, NO_AUTHENTICATION, NO_SUCH_TABLE, NODES, call, cases, item, send, sign, unique


class Frame(GatewayTest):
    def test_what_an_answer_carries(self):
        for node in range(NODES):
            answer = call("ListTables", {}, node)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["content-type"], "application/x-amz-json-1.0")
            self.assertEqual(int(answer.headers["x-amz-crc32"]), zlib.crc32(answer.body))
            self.assertTrue(answer.headers["x-amzn-requestid"])

    def test_what_an_error_carries(self):
        answer = call("DescribeTable", {"TableName": unique("none")})
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json["__type"], "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException")
        self.assertEqual(int(answer.headers["x-amz-crc32"]), zlib.crc32(answer.body))
        self.assertTrue(answer.headers["x-amzn-requestid"])

    def test_name_space_of_a_validation_error(self):
        self.assertEqual(call("DescribeTable", {"TableName": "a"}).json["__type"],
                         "com.amazon.coral.validate#ValidationException")

    def test_request_ids_differ(self):
        self.assertEqual(len({call("ListTables", {}).headers["x-amzn-requestid"] for _ in range(5)}), 5)

    def test_health(self):
        for node in range(NODES):
            answer = send(node, "GET", "/", {})
            self.assertEqual(answer.status, 200)
            self.assertIn(b"healthy", answer.body)

    def test_unknown_members_are_ignored(self):
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"p": {"S": self.p}},
                                  "NoSuchMember": {"a": 1}})
        self.assertEqual((answer.status, answer.json), (200, {}))

    def test_null_members_are_absent(self):
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"p": {"S": self.p}},
                                  "ConditionExpression": None, "ReturnValues": None})
        self.assertEqual(answer.status, 200, answer.body)

    def test_blanks_and_escapes_in_json(self):
        body = '\n { "TableName" :"%s",\t"Item":{"\\u0070":{"S":"%s"},"v":{"S":"\\ud83d\\ude00\\/"}}}\r\n' % (
            self.hash_table, self.p)
        self.assertEqual(call("PutItem", body).status, 200)
        self.assertEqual(self.get(self.hash_table, p=self.p)["v"], "😀/")

    def test_a_member_that_comes_last_counts(self):
        body = '{"TableName":"%s","Item":{"p":{"S":"%s"},"v":{"N":"1"}},"Item":{"p":{"S":"%s"},"v":{"N":"2"}}}' % (
            self.hash_table, self.p, self.p)
        answer = call("PutItem", body)
        self.assertIn(answer.status, (200, 400))  # JSON leaves it open; half of each would be wrong.
        if answer.status == 200:
            self.assertIn(self.get(self.hash_table, p=self.p)["v"], (1, 2))


class Json(GatewayTest):
    @cases(
        nothing="", text="hello", half='{"TableName":', comma='{"TableName":"abc",}', unquoted="{TableName:1}",
        array="[]",
        single_quotes="{'TableName':'abc'}", two='{}{}', trailing='{} x', bare_string='"abc"', number="1",
        null_byte='{"a":"\0"}',
        lone_surrogate='{"TableName":"\\ud800"}', bad_escape='{"TableName":"\\x41"}', infinity='{"Limit":Infinity}',
        deep="[" * 5000, deep_objects='{"a":' * 5000)
    def test_malformed(self, body):
        self.check_refused(call("ListTables", body), "SerializationException")

    def test_what_is_no_utf_8(self):
        self.check_refused(call("ListTables", b'{"TableName":"\xff\xfe"}'), "SerializationException")

    @cases(
        table_name=("PutItem", {"TableName": 5}), table_name_list=("PutItem", {"TableName": ["abc"]}),
        table_name_map=("PutItem", {"TableName": {}}),
        table_name_bool=("PutItem", {"TableName": True}), item=("PutItem", {"TableName": "abc", "Item": "x"}),
        item_list=("PutItem", {"TableName": "abc", "Item": []}),
        attribute=("PutItem", {"TableName": "abc", "Item": {"p": "x"}}),
        attribute_list=("PutItem", {"TableName": "abc", "Item": {"p": []}}),
        string=("PutItem", {"TableName": "abc", "Item": {"p": {"S": 1}}}),
        number=("PutItem", {"TableName": "abc", "Item": {"p": {"N": []}}}),
        boolean=("PutItem", {"TableName": "abc", "Item": {"p": {"BOOL": {}}}}),
        binary=("PutItem", {"TableName": "abc", "Item": {"p": {"B": "not base64!"}}}),
        binary_length=("PutItem", {"TableName": "abc", "Item": {"p": {"B": "YWJ"}}}),
        set=("PutItem", {"TableName": "abc", "Item": {"p": {"SS": "a"}}}),
        set_member=("PutItem", {"TableName": "abc", "Item": {"p": {"SS": [1]}}}),
        list=("PutItem", {"TableName": "abc", "Item": {"p": {"L": {}}}}),
        list_element=("PutItem", {"TableName": "abc", "Item": {"p": {"L": ["x"]}}}),
        map=("PutItem", {"TableName": "abc", "Item": {"p": {"M": []}}}),
        condition=("PutItem", {"TableName": "abc", "Item": {}, "ConditionExpression": 5}),
        names=("PutItem", {"TableName": "abc", "Item": {}, "ExpressionAttributeNames": "x"}),
        names_value=("PutItem", {"TableName": "abc", "Item": {}, "ExpressionAttributeNames": {"#a": 1}}),
        limit=("Query", {"TableName": "abc", "Limit": "ten"}),
        limit_list=("Query", {"TableName": "abc", "Limit": [1]}),
        forward=("Query", {"TableName": "abc", "ScanIndexForward": []}),
        strong=("GetItem", {"TableName": "abc", "ConsistentRead": {}}),
        keys=("BatchGetItem", {"RequestItems": {"abc": {"Keys": "x"}}}),
        tables=("BatchGetItem", {"RequestItems": []}),
        transact=("TransactWriteItems", {"TransactItems": {}}),
        action=("TransactWriteItems", {"TransactItems": ["Put"]}),
        schema=("CreateTable", {"TableName": "abc", "KeySchema": {}}),
        throughput=("CreateTable", {"TableName": "abc", "ProvisionedThroughput": 5}))
    def test_wrong_type(self, operation, body):
        self.check_refused(call(operation, body), "SerializationException")


class Constraints(GatewayTest):
    def test_two(self):
        answer = call("DescribeTimeToLive", {})
        self.assertEqual(answer.code, "ValidationException")
        answer = call("UpdateTimeToLive", {"TableName": self.hash_table, "TimeToLiveSpecification": {}})
        self.check_refused(answer, "ValidationException", re.compile("^2 validation errors detected: "))
        for member in ("enabled", "attributeName"):
            self.assertIn(f"Value null at 'timeToLiveSpecification.{member}' failed to satisfy constraint: Member "
                          "must not be null", answer.message)

    def test_values_are_shown(self):
        answer = call("Query", {"TableName": self.range_table, "Limit": -1, "Select": "NO",
                                "ReturnConsumedCapacity": "no",
                                "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "x"}}})
        self.check_refused(answer, "ValidationException", re.compile("^3 validation errors detected: "))
        for said in ("Value '-1' at 'limit' failed to satisfy constraint: Member must have value greater than or "
                     "equal to 1",
                     "Value 'NO' at 'select' failed to satisfy constraint: Member must satisfy enum value set: [",
                     "Value 'no' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum "
                     "value set: ["):
            self.assertIn(said, answer.message)
        self.assertEqual(answer.message.count("; "), 2)

    def test_members_of_lists_have_their_place(self):
        answer = call("CreateTable", {"TableName": unique("none"), "BillingMode": "PAY_PER_REQUEST", "KeySchema": [
            {"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s"}],
                                      "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}]})
        self.check_refused(answer, "ValidationException", "1 validation error detected: Value null at "
                                                          "'keySchema.2.member.keyType' failed to "
                                                          "satisfy constraint: Member must not be null")


class Precedence(GatewayTest):
    """The earlier fault is told."""

    def test_json_before_the_operation(self):
        self.check_refused(call("NoSuchOperation", "{"), "SerializationException")

    def test_json_before_authentication(self):
        answer = send(0, "POST", "/", {"X-Amz-Target": "DynamoDB_20120810.ListTables",
                                       "Content-Type": "application/x-amz-json-1.0"}, b"{")
        self.check_refused(answer, "SerializationException")

    @cases(unknown="DynamoDB_20120810.FooBar", case="DynamoDB_20120810.listtables", no_version="ListTables", empty="",
           other_version="DynamoDB_20300101.ListTables", other_service="Kinesis_20131202.ListStreams",
           blank="DynamoDB_20120810. ListTables", two="DynamoDB_20120810.ListTables.x")
    def test_unknown_operation_before_authentication(self, target):
        answer = send(0, "POST", "/", {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}, b"{}")
        self.check_refused(answer, "UnknownOperationException")

    def test_no_target(self):
        answer = send(0, "POST", "/", {"Content-Type": "application/x-amz-json-1.0"}, b"{}")
        self.check_refused(answer, "UnknownOperationException")

    def test_authentication_before_types(self):
        answer = send(0, "POST", "/", {"X-Amz-Target": "DynamoDB_20120810.ListTables",
                                       "Content-Type": "application/x-amz-json-1.0"},
                      b'{"Limit":"x"}')
        self.check_refused(answer, "MissingAuthenticationTokenException", NO_AUTHENTICATION)

    def test_types_before_constraints(self):
        self.check_refused(call("ListTables", {"Limit": -1, "ExclusiveStartTableName": 5}), "SerializationException")

    def test_constraints_before_values(self):
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"p": {"N": "x"}}, "ReturnValues": "FOO"})
        self.check_refused(answer, "ValidationException",
                           re.compile("at 'returnValues' failed to satisfy constraint"))

    @cases(value=({"Item": {"p": {"N": "x"}}}, "numeric value"),
           expression=({"Item": {"p": {"S": "x"}}, "ConditionExpression": "a ="}, "Syntax error"),
           return_values=({"Item": {"p": {"S": "x"}}, "ReturnValues": "ALL_NEW"},
                          "^ReturnValues can only be|^Return values set to"),
           mixed=({"Item": {"p": {"S": "x"}}, "ConditionExpression": "a = b", "Expected": {"a": {"Exists": False}}},
                  "Can not use both"),
           unused=({"Item": {"p": {"S": "x"}}, "ConditionExpression": "a = b",
                    "ExpressionAttributeNames": {"#a": "a"}}, "unused in expressions"))
    def test_validation_before_the_table(self, body, message):
        self.check_refused(call("PutItem", {"TableName": unique("none"), **body}), "ValidationException",
                           re.compile(message))

    def test_the_table_before_its_keys(self):
        self.check_refused(call("PutItem", {"TableName": unique("none"), "Item": {"v": {"S": "x"}}}),
                           "ResourceNotFoundException", NO_SUCH_TABLE)

    def test_keys_before_the_condition(self):
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"v": {"S": "x"}},
                                  "ConditionExpression": "attribute_exists(p)"})
        self.check_refused(answer, "ValidationException", "One or more parameter values were invalid: Missing the "
                                                          "key p in the item")

    def test_the_condition_before_the_update(self):
        answer = call("UpdateItem", {"TableName": self.hash_table, "Key": {"p": {"S": self.p}},
                                     "UpdateExpression": "SET a = b",
                                     "ConditionExpression": "attribute_exists(p)"})
        self.check_refused(answer, "ConditionalCheckFailedException")


class Http(GatewayTest):
    def test_a_body_that_is_too_large(self):
        answer = call("PutItem", b'{"TableName":"' + b"x" * (17 << 20) + b'"}')
        self.assertIn(answer.status, (413, 400))

    @cases(put="PUT", delete="DELETE", patch="PATCH")
    def test_other_methods(self, method):
        body = b"{}"
        answer = send(0, method, "/", sign("ListTables", body), body)
        self.assertGreaterEqual(answer.status, 400)
        self.assertLess(answer.status, 500)

    def test_errors_leave_the_connection_usable(self):
        import http.client
        from harness import cluster
        connection = http.client.HTTPConnection("127.0.0.1", cluster().port(0), timeout=30)
        for body, status in ((b"{", 400), (b"{}", 200), (b'{"Limit":-1}', 400), (b'{"Limit":1}', 200)):
            connection.request("POST", "/", body=body, headers=sign("ListTables", body))
            answer = connection.getresponse()
            said = answer.read()
            self.assertEqual(answer.status, status, said)
            json.loads(said)
        connection.close()

    def test_json_1_1(self):
        body = json.dumps({"TableName": self.hash_table, "Item": item(p=self.p)}).encode()
        answer = send(0, "POST", "/", sign("PutItem", body, headers={"Content-Type": "application/json"}), body)
        self.assertIn(answer.status, (200, 404, 400))  # DynamoDB serves 1.0 only and tolerates this one.


if __name__ == "__main__":
    unittest.main()

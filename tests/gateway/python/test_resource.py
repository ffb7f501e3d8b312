"""boto3's object interface: Table, batch_writer, Key and Attr conditions, and its Python types."""

import unittest
from decimal import Decimal

from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary

from harness import GatewayTest, NODES, cases, resource, shared_table, unique


class Resource(GatewayTest):
    def setUp(self):
        super().setUp()
        self.table = resource(1).Table(shared_table("p:S", "s:N"))

    def read(self, **key):
        return self.table.get_item(Key=key, ConsistentRead=True).get("Item")

    @cases(
        text="text", empty="", integer=7, decimal=Decimal("-1.50"), large=Decimal("9.99E+100"), true=True, none=None,
        binary=Binary(b"\x00\x01"),
        list=[1, "a", [None]], map={"a": {"b": Decimal(1)}}, strings={"a", "b"}, numbers={Decimal(1), Decimal("2.5")},
        binaries={Binary(b"a"), Binary(b"b")})
    def test_type(self, sent):
        self.table.put_item(Item={"p": self.p, "s": 1, "v": sent})
        self.assertEqual(self.read(p=self.p, s=1)["v"], sent)

    def test_bytes_come_back_as_binary(self):
        self.table.put_item(Item={"p": self.p, "s": 1, "v": b"\xff"})
        self.assertIsInstance(self.read(p=self.p, s=1)["v"], Binary)

    def test_batch_writer(self):
        with self.table.batch_writer() as batch:
            for s in range(60):
                batch.put_item(Item={"p": self.p, "s": s})
            batch.delete_item(Key={"p": self.p, "s": 7})
        found = self.table.query(KeyConditionExpression=Key("p").eq(self.p), ConsistentRead=True)
        self.assertEqual([int(each["s"]) for each in found["Items"]], [s for s in range(60) if s != 7])

    def test_batch_writer_without_repeats(self):
        with self.table.batch_writer(overwrite_by_pkeys=["p", "s"]) as batch:
            for n in range(10):
                batch.put_item(Item={"p": self.p, "s": n % 2, "v": n})
        self.assertEqual([int(self.read(p=self.p, s=s)["v"]) for s in (0, 1)], [8, 9])

    @cases(
        equal=(Key("s").eq(3), [3]), less=(Key("s").lt(2), [0, 1]), at_most=(Key("s").lte(2), [0, 1, 2]),
        more=(Key("s").gt(3), [4]),
        at_least=(Key("s").gte(3), [3, 4]), between=(Key("s").between(1, 3), [1, 2, 3]))
    def test_key(self, condition, expected):
        with self.table.batch_writer() as batch:
            for s in range(5):
                batch.put_item(Item={"p": self.p, "s": s})
        found = self.table.query(KeyConditionExpression=Key("p").eq(self.p) & condition, ConsistentRead=True)
        self.assertEqual([int(each["s"]) for each in found["Items"]], expected)

    @cases(
        eq=(Attr("n").eq(5), True), ne=(Attr("n").ne(5), False), lt=(Attr("n").lt(6), True),
        between=(Attr("n").between(1, 5), True),
        begins=(Attr("word").begins_with("he"), True), contains=(Attr("word").contains("z"), False),
        exists=(Attr("n").exists(), True),
        not_exists=(Attr("n").not_exists(), False), size=(Attr("word").size().eq(5), True),
        among=(Attr("n").is_in([1, 5]), True),
        of_type=(Attr("n").attribute_type("N"), True), nested=(Attr("m.a").eq(1), True),
        element=(Attr("l[1]").eq("b"), True),
        both=(Attr("n").eq(5) & Attr("word").eq("x"), False),
        either=(Attr("n").eq(0) | Attr("word").eq("hello"), True),
        negation=(~Attr("n").eq(5), False))
    def test_attr(self, condition, holds):
        self.table.put_item(Item={"p": self.p, "s": 1, "n": 5, "word": "hello", "m": {"a": 1}, "l": ["a", "b"]})
        found = self.table.query(KeyConditionExpression=Key("p").eq(self.p), FilterExpression=condition,
                                 ConsistentRead=True)
        self.assertEqual(found["Count"], int(holds))

    def test_condition_of_a_put(self):
        put = dict(Item={"p": self.p, "s": 1}, ConditionExpression=Attr("p").not_exists() & Attr("s").not_exists())
        self.table.put_item(**put)
        with self.assertRaises(self.table.meta.client.exceptions.ConditionalCheckFailedException):
            self.table.put_item(**put)

    def test_update(self):
        answer = self.table.update_item(Key={"p": self.p, "s": 1}, UpdateExpression="SET #v = :v ADD hits :one",
                                        ReturnValues="ALL_NEW",
                                        ExpressionAttributeNames={"#v": "value"},
                                        ExpressionAttributeValues={":v": {"a": [1]}, ":one": 1})
        self.assertEqual(answer["Attributes"], {"p": self.p, "s": 1, "value": {"a": [1]}, "hits": 1})

    def test_batch_get(self):
        for s in range(3):
            self.table.put_item(Item={"p": self.p, "s": s})
        answer = resource(2).batch_get_item(RequestItems={self.table.name: {
            "Keys": [{"p": self.p, "s": s} for s in range(5)], "ConsistentRead": True}})
        self.assertEqual(sorted(int(each["s"]) for each in answer["Responses"][self.table.name]), [0, 1, 2])

    def test_a_table_lives_and_dies(self):
        name = unique("resource")
        made = resource(0).create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                                        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                                        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "B"}])
        made.wait_until_exists()
        seen = resource(2).Table(name)
        self.assertEqual((seen.table_status, seen.key_schema),
                         ("ACTIVE", [{"AttributeName": "k", "KeyType": "HASH"}]))
        self.assertIn(name, [each.name for node in range(NODES) for each in resource(node).tables.all()])
        made.delete()
        made.meta.client.get_waiter("table_not_exists").wait(TableName=name,
                                                             WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
        self.assertNotIn(name, [each.name for each in resource(1).tables.all()])


if __name__ == "__main__":
    unittest.main()

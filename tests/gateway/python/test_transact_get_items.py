"""TransactGetItems: API Reference "TransactGetItems"."""

import re
import threading
import unittest

from botocore.exceptions import ClientError

from harness import (GatewayTest, KEY_MISMATCH, NO_SUCH_TABLE, cases, client, item, plain, unique)


class TransactGet(GatewayTest):
    def read(self, *gets, **more):
        return self.db.transact_get_items(TransactItems=[{"Get": each} for each in gets], **more)

    def of_hash(self, p, **more):
        return {"TableName": self.hash_table, "Key": item(p=p), **more}

    def of_range(self, s, **more):
        return {"TableName": self.range_table, "Key": item(p=self.p, s=s), **more}


class Reads(TransactGet):
    def test_items_in_the_order_asked(self):
        for s in range(3):
            self.put(self.range_table, p=self.p, s=s)
        self.put(self.hash_table, p=self.p, v="x")
        answer = self.read(self.of_range(2), self.of_hash(self.p), self.of_range(0), self.of_range(1))
        self.assertEqual([plain(each["Item"]) for each in answer["Responses"]],
                         [{"p": self.p, "s": 2}, {"p": self.p, "v": "x"}, {"p": self.p, "s": 0},
                          {"p": self.p, "s": 1}])

    def test_absent_items_keep_their_place(self):
        self.put(self.range_table, p=self.p, s=1)
        answer = self.read(self.of_range(0), self.of_range(1), self.of_range(2))
        self.assertEqual([plain(each.get("Item")) for each in answer["Responses"]],
                         [None, {"p": self.p, "s": 1}, None])

    def test_100_items(self):
        for s in (0, 99):
            self.put(self.range_table, p=self.p, s=s)
        answer = self.read(*[self.of_range(s) for s in range(100)])
        self.assertEqual([n for n, each in enumerate(answer["Responses"]) if "Item" in each], [0, 99])

    def test_projection(self):
        self.put(self.hash_table, p=self.p, a={"b": [1, 2]}, c=3)
        answer = self.read(self.of_hash(self.p, ProjectionExpression="#a.b[1]", ExpressionAttributeNames={"#a": "a"}))
        self.assertEqual(plain(answer["Responses"][0]["Item"]), {"a": {"b": [2]}})

    @cases(two_little=(10, 2, 4.0), one_large=(4200, 1, 4.0), absent=(0, 1, 2.0))
    def test_it_costs_twice(self, size, count, units):
        for n in range(count):
            if size:
                self.put(self.hash_table, p=f"{self.p}.{n}", v="x" * size)
        answer = self.read(*[self.of_hash(f"{self.p}.{n}") for n in range(count)], ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"], [{"TableName": self.hash_table, "CapacityUnits": units,
                                                       "ReadCapacityUnits": units}])

    def test_one_moment(self):
        """Two items that transactions keep equal are never seen unequal."""
        ended = threading.Event()
        keys = [f"{self.p}.a", f"{self.p}.b"]

        def write():
            writer = client(1)
            for n in range(1, 60):
                writer.transact_write_items(TransactItems=[
                    {"Put": {"TableName": self.hash_table, "Item": item(p=key, n=n)}} for key in keys])
            ended.set()

        for key in keys:
            self.put(self.hash_table, p=key, n=0)
        writer = threading.Thread(target=write)
        writer.start()
        seen = 0
        while not ended.is_set() and writer.is_alive() or not seen:
            try:
                answer = self.read(*[self.of_hash(key) for key in keys])["Responses"]
            except ClientError as error:  # Changed under every try.
                self.assertEqual(error.response["Error"]["Code"], "TransactionCanceledException")
                continue
            one, other = (plain(each["Item"])["n"] for each in answer)
            self.assertEqual(one, other)
            seen += 1
        writer.join()
        self.assertTrue(ended.is_set())


class Refusals(TransactGet):
    def test_no_items(self):
        with self.invalid(re.compile(r"^1 validation error detected: Value '\[\]' at 'transactItems' failed to "
                                     r"satisfy constraint: Member must "
                                     "have length greater than or equal to 1$")):
            self.read()

    def test_101_items(self):
        with self.invalid(re.compile("Member must have length less than or equal to 100")):
            self.read(*[self.of_range(s) for s in range(101)])

    def test_one_item_twice(self):
        with self.invalid("Transaction request cannot include multiple operations on one item"):
            self.read(self.of_range(1), self.of_range(1))

    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.read({"TableName": unique("none"), "Key": item(p="x")})

    @cases(another={"q": {"S": "x"}}, wrong_type={"p": {"N": "1"}}, none={})
    def test_key(self, key):
        with self.refused("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons "
                          "for specific reasons [None, ValidationError]") as caught:
            self.read(self.of_range(1), {"TableName": self.hash_table, "Key": key})
        self.assertEqual(caught.exception.response["CancellationReasons"],
                         [{"Code": "None"}, {"Code": "ValidationError", "Message": KEY_MISMATCH}])

    def test_projection(self):
        with self.invalid(re.compile("Invalid ProjectionExpression: Syntax error; ")):
            self.read(self.of_range(1, ProjectionExpression="a b"))

    def test_no_get(self):
        with self.invalid(re.compile("'transactItems\\.1\\.member\\.get' failed to satisfy constraint: Member must "
                                     "not be null")):
            self.db.transact_get_items(TransactItems=[{}])


if __name__ == "__main__":
    unittest.main()

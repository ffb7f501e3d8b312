"""BatchGetItem: API Reference "BatchGetItem"."""

import re
import unittest

from harness import (BAD_TABLE_NAME, GatewayTest, KEY_MISMATCH, NO_SUCH_TABLE, call, cases, item, plain, unique)


class BatchGet(GatewayTest):
    def fill(self, count, **more):
        for n in range(count):
            self.put(self.range_table, p=self.p, s=n, v=n * 10, **more)

    def get_batch(self, keys, **more):
        return self.db.batch_get_item(RequestItems={self.range_table: {
            "Keys": [item(p=self.p, s=n) for n in keys], **more}})

    def found(self, answer):
        self.assertEqual(answer["UnprocessedKeys"], {})
        return sorted(plain(each)["s"] for each in answer["Responses"][self.range_table])


class Reads(BatchGet):
    def test_items_of_one_table(self):
        self.fill(3)
        answer = self.get_batch([0, 1, 2])
        self.assertEqual(self.found(answer), [0, 1, 2])
        self.assertIn({"p": self.p, "s": 2, "v": 20}, [plain(each) for each in answer["Responses"][self.range_table]])

    def test_absent_items_are_left_out(self):
        self.fill(2)
        self.assertEqual(self.found(self.get_batch([0, 1, 7, 8])), [0, 1])

    def test_nothing_found(self):
        answer = self.get_batch([1])
        self.assertEqual(answer["Responses"], {self.range_table: []})

    def test_items_of_two_tables(self):
        self.fill(1)
        self.put(self.hash_table, p=self.p, v="other")
        answer = self.db.batch_get_item(RequestItems={
            self.range_table: {"Keys": [item(p=self.p, s=0)]}, self.hash_table: {"Keys": [item(p=self.p)]}})
        self.assertEqual(self.found(answer), [0])
        self.assertEqual([plain(each) for each in answer["Responses"][self.hash_table]],
                         [{"p": self.p, "v": "other"}])

    def test_100_keys(self):
        self.fill(3)
        self.assertEqual(self.found(self.get_batch(range(100))), [0, 1, 2])

    def test_projection(self):
        self.fill(2)
        answer = self.get_batch([0, 1], ProjectionExpression="#v", ExpressionAttributeNames={"#v": "v"})
        self.assertEqual(sorted(plain(each)["v"] for each in answer["Responses"][self.range_table]), [0, 10])
        self.assertEqual({name for each in answer["Responses"][self.range_table] for name in each}, {"v"})

    def test_a_projection_for_each_table(self):
        self.fill(1)
        self.put(self.hash_table, p=self.p, a=1, b=2)
        answer = self.db.batch_get_item(RequestItems={
            self.range_table: {"Keys": [item(p=self.p, s=0)], "ProjectionExpression": "v"},
            self.hash_table: {"Keys": [item(p=self.p)], "ProjectionExpression": "b"}})["Responses"]
        self.assertEqual((plain(answer[self.range_table][0]), plain(answer[self.hash_table][0])),
                         ({"v": 0}, {"b": 2}))

    def test_attributes_to_get(self):
        self.fill(1)
        answer = self.get_batch([0], AttributesToGet=["v"])
        self.assertEqual(plain(answer["Responses"][self.range_table][0]), {"v": 0})

    @cases(strong=(True, 4.0), eventual=(False, 2.0))
    def test_each_item_costs_as_a_get(self, strong, units):
        self.fill(2, x="x" * 4000)
        answer = self.db.batch_get_item(RequestItems={self.range_table: {
            "Keys": [item(p=self.p, s=n) for n in (0, 1, 77, 78)], "ConsistentRead": strong}},
                                        ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"], [{"TableName": self.range_table, "CapacityUnits": units}])

    def test_indexes_for_each_table(self):
        self.fill(1)
        answer = self.db.batch_get_item(ReturnConsumedCapacity="INDEXES", RequestItems={
            self.range_table: {"Keys": [item(p=self.p, s=0)]}, self.hash_table: {"Keys": [item(p=self.p)]}})
        self.assertEqual({each["TableName"]: each["Table"] for each in answer["ConsumedCapacity"]},
                         {self.range_table: {"CapacityUnits": 1.0}, self.hash_table: {"CapacityUnits": 1.0}})

    def test_past_16_mb_keys_are_left(self):
        for n in range(45):
            self.put(self.range_table, p=self.p, s=n, v="x" * 390_000)
        keys, seen, rounds = {"Keys": [item(p=self.p, s=n) for n in range(45)]}, [], 0
        while keys:
            answer = self.db.batch_get_item(RequestItems={self.range_table: {**keys, "ConsistentRead": True}})
            got = answer["Responses"].get(self.range_table, [])
            self.assertLessEqual(sum(len(each["v"]["S"]) for each in got), 16 << 20)
            seen += [int(each["s"]["N"]) for each in got]
            keys = answer["UnprocessedKeys"].get(self.range_table)
            rounds += 1
            self.assertLess(rounds, 20)
        self.assertEqual(sorted(seen), list(range(45)))
        self.assertGreater(rounds, 1)


class Refusals(BatchGet):
    def test_more_than_100_keys(self):
        with self.invalid(re.compile("Too many items requested for the BatchGetItem call|"
                                     "Member must have length less than or equal to 100")):
            self.get_batch(range(101))

    def test_more_than_100_keys_of_two_tables(self):
        with self.invalid(re.compile("Too many items requested for the BatchGetItem call")):
            self.db.batch_get_item(RequestItems={
                self.range_table: {"Keys": [item(p=self.p, s=n) for n in range(60)]},
                self.hash_table: {"Keys": [item(p=f"{n}") for n in range(41)]}})

    def test_the_same_key_twice(self):
        with self.invalid("Provided list of item keys contains duplicates"):
            self.get_batch([1, 2, 1])

    def test_equal_numbers_are_the_same_key(self):
        with self.invalid("Provided list of item keys contains duplicates"):
            self.db.batch_get_item(RequestItems={self.range_table: {"Keys": [
                {"p": {"S": "x"}, "s": {"N": "1"}}, {"p": {"S": "x"}, "s": {"N": "1.0"}}]}})

    @cases(no_tables=({}, "requestItems"), no_keys=({"abc": {"Keys": []}}, "requestItems"))
    def test_nothing_asked(self, request, named):
        with self.invalid(re.compile(f"^1 validation error detected: Value '?.*'? at '{named}.*' failed to satisfy "
                                     "constraint: .*Member must have length greater than or equal to 1")):
            self.db.batch_get_item(RequestItems=request)

    def test_no_request(self):
        with self.invalid("1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: "
                          "Member must not be null"):
            self.db.batch_get_item()

    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.db.batch_get_item(RequestItems={unique("none"): {"Keys": [item(p="x")]}})

    def test_one_absent_table_of_two(self):
        with self.refused("ResourceNotFoundException"):
            self.db.batch_get_item(RequestItems={unique("none"): {"Keys": [item(p="x")]},
                                                 self.hash_table: {"Keys": [item(p="x")]}})

    def test_table_name(self):
        with self.invalid(re.compile(BAD_TABLE_NAME.pattern + "|requestItems")):
            self.db.batch_get_item(RequestItems={"a b c": {"Keys": [item(p="x")]}})

    @cases(wrong_type={"p": {"N": "1"}, "s": {"N": "1"}}, half={"p": {"S": "x"}}, another={"q": {"S": "x"}})
    def test_key(self, key):
        with self.invalid(KEY_MISMATCH):
            self.db.batch_get_item(RequestItems={self.range_table: {"Keys": [item(p="x", s=1), key]}})

    def test_projection(self):
        with self.invalid(re.compile("^Invalid ProjectionExpression: Syntax error; ")):
            self.get_batch([1], ProjectionExpression="a b")

    def test_both_kinds_of_projection(self):
        with self.invalid(
            re.compile("^Can not use both expression and non-expression parameters in the same request")):
            self.get_batch([1], ProjectionExpression="a", AttributesToGet=["a"])

    def test_keys_that_are_no_list(self):
        answer = call("BatchGetItem", {"RequestItems": {self.hash_table: {"Keys": {"p": {"S": "x"}}}}})
        self.check_refused(answer, "SerializationException")


if __name__ == "__main__":
    unittest.main()

"""BatchWriteItem: API Reference "BatchWriteItem"."""

import re
import unittest

from harness import (BAD_TABLE_NAME, GatewayTest, KEY_MISMATCH, NO_SUCH_TABLE, call, cases, item, unique)


def put(**attributes):
    return {"PutRequest": {"Item": item(**attributes)}}


def delete(**key):
    return {"DeleteRequest": {"Key": item(**key)}}


def nested(levels):
    """A list of lists, the innermost empty."""
    value = {"L": []}
    for _ in range(levels - 1):
        value = {"L": [value]}
    return value


class BatchWrite(GatewayTest):
    def write(self, requests, table=None, **more):
        return self.db.batch_write_item(RequestItems={table or self.range_table: requests}, **more)


class Writes(BatchWrite):
    def test_puts_and_deletes(self):
        self.put(self.range_table, p=self.p, s=0)
        answer = self.write([put(p=self.p, s=1, v="one"), delete(p=self.p, s=0), put(p=self.p, s=2)])
        self.assertEqual(answer["UnprocessedItems"], {})
        self.assertEqual([self.get(self.range_table, p=self.p, s=s) for s in range(3)],
                         [None, {"p": self.p, "s": 1, "v": "one"}, {"p": self.p, "s": 2}])

    def test_two_tables(self):
        self.db.batch_write_item(RequestItems={self.range_table: [put(p=self.p, s=1)],
                                               self.hash_table: [put(p=self.p, v=1)]})
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p, "v": 1})
        self.assertEqual(self.get(self.range_table, p=self.p, s=1), {"p": self.p, "s": 1})

    def test_25_requests(self):
        self.assertEqual(self.write([put(p=f"{self.p}.{n}", s=n) for n in range(25)])["UnprocessedItems"], {})
        for n in range(25):
            self.assertIsNotNone(self.get(self.range_table, p=f"{self.p}.{n}", s=n))

    def test_a_put_replaces(self):
        self.put(self.range_table, p=self.p, s=1, a=1)
        self.write([put(p=self.p, s=1, b=2)])
        self.assertEqual(self.get(self.range_table, p=self.p, s=1), {"p": self.p, "s": 1, "b": 2})

    def test_a_delete_of_nothing(self):
        self.assertEqual(self.write([delete(p=self.p, s=1)])["UnprocessedItems"], {})

    def test_capacity(self):
        answer = self.db.batch_write_item(ReturnConsumedCapacity="TOTAL", RequestItems={
            self.range_table: [put(p=self.p, s=1, v="x" * 1500), put(p=self.p, s=2), delete(p=self.p, s=3)],
            self.hash_table: [put(p=self.p)]})
        self.assertEqual({each["TableName"]: each["CapacityUnits"] for each in answer["ConsumedCapacity"]},
                         {self.range_table: 4.0, self.hash_table: 1.0})

    def test_indexes_and_metrics(self):
        answer = self.write([put(p=self.p, s=1)], ReturnConsumedCapacity="INDEXES",
                            ReturnItemCollectionMetrics="SIZE")
        self.assertEqual(answer["ConsumedCapacity"], [{"TableName": self.range_table, "CapacityUnits": 1.0,
                                                       "Table": {"CapacityUnits": 1.0}}])
        self.assertFalse(answer.get("ItemCollectionMetrics"))


class Refusals(BatchWrite):
    """Whatever is refused as a whole writes nothing."""

    def refuse(self, requests, message, table=None):
        with self.invalid(message):
            self.write([put(p=self.p, s=0), *requests], table)
        self.assertIsNone(self.get(self.range_table, p=self.p, s=0))

    def test_26_requests(self):
        self.refuse([put(p=self.p, s=n) for n in range(1, 26)],
                    re.compile(rf"^1 validation error detected: Value '\{{{self.range_table}=\[.*\]\}}' at "
                               r"'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
                               r"\[Member must have length less than or equal to 25, Member must have length greater "
                               r"than or equal to 1\]$"))

    def test_26_requests_of_two_tables(self):
        with self.invalid(
            re.compile("Too many items requested for the BatchWriteItem call|less than or equal to 25")):
            self.db.batch_write_item(RequestItems={
                self.range_table: [put(p=self.p, s=n) for n in range(13)],
                self.hash_table: [put(p=f"{self.p}.{n}") for n in range(13)]})
        self.assertIsNone(self.get(self.range_table, p=self.p, s=0))

    @cases(two_puts=([put(p="twice", s=1), put(p="twice", s=1, v=2)],),
           put_and_delete=([put(p="twice", s=1), delete(p="twice", s=1)],),
           equal_numbers=([put(p="twice", s=1), {"PutRequest": {"Item": {"p": {"S": "twice"}, "s": {"N": "1.0"}}}}],))
    def test_one_item_twice(self, requests):
        self.refuse(requests, "Provided list of item keys contains duplicates")

    @cases(
        no_key=({"PutRequest": {"Item": {"v": {"N": "1"}}}},
                "^The provided key element does not match the schema$"),
        half_a_key=({"PutRequest": {"Item": {"p": {"S": "x"}}}},
                    "^The provided key element does not match the schema$"),
        wrong_type=({"PutRequest": {"Item": {"p": {"N": "1"}, "s": {"N": "1"}}}},
                    "^The provided key element does not match the schema$"),
        empty_key=({"PutRequest": {"Item": {"p": {"S": ""}, "s": {"N": "1"}}}},
                   "cannot contain an empty string value. Key: p"),
        number=({"PutRequest": {"Item": {"p": {"S": "x"}, "s": {"N": "1"}, "v": {"N": "x"}}}},
                "^The parameter cannot be converted to a numeric value: x$"),
        empty_set=({"PutRequest": {"Item": {"p": {"S": "x"}, "s": {"N": "1"}, "v": {"SS": []}}}},
                   "An string set  may not be empty"),
        empty_name=({"PutRequest": {"Item": item({"": 1}, p="x", s=1)}}, "empty attribute name"),
        too_deep=({"PutRequest": {"Item": {**item(p="x", s=1), "v": nested(33)}}},
                  "^Nesting Levels have exceeded supported limits"),
        delete_key=({"DeleteRequest": {"Key": {"p": {"S": "x"}}}},
                    "^The provided key element does not match the schema$"),
        delete_more=({"DeleteRequest": {"Key": item(p="x", s=1, v=1)}},
                     "^The provided key element does not match the schema$"),
        both=({**put(p="x", s=1), **delete(p="x", s=2)},
              "^Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
              "datatypes$|Supplied .*WriteRequest|PutRequest.*DeleteRequest|exactly one"),
        neither=({}, "empty|exactly one|PutRequest.*DeleteRequest"))
    def test_request(self, request, message):
        self.refuse([request], re.compile(message))

    def test_item_too_large(self):
        self.refuse([put(p=self.p, s=1, v="x" * 409_600)], re.compile("Item size has exceeded the maximum allowed "
                                                                      "size"))

    @cases(no_tables=({},), no_requests=({"abc": []},))
    def test_nothing_asked(self, request):
        with self.invalid(re.compile("^1 validation error detected: Value '?.*'? at 'requestItems.*' failed to "
                                     "satisfy constraint: .*Member must have length greater than or equal to 1|"
                                     "^The batch write request list for a table cannot be null or empty")):
            self.db.batch_write_item(RequestItems=request)

    def test_no_request(self):
        with self.invalid("1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: "
                          "Member must not be null"):
            self.db.batch_write_item()

    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.write([put(p=self.p, s=1)], unique("none"))

    def test_one_absent_table_of_two(self):
        with self.refused("ResourceNotFoundException"):
            self.db.batch_write_item(RequestItems={self.range_table: [put(p=self.p, s=0)],
                                                   unique("none"): [put(p="x")]})
        self.assertIsNone(self.get(self.range_table, p=self.p, s=0))

    def test_table_name(self):
        with self.invalid(re.compile(BAD_TABLE_NAME.pattern + "|requestItems")):
            self.write([put(p="x")], "a b c")

    def test_key_of_a_delete(self):
        with self.invalid(KEY_MISMATCH):
            self.write([{"DeleteRequest": {"Key": item(q=1)}}])

    def test_requests_that_are_no_list(self):
        answer = call("BatchWriteItem", {"RequestItems": {self.hash_table: {}}})
        self.check_refused(answer, "SerializationException")


if __name__ == "__main__":
    unittest.main()

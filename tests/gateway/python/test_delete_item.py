"""DeleteItem: API Reference "DeleteItem"."""

import re
import unittest

from harness import (BAD_TABLE_NAME, CONDITION_FAILED, GatewayTest, KEY_MISMATCH, NO_SUCH_TABLE, call, cases,
                     item, plain, unique)


class Deletes(GatewayTest):
    def test_what_was_there_is_gone(self):
        self.put(self.hash_table, p=self.p, v=1)
        self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p))
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    def test_only_that_item(self):
        for s in range(3):
            self.put(self.range_table, p=self.p, s=s)
        self.db.delete_item(TableName=self.range_table, Key=item(p=self.p, s=1))
        found = self.db.query(TableName=self.range_table, KeyConditionExpression="p = :p",
                              ExpressionAttributeValues=item({":p": self.p}))["Items"]
        self.assertEqual([plain(each)["s"] for each in found], [0, 2])

    def test_an_absent_item_is_no_error(self):
        for _ in range(2):
            answer = self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p))
            self.assertEqual(set(answer), {"ResponseMetadata"})

    def test_all_old(self):
        self.put(self.hash_table, p=self.p, v={"a": [1]})
        answer = self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ReturnValues="ALL_OLD")
        self.assertEqual(plain(answer["Attributes"]), {"p": self.p, "v": {"a": [1]}})

    def test_all_old_of_nothing(self):
        answer = self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ReturnValues="ALL_OLD")
        self.assertNotIn("Attributes", answer)

    @cases(all_new="ALL_NEW", updated_old="UPDATED_OLD", updated_new="UPDATED_NEW")
    def test_other_return_values(self, which):
        with self.invalid(
            re.compile("^(ReturnValues can only be ALL_OLD or NONE|Return values set to invalid value)$")):
            self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ReturnValues=which)

    @cases(nothing=(0, 1), little=(100, 1), exactly=(2048, 2), over=(2049, 3))
    def test_a_delete_costs_what_was_there(self, size, units):
        if size:
            self.put(self.hash_table, p=self.p, v="x" * (size - len("p") - len(self.p) - len("v")))
        answer = self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": self.hash_table, "CapacityUnits": float(units)})

    def test_indexes_and_metrics(self):
        answer = self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ReturnConsumedCapacity="INDEXES",
                                     ReturnItemCollectionMetrics="SIZE")
        self.assertEqual(answer["ConsumedCapacity"]["Table"], {"CapacityUnits": 1.0})
        self.assertNotIn("ItemCollectionMetrics", answer)


class Conditions(GatewayTest):
    def test_a_failed_condition_deletes_nothing(self):
        self.put(self.hash_table, p=self.p, v=1)
        with self.refused("ConditionalCheckFailedException", CONDITION_FAILED):
            self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ConditionExpression="v > :v",
                                ExpressionAttributeValues=item({":v": 1}))
        self.assertEqual(self.get(self.hash_table, p=self.p)["v"], 1)

    def test_a_condition_that_holds(self):
        self.put(self.hash_table, p=self.p, v=1)
        self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ConditionExpression="v = :v",
                            ExpressionAttributeValues=item({":v": 1}))
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    def test_exists_of_an_absent_item(self):
        with self.refused("ConditionalCheckFailedException"):
            self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p),
                                ConditionExpression="attribute_exists(p)")

    def test_the_failed_item_on_request(self):
        self.put(self.hash_table, p=self.p, v=1)
        answer = call("DeleteItem", {"TableName": self.hash_table, "Key": {"p": {"S": self.p}},
                                     "ConditionExpression": "attribute_not_exists(p)",
                                     "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
        self.check_refused(answer, "ConditionalCheckFailedException", CONDITION_FAILED)
        self.assertEqual(answer.json["Item"], {"p": {"S": self.p}, "v": {"N": "1"}})


class Refusals(GatewayTest):
    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.db.delete_item(TableName=unique("none"), Key=item(p=self.p))

    def test_table_name(self):
        with self.invalid(BAD_TABLE_NAME):
            self.db.delete_item(TableName="a#bc", Key=item(p=self.p))

    @cases(none={}, another={"q": {"S": "x"}}, more={"p": {"S": "x"}, "v": {"N": "1"}}, type={"p": {"B": b"x"}})
    def test_key(self, key):
        with self.invalid(KEY_MISMATCH):
            self.db.delete_item(TableName=self.hash_table, Key=key)

    def test_no_key(self):
        with self.invalid("1 validation error detected: Value null at 'key' failed to satisfy constraint: "
                          "Member must not be null"):
            self.db.delete_item(TableName=self.hash_table)

    def test_values_without_an_expression(self):
        with self.invalid(re.compile("^ExpressionAttributeValues can only be specified when using expressions")):
            self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p),
                                ExpressionAttributeValues=item({":v": 1}))

    def test_both_kinds_of_condition(self):
        with self.invalid("Can not use both expression and non-expression parameters in the same request: "
                          "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"):
            self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p),
                                ConditionExpression="attribute_exists(p)",
                                Expected={"v": {"Exists": False}})


if __name__ == "__main__":
    unittest.main()

"""PutItem: API Reference "PutItem", Developer Guide "Data types and naming rules", "Quotas"."""

import re
import unittest
from decimal import Decimal

from harness import (BAD_TABLE_NAME, CONDITION_FAILED, GatewayTest, NO_SUCH_TABLE, call, cases, item,
                     plain, shared_table, unique, value)


class RoundTrips(GatewayTest):
    @cases(
        string=({"S": "text"},), empty_string=({"S": ""},), unicode=({"S": "Zoë, 東京, 🐟, \u0000, \"quote\", \\"},),
        number=({"N": "-12.5"},), binary=({"B": b"\x00\xff\x80"},), empty_binary=({"B": b""},),
        true=({"BOOL": True},), false=({"BOOL": False},), null=({"NULL": True},),
        empty_map=({"M": {}},), empty_list=({"L": []},),
        deep=({"M": {"a": {"L": [{"M": {"b": {"NULL": True}}}, {"SS": ["x"]}, {"B": b"\x01"}]}}},),
        mixed_list=({"L": [{"N": "1"}, {"S": ""}, {"BOOL": False}, {"L": []}]},),
        odd_names=({"M": {"a.b": {"S": "dot"}, "#": {"S": "hash"}}},))
    def test_value(self, sent):
        self.db.put_item(TableName=self.hash_table, Item={"p": {"S": self.p}, "v": sent})
        got = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p))["Item"]
        self.assertEqual(got, {"p": {"S": self.p}, "v": sent})

    @cases(strings={"a", "b", ""}, numbers={Decimal("1"), Decimal("-2.5"), Decimal("0")},
           binaries={b"\x00", b"", b"\xff\xff"})
    def test_set(self, members):
        self.put(self.hash_table, p=self.p, v=members)
        self.assertEqual(self.get(self.hash_table, p=self.p)["v"], members)

    @cases(
        trailing_zeros=("1.500", "1.5"), leading_zeros=("000123", "123"), minus_zero=("-0", "0"),
        zero_with_point=("0.000", "0"), exponent=("12E2", "1200"), small_e=("5e-3", "0.005"),
        digits_38=("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        fraction_38=("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
        largest=("9.9999999999999999999999999999999999999E+125",) * 2,
        most_negative=("-9.9999999999999999999999999999999999999E+125",) * 2,
        smallest=("1E-130",) * 2, smallest_negative=("-1E-130",) * 2,
        zeros_are_no_digits=("10000000000000000000000000000000000000000000", "1E43"))
    def test_number(self, sent, meant):
        self.db.put_item(TableName=self.hash_table, Item={"p": {"S": self.p}, "v": {"N": sent}})
        got = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p))["Item"]["v"]["N"]
        self.assertEqual(Decimal(got), Decimal(meant))
        if "E" not in meant:
            self.assertEqual(got, meant)

    def test_a_put_replaces_the_whole_item(self):
        self.put(self.hash_table, p=self.p, a=1, b=2)
        self.put(self.hash_table, p=self.p, c=3)
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p, "c": 3})

    def test_the_key_alone_is_an_item(self):
        self.put(self.hash_table, p=self.p)
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p})

    @cases(string=("S", {"S": "k"}), number=("N", {"N": "-0.5"}), binary=("B", {"B": b"\x00\x01"}))
    def test_key_of_type(self, kind, key):
        table = shared_table(f"k:{kind}")
        self.db.put_item(TableName=table, Item={"k": key, "v": {"S": self.p}})
        self.assertEqual(self.db.get_item(TableName=table, Key={"k": key})["Item"],
                         {"k": key, "v": {"S": self.p}})

    @cases(point=("7", "7.0"), exponent=("700", "7E2"), zeros=("0", "-0.0"))
    def test_equal_numbers_are_one_key(self, first, second):
        table = shared_table("k:N")
        self.db.put_item(TableName=table, Item={"k": {"N": first}, "v": {"S": "first"}})
        self.db.put_item(TableName=table, Item={"k": {"N": second}, "v": {"S": "second"}})
        self.assertEqual(self.db.get_item(TableName=table, Key={"k": {"N": first}})["Item"]["v"],
                         {"S": "second"})

    def test_items_of_400_kb_fit(self):
        rest = 400 * 1024 - len("p") - len(self.p) - len("v")
        self.put(self.hash_table, p=self.p, v="x" * rest)
        self.assertEqual(len(self.get(self.hash_table, p=self.p)["v"]), rest)

    def test_documents_nest_32_levels_deep(self):
        nested = "bottom"
        for _ in range(32):
            nested = [nested]
        self.put(self.hash_table, p=self.p, v=nested)
        self.assertEqual(self.get(self.hash_table, p=self.p)["v"], nested)


class Answers(GatewayTest):
    def test_nothing_is_returned_by_default(self):
        self.put(self.hash_table, p=self.p, a=1)
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p, a=2))
        self.assertEqual(set(answer), {"ResponseMetadata"})

    def test_none_returns_nothing(self):
        self.put(self.hash_table, p=self.p, a=1)
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ReturnValues="NONE")
        self.assertNotIn("Attributes", answer)

    def test_all_old_returns_what_was_replaced(self):
        self.put(self.hash_table, p=self.p, a={"b": [1, 2]})
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ReturnValues="ALL_OLD")
        self.assertEqual(plain(answer["Attributes"]), {"p": self.p, "a": {"b": [1, 2]}})

    def test_all_old_of_a_new_item_is_absent(self):
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ReturnValues="ALL_OLD")
        self.assertNotIn("Attributes", answer)

    @cases(all_new="ALL_NEW", updated_old="UPDATED_OLD", updated_new="UPDATED_NEW")
    def test_other_return_values_are_refused(self, which):
        with self.invalid(
            re.compile("^(ReturnValues can only be ALL_OLD or NONE|Return values set to invalid value)$")):
            self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ReturnValues=which)

    def test_unknown_return_values_are_a_constraint(self):
        with self.invalid(re.compile("^1 validation error detected: Value 'FOO' at 'returnValues' failed to satisfy "
                                     "constraint: Member must satisfy enum value set: \\[")):
            self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ReturnValues="FOO")

    @cases(exactly_1_kb=(1024, 1), one_byte_over=(1025, 2), little=(30, 1), ten_kb=(10 * 1024, 10))
    def test_a_write_costs_a_unit_for_each_kb(self, size, units):
        rest = size - len("p") - len(self.p) - len("v")
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p, v="x" * rest),
                                  ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": self.hash_table, "CapacityUnits": float(units)})

    def test_indexes_names_the_table_too(self):
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ReturnConsumedCapacity="INDEXES")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": self.hash_table, "CapacityUnits": 1.0,
                                                      "Table": {"CapacityUnits": 1.0}})

    def test_a_replacement_costs_the_larger_of_both(self):
        self.put(self.hash_table, p=self.p, v="x" * 3000)
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"]["CapacityUnits"], 3.0)

    def test_collection_metrics_are_of_local_indexes_only(self):
        answer = self.db.put_item(TableName=self.hash_table, Item=item(p=self.p),
                                  ReturnItemCollectionMetrics="SIZE")
        self.assertNotIn("ItemCollectionMetrics", answer)

    @cases(capacity=("ReturnConsumedCapacity", "returnConsumedCapacity"),
           metrics=("ReturnItemCollectionMetrics", "returnItemCollectionMetrics"))
    def test_unknown_choice(self, parameter, named):
        with self.invalid(re.compile(f"Value 'FOO' at '{named}' failed to satisfy constraint: "
                                     "Member must satisfy enum value set: \\[")):
            self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), **{parameter: "FOO"})


class Conditions(GatewayTest):
    def test_not_exists_holds_once(self):
        put = dict(TableName=self.hash_table, ConditionExpression="attribute_not_exists(p)")
        self.db.put_item(Item=item(p=self.p, v=1), **put)
        with self.refused("ConditionalCheckFailedException", CONDITION_FAILED):
            self.db.put_item(Item=item(p=self.p, v=2), **put)
        self.assertEqual(self.get(self.hash_table, p=self.p)["v"], 1)

    def test_the_condition_is_of_the_old_item(self):
        self.put(self.hash_table, p=self.p, v=1)
        put = dict(TableName=self.hash_table, Item=item(p=self.p, v=2), ConditionExpression="v = :v")
        with self.refused("ConditionalCheckFailedException"):
            self.db.put_item(ExpressionAttributeValues=item({":v": 2}), **put)
        self.db.put_item(ExpressionAttributeValues=item({":v": 1}), **put)
        self.assertEqual(self.get(self.hash_table, p=self.p)["v"], 2)

    def test_the_failed_item_comes_with_the_error_on_request(self):
        self.put(self.hash_table, p=self.p, v=[1, {"a": b"x"}])
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"p": {"S": self.p}},
                                  "ConditionExpression": "attribute_not_exists(p)",
                                  "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
        self.check_refused(answer, "ConditionalCheckFailedException", CONDITION_FAILED)
        self.assertEqual(answer.json["Item"], {"p": {"S": self.p}, "v": {
            "L": [{"N": "1"}, {"M": {"a": {"B": "eA=="}}}]}})

    @cases(none={"ReturnValuesOnConditionCheckFailure": "NONE"}, default={})
    def test_the_failed_item_does_not_come_unasked(self, more):
        self.put(self.hash_table, p=self.p, v=1)
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"p": {"S": self.p}},
                                  "ConditionExpression": "attribute_not_exists(p)", **more})
        self.check_refused(answer, "ConditionalCheckFailedException")
        self.assertNotIn("Item", answer.json)

    def test_no_item_no_failed_item(self):
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"p": {"S": self.p}},
                                  "ConditionExpression": "attribute_exists(p)",
                                  "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
        self.check_refused(answer, "ConditionalCheckFailedException")
        self.assertNotIn("Item", answer.json)


class Refusals(GatewayTest):
    def refuse(self, attributes, message):
        with self.invalid(message):
            self.db.put_item(TableName=self.hash_table, Item=attributes)
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.db.put_item(TableName=unique("none"), Item=item(p=self.p))

    @cases(short="ab", long="x" * 256, blank="a b", slash="a/bc", umlaut="tüb")
    def test_table_name(self, name):
        with self.invalid(BAD_TABLE_NAME):
            self.db.put_item(TableName=name, Item=item(p=self.p))

    def test_no_table_name(self):
        with self.invalid(re.compile("Value null at 'tableName' failed to satisfy constraint: Member must not be "
                                     "null|The parameter 'TableName' is required but was not present in the request")):
            self.db.put_item(Item=item(p=self.p))

    def test_no_item(self):
        with self.invalid("1 validation error detected: Value null at 'item' failed to satisfy constraint: "
                          "Member must not be null"):
            self.db.put_item(TableName=self.hash_table)

    def test_key_missing(self):
        with self.invalid("One or more parameter values were invalid: Missing the key p in the item"):
            self.db.put_item(TableName=self.hash_table, Item=item(q=1))

    def test_sort_key_missing(self):
        with self.invalid("One or more parameter values were invalid: Missing the key s in the item"):
            self.db.put_item(TableName=self.range_table, Item=item(p=self.p))

    @cases(number=({"N": "1"}, "N"), binary=({"B": b"1"}, "B"), null=({"NULL": True}, "NULL"),
           boolean=({"BOOL": True}, "BOOL"), map=({"M": {}}, "M"), list=({"L": []}, "L"),
           string_set=({"SS": ["a"]}, "SS"))
    def test_key_of_another_type(self, key, kind):
        with self.invalid(f"One or more parameter values were invalid: Type mismatch for key p expected: S actual: "
                          f"{kind}"):
            self.db.put_item(TableName=self.hash_table, Item={"p": key})

    def test_sort_key_of_another_type(self):
        with self.invalid("One or more parameter values were invalid: Type mismatch for key s expected: N actual: S"):
            self.db.put_item(TableName=self.range_table, Item=item(p=self.p, s="1"))

    @cases(string=("S", {"S": ""}, "string"), binary=("B", {"B": b""}, "binary"))
    def test_empty_key(self, kind, key, word):
        with self.invalid("One or more parameter values are not valid. The AttributeValue for a key attribute "
                          f"cannot contain an empty {word} value. Key: k"):
            self.db.put_item(TableName=shared_table(f"k:{kind}"), Item={"k": key})

    def test_longest_keys(self):
        table = shared_table("p:S", "r:S")
        longest = self.p.ljust(2048, "x")
        self.put(table, p=longest, r="y" * 1024)
        self.assertEqual(self.get(table, p=longest, r="y" * 1024), {"p": longest, "r": "y" * 1024})

    def test_partition_key_too_long(self):
        with self.invalid(re.compile("^One or more parameter values were invalid: Size of hashkey has exceeded the "
                                     "maximum size limit of ?2048 bytes$")):
            self.put(self.hash_table, p="x" * 2049)

    def test_partition_key_too_long_in_bytes(self):
        with self.invalid(re.compile("2048")):
            self.put(self.hash_table, p="ü" * 1025)

    def test_sort_key_too_long(self):
        with self.invalid(re.compile("^One or more parameter values were invalid: Aggregated size of all range keys "
                                     "has exceeded the size limit of ?1024 bytes$")):
            self.put(shared_table("p:S", "r:S"), p=self.p, r="x" * 1025)

    @cases(
        letters=("abc", "The parameter cannot be converted to a numeric value: abc"),
        empty=("", re.compile("The parameter cannot be converted to a numeric value")),
        nan=("NaN", re.compile("cannot be converted to a numeric value")),
        infinity=("Infinity", re.compile("cannot be converted to a numeric value")),
        hexadecimal=("0x10", re.compile("cannot be converted to a numeric value")),
        comma=("1,5", re.compile("cannot be converted to a numeric value")),
        two_points=("1.2.3", re.compile("cannot be converted to a numeric value")),
        bare_exponent=("1E", re.compile("cannot be converted to a numeric value")),
        digits_39=("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        fraction_39=("0." + "1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        overflow=("1E126",
                  "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        negative_overflow=("-1E126",
                           "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        underflow=("1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported "
                             "range"))
    def test_number(self, number, message):
        self.refuse({"p": {"S": self.p}, "v": {"N": number}}, message)

    def test_number_in_a_document(self):
        self.refuse({"p": {"S": self.p}, "v": {"M": {"a": {"L": [{"N": "x"}]}}}},
                    "The parameter cannot be converted to a numeric value: x")

    def test_number_in_a_set(self):
        self.refuse({"p": {"S": self.p}, "v": {"NS": ["1", "x"]}},
                    "The parameter cannot be converted to a numeric value: x")

    @cases(
        strings=({"SS": []}, "An string set  may not be empty"),
        numbers=({"NS": []}, "An number set  may not be empty"),
        binaries=({"BS": []}, "Binary sets should not be empty"))
    def test_empty_set(self, members, message):
        self.refuse({"p": {"S": self.p}, "v": members}, f"One or more parameter values were invalid: {message}")

    @cases(strings=({"SS": ["a", "b", "a"]}, re.compile(r"Input collection \[a, b, a\] contains duplicates\.$")),
           numbers=({"NS": ["1", "2", "1.0"]}, re.compile("contains duplicates")),
           binaries=({"BS": [b"a", b"a"]}, re.compile("contains duplicates")))
    def test_repeated_members(self, members, message):
        self.refuse({"p": {"S": self.p}, "v": members}, message)

    @cases(
        no_type=({}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        unknown_type=({"X": "1"}, "Supplied AttributeValue is empty, must contain exactly one of the supported "
                                  "datatypes"),
        two_types=({"S": "a", "N": "1"}, "Supplied AttributeValue has more than one datatypes set, must contain "
                                         "exactly one of the supported datatypes"),
        null_false=({"NULL": False}, re.compile("Null attribute value types must have the value of true")))
    def test_attribute_value(self, sent, message):
        answer = call("PutItem", {"TableName": self.hash_table, "Item": {"p": {"S": self.p}, "v": sent}})
        self.check_refused(answer, "ValidationException", message)
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    def test_attribute_value_within_a_document(self):
        answer = call("PutItem", {"TableName": self.hash_table,
                                  "Item": {"p": {"S": self.p}, "v": {"L": [{"S": "a"}, {}]}}})
        self.check_refused(answer, "ValidationException",
                           "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")

    def test_one_byte_over_400_kb(self):
        rest = 400 * 1024 - len("p") - len(self.p) - len("v")
        self.refuse(item(p=self.p, v="x" * (rest + 1)), "Item size has exceeded the maximum allowed size")

    def test_names_count_for_the_size(self):
        self.refuse(item({"p": self.p, "n" * 60000: "x" * (400 * 1024 - 60000)}),
                    "Item size has exceeded the maximum allowed size")

    def test_nesting_too_deep(self):
        nested = value("bottom")
        for _ in range(33):
            nested = {"L": [nested]}
        self.refuse({"p": {"S": self.p}, "v": nested}, re.compile("Nesting Levels have exceeded supported limits"))


if __name__ == "__main__":
    unittest.main()

"""Parameters from before expressions: Developer Guide "Legacy conditional parameters"."""

import re
import unittest

from harness import CONDITION_FAILED, GatewayTest, cases, item, plain, table, value

ITEM = {"n": 5, "word": "hello", "ss": {"a", "b"}, "l": [1, "two"], "m": {"a": 1}, "yes": True, "b": b"\x01\x02"}


def condition(operator, *values):
    made = {"ComparisonOperator": operator}
    if values:
        made["AttributeValueList"] = [value(each) for each in values]
    return made


# What holds of ITEM, and what does not, in the words that Expected, QueryFilter and ScanFilter share.
CONDITIONS = dict(
    eq=("n", condition("EQ", 5), True), eq_not=("n", condition("EQ", 6), False),
    eq_type=("n", condition("EQ", "5"), False),
    eq_set=("ss", condition("EQ", {"b", "a"}), True), eq_map=("m", condition("EQ", {"a": 1}), True),
    ne=("n", condition("NE", 6), True), ne_not=("n", condition("NE", 5), False), le=("n", condition("LE", 5), True),
    lt=("n", condition("LT", 5), False), ge=("n", condition("GE", 5), True), gt=("n", condition("GT", 4), True),
    gt_text=("word", condition("GT", "hell"), True), lt_type=("n", condition("LT", "a"), False),
    not_null=("n", condition("NOT_NULL"), True), not_null_absent=("x", condition("NOT_NULL"), False),
    null=("x", condition("NULL"), True), null_not=("n", condition("NULL"), False),
    contains=("word", condition("CONTAINS", "ell"), True), contains_member=("ss", condition("CONTAINS", "a"), True),
    contains_element=("l", condition("CONTAINS", "two"), True),
    contains_not=("word", condition("CONTAINS", "z"), False),
    not_contains=("word", condition("NOT_CONTAINS", "z"), True),
    not_contains_not=("ss", condition("NOT_CONTAINS", "a"), False),
    begins=("word", condition("BEGINS_WITH", "he"), True), begins_not=("word", condition("BEGINS_WITH", "lo"), False),
    begins_binary=("b", condition("BEGINS_WITH", b"\x01"), True), among=("n", condition("IN", 4, 5), True),
    among_not=("n", condition("IN", 4, 6), False), between=("n", condition("BETWEEN", 5, 9), True),
    between_not=("n", condition("BETWEEN", 6, 9), False), of_absent=("x", condition("EQ", 1), False))

BAD_CONDITIONS = dict(
    eq_none=condition("EQ"), eq_two=condition("EQ", 1, 2), null_with_value=condition("NULL", 1),
    between_one=condition("BETWEEN", 1),
    between_types=condition("BETWEEN", 1, "a"), between_turned=condition("BETWEEN", 9, 1),
    begins_number=condition("BEGINS_WITH", 1),
    less_than_set=condition("LT", {1}), in_none=condition("IN"), in_types=condition("IN", 1, "a"), unknown=condition("LIKE", "x"),
    no_operator={"AttributeValueList": [{"N": "1"}]})


class Expected(GatewayTest):
    def put_if(self, expected, **more):
        return self.db.put_item(TableName=self.hash_table, Item=item(ITEM, p=self.p), Expected=expected, **more)

    @cases(**CONDITIONS)
    def test_condition(self, name, wanted, holds):
        self.put(self.hash_table, ITEM, p=self.p)
        if holds:
            self.put_if({name: wanted})
        else:
            with self.refused("ConditionalCheckFailedException", CONDITION_FAILED):
                self.put_if({name: wanted})

    @cases(
        value=({"n": {"Value": {"N": "5"}}}, True), value_not=({"n": {"Value": {"N": "6"}}}, False),
        exists_with_value=({"n": {"Exists": True, "Value": {"N": "5"}}}, True),
        not_exists=({"x": {"Exists": False}}, True),
        not_exists_not=({"n": {"Exists": False}}, False),
        two=({"n": condition("EQ", 5), "word": condition("EQ", "x")}, False))
    def test_value_and_exists(self, expected, holds):
        self.put(self.hash_table, ITEM, p=self.p)
        if holds:
            self.put_if(expected)
        else:
            with self.refused("ConditionalCheckFailedException"):
                self.put_if(expected)

    @cases(either=("OR", True), both=("AND", False))
    def test_conditional_operator(self, operator, holds):
        self.put(self.hash_table, ITEM, p=self.p)
        expected = {"n": condition("EQ", 5), "word": condition("EQ", "x")}
        if holds:
            self.put_if(expected, ConditionalOperator=operator)
        else:
            with self.refused("ConditionalCheckFailedException"):
                self.put_if(expected, ConditionalOperator=operator)

    def test_of_a_delete(self):
        self.put(self.hash_table, ITEM, p=self.p)
        with self.refused("ConditionalCheckFailedException"):
            self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), Expected={"n": condition("GT", 5)})
        self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p), Expected={"n": condition("GE", 5)})
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    def test_of_an_update(self):
        self.put(self.hash_table, ITEM, p=self.p)
        update = dict(TableName=self.hash_table, Key=item(p=self.p),
                      AttributeUpdates={"n": {"Action": "ADD", "Value": {"N": "1"}}})
        self.db.update_item(Expected={"n": {"Value": {"N": "5"}}}, **update)
        with self.refused("ConditionalCheckFailedException"):
            self.db.update_item(Expected={"n": {"Value": {"N": "5"}}}, **update)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 6)

    @cases(**BAD_CONDITIONS)
    def test_refused(self, wanted):
        with self.invalid():
            self.put_if({"n": wanted})

    @cases(exists_without_value={"Exists": True}, not_exists_with_value={"Exists": False, "Value": {"N": "1"}},
           value_and_operator={"Value": {"N": "1"}, "ComparisonOperator": "EQ"},
           exists_and_operator={"Exists": False, "ComparisonOperator": "NULL"}, nothing={})
    def test_value_and_exists_refused(self, wanted):
        with self.invalid(re.compile("^One or more parameter values were invalid: ")):
            self.put_if({"n": wanted})

    @cases(expression=dict(ConditionExpression="attribute_exists(p)"),
           values=dict(ExpressionAttributeValues={":v": {"N": "1"}}))
    def test_beside_expressions(self, more):
        with self.invalid():
            self.put_if({"n": condition("EQ", 5)}, **more)

    def test_an_operator_alone(self):
        with self.invalid(re.compile("ConditionalOperator can only be used when Filter or Expected has two or more "
                                     "elements|ConditionalOperator cannot be used without Filter or Expected")):
            self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ConditionalOperator="OR")

    def test_an_unknown_operator(self):
        with self.invalid(re.compile("Value 'XOR' at 'conditionalOperator' failed to satisfy constraint: Member must "
                                     "satisfy enum value set: ")):
            self.put_if({"n": condition("EQ", 5), "word": condition("NOT_NULL")}, ConditionalOperator="XOR")


class AttributeUpdates(GatewayTest):
    def update(self, updates, **more):
        return self.db.update_item(TableName=self.hash_table, Key=item(p=self.p), AttributeUpdates=updates, **more)

    @cases(
        put=({"n": {"Action": "PUT", "Value": {"N": "7"}}}, {"n": 7}),
        put_is_the_default=({"n": {"Value": {"S": "x"}}}, {"n": "x"}),
        put_new=({"x": {"Action": "PUT", "Value": {"L": [{"N": "1"}]}}}, {"x": [1]}),
        delete=({"n": {"Action": "DELETE"}}, {"n": ...}),
        delete_absent=({"x": {"Action": "DELETE"}}, {}),
        delete_members=({"ss": {"Action": "DELETE", "Value": {"SS": ["a"]}}}, {"ss": {"b"}}),
        delete_all_members=({"ss": {"Action": "DELETE", "Value": {"SS": ["a", "b"]}}}, {"ss": ...}),
        add=({"n": {"Action": "ADD", "Value": {"N": "-2"}}}, {"n": 3}),
        add_to_absent=({"x": {"Action": "ADD", "Value": {"N": "2"}}}, {"x": 2}),
        add_members=({"ss": {"Action": "ADD", "Value": {"SS": ["b", "c"]}}}, {"ss": {"a", "b", "c"}}),
        several=({"n": {"Action": "DELETE"}, "x": {"Value": {"N": "1"}},
                  "ss": {"Action": "ADD", "Value": {"SS": ["z"]}}},
                 {"n": ..., "x": 1, "ss": {"a", "b", "z"}}),
        a_name_with_a_dot=({"m.a": {"Value": {"N": "9"}}}, {"m.a": 9}),
        a_reserved_name=({"name": {"Value": {"N": "9"}}}, {"name": 9}))
    def test_effect(self, updates, changed):
        self.put(self.hash_table, ITEM, p=self.p)
        self.update(updates)
        after = {**ITEM, "p": self.p, **changed}
        self.assertEqual(self.get(self.hash_table, p=self.p),
                         {name: each for name, each in after.items() if each is not ...})

    def test_returns(self):
        self.put(self.hash_table, ITEM, p=self.p)
        answer = self.update({"n": {"Action": "ADD", "Value": {"N": "1"}}, "word": {"Action": "DELETE"}},
                             ReturnValues="UPDATED_NEW")
        self.assertEqual(plain(answer["Attributes"]), {"n": 6})

    def test_an_item_is_made(self):
        self.update({"x": {"Value": {"N": "1"}}})
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p, "x": 1})

    @cases(
        put_without_value={"n": {"Action": "PUT"}}, add_without_value={"n": {"Action": "ADD"}}, neither={"n": {}},
        delete_a_number={"n": {"Action": "DELETE", "Value": {"N": "1"}}},
        add_text={"word": {"Action": "ADD", "Value": {"S": "x"}}},
        unknown={"n": {"Action": "INCREMENT", "Value": {"N": "1"}}}, key={"p": {"Value": {"S": "x"}}},
        key_deleted={"p": {"Action": "DELETE"}}, number={"n": {"Value": {"N": "x"}}})
    def test_refused(self, updates):
        self.put(self.hash_table, ITEM, p=self.p)
        with self.invalid():
            self.update(updates)
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p, **ITEM})

    @cases(add_number_to_set={"ss": {"Action": "ADD", "Value": {"N": "1"}}},
           delete_of_a_list={"l": {"Action": "DELETE", "Value": {"SS": ["a"]}}})
    def test_type_in_the_item(self, updates):
        self.put(self.hash_table, ITEM, p=self.p)
        with self.invalid(re.compile("^Type mismatch for (attribute|ADD|DELETE)|^An operand in the update expression "
                                     "has an incorrect data type$")):
            self.update(updates)


class Reads(GatewayTest):
    def test_attributes_to_get(self):
        self.put(self.hash_table, ITEM, p=self.p)
        got = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), AttributesToGet=["n", "x", "m"])
        self.assertEqual(plain(got["Item"]), {"n": 5, "m": {"a": 1}})

    def test_names_are_no_paths(self):
        self.put(self.hash_table, {"m.a": "dot", "m": {"a": 1}}, p=self.p)
        got = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), AttributesToGet=["m.a"])
        self.assertEqual(plain(got["Item"]), {"m.a": "dot"})

    def test_one_name_twice(self):
        with self.invalid("One or more parameter values were invalid: Duplicate value in attribute name: n"):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), AttributesToGet=["n", "n"])

    def test_no_names(self):
        with self.invalid(re.compile(r"Value '\[\]' at 'attributesToGet' failed to satisfy constraint: Member must "
                                     r"have length greater than or "
                                     "equal to 1")):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), AttributesToGet=[])


class Query(GatewayTest):
    @classmethod
    def setUpClass(cls):
        cls.numbers, cls.words = table("p:S", "s:N"), table("p:S", "s:S")
        from harness import any_node
        for n in range(6):
            any_node().put_item(TableName=cls.numbers, Item=item(ITEM, p="a", s=n, v=n * 10))
        for word in ("a", "ab", "b"):
            any_node().put_item(TableName=cls.words, Item=item(p="a", s=word))

    def query(self, s=None, name=None, **more):
        conditions = {"p": condition("EQ", "a")}
        if s:
            conditions["s"] = s
        answer = self.db.query(TableName=name or self.numbers, KeyConditions=conditions, **more)
        return [plain(each)["s"] for each in answer["Items"]]

    @cases(all=(None, [0, 1, 2, 3, 4, 5]), eq=(condition("EQ", 2), [2]), le=(condition("LE", 2), [0, 1, 2]),
           lt=(condition("LT", 2), [0, 1]),
           ge=(condition("GE", 4), [4, 5]), gt=(condition("GT", 4), [5]),
           between=(condition("BETWEEN", 1, 3), [1, 2, 3]))
    def test_key_conditions(self, s, expected):
        self.assertEqual(self.query(s), expected)

    def test_begins_with(self):
        self.assertEqual(self.query(condition("BEGINS_WITH", "a"), self.words), ["a", "ab"])

    @cases(**CONDITIONS)
    def test_query_filter(self, name, wanted, holds):
        self.assertEqual(self.query(QueryFilter={name: wanted}), [0, 1, 2, 3, 4, 5] if holds else [])

    @cases(both=("AND", [3]), either=("OR", [0, 1, 2, 3, 4, 5]))
    def test_conditional_operator(self, operator, expected):
        self.assertEqual(self.query(QueryFilter={"v": condition("EQ", 30), "n": condition("EQ", 5)},
                                    ConditionalOperator=operator), expected)

    def test_attributes_to_get(self):
        answer = self.db.query(TableName=self.numbers,
                               KeyConditions={"p": condition("EQ", "a"), "s": condition("EQ", 1)},
                               AttributesToGet=["v"])
        self.assertEqual([plain(each) for each in answer["Items"]], [{"v": 10}])

    @cases(
        no_partition={"s": condition("EQ", 1)}, partition_order={"p": condition("GT", "a")},
        ne={"p": condition("EQ", "a"), "s": condition("NE", 1)},
        among={"p": condition("EQ", "a"), "s": condition("IN", 1)},
        another={"p": condition("EQ", "a"), "v": condition("EQ", 1)},
        three={"p": condition("EQ", "a"), "s": condition("EQ", 1), "v": condition("EQ", 1)},
        wrong_type={"p": condition("EQ", 1)},
        contains={"p": condition("EQ", "a"), "s": condition("CONTAINS", 1)}, none={})
    def test_key_conditions_refused(self, conditions):
        with self.invalid():
            self.db.query(TableName=self.numbers, KeyConditions=conditions)

    def test_filter_of_a_key(self):
        with self.invalid(re.compile("QueryFilter can only contain non-primary key attributes: Primary key "
                                     "attribute: s|Filter Expression can only contain non-primary key attributes")):
            self.query(QueryFilter={"s": condition("EQ", 1)})

    @cases(filter=dict(FilterExpression="v = :v"), keys=dict(KeyConditionExpression="p = :v"),
           projection=dict(ProjectionExpression="v"))
    def test_beside_expressions(self, more):
        with self.invalid(re.compile("^Can not use both expression and non-expression parameters in the same "
                                     "request: Non-expression "
                                     r"parameters: \{KeyConditions\} Expression parameters: \{" + next(iter(more))
                                     + r"\}$")):
            self.query(**more)

    @cases(**CONDITIONS)
    def test_scan_filter(self, name, wanted, holds):
        answer = self.db.scan(TableName=self.numbers, ScanFilter={name: wanted})
        self.assertEqual((answer["Count"], answer["ScannedCount"]), (6 if holds else 0, 6))

    def test_scan_filter_of_two(self):
        wanted = {"v": condition("EQ", 30), "s": condition("EQ", 4)}
        found = {operator: self.db.scan(TableName=self.numbers, ScanFilter=wanted,
                                        ConditionalOperator=operator)["Count"]
                 for operator in ("AND", "OR")}
        self.assertEqual(found, {"AND": 0, "OR": 2})

    @cases(**BAD_CONDITIONS)
    def test_scan_filter_refused(self, wanted):
        with self.invalid():
            self.db.scan(TableName=self.numbers, ScanFilter={"n": wanted})

    def test_select_of_specific_attributes(self):
        answer = self.db.scan(TableName=self.numbers, AttributesToGet=["v"], Select="SPECIFIC_ATTRIBUTES")
        self.assertEqual(sorted(plain(each)["v"] for each in answer["Items"]), [0, 10, 20, 30, 40, 50])


if __name__ == "__main__":
    unittest.main()

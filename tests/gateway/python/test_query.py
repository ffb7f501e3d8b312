"""Query: API Reference "Query", Developer Guide "Querying tables", "Key condition expressions"."""

import re
import unittest
from decimal import Decimal

from harness import (BAD_TABLE_NAME, GatewayTest, NODES, NO_SUCH_TABLE, call, cases, client, item, plain,
                     shared_table, unique)

NUMBERS = [-10, Decimal("-1.5"), 0, Decimal("0.5"), 1, 2, 9, 10, 100]
TEXTS = ["", "A", "a", "a1", "ab", "abc", "b", "z", "é"][1:]


class Query(GatewayTest):
    table = None
    keys = []

    @classmethod
    def setUpClass(cls):
        cls.filled = {}

    def fill(self, *keys, partition=None, attributes=None):
        """Items of one partition key; once for all tests of the class if it is named."""
        kind = "S" if isinstance(keys[0], str) else "B" if isinstance(keys[0], bytes) else "N"
        table = shared_table("p:S", f"s:{kind}")
        if partition and partition in type(self).filled:
            return table, type(self).filled[partition]
        p = unique("query")
        for key in keys:
            self.put(table, attributes(key) if attributes else None, p=p, s=key)
        if partition:
            type(self).filled[partition] = p
        return table, p

    def query(self, table, condition="p = :p", values=None, **more):
        return self.db.query(TableName=table, KeyConditionExpression=condition,
                             ExpressionAttributeValues=item(values), **more)

    def sort_keys(self, answer):
        return [plain(each)["s"] for each in answer["Items"]]


class KeyConditions(Query):
    @cases(
        all=("p = :p", {}, NUMBERS), equal=("p = :p AND s = :v", {":v": 1}, [1]),
        equal_none=("p = :p AND s = :v", {":v": 7}, []),
        less=("p = :p AND s < :v", {":v": 1}, NUMBERS[:4]), at_most=("p = :p AND s <= :v", {":v": 1}, NUMBERS[:5]),
        more=("p = :p AND s > :v", {":v": 9}, [10, 100]), at_least=("p = :p AND s >= :v", {":v": 9}, [9, 10, 100]),
        between=("p = :p AND s BETWEEN :v AND :w", {":v": 0, ":w": 2}, [0, Decimal("0.5"), 1, 2]),
        between_one=("p = :p AND s BETWEEN :v AND :w", {":v": 9, ":w": 9}, [9]),
        between_nothing=("p = :p AND s BETWEEN :v AND :w", {":v": 3, ":w": 8}, []),
        sort_key_first=("s > :v AND p = :p", {":v": 9}, [10, 100]),
        parentheses=("(p = :p) AND (s > :v)", {":v": 9}, [10, 100]),
        lower_case=("p = :p and s between :v and :w", {":v": 9, ":w": 10}, [9, 10]),
        by_value=("p = :p AND s = :v", {":v": Decimal("1.0")}, [1]))
    def test_of_numbers(self, condition, values, expected):
        table, p = self.fill(*NUMBERS, partition="numbers")
        self.assertEqual(self.sort_keys(self.query(table, condition, {":p": p, **values})), expected)

    @cases(
        all=("p = :p", {}, TEXTS), begins=("p = :p AND begins_with(s, :v)", {":v": "a"}, ["a", "a1", "ab", "abc"]),
        begins_whole=("p = :p AND begins_with(s, :v)", {":v": "abc"}, ["abc"]),
        begins_none=("p = :p AND begins_with(s, :v)", {":v": "x"}, []),
        begins_bytes=("p = :p AND begins_with(s, :v)", {":v": "é"}, ["é"]),
        less=("p = :p AND s < :v", {":v": "ab"}, ["A", "a", "a1"]),
        between=("p = :p AND s BETWEEN :v AND :w", {":v": "a1", ":w": "b"}, ["a1", "ab", "abc", "b"]),
        more=("p = :p AND s > :v", {":v": "b"}, ["z", "é"]))
    def test_of_strings(self, condition, values, expected):
        table, p = self.fill(*TEXTS, partition="texts")
        self.assertEqual(self.sort_keys(self.query(table, condition, {":p": p, **values})), expected)

    @cases(all=("p = :p", {}, [b"\x00", b"\x00\x01", b"\x7f", b"\x80", b"\xff", b"\xff\xff"]),
           begins=("p = :p AND begins_with(s, :v)", {":v": b"\xff"}, [b"\xff", b"\xff\xff"]),
           less=("p = :p AND s < :v", {":v": b"\x80"}, [b"\x00", b"\x00\x01", b"\x7f"]))
    def test_of_binaries(self, condition, values, expected):
        table, p = self.fill(b"\xff", b"\x00", b"\x80", b"\x7f", b"\xff\xff", b"\x00\x01", partition="binaries")
        self.assertEqual([bytes(each) for each in self.sort_keys(self.query(table, condition, {":p": p, **values}))],
                         expected)

    def test_names(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        answer = self.query(table, "#p = :p AND #s > :v", {":p": p, ":v": 9},
                            ExpressionAttributeNames={"#p": "p", "#s": "s"})
        self.assertEqual(self.sort_keys(answer), [10, 100])

    def test_a_table_without_sort_key(self):
        self.put(self.hash_table, p=self.p, v=1)
        answer = self.query(self.hash_table, "p = :p", {":p": self.p})
        self.assertEqual([plain(each) for each in answer["Items"]], [{"p": self.p, "v": 1}])
        self.assertNotIn("LastEvaluatedKey", answer)

    def test_nothing(self):
        answer = self.query(self.range_table, "p = :p", {":p": self.p})
        self.assertEqual((answer["Items"], answer["Count"], answer["ScannedCount"]), ([], 0, 0))
        self.assertNotIn("LastEvaluatedKey", answer)

    @cases(
        sort_key_alone=("s = :v", {":v": 1}, re.compile("^Query condition missed key schema element: p")),
        partition_less=("p < :v", {":v": "x"}, re.compile("^Query key condition not supported")),
        partition_begins=("begins_with(p, :v)", {":v": "x"}, re.compile("^Query key condition not supported")),
        sort_unequal=("p = :v AND s <> :w", {":v": "x", ":w": 1},
                      re.compile("^Invalid operator used in KeyConditionExpression: <>|^Query key condition not "
                                 "supported$")),
        another_attribute=("p = :v AND q = :w", {":v": "x", ":w": 1},
                           re.compile("^Query condition missed key schema element: s")),
        three=("p = :v AND s = :w AND q = :w", {":v": "x", ":w": 1},
               re.compile("^Conditions can be of length 1 or 2 only")),
        either=("p = :v OR s = :w", {":v": "x", ":w": 1}, re.compile("^Invalid operator used in "
                                                                     "KeyConditionExpression: OR")),
        negation=("NOT p = :v", {":v": "x"}, re.compile("^Invalid operator used in KeyConditionExpression: NOT")),
        among=("p IN (:v)", {":v": "x"}, re.compile("^Invalid operator used in KeyConditionExpression: IN")),
        exists=("p = :v AND attribute_exists(s)", {":v": "x"},
                re.compile("^Invalid operator used in KeyConditionExpression: attribute_exists")),
        contains=("p = :v AND contains(s, :v)", {":v": "x"},
                  re.compile("^Invalid operator used in KeyConditionExpression: contains")),
        nested=("p.a = :v", {":v": "x"}, re.compile("^Invalid KeyConditionExpression: KeyConditionExpressions cannot "
                                                    "have conditions "
                                                    "on nested attributes|cannot have conditions on nested attributes")),
        twice=("p = :v AND p = :w", {":v": "x", ":w": "y"}, re.compile("KeyConditionExpressions must only contain "
                                                                       "one condition per key")),
        sort_twice=("p = :v AND s > :w AND s < :x", {":v": "x", ":w": 1, ":x": 2},
                    re.compile("KeyConditionExpressions must only contain one condition per key")),
        syntax=("p = ", {":v": "x"}, re.compile("^Invalid KeyConditionExpression: Syntax error; ")),
        empty=("", {":v": "x"}, re.compile("^Invalid KeyConditionExpression: The expression can not be empty;")),
        undefined=("p = :w", {":v": "x"}, re.compile("^Invalid KeyConditionExpression: An expression attribute value "
                                                     "used in expression is not defined; attribute value: :w")),
        reserved=("name = :v", {":v": "x"}, re.compile("^Invalid KeyConditionExpression: Attribute name is a "
                                                       "reserved keyword; reserved keyword: name")),
        wrong_type=("p = :v", {":v": 1}, re.compile("^One or more parameter values were invalid: Condition parameter "
                                                    "type does not match schema type")),
        wrong_sort_type=("p = :v AND s = :w", {":v": "x", ":w": "1"},
                         re.compile("Condition parameter type does not match schema type")),
        begins_number=("p = :v AND begins_with(s, :w)", {":v": "x", ":w": 1}, re.compile(
            "^Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: "
            "begins_with, operand type: N")),
        turned=("p = :v AND s BETWEEN :x AND :w", {":v": "x", ":x": 9, ":w": 1}, re.compile(
            "^Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal "
            "to lower bound")),
        empty_key=("p = :v", {":v": ""}, re.compile("The AttributeValue for a key attribute cannot contain an empty "
                                                    "string value")))
    def test_refused(self, condition, values, message):
        with self.invalid(message):
            self.query(self.range_table, condition, values)

    def test_unused_value(self):
        with self.invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"):
            self.query(self.range_table, "p = :p", {":p": "x", ":w": 1})

    def test_no_condition(self):
        with self.invalid(re.compile("^Either the KeyConditions or KeyConditionExpression parameter must be "
                                     "specified in the request\\.?$")):
            self.db.query(TableName=self.range_table)


class Order(Query):
    def test_backward(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        self.assertEqual(self.sort_keys(self.query(table, values={":p": p}, ScanIndexForward=False)), NUMBERS[::-1])

    def test_backward_of_a_range(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        answer = self.query(table, "p = :p AND s BETWEEN :a AND :b", {":p": p, ":a": 0, ":b": 2},
                            ScanIndexForward=False)
        self.assertEqual(self.sort_keys(answer), [2, 1, Decimal("0.5"), 0])

    def test_forward_is_the_default(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        self.assertEqual(self.sort_keys(self.query(table, values={":p": p}, ScanIndexForward=True)), NUMBERS)

    def test_numbers_of_every_magnitude(self):
        numbers = [Decimal(each) for each in ("-9E125", "-1E10", "-1", "-1E-130", "0", "1E-130", "0.1", "1", "1.1",
                                              "1E10", "9E125")]
        table, p = self.fill(*numbers[::-1])
        self.assertEqual(self.sort_keys(self.query(table, values={":p": p})), numbers)


class Pages(Query):
    @cases(one=(1, False), two=(2, False), four=(4, False), all=(9, False), more=(50, False), one_back=(1, True),
           two_back=(2, True),
           four_back=(4, True))
    def test_limit(self, limit, backward):
        table, p = self.fill(*NUMBERS, partition="numbers")
        seen, start, pages = [], {}, 0
        while True:
            answer = self.query(table, values={":p": p}, Limit=limit, ScanIndexForward=not backward, **start)
            self.assertLessEqual(answer["Count"], limit)
            seen += self.sort_keys(answer)
            pages += 1
            if "LastEvaluatedKey" not in answer:
                break
            self.assertEqual(plain(answer["LastEvaluatedKey"]), {"p": p, "s": seen[-1]})
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        self.assertEqual(seen, NUMBERS[::-1] if backward else NUMBERS)
        self.assertIn(pages, (-(-len(NUMBERS) // limit), len(NUMBERS) // limit + 1))

    def test_a_limit_that_is_met_leaves_a_key(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        self.assertIn("LastEvaluatedKey", self.query(table, values={":p": p}, Limit=3))

    def test_a_start_key_need_not_exist(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        answer = self.query(table, values={":p": p}, ExclusiveStartKey=item(p=p, s=5))
        self.assertEqual(self.sort_keys(answer), [9, 10, 100])

    def test_pages_of_another_condition(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        answer = self.query(table, "p = :p AND s < :v", {":p": p, ":v": 10}, ExclusiveStartKey=item(p=p, s=1))
        self.assertEqual(self.sort_keys(answer), [2, 9])

    def test_the_limit_counts_before_the_filter(self):
        table, p = self.fill(1, 2, 3, 4, attributes=lambda s: {"even": s % 2 == 0})
        answer = self.query(table, values={":p": p, ":v": True}, FilterExpression="even = :v", Limit=3)
        self.assertEqual((self.sort_keys(answer), answer["Count"], answer["ScannedCount"]), ([2], 1, 3))
        self.assertEqual(plain(answer["LastEvaluatedKey"]), {"p": p, "s": 3})

    def test_a_page_is_of_1_mb(self):
        table, p = self.fill(*range(5), attributes=lambda s: {"v": "x" * 300_000})
        first = self.query(table, values={":p": p})
        self.assertEqual(self.sort_keys(first), [0, 1, 2])
        self.assertEqual(plain(first["LastEvaluatedKey"]), {"p": p, "s": 2})
        rest = self.query(table, values={":p": p}, ExclusiveStartKey=first["LastEvaluatedKey"])
        self.assertEqual(self.sort_keys(rest), [3, 4])
        self.assertNotIn("LastEvaluatedKey", rest)

    def test_1_mb_counts_what_the_filter_drops(self):
        table, p = self.fill(*range(5), attributes=lambda s: {"v": "x" * 300_000})
        answer = self.query(table, values={":p": p, ":none": "y"}, FilterExpression="v = :none")
        self.assertEqual((answer["Items"], answer["ScannedCount"]), ([], 3))
        self.assertIn("LastEvaluatedKey", answer)

    @cases(size=1, size_of_2=2, size_of_4=4)
    def test_paginator(self, size):
        table, p = self.fill(*NUMBERS, partition="numbers")
        pages = list(client(1).get_paginator("query").paginate(
            TableName=table, KeyConditionExpression="p = :p", ExpressionAttributeValues=item({":p": p}),
            PaginationConfig={"PageSize": size}))
        self.assertGreaterEqual(len(pages), len(NUMBERS) // size)
        self.assertEqual([key for page in pages for key in self.sort_keys(page)], NUMBERS)

    def test_paginator_resumes_on_another_node(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        asked = dict(TableName=table, KeyConditionExpression="p = :p", ExpressionAttributeValues=item({":p": p}))
        first = client(0).get_paginator("query").paginate(**asked,
                                                          PaginationConfig={
                                                              "PageSize": 2, "MaxItems": 3}).build_full_result()
        rest = client(2).get_paginator("query").paginate(
            **asked, PaginationConfig={"StartingToken": first["NextToken"]}).build_full_result()
        self.assertEqual(self.sort_keys(first) + self.sort_keys(rest), NUMBERS)

    def test_every_node_answers_alike(self):
        table, p = self.fill(*NUMBERS, partition="numbers")
        for node in range(NODES):
            self.assertEqual(self.sort_keys(client(node).query(
                TableName=table, KeyConditionExpression="p = :p", ExpressionAttributeValues=item({":p": p}))),
                             NUMBERS)

    @cases(zero=0, negative=-1)
    def test_limit_of_less_than_one(self, limit):
        with self.invalid(f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
                          "Member must have value greater than or equal to 1"):
            self.query(self.range_table, values={":p": "x"}, Limit=limit)

    @cases(other_partition={"p": {"S": "other"}, "s": {"N": "1"}}, outside_range={"p": {"S": "x"}, "s": {"N": "99"}})
    def test_start_outside_the_query(self, start):
        with self.invalid(re.compile("^The provided starting key is outside query boundaries based on provided "
                                     "conditions$|^The provided starting key is invalid")):
            self.query(self.range_table, "p = :p AND s < :v", {":p": "x", ":v": 50}, ExclusiveStartKey=start)

    @cases(half={"p": {"S": "x"}}, more={"p": {"S": "x"}, "s": {"N": "1"}, "q": {"N": "1"}},
           others={"a": {"S": "x"}, "b": {"N": "1"}})
    def test_start_that_is_no_key(self, start):
        with self.invalid(re.compile("^(The provided starting key is invalid|Exclusive Start Key must have same size "
                                     "as table's key schema|The provided key element does not match the schema)")):
            self.query(self.range_table, values={":p": "x"}, ExclusiveStartKey=start)


    @cases(partition={"p": {"N": "1"}, "s": {"N": "1"}}, sort={"p": {"S": "x"}, "s": {"S": "1"}})
    def test_start_of_another_type(self, start):
        with self.invalid("The provided starting key is invalid: The provided key element does not match the schema"):
            self.query(self.range_table, values={":p": "x"}, ExclusiveStartKey=start)


class Results(Query):
    def fill_documents(self):
        return self.fill(1, 2, 3, partition="documents",
                         attributes=lambda s: {"v": s * 10, "m": {"a": s, "b": [s]}, "word": f"w{s}"})

    @cases(
        one=("v", [{"v": 10}, {"v": 20}, {"v": 30}]), nested=("m.a",
                                                              [{"m": {"a": 1}}, {"m": {"a": 2}}, {"m": {"a": 3}}]),
        element=("m.b[0], s", [{"m": {"b": [n]}, "s": n} for n in (1, 2, 3)]), absent=("x", [{}, {}, {}]))
    def test_projection(self, text, expected):
        table, p = self.fill_documents()
        answer = self.query(table, values={":p": p}, ProjectionExpression=text)
        self.assertEqual([plain(each) for each in answer["Items"]], expected)

    @cases(
        more=("v > :v", {":v": 10}, [2, 3]), nested=("m.a = :v", {":v": 2}, [2]),
        function=("begins_with(word, :v)", {":v": "w3"}, [3]),
        none=("v = :v", {":v": 0}, []), combination=("v > :v AND NOT m.a = :w", {":v": 10, ":w": 3}, [2]))
    def test_filter(self, text, values, expected):
        table, p = self.fill_documents()
        answer = self.query(table, values={":p": p, **values}, FilterExpression=text)
        self.assertEqual((self.sort_keys(answer), answer["Count"], answer["ScannedCount"]),
                         (expected, len(expected), 3))

    def test_filter_and_projection_share_names(self):
        table, p = self.fill_documents()
        answer = self.query(table, values={":p": p, ":v": 10}, FilterExpression="#v > :v", ProjectionExpression="#v",
                            ExpressionAttributeNames={"#v": "v"})
        self.assertEqual([plain(each) for each in answer["Items"]], [{"v": 20}, {"v": 30}])

    @cases(partition=("p = :v", "p"), sort=("s = :v", "s"))
    def test_filters_name_no_keys(self, text, key):
        with self.invalid(re.compile(f"Filter Expression can only contain non-primary key attributes: Primary key "
                                     f"attribute: {key}")):
            self.query(self.range_table, values={":p": "x", ":v": 1}, FilterExpression=text)

    def test_count(self):
        table, p = self.fill_documents()
        answer = self.query(table, values={":p": p}, Select="COUNT")
        self.assertEqual((answer["Count"], answer["ScannedCount"], "Items" in answer), (3, 3, False))

    def test_count_of_a_filter(self):
        table, p = self.fill_documents()
        answer = self.query(table, values={":p": p, ":v": 20}, FilterExpression="v >= :v", Select="COUNT")
        self.assertEqual((answer["Count"], answer["ScannedCount"]), (2, 3))

    def test_all_attributes(self):
        table, p = self.fill_documents()
        answer = self.query(table, values={":p": p}, Select="ALL_ATTRIBUTES")
        self.assertEqual(plain(answer["Items"][0]), {"p": p, "s": 1, "v": 10, "m": {"a": 1, "b": [1]}, "word": "w1"})

    def test_specific_attributes(self):
        table, p = self.fill_documents()
        answer = self.query(table, values={":p": p}, Select="SPECIFIC_ATTRIBUTES", ProjectionExpression="v")
        self.assertEqual(plain(answer["Items"][0]), {"v": 10})

    @cases(all=("ALL_ATTRIBUTES", "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"),
           count=("COUNT", "Cannot specify the ProjectionExpression when choosing to get only the Count"))
    def test_projection_beside_select(self, select, message):
        with self.invalid(re.compile(message)):
            self.query(self.range_table, values={":p": "x"}, Select=select, ProjectionExpression="v")

    def test_specific_attributes_without_projection(self):
        with self.invalid(re.compile("(Must|must) specify the AttributesToGet or ProjectionExpression when choosing "
                                     "to get SPECIFIC_ATTRIBUTES|SPECIFIC_ATTRIBUTES")):
            self.query(self.range_table, values={":p": "x"}, Select="SPECIFIC_ATTRIBUTES")

    def test_projected_attributes_are_of_an_index(self):
        with self.invalid(re.compile("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")):
            self.query(self.range_table, values={":p": "x"}, Select="ALL_PROJECTED_ATTRIBUTES")

    def test_unknown_select(self):
        with self.invalid(re.compile("Value 'SOME' at 'select' failed to satisfy constraint: Member must satisfy "
                                     "enum value set: \\[")):
            self.query(self.range_table, values={":p": "x"}, Select="SOME")

    def test_no_such_index(self):
        with self.invalid("The table does not have the specified index: by_word"):
            self.query(self.range_table, values={":p": "x"}, IndexName="by_word")

    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.query(unique("none"), values={":p": "x"})

    def test_table_name(self):
        with self.invalid(BAD_TABLE_NAME):
            self.query("x", values={":p": "x"})

    @cases(sum_of_sizes=(300, 10, 1), units=(4000, 3, 3), round_up=(4100, 3, 4))
    def test_a_query_costs_the_sum_of_its_items(self, size, count, units):
        table, p = self.fill(*range(count), attributes=lambda s: {"v": "x" * size})
        answer = self.query(table, values={":p": p}, ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": table, "CapacityUnits": float(units)})

    def test_what_the_filter_drops_is_paid(self):
        table, p = self.fill(*range(3), attributes=lambda s: {"v": "x" * 4000})
        answer = self.query(table, values={":p": p, ":none": "y"}, FilterExpression="v = :none",
                            ReturnConsumedCapacity="INDEXES")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": table, "CapacityUnits": 3.0,
                                                      "Table": {"CapacityUnits": 3.0}})

    def test_an_eventual_query_costs_half(self):
        table, p = self.fill(*range(2), attributes=lambda s: {"v": "x" * 7900})
        self.query(table, values={":p": p})
        answer = self.query(table, values={":p": p}, ReturnConsumedCapacity="TOTAL", ConsistentRead=False)
        self.assertIn((answer["Count"], answer["ConsumedCapacity"]["CapacityUnits"]), [(2, 2.0), (1, 1.0), (0, 0.5)])

    def test_neither_kind_mixes(self):
        with self.invalid(re.compile("^Can not use both expression and non-expression parameters in the same "
                                     "request: Non-expression "
                                     r"parameters: \{QueryFilter\} Expression parameters: \{KeyConditionExpression\}$")):
            self.query(self.range_table, values={":p": "x"},
                       QueryFilter={"v": {"AttributeValueList": [{"N": "1"}], "ComparisonOperator": "EQ"}})

    def test_members_that_are_no_lists(self):
        answer = call("Query", {"TableName": self.range_table, "KeyConditionExpression": ["p = :p"]})
        self.check_refused(answer, "SerializationException")


if __name__ == "__main__":
    unittest.main()

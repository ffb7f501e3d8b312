"""Condition and filter expressions: Developer Guide "Comparison operator and function reference"."""

import re
import unittest
from decimal import Decimal

from harness import GatewayTest, cases, item, plain, unique

ITEM = {
    "n": 5, "big": Decimal("12345678901234567890123456789012345678"), "str": "hello", "blank": "",
    "bin": b"\x01\x02\x03", "yes": True, "nay": False, "nul": None, "ss": {"a", "b"}, "ns": {1, 2, 3}, "bs": {b"x"},
    "lst": [1, "two", [3], {"four": 4}], "mp": {"x": 1, "y": {"z": "deep"}}, "five": 5, "six": 6,
    "moment": "2026-11-21",
}


class Conditions(GatewayTest):
    """Each as the condition of a write and as the filter of a query: they are one language."""

    @classmethod
    def setUpClass(cls):
        cls.p = unique("condition")

    def check(self, text, values, holds):
        p = type(self).p
        self.put(self.hash_table, ITEM, p=p)
        names = {"#long": "n", "#dot": "a.b"}
        names = {name: known for name, known in names.items() if name in text}
        more = {}
        if names:
            more["ExpressionAttributeNames"] = names
        if values:
            more["ExpressionAttributeValues"] = item(values)
        write = dict(TableName=self.hash_table, Item=item(ITEM, p=p), ConditionExpression=text, **more)
        if holds:
            self.db.put_item(**write)
        else:
            with self.refused("ConditionalCheckFailedException"):
                self.db.put_item(**write)
        more["ExpressionAttributeValues"] = item({**values, ":p": p})
        found = self.db.query(TableName=self.hash_table, KeyConditionExpression="p = :p", FilterExpression=text,
                              **more)
        self.assertEqual((found["Count"], found["ScannedCount"]), (int(holds), 1))

    @cases(
        equal=("n = :v", 5, True), equal_by_value=("n = :v", Decimal("5.000"), True), unequal=("n = :v", 6, False),
        other_type=("n = :v", "5", False), absent=("nothing = :v", 5, False), string=("str = :v", "hello", True),
        case_matters=("str = :v", "Hello", False), empty=("blank = :v", "", True), true=("yes = :v", True, True),
        true_is_not_false=("yes = :v", False, False), null=("nul = :v", None, True),
        binary=("bin = :v", b"\x01\x02\x03", True),
        set_without_order=("ss = :v", {"b", "a"}, True), set_of_more=("ss = :v", {"a", "b", "c"}, False),
        list=("lst = :v", [1, "two", [3], {"four": 4}], True),
        list_in_order=("lst = :v", ["two", 1, [3], {"four": 4}], False),
        map=("mp = :v", {"y": {"z": "deep"}, "x": 1}, True), map_of_less=("mp = :v", {"x": 1}, False),
        digits_38=("big = :v", Decimal("12345678901234567890123456789012345678"), True),
        last_digit=("big = :v", Decimal("12345678901234567890123456789012345679"), False),
        not_equal=("n <> :v", 6, True), not_equal_same=("n <> :v", 5, False), not_equal_type=("n <> :v", "5", True),
        not_equal_absent=("nothing <> :v", 5, True),
        less=("n < :v", 6, True), less_equal_value=("n < :v", 5, False), at_most=("n <= :v", 5, True),
        more=("n > :v", 4, True), at_least=("n >= :v", 5, True), at_least_not=("n >= :v", Decimal("5.1"), False),
        numeric_order=("n < :v", 10, True), textual_order=("moment < :v", "2026-12", True),
        prefix_is_less=("str < :v", "hello!", True),
        upper_before_lower=("str > :v", "Z", True), binary_unsigned=("bin < :v", b"\xff", True),
        order_of_unlike=("n < :v", "a", False), order_of_unlike_back=("n > :v", "a", False),
        order_of_absent=("nothing < :v", 1, False),
        operands_turned=(":v < n", 4, True), nested=("mp.y.z = :v", "deep", True), element=("lst[0] = :v", 1, True),
        element_of_element=("lst[3].four = :v", 4, True), past_the_end=("lst[7] = :v", 1, False),
        below_a_scalar=("n.x = :v", 1, False), placeholder=("#long = :v", 5, True), dotted=("#dot = :v", 5, False),
        begins=("begins_with(str, :v)", "hel", True), begins_whole=("begins_with(str, :v)", "hello", True),
        begins_not=("begins_with(str, :v)", "ello", False), begins_with_nothing=("begins_with(str, :v)", "", True),
        begins_binary=("begins_with(bin, :v)", b"\x01", True), begins_other_type=("begins_with(bin, :v)", "a", False),
        begins_number=("begins_with(n, :v)", "5", False), begins_absent=("begins_with(nothing, :v)", "a", False),
        contains_part=("contains(str, :v)", "ell", True), contains_not=("contains(str, :v)", "elo", False),
        contains_member=("contains(ss, :v)", "a", True), contains_no_part_of_member=("contains(ss, :v)", "", False),
        contains_number=("contains(ns, :v)", Decimal("2.0"), True), contains_type=("contains(ns, :v)", "2", False),
        contains_element=("contains(lst, :v)", "two", True), contains_list=("contains(lst, :v)", [3], True),
        contains_binary=("contains(bin, :v)", b"\x02\x03", True),
        contains_absent=("contains(nothing, :v)", "a", False),
        contains_in_number=("contains(n, :v)", 5, False),
        size_string=("size(str) = :v", 5, True), size_empty=("size(blank) = :v", 0, True),
        size_binary=("size(bin) = :v", 3, True),
        size_set=("size(ns) = :v", 3, True), size_list=("size(lst) = :v", 4, True),
        size_map=("size(mp) = :v", 2, True),
        size_below=("size(mp.y) >= :v", 1, True), size_absent=("size(nothing) > :v", 0, False),
        size_of_number=("size(n) > :v", 0, False),
        of_type=("attribute_type(n, :v)", "N", True), of_other_type=("attribute_type(n, :v)", "S", False),
        type_null=("attribute_type(nul, :v)", "NULL", True), type_set=("attribute_type(ss, :v)", "SS", True),
        type_list=("attribute_type(lst, :v)", "L", True), type_map=("attribute_type(mp.y, :v)", "M", True),
        type_bool=("attribute_type(yes, :v)", "BOOL", True), type_absent=("attribute_type(nothing, :v)", "S", False),
        type_number_set=("attribute_type(ns, :v)", "NS", True),
        type_binary_set=("attribute_type(bs, :v)", "BS", True))
    def test_of_one_value(self, text, value, holds):
        self.check(text, {":v": value}, holds)

    @cases(
        exists=("attribute_exists(n)", True), exists_not=("attribute_exists(nothing)", False),
        exists_null=("attribute_exists(nul)", True), exists_empty=("attribute_exists(blank)", True),
        exists_below=("attribute_exists(mp.y.z)", True), exists_element=("attribute_exists(lst[2][0])", True),
        not_exists=("attribute_not_exists(nothing)", True), not_exists_not=("attribute_not_exists(n)", False),
        not_exists_past_the_end=("attribute_not_exists(lst[4])", True), two_attributes=("n = five", True),
        two_absent=("nothing = absent", False), two_absent_unequal=("nothing <> absent", True),
        attribute_order=("n < six", True), attribute_between=("five BETWEEN n AND six", True),
        attribute_in=("n IN (six, five)", True), size_against_attribute=("size(str) = five", True),
        negation=("NOT n = six", True), negation_of_absent=("NOT nothing = n", True),
        twice=("NOT (NOT n = five)", True),
        contains_attribute=("contains(ns, n)", False),
        lower_case_words=("n = five and not n = six or n = six", True),
        in_one=("n IN (five)", True))
    def test_of_attributes(self, text, holds):
        self.check(text, {}, holds)

    @cases(
        inside=("n BETWEEN :a AND :b", 1, 9, True), lower_edge=("n BETWEEN :a AND :b", 5, 9, True),
        upper_edge=("n BETWEEN :a AND :b", 1, 5, True), outside=("n BETWEEN :a AND :b", 6, 9, False),
        strings=("str BETWEEN :a AND :b", "a", "i", True), other_type=("n BETWEEN :a AND :b", "a", "z", False),
        between_and=("n BETWEEN :a AND :b AND n = :a", 5, 9, True),
        of_absent=("nothing BETWEEN :a AND :b", 1, 9, False),
        not_between=("NOT n BETWEEN :a AND :b", 6, 9, True), constant_between=(":a BETWEEN n AND :b", 5, 9, True),
        among=("n IN (:a, :b)", 4, 5, True), not_among=("n IN (:a, :b)", 4, 6, False),
        among_types=("n IN (:a, :b)", "5", 5, True),
        and_before_or=("n = :a OR n = :b AND n = :a", 5, 6, True),
        parentheses=("(n = :a OR n = :b) AND n = :b", 5, 6, False),
        not_before_and=("NOT n = :a AND n = :b", 6, 5, True),
        not_of_parentheses=("NOT (n = :a AND n = :b)", 5, 5, False),
        both=("n = :a AND str = :b", 5, "hello", True), one_of_both=("n = :a AND str = :b", 5, "x", False),
        either=("n = :a OR str = :b", 0, "hello", True), neither=("n = :a OR str = :b", 0, "x", False),
        many=("(n = :a) AND ((str = :b) OR (n = :b))", 5, "hello", True))
    def test_of_two_values(self, text, a, b, holds):
        self.check(text, {":a": a, ":b": b}, holds)

    @cases(at_100=(100, True), none_of_100=(99, False))
    def test_in_of_100(self, last, holds):
        values = {f":v{i}": 1000 + i for i in range(99)}
        values[":last"] = 5 if last == 100 else 7
        self.check(f"n IN ({', '.join(values)})", values, holds)


class Refusals(GatewayTest):
    def refuse(self, text, message, values=None, names=None):
        more = {}
        if values:
            more["ExpressionAttributeValues"] = values if isinstance(values, dict) and all(
                isinstance(each, dict) for each in values.values()) else item(values)
        if names:
            more["ExpressionAttributeNames"] = names
        with self.invalid(message):
            self.db.put_item(TableName=self.hash_table, Item=item(p=self.p), ConditionExpression=text, **more)
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    @cases(
        empty=("", "Invalid ConditionExpression: The expression can not be empty;"),
        open=("(n = :v", 'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: ":v"'),
        closed=("n = :v)", 'Invalid ConditionExpression: Syntax error; token: ")", near: ":v)"'),
        two_operators=("n = = :v", 'Invalid ConditionExpression: Syntax error; token: "=", near: "= = :v"'),
        assignment=("n == :v", "Invalid ConditionExpression: Syntax error; "),
        no_operator=("n :v", "Invalid ConditionExpression: Syntax error; "),
        only_a_name=("n", "Invalid ConditionExpression: Syntax error; "),
        dangling_and=("n = :v AND", "Invalid ConditionExpression: Syntax error; "),
        quoted=("n = 'x' OR n = :v", "Invalid ConditionExpression: Syntax error; "),
        literal=("n = 5 OR n = :v", "Invalid ConditionExpression: Syntax error; "),
        chained=("n = :v = :v", "Invalid ConditionExpression: Syntax error; "),
        between_without_and=("n BETWEEN :v", "Invalid ConditionExpression: Syntax error; "),
        empty_in=("n IN ()", "Invalid ConditionExpression: Syntax error; "),
        unknown_function=("starts_with(n, :v)", "Invalid ConditionExpression: Invalid function name; function: "
                                                "starts_with"),
        function_case=("Begins_With(n, :v)", "Invalid ConditionExpression: Invalid function name; function: "
                                             "Begins_With"),
        update_function=("if_not_exists(n, :v) = :v", "Invalid ConditionExpression: The function is not allowed in a "
                                                      "condition "
                                                     "expression; function: if_not_exists"),
        few_operands=("begins_with(n) AND n = :v", "Invalid ConditionExpression: Incorrect number of operands for "
                                                   "operator or "
                                                  "function; operator or function: begins_with, number of operands: 1"),
        many_operands=("attribute_exists(n, :v)", "Invalid ConditionExpression: Incorrect number of operands for "
                                                  "operator or "
                                                  "function; operator or function: attribute_exists, number of "
                                                  "operands: 2"),
        no_path=("attribute_exists(:v)", "Invalid ConditionExpression: Operator or function requires a document "
                                         "path; operator or function: attribute_exists"),
        size_alone=("size(n) AND n = :v", "Invalid ConditionExpression: "),
        function_compared=("begins_with(n, :v) = :v", "Invalid ConditionExpression: "),
        reserved=("status = :v", "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved "
                                 "keyword: status"),
        reserved_below=("a.status = :v", "Invalid ConditionExpression: Attribute name is a reserved keyword; "
                                         "reserved keyword: status"),
        undefined_name=("#n = :v", "Invalid ConditionExpression: An expression attribute name used in the document "
                                   "path is not defined; attribute name: #n"),
        undefined_value=("n = :v OR n = :w", "Invalid ConditionExpression: An expression attribute value used in "
                                             "expression is not defined; attribute value: :w"),
        redundant=("((n = :v))", "Invalid ConditionExpression: The expression has redundant parentheses;"),
        redundant_part=("n = :v AND ((n = :v OR attribute_exists(n)))",
                        "Invalid ConditionExpression: The expression has redundant parentheses;"),
        in_of_101=(f"n IN ({', '.join([':v'] * 101)})", "Invalid ConditionExpression: "))
    def test_text(self, text, beginning):
        self.refuse(text, re.compile("^" + re.escape(beginning)), {":v": 5} if ":v" in text else None)

    @cases(
        equal=("n = n", "="), unequal=("n <> n", "<>"), order=("n < n", "<"), low=("n BETWEEN n AND :v", "BETWEEN"),
        high=("n BETWEEN :v AND n", "BETWEEN"), member=("n IN (n, :v)", "IN"),
        beginning=("begins_with(n, n)", "begins_with"), contained=("contains(n, n)", "contains"))
    def test_of_itself(self, text, operator):
        more = {"ExpressionAttributeValues": item({":v": 5})} if ":v" in text else {}
        for kind, ask in (("ConditionExpression", dict(Item=item(p=self.p))), ("FilterExpression", {})):
            operation = self.db.put_item if ask else self.db.scan
            with self.invalid(re.compile(f"^Invalid {kind}: The first operand must be distinct from the remaining "
                                         "operands for this operator or function; operator: "
                                         rf"{operator}, first operand: \[n\]")):
                operation(TableName=self.hash_table, **ask, **{kind: text}, **more)

    @cases(
        begins_with_number=("begins_with(n, :v)", 5, "operator or function: begins_with, operand type: N"),
        begins_with_set=("begins_with(n, :v)", {"a"}, "operator or function: begins_with, operand type: SS"),
        order_of_bool=("n < :v", True, "operator or function: <, operand type: BOOL"),
        order_of_list=("n >= :v", [1], "operator or function: >=, operand type: L"),
        order_of_null=("n > :v", None, "operator or function: >, operand type: NULL"))
    def test_operand_type(self, text, value, ending):
        self.refuse(text, re.compile("^Invalid ConditionExpression: Incorrect operand type for operator or function; "
                                     + re.escape(ending)), {":v": value})

    @cases(number=(5, ""), word=("STRING", ""), lower=("s", ""))
    def test_attribute_type_takes_a_type(self, value, _):
        self.refuse("attribute_type(n, :v)", re.compile("^Invalid ConditionExpression: "), {":v": value})

    def test_turned_bounds(self):
        self.refuse("n BETWEEN :a AND :b", re.compile(
            "^Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to "
            "lower "
            "bound; "),
                    {":a": 9, ":b": 1})

    def test_bounds_of_two_types(self):
        self.refuse("n BETWEEN :a AND :b", re.compile(
            "^Invalid ConditionExpression: The BETWEEN operator requires same data type for lower and upper bounds; "),
                    {":a": 1, ":b": "z"})

    def test_unused_value(self):
        self.refuse("attribute_exists(n)", "Value provided in ExpressionAttributeValues unused in expressions: keys: "
                                           "{:v}",
                    {":v": 1})

    def test_unused_name(self):
        self.refuse("attribute_exists(n)", "Value provided in ExpressionAttributeNames unused in expressions: keys: "
                                           "{#n}",
                    names={"#n": "n"})

    def test_values_are_not_empty(self):
        with self.invalid("ExpressionAttributeValues must not be empty"):
            self.db.put_item(TableName=self.hash_table, Item=item(p=self.p),
                             ConditionExpression="attribute_exists(n)",
                             ExpressionAttributeValues={})

    @cases(no_colon="v", alone=":", blank=":a b", hash="#v")
    def test_malformed_value_name(self, name):
        self.refuse("attribute_exists(n)", re.compile('^ExpressionAttributeValues contains invalid key: Syntax '
                                                      'error; '
                                                      'key: "' + re.escape(name) + '"'), {name: 1})

    @cases(no_hash="n", alone="#", colon=":n", dot="#a.b")
    def test_malformed_name(self, name):
        self.refuse("attribute_exists(n)", re.compile('^ExpressionAttributeNames contains invalid key: Syntax error; '
                                                      'key: "' + re.escape(name) + '"'), names={name: "n"})

    @cases(
        number=({"N": "x"}, "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to "
                            "a numeric value: x for key :v"),
        empty=({}, "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain "
                   "exactly one of the supported datatypes for key :v"),
        empty_set=({"SS": []}, "ExpressionAttributeValues contains invalid value: One or more parameter values were "
                               "invalid: An string set  may not be empty for key :v"))
    def test_invalid_value(self, value, message):
        self.refuse("n = :v", message, {":v": value})

    def test_more_than_4_kb(self):
        text = " OR ".join(["attribute_exists(abcdefghijklmnop)"] * 120)
        self.refuse(text, re.compile("^Invalid ConditionExpression: Expression size has exceeded the maximum allowed "
                                     "size; expression size: "))

    def test_more_than_300_operators(self):
        text = " OR ".join(["a=:v"] * 301)
        self.refuse(text, re.compile("^Invalid ConditionExpression: .*operators.*300"), {":v": 1})

    def test_the_item_is_found_before_the_condition_is_judged(self):
        self.put(self.hash_table, p=self.p, n=1)
        with self.refused("ConditionalCheckFailedException") as caught:
            self.db.put_item(TableName=self.hash_table, Item=item(p=self.p, n=2), ConditionExpression="n = :v",
                             ExpressionAttributeValues=item({":v": 3}))
        self.assertNotIn("Item", caught.exception.response)
        self.assertEqual(self.get(self.hash_table, p=self.p), plain(item(p=self.p, n=1)))


if __name__ == "__main__":
    unittest.main()

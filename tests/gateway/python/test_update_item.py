"""UpdateItem: API Reference "UpdateItem", Developer Guide "Update expressions"."""

import concurrent.futures
import re
import unittest
from decimal import Decimal

from harness import (BAD_TABLE_NAME, CONDITION_FAILED, GatewayTest, KEY_MISMATCH, NODES, NO_SUCH_TABLE, call, cases,
                     client, item, plain, unique)

NAMES = {"#count": "count", "#map": "map", "#dot": "a.b", "#list": "list", "#set": "set"}
BEFORE = {"n": 5, "s": "text", "m": {"a": 1, "b": {"c": [1, 2]}}, "l": [10, 20, 30], "ss": {"a", "b"}, "ns": {1, 2},
          "bs": {b"x"}}


class Update(GatewayTest):
    def update(self, text, values=None, **more):
        names = {name: known for name, known in NAMES.items() if name in text}
        if names:
            more["ExpressionAttributeNames"] = names
        if values:
            more["ExpressionAttributeValues"] = item(values)
        more.setdefault("TableName", self.hash_table)
        more.setdefault("Key", item(p=self.p))
        return self.db.update_item(UpdateExpression=text, **more)


class Effects(Update):
    """`changed` is what differs from BEFORE afterwards; ... is an attribute that is gone."""

    @cases(
        set_new=("SET x = :v", {":v": 1}, {"x": 1}), set_over=("SET n = :v", {":v": "now text"}, {"n": "now text"}),
        set_two=("SET x = :v, y = :w", {":v": 1, ":w": [2]}, {"x": 1, "y": [2]}),
        set_lower_case=("set x = :v", {":v": 1}, {"x": 1}),
        set_copy=("SET x = n", None, {"x": 5}), set_copy_map=("SET x = m.b", None, {"x": {"c": [1, 2]}}),
        set_swap=("SET n = s, s = n", None, {"n": "text", "s": 5}),
        set_from_before=("SET n = :v, x = n", {":v": 1}, {"n": 1, "x": 5}),
        set_plus=("SET n = n + :v", {":v": 3}, {"n": 8}),
        set_minus=("SET n = n - :v", {":v": Decimal("0.5")}, {"n": Decimal("4.5")}),
        set_constant_minus=("SET n = :v - n", {":v": 3}, {"n": -2}),
        set_sum_of_attributes=("SET x = n + n", None, {"x": 10}),
        set_sum_below=("SET m.a = m.a + :v", {":v": 1}, {"m": {"a": 2, "b": {"c": [1, 2]}}}),
        set_nested=("SET m.b.d = :v", {":v": 1}, {"m": {"a": 1, "b": {"c": [1, 2], "d": 1}}}),
        set_nested_element=("SET m.b.c[1] = :v", {":v": 9}, {"m": {"a": 1, "b": {"c": [1, 9]}}}),
        set_element=("SET l[1] = :v", {":v": 0}, {"l": [10, 0, 30]}),
        set_at_the_end=("SET l[3] = :v", {":v": 40}, {"l": [10, 20, 30, 40]}),
        set_past_the_end=("SET l[9] = :v", {":v": 40}, {"l": [10, 20, 30, 40]}),
        set_two_past_the_end=("SET l[9] = :v, l[7] = :w", {":v": "nine", ":w": "seven"},
                              {"l": [10, 20, 30, "seven", "nine"]}),
        set_empty_values=("SET x = :v, y = :w", {":v": "", ":w": {}}, {"x": "", "y": {}}),
        set_null=("SET n = :v", {":v": None}, {"n": None}),
        set_dotted_name=("SET #dot = :v", {":v": 1}, {"a.b": 1}),
        if_not_exists_there=("SET n = if_not_exists(n, :v)", {":v": 1}, {}),
        if_not_exists_absent=("SET x = if_not_exists(x, :v)", {":v": 1}, {"x": 1}),
        if_not_exists_of_another=("SET x = if_not_exists(n, :v)", {":v": 1}, {"x": 5}),
        if_not_exists_counter=("SET #count = if_not_exists(#count, :z) + :v", {":z": 0, ":v": 2}, {"count": 2}),
        if_not_exists_below=("SET m.x = if_not_exists(m.y, :v)", {":v": 1},
                             {"m": {"a": 1, "b": {"c": [1, 2]}, "x": 1}}),
        append=("SET l = list_append(l, :v)", {":v": [40, 50]}, {"l": [10, 20, 30, 40, 50]}),
        prepend=("SET l = list_append(:v, l)", {":v": [0]}, {"l": [0, 10, 20, 30]}),
        append_nothing=("SET l = list_append(l, :v)", {":v": []}, {}),
        append_to_itself=("SET l = list_append(l, l)", None, {"l": [10, 20, 30, 10, 20, 30]}),
        append_to_new=("SET x = list_append(if_not_exists(x, :e), :v)", {":e": [], ":v": [1]}, {"x": [1]}),
        append_below=("SET m.b.c = list_append(m.b.c, :v)", {":v": [3]}, {"m": {"a": 1, "b": {"c": [1, 2, 3]}}}),
        remove=("REMOVE n", None, {"n": ...}), remove_two=("REMOVE n, s", None, {"n": ..., "s": ...}),
        remove_absent=("REMOVE x", None, {}),
        remove_nested=("REMOVE m.b.c", None, {"m": {"a": 1, "b": {}}}),
        remove_element=("REMOVE l[0]", None, {"l": [20, 30]}),
        remove_two_elements=("REMOVE l[0], l[2]", None, {"l": [20]}), remove_past_the_end=("REMOVE l[5]", None, {}),
        remove_all_elements=("REMOVE l[0], l[1], l[2]", None, {"l": []}),
        add_number=("ADD n :v", {":v": 3}, {"n": 8}), add_negative=("ADD n :v", {":v": -6}, {"n": -1}),
        add_to_absent=("ADD x :v", {":v": 3}, {"x": 3}),
        add_below=("ADD m.a :v", {":v": 3}, {"m": {"a": 4, "b": {"c": [1, 2]}}}),
        add_members=("ADD ss :v", {":v": {"b", "c"}}, {"ss": {"a", "b", "c"}}),
        add_numbers=("ADD ns :v", {":v": {2, 3}}, {"ns": {1, 2, 3}}),
        add_binaries=("ADD bs :v", {":v": {b"y"}}, {"bs": {b"x", b"y"}}),
        add_new_set=("ADD x :v", {":v": {"a"}}, {"x": {"a"}}),
        add_two=("ADD n :v, x :w", {":v": 1, ":w": 2}, {"n": 6, "x": 2}),
        add_fraction=("ADD n :v", {":v": Decimal("0.1")}, {"n": Decimal("5.1")}),
        delete_members=("DELETE ss :v", {":v": {"a"}}, {"ss": {"b"}}),
        delete_absent_members=("DELETE ss :v", {":v": {"z"}}, {}),
        delete_last_member=("DELETE ss :v", {":v": {"a", "b"}}, {"ss": ...}),
        delete_more=("DELETE ns :v", {":v": {1, 2, 3}}, {"ns": ...}),
        delete_from_absent=("DELETE x :v", {":v": {"a"}}, {}),
        all_clauses=("SET x = :x REMOVE s ADD n :n DELETE ss :d", {":x": 1, ":n": 1, ":d": {"a"}},
                     {"x": 1, "s": ..., "n": 6, "ss": {"b"}}),
        clauses_in_any_order=("REMOVE s SET x = :x", {":x": 1}, {"x": 1, "s": ...}),
        removed_and_read=("REMOVE n SET x = n", None, {"n": ..., "x": 5}),
        siblings=("SET m.x = :v REMOVE m.a", {":v": 1}, {"m": {"b": {"c": [1, 2]}, "x": 1}}),
        set_and_remove_elements=("SET l[0] = :v REMOVE l[1]", {":v": 0}, {"l": [0, 30]}),
        precise=("ADD n :v", {":v": Decimal("1E-37")}, {"n": Decimal("5.0000000000000000000000000000000000001")}))
    def test_effect(self, text, values, changed):
        self.put(self.hash_table, BEFORE, p=self.p)
        self.update(text, values)
        after = {**BEFORE, "p": self.p, **changed}
        self.assertEqual(self.get(self.hash_table, p=self.p),
                         {name: each for name, each in after.items() if each is not ...})

    @cases(set=("SET a = :v", {":v": 1}, {"a": 1}), add=("ADD a :v", {":v": 1}, {"a": 1}),
           remove=("REMOVE a", None, {}), delete=("DELETE a :v", {":v": {"x"}}, {}))
    def test_of_no_item(self, text, values, attributes):
        """An update makes the item, unless it names nothing to be there."""
        self.update(text, values)
        self.assertIn(self.get(self.hash_table, p=self.p),
                      [{"p": self.p, **attributes}] + ([None] if not attributes else []))

    def test_without_an_expression_an_item_is_made(self):
        self.db.update_item(TableName=self.hash_table, Key=item(p=self.p))
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p})

    def test_of_both_keys(self):
        self.update("SET v = :v", {":v": 1}, TableName=self.range_table, Key=item(p=self.p, s=1))
        self.assertEqual(self.get(self.range_table, p=self.p, s=1), {"p": self.p, "s": 1, "v": 1})
        self.assertIsNone(self.get(self.range_table, p=self.p, s=2))

    def test_counters_lose_nothing(self):
        clients = [client(node) for node in range(NODES)]
        def add(turn):
            clients[turn % NODES].update_item(TableName=self.hash_table, Key=item(p=self.p),
                                              UpdateExpression="ADD n :one",
                                              ExpressionAttributeValues=item({":one": 1}))
        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            list(threads.map(add, range(300)))
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 300)


class Returns(Update):
    @cases(
        all_old=("ALL_OLD", "SET n = :v, x = :v", {"p": ..., **BEFORE}),
        all_new=("ALL_NEW", "SET n = :v, x = :v", {"p": ..., **BEFORE, "n": 1, "x": 1}),
        updated_old=("UPDATED_OLD", "SET n = :v, x = :v", {"n": 5}),
        updated_new=("UPDATED_NEW", "SET n = :v, x = :v", {"n": 1, "x": 1}),
        updated_old_nested=("UPDATED_OLD", "SET m.a = :v", {"m": {"a": 1}}),
        updated_new_nested=("UPDATED_NEW", "SET m.b.d = :v", {"m": {"b": {"d": 1}}}),
        updated_new_element=("UPDATED_NEW", "SET l[1] = :v", {"l": [1]}),
        updated_old_element=("UPDATED_OLD", "SET l[1] = :v", {"l": [20]}),
        updated_old_removed=("UPDATED_OLD", "SET x = :v REMOVE s", {"s": "text"}),
        updated_new_removed=("UPDATED_NEW", "SET x = :v REMOVE s", {"x": 1}),
        updated_new_unchanged=("UPDATED_NEW", "SET n = n, x = :v", {"n": 5, "x": 1}),
        none=("NONE", "SET n = :v", None))
    def test_attributes(self, which, text, expected):
        self.put(self.hash_table, BEFORE, p=self.p)
        answer = self.update(text, {":v": 1}, ReturnValues=which)
        if expected is not None:
            expected = {name: self.p if each is ... else each for name, each in expected.items()}
        self.assertEqual(plain(answer.get("Attributes")), expected)

    @cases(all_old=("ALL_OLD", None), updated_old=("UPDATED_OLD", None), updated_new=("UPDATED_NEW", {"a": 1}),
           all_new=("ALL_NEW", {"p": ..., "a": 1}))
    def test_of_no_item(self, which, expected):
        answer = self.update("SET a = :v", {":v": 1}, ReturnValues=which)
        if expected is not None:
            expected = {name: self.p if each is ... else each for name, each in expected.items()}
        self.assertEqual(plain(answer.get("Attributes")), expected)

    def test_added_sum(self):
        self.put(self.hash_table, p=self.p, n=5)
        answer = self.update("ADD n :v", {":v": 2}, ReturnValues="UPDATED_NEW")
        self.assertEqual(answer["Attributes"], {"n": {"N": "7"}})

    def test_remaining_set(self):
        self.put(self.hash_table, BEFORE, p=self.p)
        answer = self.update("DELETE ss :v", {":v": {"a"}}, ReturnValues="UPDATED_NEW")
        self.assertEqual(answer["Attributes"], {"ss": {"SS": ["b"]}})

    def test_unknown(self):
        with self.invalid(re.compile("Value 'ALL' at 'returnValues' failed to satisfy constraint: Member must "
                                     "satisfy enum value set: \\[")):
            self.update("SET a = :v", {":v": 1}, ReturnValues="ALL")

    @cases(grows=(10, 3000, 3), shrinks=(3000, 10, 3), stays=(1500, 1500, 2))
    def test_the_larger_size_is_paid(self, before, after, units):
        self.put(self.hash_table, p=self.p, v="x" * before)
        answer = self.update("SET v = :v", {":v": "y" * after}, ReturnConsumedCapacity="TOTAL")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": self.hash_table, "CapacityUnits": float(units)})

    def test_indexes_and_metrics(self):
        answer = self.update("SET v = :v", {":v": 1}, ReturnConsumedCapacity="INDEXES",
                             ReturnItemCollectionMetrics="SIZE")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": self.hash_table, "CapacityUnits": 1.0,
                                                      "Table": {"CapacityUnits": 1.0}})
        self.assertNotIn("ItemCollectionMetrics", answer)


class Conditions(Update):
    def test_holds_then_fails(self):
        self.put(self.hash_table, p=self.p, stock=1)
        take = dict(ConditionExpression="stock >= :q")
        self.update("SET stock = stock - :q", {":q": 1}, **take)
        with self.refused("ConditionalCheckFailedException", CONDITION_FAILED):
            self.update("SET stock = stock - :q", {":q": 1}, **take)
        self.assertEqual(self.get(self.hash_table, p=self.p)["stock"], 0)

    def test_a_failed_condition_makes_no_item(self):
        with self.refused("ConditionalCheckFailedException"):
            self.update("SET a = :v", {":v": 1}, ConditionExpression="attribute_exists(p)")
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    def test_the_condition_sees_the_item_before(self):
        self.put(self.hash_table, p=self.p, n=1)
        self.update("SET n = :v", {":v": 2, ":old": 1}, ConditionExpression="n = :old")
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 2)

    def test_the_condition_is_judged_before_the_update_can_fail(self):
        self.put(self.hash_table, p=self.p, n="text")
        with self.refused("ConditionalCheckFailedException"):
            self.update("SET n = n + :v", {":v": 1}, ConditionExpression="attribute_exists(absent)")

    def test_the_failed_item_on_request(self):
        self.put(self.hash_table, p=self.p, n=1)
        answer = call("UpdateItem", {
            "TableName": self.hash_table, "Key": {"p": {"S": self.p}}, "UpdateExpression": "SET n = :v",
            "ConditionExpression": "n = :v", "ExpressionAttributeValues": {":v": {"N": "2"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
        self.check_refused(answer, "ConditionalCheckFailedException", CONDITION_FAILED)
        self.assertEqual(answer.json["Item"], {"p": {"S": self.p}, "n": {"N": "1"}})


class Refusals(Update):
    def refuse(self, text, values, message):
        self.put(self.hash_table, BEFORE, p=self.p)
        with self.invalid(message):
            self.update(text, values)
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p, **BEFORE})

    @cases(
        empty=("", "The expression can not be empty;"), only_set=("SET", 'Syntax error; token: "<EOF>", near: "SET"'),
        no_clause=("a = :v", 'Syntax error; token: "a", near: "a ="'),
        two_equals=("SET a = = :v", 'Syntax error; token: "=", near: "= ='),
        no_value=("SET a", "Syntax error; "), trailing_comma=("SET a = :v,", "Syntax error; "),
        literal=("SET a = 5", "Syntax error; "),
        product=("SET a = a * :v", "Syntax error; "), add_with_equals=("ADD a = :v", "Syntax error; "),
        add_an_attribute=("ADD a b", "Syntax error; "), remove_with_value=("REMOVE a :v", "Syntax error; "),
        set_twice=("SET a = :v SET b = :v", 'The "SET" section can only be used once in an update expression;'),
        remove_twice=("REMOVE a REMOVE b", 'The "REMOVE" section can only be used once in an update expression;'),
        add_twice=("ADD a :v ADD b :v", 'The "ADD" section can only be used once in an update expression;'),
        reserved=("SET name = :v", "Attribute name is a reserved keyword; reserved keyword: name"),
        undefined_name=("SET #x = :v", "An expression attribute name used in the document path is not defined; "
                                       "attribute name: #x"),
        undefined_value=("SET a = :w, b = :v", "An expression attribute value used in expression is not defined; "
                                               "attribute value: :w"),
        same_path=("SET a = :v, a = :v", "Two document paths overlap with each other; must remove or rewrite one of "
                                         "these paths; path one: [a], path two: [a]"),
        overlapping=("SET a = :v REMOVE a.b", "Two document paths overlap with each other; must remove or rewrite "
                                              "one of these paths; path one: [a], path two: [a, b]"),
        overlapping_elements=("SET l[0] = :v, l[0].a = :v", "Two document paths overlap with each other; must remove "
                                                            "or rewrite one "
                                                            "of these paths; path one: [l, [0]], path two: [l, [0], "
                                                            "a]"),
        conflicting=("SET a.b = :v, a[0] = :v", "Two document paths conflict with each other; must remove or rewrite "
                                                "one of these paths; path one: [a, b], path two: [a, [0]]"),
        unknown_function=("SET a = increment(a, :v)", "Invalid function name; function: increment"),
        condition_function=("SET a = size(n)", "The function is not allowed in an update expression; function: size"),
        few_operands=("SET a = list_append(:v)", "Incorrect number of operands for operator or function; operator or "
                                                 "function: list_append, number of operands: 1"),
        no_path=("SET a = if_not_exists(:v, :v)", "Operator or function requires a document path; operator or "
                                                  "function: if_not_exists"),
        append_number=("SET a = list_append(l, :v)", "Incorrect operand type for operator or function; operator or "
                                                     "function: list_append, operand type: N"))
    def test_text(self, text, beginning):
        self.refuse(text, {":v": 1} if ":v" in text else None,
                    re.compile("^Invalid UpdateExpression: " + re.escape(beginning)))

    @cases(
        add_string=("ADD s :v", "x", "operator: ADD, operand type: STRING"),
        add_list=("ADD l :v", [1], "operator: ADD, operand type: LIST"),
        add_map=("ADD m :v", {"a": 1}, "operator: ADD, operand type: MAP"),
        add_null=("ADD n :v", None, "operator: ADD, operand type: NULL"),
        delete_number=("DELETE n :v", 1, "operator: DELETE, operand type: NUMBER"),
        delete_string=("DELETE s :v", "x", "operator: DELETE, operand type: STRING"))
    def test_operand_of_an_action(self, text, value, ending):
        self.refuse(text, {":v": value}, re.compile("^Invalid UpdateExpression: Incorrect operand type for operator "
                                                    "or function; "
                                                    + re.escape(ending)))

    @cases(plus_string=("SET a = n + :v", "x", "+", "S"), minus_list=("SET a = n - :v", [1], "-", "L"),
           plus_null=("SET a = :v + n", None, "+", "NULL"))
    def test_operand_of_a_sum(self, text, value, operator, kind):
        self.refuse(text, {":v": value}, re.compile("^Invalid UpdateExpression: Incorrect operand type for operator "
                                                    "or function; "
                                                    f"operator or function: {re.escape(operator)}, operand type: "
                                                    f"{kind}"))

    @cases(
        plus_text=("SET a = s + :v", 1), plus_to_text=("SET a = n + s", None),
        append_to_number=("SET a = list_append(n, l)", None),
        add_to_text=("ADD s :v", 1), add_to_list=("ADD l :v", 1), add_number_to_set=("ADD ns :v", 1),
        add_strings_to_numbers=("ADD ns :v", {"a"}),
        delete_from_number=("DELETE n :v", {"a"}), delete_other_type=("DELETE ss :v", {1}))
    def test_operand_in_the_item(self, text, value):
        self.refuse(text, None if value is None else {":v": value}, re.compile(
            "^An operand in the update expression has an incorrect data type$|"
            "^Type mismatch for (attribute to update|ADD|DELETE)"))

    @cases(sum=("SET a = x + :v",), source=("SET a = x",), below=("SET a = m.x.y",),
           append=("SET a = list_append(x, l)",),
           past_the_end=("SET a = l[3]",))
    def test_attribute_that_is_not_there(self, text):
        self.refuse(text, {":v": 1} if ":v" in text else None,
                    re.compile("^The provided expression refers to an attribute that does not exist in the item$"))

    @cases(below_absent=("SET x.y = :v",), below_number=("SET n.x = :v",), below_absent_deep=("SET m.x.y = :v",),
           index_of_absent=("SET x[0] = :v",), index_of_map=("SET m[0] = :v",), name_of_list=("SET l.x = :v",),
           below_element=("SET l[0].x = :v",), add_below_absent=("ADD x.y :v",))
    def test_path_that_leads_nowhere(self, text):
        self.refuse(text, {":v": 1}, "The document path provided in the update expression is invalid for update")

    @cases(set="SET p = :v", remove="REMOVE p", add="ADD p :v")
    def test_keys_do_not_change(self, text):
        values = {"SET": {":v": "x"}, "ADD": {":v": 1}}.get(text.split()[0])
        self.refuse(text, values, "One or more parameter values were invalid: Cannot update attribute p. "
                                  "This attribute is part of the key")

    def test_sort_keys_do_not_change(self):
        with self.invalid("One or more parameter values were invalid: Cannot update attribute s. This attribute is "
                          "part of the key"):
            self.update("SET s = :v", {":v": 2}, TableName=self.range_table, Key=item(p=self.p, s=1))

    @cases(overflow=("9E125", "ADD n :v", "9E125", "Number overflow. Attempting to store a number with magnitude "
                                                   "larger than supported range"),
           sum_overflow=("9E125", "SET n = n + :v", "9E125",
                         "Number overflow. Attempting to store a number with magnitude larger than supported range"))
    def test_sum_that_is_no_number(self, before, text, value, message):
        self.put(self.hash_table, p=self.p, n=Decimal(before))
        with self.invalid(message):
            self.update(text, {":v": Decimal(value)})
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], Decimal(before))

    def test_an_update_must_not_grow_an_item_past_400_kb(self):
        self.put(self.hash_table, p=self.p, a="x" * 300000)
        with self.invalid("Item size to update has exceeded the maximum allowed size"):
            self.update("SET b = :v", {":v": "y" * 120000})
        self.assertNotIn("b", self.get(self.hash_table, p=self.p))

    def test_unused_value(self):
        with self.invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"):
            self.update("SET a = :v", {":v": 1, ":w": 2})

    def test_values_without_an_expression(self):
        with self.invalid(re.compile("^ExpressionAttributeValues can only be specified when using expressions")):
            self.db.update_item(TableName=self.hash_table, Key=item(p=self.p),
                                ExpressionAttributeValues=item({":v": 1}))

    def test_both_kinds_of_update(self):
        with self.invalid("Can not use both expression and non-expression parameters in the same request: "
                          "Non-expression parameters: {AttributeUpdates} Expression parameters: {UpdateExpression}"):
            self.update("SET a = :v", {":v": 1}, AttributeUpdates={"a": {"Value": {"N": "1"}}})

    def test_expression_beside_legacy_condition(self):
        with self.invalid("Can not use both expression and non-expression parameters in the same request: "
                          "Non-expression parameters: {Expected} Expression parameters: {UpdateExpression}"):
            self.update("SET a = :v", {":v": 1}, Expected={"a": {"Exists": False}})

    @cases(none={}, another={"q": {"S": "x"}}, wrong_type={"p": {"N": "1"}},
           too_many={"p": {"S": "x"}, "s": {"N": "1"}})
    def test_key(self, key):
        with self.invalid(KEY_MISMATCH):
            self.update("SET a = :v", {":v": 1}, Key=key)

    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.update("SET a = :v", {":v": 1}, TableName=unique("none"))

    def test_table_name(self):
        with self.invalid(BAD_TABLE_NAME):
            self.update("SET a = :v", {":v": 1}, TableName="a!")


if __name__ == "__main__":
    unittest.main()

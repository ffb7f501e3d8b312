"""GetItem: API Reference "GetItem", Developer Guide "Projection expressions", "Read consistency"."""

import re
import time
import unittest

from harness import (BAD_TABLE_NAME, GatewayTest, KEY_MISMATCH, NODES, NO_SUCH_TABLE, call, cases, client,
                     item, plain, shared_table, unique)

DOCUMENT = {
    "name": "Zoë", "n": 5, "address": {"city": "Bonn", "lines": ["a", "b", "c"], "geo": {"x": 1, "y": 2}},
    "tags": {"red", "blue"}, "rows": [{"k": 1, "v": "one"}, {"k": 2, "v": "two"}, [10, 20, 30]],
    "a.b": "dotted", "hollow": {},
}


class Reads(GatewayTest):
    def test_absent_item_has_no_member(self):
        answer = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p))
        self.assertEqual(set(answer), {"ResponseMetadata"})

    def test_an_item_of_both_keys(self):
        self.put(self.range_table, p=self.p, s=1, v="one")
        self.put(self.range_table, p=self.p, s=2, v="two")
        self.assertEqual(self.get(self.range_table, p=self.p, s=2)["v"], "two")

    def test_strong_reads_of_every_node_see_the_last_write(self):
        clients = [client(node) for node in range(NODES)]
        for turn in range(9):
            clients[turn % NODES].put_item(TableName=self.hash_table, Item=item(p=self.p, v=turn))
            for reader in clients:
                got = reader.get_item(TableName=self.hash_table, Key=item(p=self.p), ConsistentRead=True)
                self.assertEqual(plain(got["Item"])["v"], turn)

    def test_an_eventual_read_of_every_node_arrives(self):
        self.put(self.hash_table, p=self.p, v=1)
        for node in range(NODES):
            reader = client(node, strong=False)
            for _ in range(600):
                if "Item" in reader.get_item(TableName=self.hash_table, Key=item(p=self.p), ConsistentRead=False):
                    break
                time.sleep(0.05)
            else:
                self.fail(f"never seen through node {node + 1}")

    @cases(strong_4_kb=(4096, True, 1), strong_over=(4097, True, 2), eventual_4_kb=(4096, False, 0.5),
           eventual_over=(4097, False, 1), strong_little=(40, True, 1))
    def test_a_read_costs_a_unit_for_each_4_kb(self, size, strong, units):
        self.put(self.hash_table, p=self.p, v="x" * (size - len("p") - len(self.p) - len("v")))
        self.get(self.hash_table, p=self.p)
        reader = client(strong=False)
        for _ in range(100):  # An eventual read may come before the item does.
            answer = reader.get_item(TableName=self.hash_table, Key=item(p=self.p), ConsistentRead=strong,
                                     ReturnConsumedCapacity="TOTAL")
            if "Item" in answer:
                break
            time.sleep(0.05)
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": self.hash_table, "CapacityUnits": float(units)})

    @cases(strong=(True, 1), eventual=(False, 0.5))
    def test_nothing_costs_as_the_least(self, strong, units):
        answer = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ConsistentRead=strong,
                                  ReturnConsumedCapacity="INDEXES")
        self.assertEqual(answer["ConsumedCapacity"], {"TableName": self.hash_table, "CapacityUnits": units,
                                                      "Table": {"CapacityUnits": units}})

    def test_no_capacity_unasked(self):
        answer = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ReturnConsumedCapacity="NONE")
        self.assertNotIn("ConsumedCapacity", answer)


class Projections(GatewayTest):
    @cases(
        one=("n", {"n": 5}), two=("n, address", {"n": 5, "address": DOCUMENT["address"]}),
        nested=("address.city", {"address": {"city": "Bonn"}}),
        deep=("address.geo.x", {"address": {"geo": {"x": 1}}}),
        siblings=("address.geo.y, address.city", {"address": {"geo": {"y": 2}, "city": "Bonn"}}),
        element=("address.#lines[1]", {"address": {"lines": ["b"]}}),
        elements_in_their_order=("address.#lines[2], address.#lines[0]", {"address": {"lines": ["a", "c"]}}),
        of_an_element=("#rows[1].v", {"rows": [{"v": "two"}]}),
        list_of_list=("#rows[2][1]", {"rows": [[20]]}), past_the_end=("#rows[9]", {}),
        set=("tags", {"tags": {"red", "blue"}}), absent=("nothing", {}), absent_below=("address.nothing", {}),
        below_a_string=("n.x", {}), index_of_a_map=("address[0]", {}), name_of_a_list=("#rows.x", {}),
        absent_beside_present=("nothing, n", {"n": 5}), key=("p", {"p": ...}), empty_map=("hollow", {"hollow": {}}),
        placeholder=("#name", {"name": "Zoë"}), dotted_name=("#dotted", {"a.b": "dotted"}),
        blanks=("  n ,\n\taddress.city ", {"n": 5, "address": {"city": "Bonn"}}))
    def test_projection(self, text, expected):
        self.put(self.hash_table, DOCUMENT, p=self.p)
        names = {"#lines": "lines", "#rows": "rows", "#name": "name", "#dotted": "a.b"}
        names = {name: known for name, known in names.items() if name in text}
        answer = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ProjectionExpression=text,
                                  **(dict(ExpressionAttributeNames=names) if names else {}))
        expected = {name: self.p if each is ... else each for name, each in expected.items()}
        self.assertEqual(plain(answer["Item"]), expected)

    def test_the_whole_item_is_paid(self):
        self.put(self.hash_table, p=self.p, v="x" * 9000, n=1)
        answer = self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ProjectionExpression="n",
                                  ReturnConsumedCapacity="TOTAL")
        self.assertEqual(plain(answer["Item"]), {"n": 1})
        self.assertEqual(answer["ConsumedCapacity"]["CapacityUnits"], 3.0)

    @cases(
        empty=("", re.compile("^Invalid ProjectionExpression: The expression can not be empty;")),
        blank=("  ", re.compile("^Invalid ProjectionExpression:")),
        comma=("a,", re.compile('^Invalid ProjectionExpression: Syntax error; token: "<EOF>", near: ","')),
        two_names=("a b", re.compile('^Invalid ProjectionExpression: Syntax error; token: "b", near: "a b"')),
        reserved=("n, size", re.compile("^Invalid ProjectionExpression: Attribute name is a reserved keyword; "
                                        "reserved keyword: size")),
        overlap=("a, a.b", re.compile(r"^Invalid ProjectionExpression: Two document paths overlap with each other; "
                                      r"must "
                                      r"remove or rewrite one of these paths; path one: \[a\], path two: \[a, b\]")),
        twice=("a, a", re.compile(r"Two document paths overlap with each other.*path one: \[a\], path two: \[a\]")),
        conflict=("a.b, a[0]",
                  re.compile("^Invalid ProjectionExpression: Two document paths conflict with each other")),
        undefined=("#x", re.compile("^Invalid ProjectionExpression: An expression attribute name used in the "
                                    "document path is not defined; attribute name: #x")),
        value=(":v", re.compile("^Invalid ProjectionExpression: Syntax error;")),
        negative_index=("a[-1]", re.compile("^Invalid ProjectionExpression: Syntax error;")),
        function=("size(a)", re.compile("^Invalid ProjectionExpression: ")))
    def test_refused(self, text, message):
        with self.invalid(message):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ProjectionExpression=text)

    def test_unused_name(self):
        with self.invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}"):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ProjectionExpression="a",
                             ExpressionAttributeNames={"#x": "x"})

    def test_names_without_an_expression(self):
        with self.invalid("ExpressionAttributeNames can only be specified when using expressions"):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ExpressionAttributeNames={"#x": "x"})

    def test_names_are_not_empty(self):
        with self.invalid("ExpressionAttributeNames must not be empty"):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ProjectionExpression="a",
                             ExpressionAttributeNames={})

    def test_malformed_name(self):
        with self.invalid(re.compile('^ExpressionAttributeNames contains invalid key: Syntax error; key: "x"')):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ProjectionExpression="a",
                             ExpressionAttributeNames={"x": "x"})

    def test_text_of_more_than_4_kb(self):
        with self.invalid(re.compile("^Invalid ProjectionExpression: Expression size has exceeded the maximum "
                                     "allowed size")):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), ProjectionExpression="a" * 4097)


class Refusals(GatewayTest):
    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.db.get_item(TableName=unique("none"), Key=item(p=self.p))

    @cases(short="ab", signs="a$bc", long="x" * 300)
    def test_table_name(self, name):
        with self.invalid(BAD_TABLE_NAME):
            self.db.get_item(TableName=name, Key=item(p=self.p))

    @cases(empty={}, another={"q": {"S": "x"}}, too_many={"p": {"S": "x"}, "q": {"S": "x"}},
           wrong_type={"p": {"N": "1"}}, a_map={"p": {"M": {}}})
    def test_key_of_a_hash_table(self, key):
        with self.invalid(KEY_MISMATCH):
            self.db.get_item(TableName=self.hash_table, Key=key)

    @cases(half={"p": {"S": "x"}}, other_half={"s": {"N": "1"}}, wrong_type={"p": {"S": "x"}, "s": {"S": "1"}})
    def test_key_of_a_range_table(self, key):
        with self.invalid(KEY_MISMATCH):
            self.db.get_item(TableName=self.range_table, Key=key)

    def test_empty_key(self):
        with self.invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
                          "contain an empty string value. Key: p"):
            self.db.get_item(TableName=self.hash_table, Key={"p": {"S": ""}})

    def test_long_key(self):
        with self.invalid(re.compile("2048 bytes")):
            self.db.get_item(TableName=self.hash_table, Key={"p": {"S": "x" * 2049}})

    def test_no_key(self):
        with self.invalid("1 validation error detected: Value null at 'key' failed to satisfy constraint: "
                          "Member must not be null"):
            self.db.get_item(TableName=self.hash_table)

    def test_number_that_is_none(self):
        with self.invalid("The parameter cannot be converted to a numeric value: ten"):
            self.db.get_item(TableName=shared_table("k:N"), Key={"k": {"N": "ten"}})

    def test_both_kinds_of_projection(self):
        with self.invalid("Can not use both expression and non-expression parameters in the same request: "
                          "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"):
            self.db.get_item(TableName=self.hash_table, Key=item(p=self.p), AttributesToGet=["a"],
                             ProjectionExpression="a")

    def test_empty_attribute_value_of_a_key(self):
        answer = call("GetItem", {"TableName": self.hash_table, "Key": {"p": {}}})
        self.check_refused(answer, "ValidationException",
                           "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")


if __name__ == "__main__":
    unittest.main()

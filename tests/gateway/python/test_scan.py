"""Scan: API Reference "Scan", Developer Guide "Scanning tables", "Parallel scan"."""

import re
import unittest

from harness import (BAD_TABLE_NAME, GatewayTest, NODES, NO_SUCH_TABLE, cases, client, item, plain, table, unique)

COUNT = 60


class Scan(GatewayTest):
    """One table that no other test writes to."""

    @classmethod
    def setUpClass(cls):
        from harness import any_node
        cls.table = table("p:S", "s:N")
        cls.everything = [{"p": f"p{n % 20}", "s": n, "v": n * 10, "odd": n % 2 == 1,
                           "m": {"a": [n]}} for n in range(COUNT)]
        for start in range(0, COUNT, 20):
            any_node().batch_write_item(RequestItems={cls.table: [
                {"PutRequest": {"Item": item(each)}} for each in cls.everything[start:start + 20]]})

    def scan(self, **more):
        return self.db.scan(TableName=self.table, **more)

    def numbers(self, answer):
        return sorted(int(plain(each)["s"]) for each in answer["Items"])

    def pages(self, **more):
        while True:
            answer = self.scan(**more)
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


class Items(Scan):
    def test_everything_once(self):
        answer = self.scan()
        self.assertEqual((answer["Count"], answer["ScannedCount"]), (COUNT, COUNT))
        self.assertEqual(sorted((plain(each) for each in answer["Items"]), key=lambda each: each["s"]),
                         self.everything)
        self.assertNotIn("LastEvaluatedKey", answer)

    def test_an_empty_table(self):
        answer = self.db.scan(TableName=table())
        self.assertEqual((answer["Items"], answer["Count"], answer["ScannedCount"]), ([], 0, 0))

    def test_partitions_come_whole_and_in_order(self):
        seen = [plain(each) for each in self.scan()["Items"]]
        partitions = [each["p"] for each in seen]
        self.assertEqual(len(set(partitions)), sum(1 for n,
                                                   p in enumerate(partitions) if n == 0 or partitions[n - 1] != p))
        for p in set(partitions):
            keys = [each["s"] for each in seen if each["p"] == p]
            self.assertEqual(keys, sorted(keys))

    @cases(one=1, seven=7, twenty=20, all=COUNT, more=1000)
    def test_limit(self, limit):
        seen = []
        for page in self.pages(Limit=limit):
            self.assertLessEqual(page["ScannedCount"], limit)
            seen += self.numbers(page)
        self.assertEqual(sorted(seen), list(range(COUNT)))

    def test_the_key_of_a_page_is_its_last_items(self):
        answer = self.scan(Limit=5)
        last = plain(answer["Items"][-1])
        self.assertEqual(plain(answer["LastEvaluatedKey"]), {"p": last["p"], "s": last["s"]})

    @cases(
        number=("v > :v", {":v": 560}, [57, 58, 59]), boolean=("odd = :v AND v < :w", {":v": True, ":w": 50}, [1, 3]),
        nested=("m.a[0] = :v", {":v": 7}, [7]), key_attributes_too=("s BETWEEN :v AND :w", {":v": 3, ":w": 5},
                                                                    [3, 4, 5]),
        partition_key=("p = :v", {":v": "p4"}, [4, 24, 44]), none=("v = :v", {":v": -1}, []),
        among=("v IN (:v, :w)", {":v": 10, ":w": 590}, [1, 59]))
    def test_filter(self, text, values, expected):
        answer = self.scan(FilterExpression=text, ExpressionAttributeValues=item(values))
        self.assertEqual((self.numbers(answer), answer["Count"], answer["ScannedCount"]),
                         (expected, len(expected), COUNT))

    def test_the_limit_counts_before_the_filter(self):
        answer = self.scan(Limit=10, FilterExpression="attribute_not_exists(v)")
        self.assertEqual((answer["Items"], answer["Count"], answer["ScannedCount"]), ([], 0, 10))
        self.assertIn("LastEvaluatedKey", answer)

    def test_projection(self):
        for each in self.scan(ProjectionExpression="s, m.a", Limit=5)["Items"]:
            got = plain(each)
            self.assertEqual(got, {"s": got["s"], "m": {"a": [got["s"]]}})

    def test_count(self):
        answer = self.scan(Select="COUNT")
        self.assertEqual((answer["Count"], answer["ScannedCount"], "Items" in answer), (COUNT, COUNT, False))

    def test_count_of_a_filter(self):
        answer = self.scan(Select="COUNT", FilterExpression="odd = :v", ExpressionAttributeValues=item({":v": True}))
        self.assertEqual((answer["Count"], answer["ScannedCount"]), (COUNT // 2, COUNT))

    def test_every_node_answers_alike(self):
        for node in range(NODES):
            self.assertEqual(self.numbers(client(node).scan(TableName=self.table)), list(range(COUNT)))

    @cases(size_4=4, size_25=25)
    def test_paginator(self, size):
        pages = client(2).get_paginator("scan").paginate(TableName=self.table, PaginationConfig={"PageSize": size})
        self.assertEqual(sorted(number for page in pages for number in self.numbers(page)), list(range(COUNT)))

    def test_a_page_is_of_1_mb(self):
        name = table()
        for n in range(6):
            self.put(name, p=f"{n}", v="x" * 300_000)
        seen, start, pages = [], {}, 0
        while True:
            answer = self.db.scan(TableName=name, ProjectionExpression="p", **start)
            self.assertLessEqual(answer["ScannedCount"], 3)
            seen += [each["p"]["S"] for each in answer["Items"]]
            pages += 1
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        self.assertEqual(sorted(seen), [f"{n}" for n in range(6)])
        self.assertGreaterEqual(pages, 2)

    def test_capacity(self):
        name = table()
        for n in range(3):
            self.put(name, p=f"{n}", v="x" * 4000)
        answer = self.db.scan(TableName=name, ReturnConsumedCapacity="INDEXES")
        self.assertEqual(answer["ConsumedCapacity"]["TableName"], name)
        self.assertEqual(answer["ConsumedCapacity"]["Table"],
                         {"CapacityUnits": answer["ConsumedCapacity"]["CapacityUnits"]})
        self.assertEqual(answer["ConsumedCapacity"]["CapacityUnits"], 3.0)


class Segments(Scan):
    @cases(one=1, two=2, seven=7, hundred=100)
    def test_segments_are_a_partition(self, total):
        seen = []
        for segment in range(total):
            for page in self.pages(Segment=segment, TotalSegments=total, Limit=9):
                seen += self.numbers(page)
        self.assertEqual(sorted(seen), list(range(COUNT)))

    def test_the_last_of_a_million(self):
        self.scan(Segment=999_999, TotalSegments=1_000_000)

    @cases(
        no_total=({"Segment": 0}, "The TotalSegments parameter is required but was not present in the request when "
                                  "Segment parameter is present"),
        no_segment=({"TotalSegments": 4}, "The Segment parameter is required but was not present in the request when "
                                          "parameter TotalSegments is present"),
        too_high=({"Segment": 4, "TotalSegments": 4}, "The Segment parameter is zero-based and must be less than "
                                                      "parameter TotalSegments: "
                                                      "Segment: 4 is not less than TotalSegments: 4"),
        negative=({"Segment": -1, "TotalSegments": 4}, "1 validation error detected: Value '-1' at 'segment' failed "
                                                       "to satisfy constraint: "
                                                       "Member must have value greater than or equal to 0"),
        none=({"Segment": 0, "TotalSegments": 0}, "1 validation error detected: Value '0' at 'totalSegments' failed "
                                                  "to satisfy constraint: "
                                                  "Member must have value greater than or equal to 1"),
        over_a_million=({"Segment": 0, "TotalSegments": 1_000_001},
                        "1 validation error detected: Value '1000001' at 'totalSegments' failed to "
                                                                    "satisfy constraint: Member must have value less "
                                                                    "than or equal to 1000000"))
    def test_refused(self, segments, message):
        with self.invalid(message):
            self.scan(**segments)

    def test_a_start_key_of_another_segment(self):
        start = item(p="p1", s=1)
        refused = 0
        for segment in range(4):
            try:
                self.scan(Segment=segment, TotalSegments=4, ExclusiveStartKey=start)
            except self.db.exceptions.ClientError as error:
                self.assertIn("The provided starting key is", error.response["Error"]["Message"])
                refused += 1
        self.assertEqual(refused, 3)


class Refusals(Scan):
    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.db.scan(TableName=unique("none"))

    def test_table_name(self):
        with self.invalid(BAD_TABLE_NAME):
            self.db.scan(TableName="a")

    def test_no_such_index(self):
        with self.invalid("The table does not have the specified index: by_v"):
            self.scan(IndexName="by_v")

    @cases(zero=0, negative=-5)
    def test_limit(self, limit):
        with self.invalid(f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
                          "Member must have value greater than or equal to 1"):
            self.scan(Limit=limit)

    @cases(
        filter=({"FilterExpression": "v ="}, "^Invalid FilterExpression: Syntax error; "),
        empty=({"FilterExpression": ""}, "^Invalid FilterExpression: The expression can not be empty;"),
        projection=({"ProjectionExpression": "v,"}, "^Invalid ProjectionExpression: Syntax error; "),
        unused=({"FilterExpression": "attribute_exists(v)", "ExpressionAttributeValues": {":v": {"N": "1"}}},
                r"^Value provided in ExpressionAttributeValues unused in expressions: keys: \{:v\}$"),
        alone=({"ExpressionAttributeValues": {":v": {"N": "1"}}},
               "^ExpressionAttributeValues can only be specified when using expressions"),
        mixed=({"FilterExpression": "attribute_exists(v)", "ScanFilter": {"v": {"ComparisonOperator": "NOT_NULL"}}},
               r"^Can not use both expression and non-expression parameters in the same request: Non-expression "
               r"parameters: \{ScanFilter\} Expression parameters: \{FilterExpression\}$"),
        select=({"Select": "ALL_PROJECTED_ATTRIBUTES"}, "ALL_PROJECTED_ATTRIBUTES can be used only when Querying "
                                                        "using an IndexName|ALL_PROJECTED_ATTRIBUTES"),
        start=({"ExclusiveStartKey": {"p": {"S": "x"}}}, "^The provided starting key is invalid|^Exclusive Start Key "
                                                         "must have same size|"
                                                         "^The provided key element does not match the schema"))
    def test_refused(self, more, message):
        with self.invalid(re.compile(message)):
            self.scan(**more)


if __name__ == "__main__":
    unittest.main()

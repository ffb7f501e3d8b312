"""ListTables: API Reference "ListTables"."""

import unittest

from harness import GatewayTest, NODES, cases, client, table, unique


class ListTables(GatewayTest):
    @classmethod
    def setUpClass(cls):
        cls.made = {table() for _ in range(7)}

    def pages(self, db, **more):
        while True:
            answer = db.list_tables(**more)
            yield answer
            if "LastEvaluatedTableName" not in answer:
                return
            more["ExclusiveStartTableName"] = answer["LastEvaluatedTableName"]

    def test_every_node_lists_all(self):
        for node in range(NODES):
            listed = self.db.list_tables()["TableNames"] if node == 0 else client(node).list_tables()["TableNames"]
            self.assertLessEqual(self.made, set(listed))

    @cases(one=1, three=3, hundred=100)
    def test_limit(self, limit):
        seen = []
        for page in self.pages(self.db, Limit=limit):
            self.assertLessEqual(len(page["TableNames"]), limit)
            if "LastEvaluatedTableName" in page:
                self.assertEqual(page["LastEvaluatedTableName"], page["TableNames"][-1])
            seen += page["TableNames"]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual(self.made, set(seen))

    def test_the_start_is_excluded(self):
        first = self.db.list_tables(Limit=2)["TableNames"]
        self.assertNotIn(first[0], self.db.list_tables(ExclusiveStartTableName=first[0])["TableNames"])

    def test_a_start_need_not_exist(self):
        self.db.list_tables(ExclusiveStartTableName=unique("never"))

    def test_a_new_table_is_listed_at_once(self):
        name = table(db=client(0))
        self.assertIn(name, [each for page in self.pages(client(2)) for each in page["TableNames"]])

    def test_a_deleted_table_is_not(self):
        name = table()
        self.db.delete_table(TableName=name)
        client(1).get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
        self.assertNotIn(name, [each for page in self.pages(self.db) for each in page["TableNames"]])

    def test_paginator(self):
        pages = list(client(1).get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2}))
        self.assertGreater(len(pages), 3)
        self.assertLessEqual(self.made, {name for page in pages for name in page["TableNames"]})

    @cases(zero=(0, "greater than or equal to 1"), negative=(-1, "greater than or equal to 1"),
           much=(101, "less than or equal to 100"))
    def test_limits_limits(self, limit, ending):
        with self.invalid(f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
                          f"Member must have value {ending}"):
            self.db.list_tables(Limit=limit)

    @cases(short="ab", blank="a b")
    def test_start(self, name):
        with self.invalid():
            self.db.list_tables(ExclusiveStartTableName=name)


if __name__ == "__main__":
    unittest.main()

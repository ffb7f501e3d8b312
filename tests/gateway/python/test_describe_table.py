"""DescribeTable: API Reference "DescribeTable", "TableDescription"."""

import unittest

from harness import BAD_TABLE_NAME, GatewayTest, NODES, cases, client, table, unique


class DescribeTable(GatewayTest):
    def test_what_a_table_is(self):
        name = table("p:S", "s:N")
        described = self.db.describe_table(TableName=name)["Table"]
        self.assertEqual(described["TableName"], name)
        self.assertEqual(described["TableStatus"], "ACTIVE")
        self.assertEqual(described["KeySchema"], [{"AttributeName": "p", "KeyType": "HASH"},
                                                  {"AttributeName": "s", "KeyType": "RANGE"}])
        self.assertEqual(sorted(described["AttributeDefinitions"], key=str),
                         [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "N"}])
        self.assertTrue(described["TableArn"].endswith(f":table/{name}"))

    def test_billing_is_on_demand(self):
        described = self.db.describe_table(TableName=self.hash_table)["Table"]
        self.assertEqual(described["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        throughput = described["ProvisionedThroughput"]
        self.assertEqual((throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"],
                          throughput["NumberOfDecreasesToday"]), (0, 0, 0))

    def test_what_is_not_built_is_not_shown(self):
        described = self.db.describe_table(TableName=self.hash_table)["Table"]
        for member in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes", "StreamSpecification", "LatestStreamArn",
                       "Replicas"):
            self.assertNotIn(member, described)

    def test_every_node_says_the_same(self):
        said = [client(node).describe_table(TableName=self.range_table)["Table"] for node in range(NODES)]
        for each in said:
            self.assertEqual({key: each[key] for key in ("TableArn", "TableId", "CreationDateTime", "KeySchema")},
                             {key: said[0][key] for key in ("TableArn", "TableId", "CreationDateTime", "KeySchema")})

    def test_two_tables_have_two_ids(self):
        ids = {self.db.describe_table(TableName=table())["Table"]["TableId"] for _ in range(3)}
        self.assertEqual(len(ids), 3)

    def test_a_new_table_of_the_name_has_another_id(self):
        name = table()
        before = self.db.describe_table(TableName=name)["Table"]["TableId"]
        self.db.delete_table(TableName=name)
        client(1).get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
        self.db.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                             KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                             AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}])
        self.assertNotEqual(self.db.describe_table(TableName=name)["Table"]["TableId"], before)

    def test_size(self):
        name = table()
        for n in range(5):
            self.put(name, p=f"{n}", v="x" * 100)
        described = self.db.describe_table(TableName=name)["Table"]
        self.assertEqual((described["ItemCount"], described["TableSizeBytes"]), (5, 5 * (1 + 1 + 1 + 100)))

    def test_no_such_table(self):
        name = unique("none")
        with self.refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"):
            self.db.describe_table(TableName=name)

    @cases(short="ab", blank="a b", long="x" * 256)
    def test_name(self, name):
        with self.invalid(BAD_TABLE_NAME):
            self.db.describe_table(TableName=name)

    def test_no_name(self):
        with self.refused("ValidationException"):
            self.db.describe_table()


if __name__ == "__main__":
    unittest.main()

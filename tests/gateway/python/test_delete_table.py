"""DeleteTable: API Reference "DeleteTable"."""

import re
import unittest

from harness import BAD_TABLE_NAME, GatewayTest, NODES, NO_SUCH_TABLE, call, cases, client, item, table, unique


class DeleteTable(GatewayTest):
    def delete(self, name):
        answer = self.db.delete_table(TableName=name)["TableDescription"]
        client(1).get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
        return answer

    def test_description(self):
        name = table()
        answer = self.delete(name)
        self.assertEqual((answer["TableName"], answer["TableStatus"]), (name, "DELETING"))

    def test_it_is_gone_from_every_node(self):
        name = table()
        self.delete(name)
        for node in range(NODES):
            with self.refused("ResourceNotFoundException"):
                client(node).describe_table(TableName=name)

    def test_its_items_are_gone_too(self):
        name = table()
        self.put(name, p="a", v=1)
        self.delete(name)
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.db.get_item(TableName=name, Key=item(p="a"))

    def test_a_new_table_of_the_name_is_empty(self):
        name = table()
        self.put(name, p="a", v=1)
        self.delete(name)
        self.db.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                             KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                             AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}])
        client(1).get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
        for node in range(NODES):
            self.assertNotIn("Item", client(node).get_item(TableName=name, Key=item(p="a")))
        self.assertEqual(self.db.scan(TableName=name)["Count"], 0)

    def test_other_tables_stay(self):
        kept, name = table(), table()
        self.put(kept, p="a", v=1)
        self.delete(name)
        self.assertEqual(self.get(kept, p="a"), {"p": "a", "v": 1})

    def test_a_protected_table_stays(self):
        name = table()
        call("UpdateTable", {"TableName": name, "DeletionProtectionEnabled": True})
        with self.invalid(re.compile("protected against deletion")):
            self.db.delete_table(TableName=name)
        self.put(name, p="a")
        self.assertIsNotNone(self.get(name, p="a"))

    def test_no_such_table(self):
        name = unique("none")
        with self.refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"):
            self.db.delete_table(TableName=name)

    def test_twice(self):
        name = table()
        self.delete(name)
        with self.refused("ResourceNotFoundException"):
            self.db.delete_table(TableName=name)

    @cases(short="x", blank="a b", long="x" * 256)
    def test_name(self, name):
        with self.invalid(BAD_TABLE_NAME):
            self.db.delete_table(TableName=name)


if __name__ == "__main__":
    unittest.main()

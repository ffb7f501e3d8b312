"""UpdateTimeToLive, DescribeTimeToLive, and what expires: Developer Guide "Time to live"."""

import re
import time
import unittest

from harness import BAD_TABLE_NAME, GatewayTest, NODES, cases, client, item, plain, table, unique


class Settings(GatewayTest):
    def switch(self, name, enabled, attribute="expires"):
        return self.db.update_time_to_live(TableName=name,
                                           TimeToLiveSpecification=dict(Enabled=enabled, AttributeName=attribute))

    def described(self, name):
        return self.db.describe_time_to_live(TableName=name)["TimeToLiveDescription"]

    def wait_until(self, name, status):
        for _ in range(200):
            if self.described(name)["TimeToLiveStatus"] == status:
                return
            time.sleep(0.05)
        self.fail(f"never {status}: {self.described(name)}")

    def test_off_by_default(self):
        self.assertEqual(self.described(table()), {"TimeToLiveStatus": "DISABLED"})

    def test_on(self):
        name = table()
        self.assertEqual(self.switch(name, True)["TimeToLiveSpecification"],
                         {"Enabled": True, "AttributeName": "expires"})
        self.assertIn(self.described(name)["TimeToLiveStatus"], ("ENABLING", "ENABLED"))
        self.wait_until(name, "ENABLED")
        self.assertEqual(self.described(name), {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"})

    def test_off_again(self):
        name = table()
        self.switch(name, True)
        self.wait_until(name, "ENABLED")
        self.assertEqual(self.switch(name, False)["TimeToLiveSpecification"],
                         {"Enabled": False, "AttributeName": "expires"})
        self.wait_until(name, "DISABLED")
        self.assertEqual(self.described(name), {"TimeToLiveStatus": "DISABLED"})

    def test_on_twice(self):
        name = table()
        self.switch(name, True)
        self.wait_until(name, "ENABLED")
        with self.invalid("TimeToLive is already enabled"):
            self.switch(name, True)

    def test_off_twice(self):
        with self.invalid("TimeToLive is already disabled"):
            self.switch(table(), False)

    def test_off_of_another_attribute(self):
        name = table()
        self.switch(name, True)
        self.wait_until(name, "ENABLED")
        with self.invalid(re.compile("TimeToLive is active on a different AttributeName: current AttributeName is "
                                     "expires")):
            self.switch(name, False, "another")

    @cases(update=lambda self, name: self.switch(name, True), describe=lambda self, name: self.described(name))
    def test_no_such_table(self, ask):
        name = unique("none")
        with self.refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"):
            ask(self, name)

    @cases(update=lambda self, name: self.switch(name, True), describe=lambda self, name: self.described(name))
    def test_name(self, ask):
        with self.invalid(BAD_TABLE_NAME):
            ask(self, "a b")

    @cases(
        no_specification=({}, "Value null at 'timeToLiveSpecification' failed to satisfy constraint: Member must not "
                              "be null"),
        no_attribute=({"TimeToLiveSpecification": {"Enabled": True}},
                      r"Value null at 'timeToLiveSpecification\.attributeName' failed to satisfy constraint: Member "
                      r"must not be null"),
        not_said=({"TimeToLiveSpecification": {"AttributeName": "a"}},
                  r"Value null at 'timeToLiveSpecification\.enabled' failed to satisfy constraint: Member must not "
                  r"be null"),
        empty=({"TimeToLiveSpecification": {"Enabled": True, "AttributeName": ""}},
               r"at 'timeToLiveSpecification\.attributeName' failed to satisfy constraint: Member must have length "
               r"greater than or equal to 1"),
        long=({"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "x" * 256}},
              r"at 'timeToLiveSpecification\.attributeName' failed to satisfy constraint: Member must have length "
              r"less than or equal to 255"))
    def test_request(self, more, message):
        with self.invalid(re.compile(message)):
            self.db.update_time_to_live(TableName=self.hash_table, **more)


class Expiry(GatewayTest):
    """What has expired is gone at its second, earlier than DynamoDB's "within a few days"."""

    @classmethod
    def setUpClass(cls):
        cls.table = table()
        db = client()
        db.update_time_to_live(TableName=cls.table,
                               TimeToLiveSpecification=dict(Enabled=True, AttributeName="expires"))
        while db.describe_time_to_live(TableName=cls.table)["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED":
            time.sleep(0.05)

    def test_an_item_goes(self):
        self.put(self.table, p=self.p, expires=int(time.time()) + 1)
        for _ in range(200):
            if self.get(self.table, p=self.p) is None:
                break
            time.sleep(0.05)
        for node in range(NODES):
            self.assertNotIn("Item", client(node).get_item(TableName=self.table, Key=item(p=self.p)))

    def test_what_expired_before_its_write_is_gone(self):
        self.put(self.table, p=self.p, expires=int(time.time()) - 60)
        self.assertIsNone(self.get(self.table, p=self.p))

    def test_an_expired_item_fails_no_condition(self):
        self.put(self.table, p=self.p, expires=int(time.time()) - 60, v="old")
        self.db.put_item(TableName=self.table, Item=item(p=self.p, v="new"),
                         ConditionExpression="attribute_not_exists(p)")
        self.assertEqual(self.get(self.table, p=self.p), {"p": self.p, "v": "new"})

    @cases(later=lambda: int(time.time()) + 3600, text=lambda: str(int(time.time()) - 60), zero=lambda: 0,
           negative=lambda: -5,
           six_years_ago=lambda: int(time.time()) - 6 * 366 * 86400, set=lambda: {1}, null=lambda: None)
    def test_what_does_not_expire(self, made):
        self.put(self.table, p=self.p, expires=made())
        self.assertEqual(self.get(self.table, p=self.p)["p"], self.p)

    def test_an_update_may_prolong(self):
        self.put(self.table, p=self.p, expires=int(time.time()) + 2, v=1)
        self.db.update_item(TableName=self.table, Key=item(p=self.p), UpdateExpression="SET expires = :later",
                            ExpressionAttributeValues=item({":later": int(time.time()) + 3600}))
        time.sleep(2.5)
        self.assertEqual(self.get(self.table, p=self.p)["v"], 1)

    def test_scans_and_queries_do_not_show_it(self):
        self.put(self.table, p=self.p, expires=int(time.time()) - 60)
        self.assertEqual(self.db.query(TableName=self.table, KeyConditionExpression="p = :p",
                                       ExpressionAttributeValues=item({":p": self.p}))["Count"], 0)
        self.assertNotIn(self.p, [plain(each)["p"] for each in self.db.scan(TableName=self.table)["Items"]])


if __name__ == "__main__":
    unittest.main()

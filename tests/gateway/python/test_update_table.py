"""UpdateTable: API Reference "UpdateTable"; what applies here, and what is refused."""

import re
import unittest

from harness import BAD_TABLE_NAME, GatewayTest, call, cases, client, table, unique


class UpdateTable(GatewayTest):
    def test_billing_on_demand(self):
        name = table()
        answer = self.db.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")["TableDescription"]
        self.assertEqual(answer["TableName"], name)
        self.assertIn(answer["TableStatus"], ("ACTIVE", "UPDATING"))

    def test_throughput_is_accepted(self):
        name = table()
        self.db.update_table(TableName=name, BillingMode="PROVISIONED",
                             ProvisionedThroughput=dict(ReadCapacityUnits=3, WriteCapacityUnits=4))
        client(1).get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
        self.put(name, p="still there")
        self.assertIsNotNone(self.get(name, p="still there"))

    def test_throughput_alone_is_accepted(self):
        answer = self.db.update_table(TableName=self.hash_table,
                                      ProvisionedThroughput=dict(ReadCapacityUnits=3, WriteCapacityUnits=4))
        self.assertEqual(answer["TableDescription"]["TableName"], self.hash_table)

    def test_deletion_protection(self):
        name = table()
        for wanted in (True, False):
            answer = call("UpdateTable", {"TableName": name, "DeletionProtectionEnabled": wanted}, node=1)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertIs(call("DescribeTable", {"TableName": name},
                               node=2).json["Table"]["DeletionProtectionEnabled"], wanted)
            if wanted:
                with self.invalid(re.compile("Resource cannot be deleted as it is currently protected against "
                                             "deletion. Disable deletion protection first")):
                    self.db.delete_table(TableName=name)
        self.db.delete_table(TableName=name)

    def test_items_stay(self):
        name = table()
        self.put(name, p="a", v=1)
        call("UpdateTable", {"TableName": name, "DeletionProtectionEnabled": False})
        self.assertEqual(self.get(name, p="a"), {"p": "a", "v": 1})

    @cases(
        new_index=dict(GlobalSecondaryIndexUpdates=[dict(Create=dict(
            IndexName="by_q", KeySchema=[dict(AttributeName="q", KeyType="HASH")],
            Projection=dict(ProjectionType="ALL")))],
                       AttributeDefinitions=[dict(AttributeName="q", AttributeType="S")]),
        stream=dict(StreamSpecification=dict(StreamEnabled=True, StreamViewType="KEYS_ONLY")),
        replica=dict(ReplicaUpdates=[dict(Create=dict(RegionName="eu-west-1"))]),
        customer_key=dict(SSESpecification=dict(Enabled=True, SSEType="KMS", KMSMasterKeyId="alias/mine")),
        customer_key_by_itself=dict(SSESpecification=dict(KMSMasterKeyId="alias/mine")),
        table_class=dict(TableClass="STANDARD_INFREQUENT_ACCESS"))
    def test_what_is_not_built_is_refused(self, change):
        name = table()
        with self.invalid():
            self.db.update_table(TableName=name, **change)
        self.assertEqual(self.db.describe_table(TableName=name)["Table"]["TableStatus"], "ACTIVE")

    @cases(delete=dict(Delete=dict(IndexName="by_q")),
           update=dict(Update=dict(IndexName="by_q",
                                   ProvisionedThroughput=dict(ReadCapacityUnits=1, WriteCapacityUnits=1))))
    def test_an_index_that_is_not_there(self, change):
        name = table()
        with self.assertRaises(self.db.exceptions.ClientError) as caught:
            self.db.update_table(TableName=name, GlobalSecondaryIndexUpdates=[change])
        self.assertIn(caught.exception.response["Error"]["Code"],
                      ("ValidationException", "ResourceNotFoundException"))

    def test_nothing_to_change(self):
        with self.invalid(re.compile("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
                                     "GlobalSecondaryIndexUpdates or "
                                     "SSESpecification or ReplicaUpdates is required|[Aa]t least one of")):
            self.db.update_table(TableName=self.hash_table)

    def test_no_such_table(self):
        name = unique("none")
        with self.refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"):
            self.db.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")

    def test_name(self):
        with self.invalid(BAD_TABLE_NAME):
            self.db.update_table(TableName="ä", BillingMode="PAY_PER_REQUEST")

    @cases(mode=(dict(BillingMode="FREE"), "Value 'FREE' at 'billingMode' failed to satisfy constraint: Member must "
                                           "satisfy enum value set: "),
           zero=(dict(ProvisionedThroughput=dict(ReadCapacityUnits=1, WriteCapacityUnits=0)),
                 "Value '0' at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must "
                 "have value greater than or equal to 1"),
           provisioned_without=(dict(BillingMode="PROVISIONED"),
                                "^One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits "
                                "must both be specified when BillingMode is PROVISIONED$"),
           both=(dict(BillingMode="PAY_PER_REQUEST",
                      ProvisionedThroughput=dict(ReadCapacityUnits=1, WriteCapacityUnits=1)),
                 "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
                 "PAY_PER_REQUEST"))
    def test_billing(self, change, message):
        with self.invalid(re.compile(message)):
            self.db.update_table(TableName=self.hash_table, **change)


if __name__ == "__main__":
    unittest.main()

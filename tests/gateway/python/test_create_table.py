"""CreateTable: API Reference "CreateTable", Developer Guide "Naming rules", "Quotas"."""

import datetime
import re
import unittest

from harness import BAD_TABLE_NAME, GatewayTest, NODES, call, cases, client, unique


def keys(*names_and_types):
    """KeySchema and AttributeDefinitions of "p:S", "s:N"."""
    pairs = [each.split(":") for each in names_and_types]
    return dict(KeySchema=[dict(AttributeName=name, KeyType=kind) for (name, _),
                           kind in zip(pairs, ("HASH", "RANGE"))],
                AttributeDefinitions=[dict(AttributeName=name, AttributeType=kind) for name, kind in pairs])


class CreateTable(GatewayTest):
    def create(self, name=None, **more):
        made = dict(TableName=name or unique("create"), BillingMode="PAY_PER_REQUEST", **keys("p:S"))
        made.update(more)
        return self.db.create_table(**{key: each for key,
                                       each in made.items() if each is not None})["TableDescription"]

    def describe(self, name):
        return self.db.describe_table(TableName=name)["Table"]


class Creation(CreateTable):
    @cases(string=("p:S",), number=("p:N",), binary=("p:B",), both=("p:S", "s:S"), numbers=("p:N", "s:N"),
           mixed=("p:B", "s:N"))
    def test_keys(self, *names_and_types):
        schema = keys(*names_and_types)
        name = self.create(**schema)["TableName"]
        table = self.describe(name)
        self.assertEqual(table["KeySchema"], schema["KeySchema"])
        self.assertEqual(sorted(table["AttributeDefinitions"], key=str),
                         sorted(schema["AttributeDefinitions"], key=str))

    def test_description(self):
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
        name = unique("create")
        table = self.create(name)
        self.assertEqual(table["TableName"], name)
        self.assertIn(table["TableStatus"], ("CREATING", "ACTIVE"))
        self.assertEqual((table["ItemCount"], table["TableSizeBytes"]), (0, 0))
        self.assertRegex(table["TableArn"], f"^arn:aws:dynamodb:[a-z0-9-]+:[0-9]+:table/{re.escape(name)}$")
        self.assertRegex(table["TableId"], "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertGreater(table["CreationDateTime"], before)
        self.assertLess(table["CreationDateTime"], before + datetime.timedelta(minutes=2))

    @cases(shortest="t-1", longest="x" * 255)
    def test_length_of_the_name(self, name):
        self.create(name)
        self.assertEqual(self.describe(name)["TableName"], name)
        self.db.delete_table(TableName=name)

    def test_every_letter_of_a_name(self):
        name = unique("aZ09_-.")
        self.create(name)
        self.assertEqual(self.describe(name)["TableName"], name)

    def test_names_have_a_case(self):
        name = unique("case")
        self.create(name)
        self.create(name.upper())

    def test_every_node_serves_it_at_once(self):
        name = unique("create")
        client(0).create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **keys("p:S"))
        for node in range(NODES):
            other = client(node)
            other.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
            other.put_item(TableName=name, Item={"p": {"S": f"{node}"}})

    def test_key_of_255_bytes(self):
        self.create(**keys("k" * 255 + ":S"))

    def test_provisioned_throughput_is_accepted(self):
        name = self.create(BillingMode="PROVISIONED",
                           ProvisionedThroughput=dict(ReadCapacityUnits=5, WriteCapacityUnits=7))["TableName"]
        self.assertEqual(self.describe(name)["TableStatus"], "ACTIVE")

    def test_tags(self):
        tags = [dict(Key="team", Value="fish"), dict(Key="empty", Value="")]
        name = self.create(Tags=tags)["TableName"]
        listed = self.db.list_tags_of_resource(ResourceArn=self.describe(name)["TableArn"])["Tags"]
        self.assertEqual(sorted(listed, key=str), sorted(tags, key=str))

    def test_deletion_protection(self):
        name = unique("create")
        answer = call("CreateTable", {"TableName": name, "BillingMode": "PAY_PER_REQUEST",
                                      "DeletionProtectionEnabled": True, **keys("p:S")})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIs(call("DescribeTable", {"TableName": name}).json["Table"]["DeletionProtectionEnabled"], True)

    def test_a_stream_that_is_off(self):
        self.create(StreamSpecification={"StreamEnabled": False})

    def test_a_waiter(self):
        name = self.create()["TableName"]
        client(2).get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})


class Refusals(CreateTable):
    def refuse(self, message, **more):
        name = unique("refused")
        with self.invalid(message):
            self.create(more.pop("TableName", name), **more)
        with self.refused("ResourceNotFoundException"):
            self.db.describe_table(TableName=name)

    def test_a_table_that_exists(self):
        name = self.create()["TableName"]
        with self.refused("ResourceInUseException", re.compile(f"^Table already exists: {re.escape(name)}$")):
            self.create(name)

    @cases(short="ab", long="x" * 256, blank="a b", slash="ab/c", umlaut="tüll", colon="a:bc")
    def test_name(self, name):
        self.refuse(BAD_TABLE_NAME, TableName=name)

    def test_no_name(self):
        with self.invalid(re.compile("tableName' failed to satisfy constraint: Member must not be null|"
                                     "The parameter 'TableName' is required but was not present in the request")):
            self.db.create_table(**keys("p:S"))

    @cases(
        no_schema=(dict(KeySchema=None), "Value null at 'keySchema' failed to satisfy constraint: Member must not be "
                                         "null"),
        no_definitions=(dict(AttributeDefinitions=None), "Value null at 'attributeDefinitions' failed to satisfy "
                                                         "constraint: Member must not be "
                                                         "null|Invalid AttributeDefinitions|No Attribute Schema "
                                                         "Defined"),
        empty_schema=(dict(KeySchema=[]), r"at 'keySchema' failed to satisfy constraint: Member must have length "
                                          r"greater than or equal to 1|"
                                          "No defined key schema"),
        three_keys=(dict(KeySchema=[dict(AttributeName=each,
                                         KeyType="RANGE" if each != "p" else "HASH") for each in "pqr"]),
                    "at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"),
        no_hash=(dict(KeySchema=[dict(AttributeName="p", KeyType="RANGE")]),
                 "The first KeySchemaElement is not a HASH key type|No Hash Key"),
        two_hashes=(dict(KeySchema=[dict(AttributeName="p", KeyType="HASH"), dict(AttributeName="q", KeyType="HASH")],
                         AttributeDefinitions=[dict(AttributeName="p", AttributeType="S"),
                                               dict(AttributeName="q", AttributeType="S")]),
                    "The second KeySchemaElement is not a RANGE key type|Too many hash keys|Invalid key order"),
        turned=(dict(KeySchema=[dict(AttributeName="q", KeyType="RANGE"), dict(AttributeName="p", KeyType="HASH")],
                     AttributeDefinitions=[dict(AttributeName="p", AttributeType="S"),
                                           dict(AttributeName="q", AttributeType="S")]),
                "The first KeySchemaElement is not a HASH key type|Invalid key order"),
        one_name_twice=(dict(KeySchema=[dict(AttributeName="p", KeyType="HASH"),
                                        dict(AttributeName="p", KeyType="RANGE")]),
                        "Both the Hash Key and the Range Key element in the KeySchema have the same name|same name"),
        undefined=(dict(KeySchema=[dict(AttributeName="q", KeyType="HASH")]),
                   "Some index key attributes are not defined in AttributeDefinitions|Some AttributeDefinitions are "
                   "not used|Hash Key not specified"),
        unused=(dict(AttributeDefinitions=[dict(AttributeName="p", AttributeType="S"),
                                           dict(AttributeName="q", AttributeType="S")]),
                "Number of attributes in KeySchema does not exactly match number of attributes defined in "
                "AttributeDefinitions|Some AttributeDefinitions are not used"),
        defined_twice=(dict(AttributeDefinitions=[dict(AttributeName="p", AttributeType="S"),
                                                  dict(AttributeName="p", AttributeType="S")]),
                       "Duplicate|duplicate|Cannot have two attributes with the same name|does not exactly match"),
        type=(dict(AttributeDefinitions=[dict(AttributeName="p", AttributeType="BOOL")]),
              r"Value 'BOOL' at 'attributeDefinitions\.1\.member\.attributeType' failed to satisfy constraint: "
              r"Member must satisfy enum value set: \["),
        key_type=(dict(KeySchema=[dict(AttributeName="p", KeyType="PRIMARY")]),
                  r"Value 'PRIMARY' at 'keySchema\.1\.member\.keyType' failed to satisfy constraint: Member must "
                  r"satisfy enum value set: \["),
        empty_key=(keys(":S"), r"at 'keySchema\.1\.member\.attributeName' failed to satisfy constraint: Member must "
                               r"have length greater than or equal to 1"),
        long_key=(keys("k" * 256 + ":S"), r"at 'keySchema\.1\.member\.attributeName' failed to satisfy constraint: "
                                          r"Member must have length less than or "
                                          "equal to 255"))
    def test_schema(self, change, message):
        self.refuse(re.compile(message), **change)

    @cases(
        provisioned_without=(dict(BillingMode="PROVISIONED"),
                             "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
                                                             "PROVISIONED|No provisioned throughput specified for "
                                                             "the table"),
        default_without=(dict(BillingMode=None), "ReadCapacityUnits and WriteCapacityUnits must both be specified "
                                                 "when BillingMode is PROVISIONED|"
                                                 "No provisioned throughput specified for the table"),
        on_demand_with=(dict(ProvisionedThroughput=dict(ReadCapacityUnits=1, WriteCapacityUnits=1)),
                        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
                        "PAY_PER_REQUEST"),
        unknown=(dict(BillingMode="FREE"), r"Value 'FREE' at 'billingMode' failed to satisfy constraint: Member must "
                                           r"satisfy enum value set: \["),
        zero=(dict(BillingMode="PROVISIONED", ProvisionedThroughput=dict(ReadCapacityUnits=0, WriteCapacityUnits=1)),
              "Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have "
              "value greater than or equal to 1"),
        half=(dict(BillingMode="PROVISIONED", ProvisionedThroughput=dict(ReadCapacityUnits=1)),
              "Value null at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must "
              "not be null"))
    def test_billing(self, change, message):
        self.refuse(re.compile(message), **change)

    @cases(
        global_index=dict(GlobalSecondaryIndexes=[dict(IndexName="by_q",
                                                       KeySchema=[dict(AttributeName="q", KeyType="HASH")],
                                                       Projection=dict(ProjectionType="ALL"))],
                          AttributeDefinitions=[dict(AttributeName="p", AttributeType="S"),
                                                dict(AttributeName="q", AttributeType="S")]),
        local_index=dict(LocalSecondaryIndexes=[dict(IndexName="by_q", Projection=dict(ProjectionType="ALL"),
                                                     KeySchema=[dict(AttributeName="p", KeyType="HASH"),
                                                                dict(AttributeName="q", KeyType="RANGE")])],
                         KeySchema=[dict(AttributeName="p", KeyType="HASH"),
                                    dict(AttributeName="s", KeyType="RANGE")],
                         AttributeDefinitions=[dict(AttributeName=each, AttributeType="S") for each in "psq"]),
        stream=dict(StreamSpecification=dict(StreamEnabled=True, StreamViewType="NEW_IMAGE")),
        customer_key=dict(SSESpecification=dict(Enabled=True, SSEType="KMS", KMSMasterKeyId="alias/mine")),
        customer_key_by_itself=dict(SSESpecification=dict(KMSMasterKeyId="alias/mine")),
        table_class=dict(TableClass="STANDARD_INFREQUENT_ACCESS"))
    def test_what_is_not_built_is_refused(self, change):
        self.refuse(None, **change)


if __name__ == "__main__":
    unittest.main()

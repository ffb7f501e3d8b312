"""TagResource, UntagResource, ListTagsOfResource: API Reference, Developer Guide "Tagging restrictions"."""

import re
import unittest

from harness import GatewayTest, NODES, cases, client, table, unique


class Tags(GatewayTest):
    def setUp(self):
        super().setUp()
        self.name = table()
        self.arn = self.db.describe_table(TableName=self.name)["Table"]["TableArn"]

    def tag(self, **tags):
        self.db.tag_resource(ResourceArn=self.arn, Tags=[dict(Key=key, Value=each) for key, each in tags.items()])

    def listed(self, db=None, **more):
        answer = (db or self.db).list_tags_of_resource(ResourceArn=self.arn, **more)
        return {each["Key"]: each["Value"] for each in answer["Tags"]}

    def test_none_at_first(self):
        self.assertEqual(self.listed(), {})

    def test_tags_are_listed_by_every_node(self):
        self.tag(team="fish", stage="test")
        for node in range(NODES):
            self.assertEqual(self.listed(client(node)), {"team": "fish", "stage": "test"})

    def test_a_key_has_one_value(self):
        self.tag(team="fish")
        self.tag(team="meat", stage="test")
        self.assertEqual(self.listed(), {"team": "meat", "stage": "test"})

    def test_keys_have_a_case(self):
        self.tag(team="a", Team="b")
        self.assertEqual(self.listed(), {"team": "a", "Team": "b"})

    def test_values_may_be_empty(self):
        self.tag(empty="")
        self.assertEqual(self.listed(), {"empty": ""})

    def test_longest(self):
        self.tag(**{"k" * 128: "v" * 256})
        self.assertEqual(self.listed(), {"k" * 128: "v" * 256})

    def test_other_alphabets(self):
        self.tag(**{"Größe": "東京 + 1 = 2 ._:/@-"})
        self.assertEqual(self.listed(), {"Größe": "東京 + 1 = 2 ._:/@-"})

    def test_untag(self):
        self.tag(a="1", b="2", c="3")
        self.db.untag_resource(ResourceArn=self.arn, TagKeys=["a", "c", "never"])
        self.assertEqual(self.listed(), {"b": "2"})

    def test_50_tags_and_no_more(self):
        self.tag(**{f"k{n}": f"{n}" for n in range(50)})
        with self.assertRaises(self.db.exceptions.ClientError) as caught:
            self.tag(one_more="x")
        self.assertIn(caught.exception.response["Error"]["Code"], ("ValidationException", "LimitExceededException"))
        self.tag(k7="another")
        pages = list(client(1).get_paginator("list_tags_of_resource").paginate(ResourceArn=self.arn))
        tags = {each["Key"]: each["Value"] for page in pages for each in page["Tags"]}
        self.assertEqual(tags, {**{f"k{n}": f"{n}" for n in range(50)}, "k7": "another"})

    @cases(
        no_tags=(dict(Tags=None), "Value null at 'tags' failed to satisfy constraint: Member must not be null"),
        long_key=(dict(Tags=[dict(Key="k" * 129, Value="")]), "less than or equal to 128|too long|128"),
        empty_key=(dict(Tags=[dict(Key="", Value="")]), "greater than or equal to 1|key|Key"),
        long_value=(dict(Tags=[dict(Key="k", Value="v" * 257)]), "less than or equal to 256|too long|256"),
        twice=(dict(Tags=[dict(Key="k", Value="1"), dict(Key="k", Value="2")]), "[Dd]uplicate|twice"),
        reserved=(dict(Tags=[dict(Key="aws:k", Value="1")]), "aws:"))
    def test_tag_refused(self, more, message):
        with self.invalid(re.compile(message)):
            self.db.tag_resource(ResourceArn=self.arn,
                                 **{key: each for key, each in more.items() if each is not None})
        self.assertEqual(self.listed(), {})

    def test_untag_without_keys(self):
        with self.invalid(
            re.compile("Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")):
            self.db.untag_resource(ResourceArn=self.arn)

    @cases(tag=lambda db, arn: db.tag_resource(ResourceArn=arn, Tags=[dict(Key="k", Value="v")]),
           untag=lambda db, arn: db.untag_resource(ResourceArn=arn, TagKeys=["k"]),
           list=lambda db, arn: db.list_tags_of_resource(ResourceArn=arn))
    def test_no_such_table(self, ask):
        with self.assertRaises(self.db.exceptions.ClientError) as caught:
            ask(self.db, self.arn.replace(self.name, unique("none")))
        # ListTagsOfResource of a table that is not there is AccessDenied in some regions.
        self.assertIn(caught.exception.response["Error"]["Code"],
                      ("ResourceNotFoundException", "AccessDeniedException"))

    @cases(tag=lambda db, arn: db.tag_resource(ResourceArn=arn, Tags=[dict(Key="k", Value="v")]),
           untag=lambda db, arn: db.untag_resource(ResourceArn=arn, TagKeys=["k"]),
           list=lambda db, arn: db.list_tags_of_resource(ResourceArn=arn))
    def test_what_is_no_arn(self, ask):
        with self.invalid(re.compile("Invalid TableArn|Invalid ResourceArn|resourceArn")):
            ask(self.db, "table/x")


if __name__ == "__main__":
    unittest.main()

"""TransactWriteItems: API Reference "TransactWriteItems", Developer Guide "Amazon DynamoDB Transactions"."""

import concurrent.futures
import re
import unittest

from botocore.exceptions import ClientError

from harness import (BAD_TABLE_NAME, GatewayTest, KEY_MISMATCH, NODES, NO_SUCH_TABLE, cases, client, item, plain,
                     unique)


class Transact(GatewayTest):
    """`one` and `two` are items of two tables, by default of two groups."""

    def setUp(self):
        super().setUp()
        self.one = dict(TableName=self.hash_table, Key=item(p=self.p))
        self.two = dict(TableName=self.range_table, Key=item(p=self.p, s=2))

    def write(self, *actions, **more):
        return self.db.transact_write_items(TransactItems=list(actions), **more)

    def put_one(self, **more):
        return {"Put": {"TableName": self.hash_table, "Item": item(p=self.p, v=1), **more}}

    def put_two(self, **more):
        return {"Put": {"TableName": self.range_table, "Item": item(p=self.p, s=2, v=2), **more}}

    def both(self):
        return [self.get(self.hash_table, p=self.p), self.get(self.range_table, p=self.p, s=2)]

    def cancelled(self, *codes):
        return self.refused("TransactionCanceledException", "Transaction cancelled, please refer cancellation "
                                                            "reasons for specific "
                                                            f"reasons [{', '.join(codes)}]")


class Effects(Transact):
    def test_puts_of_two_tables(self):
        self.write(self.put_one(), self.put_two())
        self.assertEqual(self.both(), [{"p": self.p, "v": 1}, {"p": self.p, "s": 2, "v": 2}])

    def test_all_four_actions(self):
        self.put(self.hash_table, p=self.p, n=1)
        self.put(self.range_table, p=self.p, s=2)
        self.put(self.range_table, p=self.p, s=3, ok=True)
        self.write({"Update": {**self.one, "UpdateExpression": "ADD n :n",
                               "ExpressionAttributeValues": item({":n": 4})}},
                   {"Delete": self.two},
                   {"ConditionCheck": {"TableName": self.range_table, "Key": item(p=self.p, s=3),
                                       "ConditionExpression": "ok = :t",
                                       "ExpressionAttributeValues": item({":t": True})}},
                   {"Put": {"TableName": self.range_table, "Item": item(p=self.p, s=4, v="new")}})
        self.assertEqual(self.both(), [{"p": self.p, "n": 5}, None])
        self.assertEqual(self.get(self.range_table, p=self.p, s=3), {"p": self.p, "s": 3, "ok": True})
        self.assertEqual(self.get(self.range_table, p=self.p, s=4), {"p": self.p, "s": 4, "v": "new"})

    def test_an_update_makes_an_item(self):
        self.write({"Update": {**self.one, "UpdateExpression": "SET #v = if_not_exists(#v, :v)",
                               "ExpressionAttributeNames": {"#v": "v"},
                               "ExpressionAttributeValues": item({":v": 7})}})
        self.assertEqual(self.both()[0], {"p": self.p, "v": 7})

    def test_100_items(self):
        self.write(*[{"Put": {"TableName": self.range_table,
                              "Item": item(p=f"{self.p}.{n % 7}", s=n)}} for n in range(100)])
        for n in (0, 50, 99):
            self.assertIsNotNone(self.get(self.range_table, p=f"{self.p}.{n % 7}", s=n))

    def test_a_check_alone(self):
        self.write({"ConditionCheck": {**self.one, "ConditionExpression": "attribute_not_exists(p)"}})
        self.assertIsNone(self.both()[0])

    def test_transfers_keep_the_sum(self):
        accounts = [f"{self.p}.{n}" for n in range(6)]
        for account in accounts:
            self.put(self.hash_table, p=account, balance=100)
        clients = [client(node) for node in range(NODES)]

        def move(turn):
            a, b = accounts[turn % 6], accounts[(turn * 5 + 1) % 6]
            if a == b:
                return
            with_values = dict(ExpressionAttributeValues=item({":x": 1 + turn % 9}))
            try:
                clients[turn % NODES].transact_write_items(TransactItems=[
                    {"Update": {"TableName": self.hash_table, "Key": item(p=a),
                                "UpdateExpression": "SET balance = balance - :x",
                                "ConditionExpression": "balance >= :x", **with_values}},
                    {"Update": {"TableName": self.hash_table, "Key": item(p=b),
                                "UpdateExpression": "SET balance = balance + :x",
                                **with_values}}])
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "TransactionCanceledException")

        with concurrent.futures.ThreadPoolExecutor(6) as threads:
            list(threads.map(move, range(60)))
        balances = [self.get(self.hash_table, p=account)["balance"] for account in accounts]
        self.assertEqual(sum(balances), 600)
        self.assertGreaterEqual(min(balances), 0)

    def test_it_costs_twice(self):
        answer = self.write(self.put_one(), {"ConditionCheck": {**self.two,
                                                                "ConditionExpression": "attribute_not_exists(p)"}},
                            ReturnConsumedCapacity="TOTAL")
        self.assertEqual({each["TableName"]: (each["CapacityUnits"],
                                              each["WriteCapacityUnits"]) for each in answer["ConsumedCapacity"]},
                         {self.hash_table: (2.0, 2.0), self.range_table: (2.0, 2.0)})

    def test_it_costs_twice_for_each_kb(self):
        answer = self.write({"Put": {"TableName": self.hash_table, "Item": item(p=self.p, v="x" * 3000)}},
                            ReturnConsumedCapacity="INDEXES")
        self.assertEqual(answer["ConsumedCapacity"][0]["CapacityUnits"], 6.0)
        self.assertEqual(answer["ConsumedCapacity"][0]["Table"]["CapacityUnits"], 6.0)

    def test_no_metrics_without_local_indexes(self):
        answer = self.write(self.put_one(), ReturnItemCollectionMetrics="SIZE")
        self.assertFalse(answer.get("ItemCollectionMetrics"))


class Cancellations(Transact):
    def test_nothing_is_written(self):
        with self.cancelled("None", "ConditionalCheckFailed"):
            self.write(self.put_one(), self.put_two(ConditionExpression="attribute_exists(p)"))
        self.assertEqual(self.both(), [None, None])

    @cases(first=0, second=1, third=2)
    def test_the_reason_is_in_its_place(self, failing):
        actions = [{"ConditionCheck": {"TableName": self.range_table, "Key": item(p=self.p, s=n),
                                       "ConditionExpression":
                    "attribute_exists(p)" if n == failing else "attribute_not_exists(p)"}} for n in range(3)]
        codes = ["ConditionalCheckFailed" if n == failing else "None" for n in range(3)]
        with self.cancelled(*codes) as caught:
            self.write(*actions)
        reasons = caught.exception.response["CancellationReasons"]
        self.assertEqual([reason["Code"] for reason in reasons], codes)
        self.assertEqual(reasons[failing]["Message"], "The conditional request failed")
        self.assertEqual([("Message" in reason) for reason in reasons].count(True), 1)

    def test_two_reasons(self):
        with self.cancelled("ConditionalCheckFailed", "None", "ConditionalCheckFailed"):
            self.write(self.put_one(ConditionExpression="attribute_exists(p)"), self.put_two(),
                       {"ConditionCheck": {"TableName": self.range_table, "Key": item(p=self.p, s=3),
                                           "ConditionExpression": "attribute_exists(p)"}})

    @cases(
        put=lambda self: self.put_one(ConditionExpression="attribute_not_exists(p)",
                                      ReturnValuesOnConditionCheckFailure="ALL_OLD"),
        update=lambda self: {"Update": {**self.one, "UpdateExpression": "SET v = :v", "ConditionExpression": "v = :v",
                                        "ExpressionAttributeValues": item({":v": 9}),
                                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
        delete=lambda self: {"Delete": {**self.one, "ConditionExpression": "attribute_not_exists(p)",
                                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
        check=lambda self: {"ConditionCheck": {**self.one, "ConditionExpression": "attribute_not_exists(p)",
                                               "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}})
    def test_the_failed_item_on_request(self, action):
        self.put(self.hash_table, p=self.p, v=[1])
        with self.cancelled("ConditionalCheckFailed", "None") as caught:
            self.write(action(self), self.put_two())
        self.assertEqual(plain(caught.exception.response["CancellationReasons"][0]["Item"]), {"p": self.p, "v": [1]})

    def test_the_failed_item_does_not_come_unasked(self):
        self.put(self.hash_table, p=self.p)
        with self.cancelled("ConditionalCheckFailed") as caught:
            self.write(self.put_one(ConditionExpression="attribute_not_exists(p)"))
        self.assertNotIn("Item", caught.exception.response["CancellationReasons"][0])

    def test_an_update_that_cannot_be_done(self):
        self.put(self.hash_table, p=self.p, v="text")
        with self.cancelled("None", "ValidationError"):
            self.write(self.put_two(), {"Update": {**self.one, "UpdateExpression": "SET v = v + :v",
                                                   "ExpressionAttributeValues": item({":v": 1})}})
        self.assertEqual(self.both(), [{"p": self.p, "v": "text"}, None])


    @cases(
        put_without=lambda self: ({"Put": {"TableName": self.hash_table, "Item": item(v=1)}},
                                  "One or more parameter values were invalid: Missing the key p in the item"),
        put_of_another_type=lambda self: ({"Put": {"TableName": self.hash_table, "Item": item(p=1)}},
                                          "One or more parameter values were invalid: Type mismatch for key p "
                                          "expected: S actual: N"),
        delete=lambda self: ({"Delete": {"TableName": self.hash_table, "Key": item(q="x")}}, KEY_MISMATCH),
        update=lambda self: ({"Update": {"TableName": self.hash_table, "Key": item(p=1),
                                         "UpdateExpression": "REMOVE a"}}, KEY_MISMATCH),
        check=lambda self: ({"ConditionCheck": {"TableName": self.hash_table, "Key": item(p="x", q=1),
                                                "ConditionExpression": "attribute_exists(p)"}}, KEY_MISMATCH),
        empty=lambda self: ({"Delete": {"TableName": self.hash_table, "Key": item(p="")}},
                            "One or more parameter values are not valid. The AttributeValue for a key attribute "
                            "cannot contain an empty string value. Key: p"),
        key_update=lambda self: ({"Update": {**self.one, "UpdateExpression": "REMOVE p"}},
                                 "One or more parameter values were invalid: Cannot update attribute p. This "
                                 "attribute is part of the key"))
    def test_what_the_schema_speaks_against(self, made):
        action, message = made(self)
        with self.cancelled("None", "ValidationError") as caught:
            self.write(self.put_two(), action)
        self.assertEqual(caught.exception.response["CancellationReasons"],
                         [{"Code": "None"}, {"Code": "ValidationError", "Message": message}])
        self.assertIsNone(self.both()[1])

    def test_two_keys_that_do_not_match(self):
        with self.cancelled("ValidationError", "None", "ValidationError"):
            self.write({"Delete": {"TableName": self.hash_table, "Key": item(q="x")}}, self.put_two(),
                       {"Put": {"TableName": self.hash_table, "Item": item(v=1)}})

    def test_what_is_wrong_without_a_table_comes_first(self):
        with self.invalid(re.compile("^Invalid ConditionExpression: Syntax error; ")):
            self.write({"Delete": {"TableName": self.hash_table, "Key": item(q="x")}},
                       self.put_two(ConditionExpression="p ="))


class Tokens(Transact):
    def add(self, n=1, token=None, **more):
        return self.write({"Update": {**self.one, "UpdateExpression": "ADD n :n",
                                      "ExpressionAttributeValues": item({":n": n})}},
                          **({} if token is None else {"ClientRequestToken": token}), **more)

    def test_the_same_token_counts_once(self):
        token = unique("token")
        for _ in range(4):  # Through every node.
            self.add(token=token)
        self.assertEqual(self.both()[0]["n"], 1)

    def test_another_token_counts_again(self):
        self.add(token=unique("token"))
        self.add(token=unique("token"))
        self.assertEqual(self.both()[0]["n"], 2)

    def test_the_same_token_with_another_body(self):
        token = unique("token")
        self.add(token=token)
        with self.refused("IdempotentParameterMismatchException"):
            self.add(n=2, token=token)
        self.assertEqual(self.both()[0]["n"], 1)

    def test_a_cancelled_token_may_be_used_again(self):
        token = unique("token")
        action = self.put_one(ConditionExpression="attribute_not_exists(p)")
        self.put(self.hash_table, p=self.p)
        with self.cancelled("ConditionalCheckFailed"):
            self.write(action, ClientRequestToken=token)
        self.db.delete_item(**self.one)
        self.write(action, ClientRequestToken=token)
        self.assertEqual(self.both()[0], {"p": self.p, "v": 1})

    def test_a_repeat_costs_nothing(self):
        """Where DynamoDB tells the read units of its items."""
        token = unique("token")
        self.add(token=token)
        self.assertFalse(self.add(token=token, ReturnConsumedCapacity="TOTAL").get("ConsumedCapacity"))

    @cases(long="x" * 37, empty="")
    def test_token_of_a_wrong_length(self, token):
        with self.invalid(re.compile("^1 validation error detected: Value '" + token + "' at 'clientRequestToken' "
                                                                                       "failed to satisfy "
                                                                                       "constraint: "
                                     "Member must have length (less|greater) than or equal to (36|1)$")):
            self.add(token=token)


class Refusals(Transact):
    def refuse(self, message, *actions):
        with self.invalid(message):
            self.write(self.put_two(), *actions)
        self.assertIsNone(self.both()[1])

    def test_no_items(self):
        with self.invalid(re.compile(r"^1 validation error detected: Value '\[\]' at 'transactItems' failed to "
                                     r"satisfy constraint: Member must "
                                     "have length greater than or equal to 1$")):
            self.write()

    def test_no_list(self):
        with self.invalid("1 validation error detected: Value null at 'transactItems' failed to satisfy constraint: "
                          "Member must not be null"):
            self.db.transact_write_items()

    def test_101_items(self):
        self.refuse(re.compile("Member must have length less than or equal to 100"),
                    *[{"Put": {"TableName": self.hash_table, "Item": item(p=f"{self.p}.{n}")}} for n in range(100)])

    @cases(put_and_delete=lambda self: (self.put_one(), {"Delete": self.one}),
           check_and_update=lambda self: ({"ConditionCheck": {**self.one,
                                                              "ConditionExpression": "attribute_exists(p)"}},
                                          {"Update": {**self.one, "UpdateExpression": "REMOVE a"}}),
           two_puts=lambda self: (self.put_one(), self.put_one()))
    def test_one_item_twice(self, actions):
        self.refuse("Transaction request cannot include multiple operations on one item", *actions(self))

    def test_no_action(self):
        self.refuse(re.compile("^Invalid Request: TransactWriteRequest should contain Delete or Put or Update "
                               "request|should contain"), {})

    def test_two_actions_in_one(self):
        self.refuse(re.compile("TransactItems can only contain one of Check, Put, Update or Delete|should contain"),
                    {**self.put_one(), "Delete": {"TableName": self.hash_table, "Key": item(p="x")}})

    def test_no_such_table(self):
        with self.refused("ResourceNotFoundException", NO_SUCH_TABLE):
            self.write(self.put_two(), {"Delete": {"TableName": unique("none"), "Key": item(p="x")}})
        self.assertIsNone(self.both()[1])

    def test_table_name(self):
        self.refuse(re.compile(BAD_TABLE_NAME.pattern + "|tableName"),
                    {"Delete": {"TableName": "a b", "Key": item(p="x")}})

    @cases(
        no_condition=lambda self: ({"ConditionCheck": self.one},
                                   "conditionExpression' failed to satisfy constraint: Member must not be null|"
                                                                  "ConditionExpression"),
        no_update=lambda self: ({"Update": self.one}, "updateExpression' failed to satisfy constraint: Member must "
                                                      "not be null|UpdateExpression"),
        syntax=lambda self: ({"Update": {**self.one, "UpdateExpression": "SET a"}},
                             "Invalid UpdateExpression: Syntax error; "),
        condition_syntax=lambda self: (self.put_one(ConditionExpression="a ="),
                                       "Invalid ConditionExpression: Syntax error; "),
        unused=lambda self: (self.put_one(ConditionExpression="attribute_exists(p)",
                                          ExpressionAttributeNames={"#a": "a"}),
                             r"Value provided in ExpressionAttributeNames unused in expressions: keys: \{#a\}"),
        number=lambda self: ({"Put": {"TableName": self.hash_table, "Item": {"p": {"S": "x"}, "v": {"N": "one"}}}},
                             "The parameter cannot be converted to a numeric value: one"))
    def test_action(self, made):
        action, message = made(self)
        self.refuse(re.compile(message), action)

    def test_return_values_on_failure(self):
        self.refuse(re.compile("returnValuesOnConditionCheckFailure' failed to satisfy constraint: Member must "
                               "satisfy enum value set: "),
                    self.put_one(ConditionExpression="attribute_exists(p)",
                                 ReturnValuesOnConditionCheckFailure="ALL_NEW"))


if __name__ == "__main__":
    unittest.main()

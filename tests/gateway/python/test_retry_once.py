"""A call counts once, however often an SDK tries it and on whichever node: DynamoDB promises that for transactions only."""

import json
import re
import unittest
import uuid

from botocore.exceptions import ConnectionClosedError

from harness import GatewayTest, call, cases, client, cluster, item, plain, send, sign, unique
from proxy import DroppingProxy

# Of tries: the node of the first, of the second, ...
ROUTES = dict(same_node=(0,), another_node=((0, 1),), all_nodes=((2, 0, 1),))


def ports(nodes):
    return [cluster().port(node) for node in (nodes if isinstance(nodes, tuple) else (nodes,))]


class Retries(GatewayTest):
    def lossy(self, nodes, **more):
        """A proxy, and a client whose calls go through it."""
        proxy = DroppingProxy(ports(nodes), **more)
        self.addCleanup(proxy.__exit__)
        return proxy, client(endpoint=proxy.endpoint, retries={"max_attempts": 5}, read_timeout=2)

    def add(self, db, n=1, **more):
        return db.update_item(TableName=self.hash_table, Key=item(p=self.p), UpdateExpression="ADD n :n",
                              ExpressionAttributeValues=item({":n": n}), **more)

    def tried(self, proxy, times):
        """That the SDK did what the test is about: the same call again, under one id."""
        self.assertEqual(len(proxy.requests), times)
        ids = {re.search(rb"(?i)\r\namz-sdk-invocation-id: *([^\r]+)",
                         request).group(1) for request in proxy.requests}
        self.assertEqual(len(ids), 1)
        self.assertEqual(len({request.partition(b"\r\n\r\n")[2] for request in proxy.requests}), 1)

    @cases(**ROUTES)
    def test_add(self, nodes):
        proxy, db = self.lossy(nodes)
        answer = self.add(db, ReturnValues="UPDATED_NEW")
        self.tried(proxy, 2)
        self.assertEqual(plain(answer["Attributes"]), {"n": 1})
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 1)

    def test_add_that_loses_four_answers(self):
        proxy, db = self.lossy((0, 1, 2), drops=4)
        self.add(db)
        self.tried(proxy, 5)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 1)

    def test_add_whose_answer_never_comes(self):
        proxy, db = self.lossy((0, 2), silent=True)
        self.add(db)
        self.tried(proxy, 2)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 1)

    def test_every_call_counts(self):
        proxy, db = self.lossy((0, 1), drops=1)
        for _ in range(5):
            self.add(db)
        self.assertEqual(len(proxy.requests), 6)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 5)

    def test_an_sdk_that_gives_up(self):
        proxy = DroppingProxy(ports(1), drops=10)
        self.addCleanup(proxy.__exit__)
        with self.assertRaises(ConnectionClosedError):
            self.add(client(endpoint=proxy.endpoint, retries={"max_attempts": 2}))
        self.assertEqual(len(proxy.requests), 3)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 1)

    @cases(**ROUTES)
    def test_conditional_put(self, nodes):
        proxy, db = self.lossy(nodes)
        db.put_item(TableName=self.hash_table, Item=item(p=self.p, v=1),
                    ConditionExpression="attribute_not_exists(p)")
        self.tried(proxy, 2)
        self.assertEqual(self.get(self.hash_table, p=self.p), {"p": self.p, "v": 1})

    @cases(**ROUTES)
    def test_refusal_is_repeated(self, nodes):
        """Refused at first, it is refused again, though the condition would hold by now."""
        self.put(self.hash_table, p=self.p)
        proxy, db = self.lossy(nodes,
                               meanwhile=lambda: self.db.delete_item(TableName=self.hash_table, Key=item(p=self.p)))
        with self.refused("ConditionalCheckFailedException"):
            db.put_item(TableName=self.hash_table, Item=item(p=self.p, v=1),
                        ConditionExpression="attribute_not_exists(p)")
        self.tried(proxy, 2)
        self.assertIsNone(self.get(self.hash_table, p=self.p))

    @cases(**ROUTES)
    def test_put_overwrites_nothing_later(self, nodes):
        proxy, db = self.lossy(nodes, meanwhile=lambda: self.put(self.hash_table, p=self.p, v="later"))
        db.put_item(TableName=self.hash_table, Item=item(p=self.p, v="first"))
        self.tried(proxy, 2)
        self.assertEqual(self.get(self.hash_table, p=self.p)["v"], "later")

    @cases(**ROUTES)
    def test_delete_returns_what_it_deleted(self, nodes):
        self.put(self.hash_table, p=self.p, v=1)
        proxy, db = self.lossy(nodes)
        answer = db.delete_item(TableName=self.hash_table, Key=item(p=self.p), ReturnValues="ALL_OLD")
        self.tried(proxy, 2)
        self.assertEqual(plain(answer.get("Attributes")), {"p": self.p, "v": 1})

    @cases(**ROUTES)
    def test_list_append(self, nodes):
        self.put(self.hash_table, p=self.p, l=[0])
        proxy, db = self.lossy(nodes)
        db.update_item(TableName=self.hash_table, Key=item(p=self.p), UpdateExpression="SET l = list_append(l, :v)",
                       ExpressionAttributeValues=item({":v": [1]}))
        self.tried(proxy, 2)
        self.assertEqual(self.get(self.hash_table, p=self.p)["l"], [0, 1])

    @cases(**ROUTES)
    def test_batch_write_overwrites_nothing_later(self, nodes):
        keys = [f"{self.p}.{n}" for n in range(10)]

        def meanwhile():
            for key in keys:
                self.put(self.hash_table, p=key, v="later")

        proxy, db = self.lossy(nodes, meanwhile=meanwhile)
        answer = db.batch_write_item(RequestItems={self.hash_table: [{"PutRequest": {"Item": item(p=key, v="first")}}
                                                                     for key in keys]})
        self.tried(proxy, 2)
        self.assertEqual(answer["UnprocessedItems"], {})
        self.assertEqual([self.get(self.hash_table, p=key)["v"] for key in keys], ["later"] * 10)

    @cases(**ROUTES)
    def test_transaction(self, nodes):
        proxy, db = self.lossy(nodes)
        db.transact_write_items(TransactItems=[
            {"Update": {"TableName": self.hash_table, "Key": item(p=self.p), "UpdateExpression": "ADD n :n",
                        "ExpressionAttributeValues": item({":n": 1})}},
            {"Put": {"TableName": self.range_table, "Item": item(p=self.p, s=1),
                     "ConditionExpression": "attribute_not_exists(p)"}}])
        self.tried(proxy, 2)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 1)
        self.assertIsNotNone(self.get(self.range_table, p=self.p, s=1))


class Identity(GatewayTest):
    """What makes two requests one call."""

    def add(self, invocation, node, n=1, attempt=1):
        body = json.dumps({"TableName": self.hash_table, "Key": {"p": {"S": self.p}}, "UpdateExpression": "ADD n :n",
                           "ExpressionAttributeValues": {":n": {"N": str(n)}},
                           "ReturnValues": "UPDATED_NEW"}).encode()
        more = {"amz-sdk-invocation-id": invocation,
                "amz-sdk-request": f"attempt={attempt}; max=5"} if invocation else {}
        answer = send(node, "POST", "/", sign("UpdateItem", body, node, headers=more), body)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json["Attributes"]["n"]["N"]

    def test_the_same_id_and_body(self):
        invocation = str(uuid.uuid4())
        self.assertEqual([self.add(invocation, attempt % 3, attempt=attempt + 1) for attempt in range(6)], ["1"] * 6)

    def test_another_id(self):
        self.assertEqual([self.add(str(uuid.uuid4()), node) for node in (0, 1, 2)], ["1", "2", "3"])

    def test_another_body(self):
        invocation = str(uuid.uuid4())
        self.assertEqual([self.add(invocation, 0, n) for n in (1, 2, 1)], ["1", "3", "1"])

    def test_no_id(self):
        self.assertEqual([self.add(None, node) for node in (0, 0, 1)], ["1", "2", "3"])

    def test_an_id_that_is_no_uuid(self):
        invocation = unique("call")
        self.assertEqual([self.add(invocation, node) for node in (0, 1)], ["1", "1"])

    def test_a_transaction_without_token(self):
        """By the id alone: other than SDKs, this request names no ClientRequestToken."""
        body = json.dumps({"TransactItems": [{"Update": {
            "TableName": self.hash_table, "Key": {"p": {"S": self.p}}, "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": "1"}}}}]}).encode()
        invocation = str(uuid.uuid4())
        for node in (0, 1, 2):
            answer = send(node, "POST", "/", sign("TransactWriteItems", body, node,
                                                  headers={"amz-sdk-invocation-id": invocation}), body)
            self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 1)
        self.assertEqual(call("TransactWriteItems", body).status, 200)
        self.assertEqual(self.get(self.hash_table, p=self.p)["n"], 2)


if __name__ == "__main__":
    unittest.main()

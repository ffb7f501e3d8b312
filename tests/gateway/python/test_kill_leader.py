"""Nodes are killed while clients of every gateway write and read: what was acknowledged is there, every call counts once."""

import itertools
import threading
import time
import unittest

from botocore.exceptions import BotoCoreError, ClientError

from harness import GatewayTest, NODES, client, cluster, item, plain, table

WRITERS_OF_A_NODE = 2
COUNTERS = 4


class KillLeader(GatewayTest):
    """A call whose outcome its client does not know may have been done, once."""

    def setUp(self):
        super().setUp()
        self.table = table("p:S", "s:N")
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged, self.unknown = set(), set()
        self.added = {f"counter{n}": [0, 0] for n in range(COUNTERS)}  # Certain, unknown.
        self.wrong = []
        self.numbers = itertools.count()

    def work(self, node):
        # An SDK's tries last longer than a node is away, so most calls end well.
        db = client(node, retries={"max_attempts": 12}, connect_timeout=2, read_timeout=10)
        mine = 0
        while not self.ended.is_set():
            with self.lock:
                number = next(self.numbers)
            self.write(db, number)
            self.count(db, f"counter{number % COUNTERS}")
            self.look(db)
            mine += 1
        return mine

    def write(self, db, number):
        try:
            db.put_item(TableName=self.table, Item=item(p=f"p{number % 50}", s=number),
                        ConditionExpression="attribute_not_exists(p)")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                with self.lock:
                    self.wrong.append(f"put of {number} met itself")
                return
            with self.lock:
                self.unknown.add(number)
        except BotoCoreError:
            with self.lock:
                self.unknown.add(number)
        else:
            with self.lock:
                self.acknowledged.add(number)

    def count(self, db, counter):
        try:
            db.update_item(TableName=self.table, Key=item(p=counter, s=0), UpdateExpression="ADD n :one",
                           ExpressionAttributeValues=item({":one": 1}))
        except (ClientError, BotoCoreError):
            with self.lock:
                self.added[counter][1] += 1
        else:
            with self.lock:
                self.added[counter][0] += 1

    def look(self, db):
        """What was acknowledged before the read began is there."""
        with self.lock:
            if not self.acknowledged:
                return
            number = max(self.acknowledged)
        try:
            found = db.get_item(TableName=self.table, Key=item(p=f"p{number % 50}", s=number), ConsistentRead=True)
        except (ClientError, BotoCoreError):
            return
        if "Item" not in found:
            with self.lock:
                self.wrong.append(f"{number} was acknowledged and not there")

    def progress(self, more):
        """Waits until so many more writes were acknowledged."""
        with self.lock:
            wanted = len(self.acknowledged) + more
        for _ in range(1200):
            with self.lock:
                if len(self.acknowledged) >= wanted:
                    return
            time.sleep(0.05)
        self.fail(f"no progress; the nodes' logs are in {cluster().data}/log")

    def test_nodes_are_killed_one_after_the_other(self):
        threads = [threading.Thread(target=self.work, args=(node,
                                                            )) for node in range(NODES) for _
                   in range(WRITERS_OF_A_NODE)]
        for thread in threads:
            thread.start()
        try:
            for victim in range(NODES):  # Groups' leaders are spread, so each leads some.
                self.progress(60)
                cluster().kill(victim)
                self.progress(30)
                self.assertEqual(cluster().up().returncode, 0)
            self.progress(60)
        finally:
            self.ended.set()
            for thread in threads:
                thread.join()
        self.judge()

    def judge(self):
        self.assertEqual(self.wrong, [])
        seen, pages = {}, client(1).get_paginator("scan").paginate(TableName=self.table)
        for page in pages:
            for each in page["Items"]:
                found = plain(each)
                seen[(found["p"], int(found["s"]))] = found
        written = {s for p, s in seen if not p.startswith("counter")}
        self.assertEqual(self.acknowledged - written, set(), "acknowledged and lost")
        self.assertEqual(written - self.acknowledged - self.unknown, set(), "never written")
        for counter, (certain, unknown) in self.added.items():
            counted = int(seen[(counter, 0)]["n"])
            self.assertTrue(certain <= counted <= certain + unknown,
                            f"{counter}: {counted}, {certain} certain, {unknown} unknown")
        print(f"{len(self.acknowledged)} writes and {sum(each[0] for each in self.added.values())} additions "
              "acknowledged, "
              f"{len(self.unknown) + sum(each[1] for each in self.added.values())} unknown")
        self.assertGreater(len(self.acknowledged), 10 * max(1, len(self.unknown)))


if __name__ == "__main__":
    unittest.main()

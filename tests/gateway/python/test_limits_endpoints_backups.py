"""DescribeLimits, DescribeEndpoints, DescribeContinuousBackups; what is not there at all."""

import unittest

from harness import GatewayTest, NODES, call, cases, client, cluster, unique


class Limits(GatewayTest):
    def test_limits(self):
        answer = self.db.describe_limits()
        limits = {name: answer[name] for name in ("AccountMaxReadCapacityUnits", "AccountMaxWriteCapacityUnits",
                                                  "TableMaxReadCapacityUnits", "TableMaxWriteCapacityUnits")}
        for limit in limits.values():
            self.assertGreater(limit, 0)
        self.assertLessEqual(limits["TableMaxReadCapacityUnits"], limits["AccountMaxReadCapacityUnits"])
        self.assertLessEqual(limits["TableMaxWriteCapacityUnits"], limits["AccountMaxWriteCapacityUnits"])


class Endpoints(GatewayTest):
    def test_each_node_names_itself(self):
        for node in range(NODES):
            endpoints = client(node).describe_endpoints()["Endpoints"]
            self.assertEqual(len(endpoints), 1)
            self.assertEqual(endpoints[0]["Address"], f"127.0.0.1:{cluster().port(node)}")
            self.assertGreater(endpoints[0]["CachePeriodInMinutes"], 0)


class Backups(GatewayTest):
    def test_they_are_off(self):
        said = self.db.describe_continuous_backups(TableName=self.hash_table)["ContinuousBackupsDescription"]
        self.assertEqual(said["ContinuousBackupsStatus"], "DISABLED")
        self.assertEqual(said["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "DISABLED")

    def test_no_such_table(self):
        name = unique("none")
        with self.assertRaises(self.db.exceptions.ClientError) as caught:
            self.db.describe_continuous_backups(TableName=name)
        self.assertEqual((caught.exception.response["Error"]["Code"], caught.exception.response["Error"]["Message"]),
                         ("TableNotFoundException", f"Table not found: {name}"))

    def test_no_name(self):
        with self.refused("ValidationException"):
            self.db.describe_continuous_backups()


class NotBuilt(GatewayTest):
    @cases(
        execute_statement=("ExecuteStatement", {"Statement": "SELECT * FROM x"}),
        batch_execute=("BatchExecuteStatement", {"Statements": [{"Statement": "SELECT * FROM x"}]}),
        execute_transaction=("ExecuteTransaction", {"TransactStatements": [{"Statement": "SELECT * FROM x"}]}),
        create_backup=("CreateBackup", {"TableName": "abc", "BackupName": "abc"}), list_backups=("ListBackups", {}),
        restore=("RestoreTableFromBackup", {}), point_in_time=("UpdateContinuousBackups", {"TableName": "abc"}),
        global_table=("CreateGlobalTable", {"GlobalTableName": "abc", "ReplicationGroup": []}),
        list_global=("ListGlobalTables", {}),
        export=("ExportTableToPointInTime", {}), imports=("ImportTable", {}),
        kinesis=("EnableKinesisStreamingDestination", {}),
        insights=("UpdateContributorInsights", {}), scaling=("DescribeTableReplicaAutoScaling", {}),
        policy=("PutResourcePolicy", {}))
    def test_operation(self, operation, body):
        for node in range(NODES):
            self.check_refused(call(operation, body, node), "UnknownOperationException")


if __name__ == "__main__":
    unittest.main()

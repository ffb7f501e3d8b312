// Every operation through @aws-sdk/client-dynamodb, whose deserializers, error classes,
// paginators and waiters are generated from the service's model.
'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const ddb = require('@aws-sdk/client-dynamodb');

const { NODES, client, closeClients, table, unique } = require('./support');

let turn = 0;
let nodes;
let hash;
let range;

// Through the nodes in turn.
const send = (command) => nodes[turn++ % NODES].send(command);
const put = (TableName, Item, more = {}) => send(new ddb.PutItemCommand({ TableName, Item, ...more }));
const get = async (TableName, Key, more = {}) =>
  (await send(new ddb.GetItemCommand({ TableName, Key, ConsistentRead: true, ...more }))).Item;
const S = (text) => ({ S: text });
const N = (number) => ({ N: String(number) });

before(async () => {
  nodes = Array.from({ length: NODES }, (_, node) => client(node));
  hash = await table('p:S');
  range = await table('p:S', 's:N');
});
after(closeClients);

describe('tables', () => {
  it('are created, described, listed and deleted, with waiters', async () => {
    const TableName = unique('life');
    const made = await send(
      new ddb.CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'k', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'k', AttributeType: 'B' }],
      }),
    );
    assert.equal(made.TableDescription.TableName, TableName);
    assert.ok(made.TableDescription.CreationDateTime instanceof Date);
    const up = await ddb.waitUntilTableExists({ client: nodes[1], maxWaitTime: 20, minDelay: 1 }, { TableName });
    assert.equal(up.state, 'SUCCESS');
    const { Table } = await send(new ddb.DescribeTableCommand({ TableName }));
    assert.equal(Table.TableStatus, 'ACTIVE');
    assert.equal(Table.BillingModeSummary.BillingMode, 'PAY_PER_REQUEST');
    assert.deepEqual(Table.KeySchema, [{ AttributeName: 'k', KeyType: 'HASH' }]);
    const listed = [];
    for await (const page of ddb.paginateListTables({ client: nodes[2], pageSize: 2 }, {}))
      listed.push(...page.TableNames);
    assert.ok(listed.includes(TableName));
    await send(new ddb.DeleteTableCommand({ TableName }));
    const down = await ddb.waitUntilTableNotExists({ client: nodes[0], maxWaitTime: 20, minDelay: 1 }, { TableName });
    assert.equal(down.state, 'SUCCESS');
    await assert.rejects(send(new ddb.DescribeTableCommand({ TableName })), ddb.ResourceNotFoundException);
  });

  it('exist once', async () => {
    await assert.rejects(
      send(
        new ddb.CreateTableCommand({
          TableName: hash,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'p', AttributeType: 'S' }],
        }),
      ),
      ddb.ResourceInUseException,
    );
  });

  it('are protected against deletion', async () => {
    const TableName = await table();
    await send(new ddb.UpdateTableCommand({ TableName, DeletionProtectionEnabled: true }));
    assert.equal((await send(new ddb.DescribeTableCommand({ TableName }))).Table.DeletionProtectionEnabled, true);
    await assert.rejects(send(new ddb.DeleteTableCommand({ TableName })), { name: 'ValidationException' });
    await send(new ddb.UpdateTableCommand({ TableName, DeletionProtectionEnabled: false }));
    await send(new ddb.DeleteTableCommand({ TableName }));
  });

  it('have tags', async () => {
    const TableName = await table();
    const ResourceArn = (await send(new ddb.DescribeTableCommand({ TableName }))).Table.TableArn;
    await send(
      new ddb.TagResourceCommand({
        ResourceArn,
        Tags: [
          { Key: 'a', Value: '1' },
          { Key: 'b', Value: '2' },
        ],
      }),
    );
    await send(new ddb.UntagResourceCommand({ ResourceArn, TagKeys: ['a'] }));
    assert.deepEqual((await send(new ddb.ListTagsOfResourceCommand({ ResourceArn }))).Tags, [
      { Key: 'b', Value: '2' },
    ]);
  });

  it('have a time to live', async () => {
    const TableName = await table();
    assert.equal(
      (await send(new ddb.DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription.TimeToLiveStatus,
      'DISABLED',
    );
    const TimeToLiveSpecification = { Enabled: true, AttributeName: 'expires' };
    assert.deepEqual(
      (await send(new ddb.UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))).TimeToLiveSpecification,
      TimeToLiveSpecification,
    );
    assert.match(
      (await send(new ddb.DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription.TimeToLiveStatus,
      /^ENABL(ING|ED)$/,
    );
  });

  it('have no backups, the account has limits, the node an address', async () => {
    const backups = await send(new ddb.DescribeContinuousBackupsCommand({ TableName: hash }));
    assert.equal(backups.ContinuousBackupsDescription.ContinuousBackupsStatus, 'DISABLED');
    assert.ok((await send(new ddb.DescribeLimitsCommand({}))).TableMaxReadCapacityUnits > 0);
    assert.equal((await send(new ddb.DescribeEndpointsCommand({}))).Endpoints.length, 1);
  });
});

describe('items', () => {
  it('of every type come back as they were', async () => {
    const item = {
      p: S(unique('types')),
      s: S('é🐟'),
      n: N('-1.5'),
      b: { B: new Uint8Array([0, 255]) },
      t: { BOOL: true },
      z: { NULL: true },
      l: { L: [N(1), S('')] },
      m: { M: { a: { M: {} } } },
      ss: { SS: ['a'] },
      ns: { NS: ['1'] },
      bs: { BS: [new Uint8Array([1])] },
    };
    await put(hash, item);
    assert.deepEqual(await get(hash, { p: item.p }), item);
  });

  it('are read by every node', async () => {
    const p = S(unique('nodes'));
    await put(hash, { p, v: N(1) });
    for (const node of nodes) {
      const read = await node.send(new ddb.GetItemCommand({ TableName: hash, Key: { p }, ConsistentRead: true }));
      assert.deepEqual(read.Item, { p, v: N(1) });
    }
  });

  it('that are not there are undefined', async () => {
    assert.equal(await get(hash, { p: S(unique('none')) }), undefined);
  });

  it('are put on a condition', async () => {
    const p = S(unique('condition'));
    const more = { ConditionExpression: 'attribute_not_exists(p)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' };
    await put(hash, { p, v: N(1) }, more);
    await assert.rejects(put(hash, { p, v: N(2) }, more), (error) => {
      assert.ok(error instanceof ddb.ConditionalCheckFailedException);
      assert.equal(error.message, 'The conditional request failed');
      assert.deepEqual(error.Item, { p, v: N(1) });
      assert.equal(error.$metadata.httpStatusCode, 400);
      assert.ok(error.$metadata.requestId);
      return true;
    });
  });

  it('are updated', async () => {
    const Key = { p: S(unique('update')) };
    const update = new ddb.UpdateItemCommand({
      TableName: hash,
      Key,
      UpdateExpression: 'SET #l = list_append(if_not_exists(#l, :e), :v) ADD n :one',
      ExpressionAttributeNames: { '#l': 'list' },
      ExpressionAttributeValues: { ':e': { L: [] }, ':v': { L: [S('x')] }, ':one': N(1) },
      ReturnValues: 'ALL_NEW',
      ReturnConsumedCapacity: 'TOTAL',
    });
    await send(update);
    const answer = await send(update);
    assert.deepEqual(answer.Attributes, { ...Key, list: { L: [S('x'), S('x')] }, n: N(2) });
    assert.deepEqual(answer.ConsumedCapacity, { TableName: hash, CapacityUnits: 1 });
  });

  it('are deleted', async () => {
    const p = S(unique('delete'));
    await put(hash, { p, v: N(1) });
    const answer = await send(new ddb.DeleteItemCommand({ TableName: hash, Key: { p }, ReturnValues: 'ALL_OLD' }));
    assert.deepEqual(answer.Attributes, { p, v: N(1) });
    assert.equal(await get(hash, { p }), undefined);
  });

  it("are refused in DynamoDB's words", async () => {
    await assert.rejects(put(hash, { q: S('x') }), {
      name: 'ValidationException',
      message: 'One or more parameter values were invalid: Missing the key p in the item',
    });
    await assert.rejects(put(unique('none'), { p: S('x') }), {
      name: 'ResourceNotFoundException',
      message: 'Requested resource not found',
    });
  });
});

describe('pages', () => {
  const count = 25;
  let p;

  before(async () => {
    p = S(unique('pages'));
    await send(
      new ddb.BatchWriteItemCommand({
        RequestItems: {
          [range]: Array.from({ length: count }, (_, n) => ({
            PutRequest: { Item: { p, s: N(n), odd: { BOOL: n % 2 === 1 } } },
          })),
        },
      }),
    );
  });

  for (const pageSize of [1, 7, 100]) {
    it(`of a query, ${pageSize} at a time`, async () => {
      const seen = [];
      const pages = ddb.paginateQuery(
        { client: nodes[pageSize % NODES], pageSize },
        {
          TableName: range,
          KeyConditionExpression: 'p = :p',
          ExpressionAttributeValues: { ':p': p },
          ConsistentRead: true,
        },
      );
      for await (const page of pages) seen.push(...page.Items.map((item) => Number(item.s.N)));
      assert.deepEqual(
        seen,
        Array.from({ length: count }, (_, n) => n),
      );
    });
  }

  it('of a query, backward and filtered', async () => {
    const answer = await send(
      new ddb.QueryCommand({
        TableName: range,
        KeyConditionExpression: 'p = :p AND s BETWEEN :a AND :b',
        FilterExpression: 'odd = :t',
        ProjectionExpression: 's',
        ExpressionAttributeValues: { ':p': p, ':a': N(3), ':b': N(8), ':t': { BOOL: true } },
        ScanIndexForward: false,
        ConsistentRead: true,
      }),
    );
    assert.deepEqual(
      [answer.Items, answer.Count, answer.ScannedCount],
      [[{ s: N(7) }, { s: N(5) }, { s: N(3) }], 3, 6],
    );
  });

  for (const TotalSegments of [1, 4]) {
    it(`of a scan in ${TotalSegments} segments`, async () => {
      const segments = Array.from({ length: TotalSegments }, async (_, Segment) => {
        const seen = [];
        const pages = ddb.paginateScan(
          { client: nodes[Segment % NODES], pageSize: 4 },
          {
            TableName: range,
            Segment,
            TotalSegments,
            ConsistentRead: true,
            FilterExpression: 'p = :p',
            ExpressionAttributeValues: { ':p': p },
          },
        );
        for await (const page of pages) seen.push(...page.Items.map((item) => Number(item.s.N)));
        return seen;
      });
      const seen = (await Promise.all(segments)).flat();
      assert.deepEqual(
        seen.sort((a, b) => a - b),
        Array.from({ length: count }, (_, n) => n),
      );
    });
  }
});

describe('batches', () => {
  it('are written and read', async () => {
    const p = S(unique('batch'));
    const written = await send(
      new ddb.BatchWriteItemCommand({
        RequestItems: {
          [range]: [1, 2, 3].map((n) => ({ PutRequest: { Item: { p, s: N(n) } } })),
          [hash]: [{ PutRequest: { Item: { p } } }],
        },
        ReturnConsumedCapacity: 'TOTAL',
      }),
    );
    assert.deepEqual(written.UnprocessedItems, {});
    assert.deepEqual(
      Object.fromEntries(written.ConsumedCapacity.map((each) => [each.TableName, each.CapacityUnits])),
      { [range]: 3, [hash]: 1 },
    );
    const read = await send(
      new ddb.BatchGetItemCommand({
        RequestItems: {
          [range]: { Keys: [1, 2, 9].map((n) => ({ p, s: N(n) })), ConsistentRead: true },
          [hash]: { Keys: [{ p }], ConsistentRead: true },
        },
      }),
    );
    assert.deepEqual(read.UnprocessedKeys, {});
    assert.deepEqual(read.Responses[range].map((item) => item.s.N).sort(), ['1', '2']);
    assert.deepEqual(read.Responses[hash], [{ p }]);
  });

  it('name no item twice', async () => {
    await assert.rejects(
      send(new ddb.BatchGetItemCommand({ RequestItems: { [hash]: { Keys: [{ p: S('a') }, { p: S('a') }] } } })),
      { name: 'ValidationException', message: 'Provided list of item keys contains duplicates' },
    );
  });
});

describe('transactions', () => {
  it('write all', async () => {
    const p = S(unique('transact'));
    await send(
      new ddb.TransactWriteItemsCommand({
        TransactItems: [
          { Put: { TableName: hash, Item: { p, v: N(1) } } },
          {
            Update: {
              TableName: range,
              Key: { p, s: N(1) },
              UpdateExpression: 'ADD n :n',
              ExpressionAttributeValues: { ':n': N(2) },
            },
          },
          {
            ConditionCheck: { TableName: range, Key: { p, s: N(9) }, ConditionExpression: 'attribute_not_exists(p)' },
          },
        ],
      }),
    );
    const read = await send(
      new ddb.TransactGetItemsCommand({
        TransactItems: [
          { Get: { TableName: range, Key: { p, s: N(1) } } },
          { Get: { TableName: range, Key: { p, s: N(9) } } },
          { Get: { TableName: hash, Key: { p } } },
        ],
      }),
    );
    assert.deepEqual(
      read.Responses.map((each) => each.Item),
      [{ p, s: N(1), n: N(2) }, undefined, { p, v: N(1) }],
    );
  });

  it('or none, and say why', async () => {
    const p = S(unique('transact'));
    await put(hash, { p, v: N(1) });
    await assert.rejects(
      send(
        new ddb.TransactWriteItemsCommand({
          TransactItems: [
            { Put: { TableName: range, Item: { p, s: N(1) } } },
            {
              Delete: {
                TableName: hash,
                Key: { p },
                ConditionExpression: 'v > :v',
                ExpressionAttributeValues: { ':v': N(1) },
                ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
              },
            },
          ],
        }),
      ),
      (error) => {
        assert.ok(error instanceof ddb.TransactionCanceledException);
        assert.deepEqual(
          error.CancellationReasons.map((reason) => reason.Code),
          ['None', 'ConditionalCheckFailed'],
        );
        assert.deepEqual(error.CancellationReasons[1].Item, { p, v: N(1) });
        return true;
      },
    );
    assert.equal(await get(range, { p, s: N(1) }), undefined);
  });

  it('or none, if a key is not of the schema', async () => {
    const p = S(unique('transact'));
    const mismatch = [
      { Code: 'None' },
      { Code: 'ValidationError', Message: 'The provided key element does not match the schema' },
    ];
    const cancelled = (error) => {
      assert.ok(error instanceof ddb.TransactionCanceledException);
      assert.deepEqual(error.CancellationReasons, mismatch);
      return true;
    };
    const wrong = { TableName: hash, Key: { q: p } };
    const put = { Put: { TableName: range, Item: { p, s: N(1) } } };
    await assert.rejects(
      send(new ddb.TransactWriteItemsCommand({ TransactItems: [put, { Delete: wrong }] })),
      cancelled,
    );
    const gets = [{ Get: { TableName: range, Key: { p, s: N(1) } } }, { Get: wrong }];
    await assert.rejects(send(new ddb.TransactGetItemsCommand({ TransactItems: gets })), cancelled);
    assert.equal(await get(range, { p, s: N(1) }), undefined);
  });

  it('count once by their token', async () => {
    const p = S(unique('token'));
    const command = (n) =>
      new ddb.TransactWriteItemsCommand({
        ClientRequestToken: p.S.slice(0, 36),
        TransactItems: [
          {
            Update: {
              TableName: hash,
              Key: { p },
              UpdateExpression: 'ADD n :n',
              ExpressionAttributeValues: { ':n': N(n) },
            },
          },
        ],
      });
    await send(command(1));
    await send(command(1));
    await assert.rejects(send(command(2)), ddb.IdempotentParameterMismatchException);
    assert.deepEqual((await get(hash, { p })).n, N(1));
  });
});

describe('what is not built', () => {
  it('is no operation', async () => {
    await assert.rejects(send(new ddb.ExecuteStatementCommand({ Statement: 'SELECT * FROM x' })), {
      name: 'UnknownOperationException',
    });
    await assert.rejects(send(new ddb.CreateBackupCommand({ TableName: hash, BackupName: 'abc' })), {
      name: 'UnknownOperationException',
    });
  });

  it('is no index', async () => {
    await assert.rejects(send(new ddb.ScanCommand({ TableName: hash, IndexName: 'by_v' })), {
      name: 'ValidationException',
      message: 'The table does not have the specified index: by_v',
    });
  });
});

describe('authentication', () => {
  it('needs the secret', async () => {
    const stranger = client(1, {
      credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: 'wrong' },
    });
    await assert.rejects(stranger.send(new ddb.ListTablesCommand({})), { name: 'InvalidSignatureException' });
  });

  it('needs a known key', async () => {
    const stranger = client(2, { credentials: { accessKeyId: 'AKIDNOBODY0000000000', secretAccessKey: 'wrong' } });
    await assert.rejects(stranger.send(new ddb.ListTablesCommand({})), { name: 'UnrecognizedClientException' });
  });
});

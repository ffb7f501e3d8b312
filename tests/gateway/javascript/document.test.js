// @aws-sdk/lib-dynamodb: plain JavaScript values in and out.
'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const lib = require('@aws-sdk/lib-dynamodb');

const { NODES, client, closeClients, documents, table, unique } = require('./support');

let name;
let turn = 0;
let nodes;
const send = (command) => nodes[turn++ % NODES].send(command);

before(async () => {
  nodes = Array.from({ length: NODES }, (_, node) => documents(node));
  name = await table('p:S', 's:N');
});
after(closeClients);

async function roundTrip(value) {
  const Key = { p: unique('value'), s: 1 };
  await send(new lib.PutCommand({ TableName: name, Item: { ...Key, value } }));
  return (await send(new lib.GetCommand({ TableName: name, Key, ConsistentRead: true }))).Item.value;
}

describe('marshalling', () => {
  for (const [what, value] of Object.entries({
    text: 'héllo',
    empty: '',
    integer: 42,
    negative: -0.25,
    true: true,
    false: false,
    null: null,
    bytes: new Uint8Array([0, 1, 255]),
    list: [1, 'two', [null, { three: 3 }]],
    map: { a: { b: [] }, 'c.d': '' },
    strings: new Set(['a', 'b']),
    numbers: new Set([1, 2.5]),
    largest: Number.MAX_SAFE_INTEGER,
    small: 1e-100,
  })) {
    it(`of ${what}`, async () => assert.deepEqual(await roundTrip(value), value));
  }

  it('of a number that JavaScript has not', async () => {
    const db = lib.DynamoDBDocumentClient.from(client(0), { unmarshallOptions: { wrapNumbers: true } });
    const Key = { p: unique('value'), s: 1 };
    const digits = '12345678901234567890123456789012345678';
    await send(new lib.PutCommand({ TableName: name, Item: { ...Key, n: lib.NumberValue.from(digits) } }));
    const read = await db.send(new lib.GetCommand({ TableName: name, Key, ConsistentRead: true }));
    assert.equal(read.Item.n.value, digits);
  });

  it('of a bigint', async () => {
    const Key = { p: unique('value'), s: 1 };
    await send(new lib.PutCommand({ TableName: name, Item: { ...Key, n: 12345678901234567890n } }));
    const { Attributes } = await send(
      new lib.UpdateCommand({
        TableName: name,
        Key,
        UpdateExpression: 'SET n = n - :n',
        ExpressionAttributeValues: { ':n': 12345678901234567889n },
        ReturnValues: 'UPDATED_NEW',
      }),
    );
    assert.deepEqual(Attributes, { n: 1 });
  });

  it('leaves out what is undefined', async () => {
    assert.deepEqual(await roundTrip({ a: 1, b: undefined }), { a: 1 });
  });
});

describe('operations', () => {
  it('put, update, get and delete', async () => {
    const Key = { p: unique('operations'), s: 1 };
    await send(new lib.PutCommand({ TableName: name, Item: { ...Key, stock: 3, sizes: new Set(['S']) } }));
    const updated = await send(
      new lib.UpdateCommand({
        TableName: name,
        Key,
        UpdateExpression: 'SET stock = stock - :q ADD sizes :s',
        ConditionExpression: 'stock >= :q',
        ExpressionAttributeValues: { ':q': 2, ':s': new Set(['M']) },
        ReturnValues: 'ALL_NEW',
      }),
    );
    assert.deepEqual(updated.Attributes, { ...Key, stock: 1, sizes: new Set(['M', 'S']) });
    await assert.rejects(
      send(
        new lib.UpdateCommand({
          TableName: name,
          Key,
          UpdateExpression: 'SET stock = stock - :q',
          ConditionExpression: 'stock >= :q',
          ExpressionAttributeValues: { ':q': 2 },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      ),
      { name: 'ConditionalCheckFailedException' },
    );
    const deleted = await send(new lib.DeleteCommand({ TableName: name, Key, ReturnValues: 'ALL_OLD' }));
    assert.equal(deleted.Attributes.stock, 1);
    assert.equal((await send(new lib.GetCommand({ TableName: name, Key, ConsistentRead: true }))).Item, undefined);
  });

  it('batches', async () => {
    const p = unique('batch');
    await send(
      new lib.BatchWriteCommand({
        RequestItems: { [name]: [0, 1, 2].map((s) => ({ PutRequest: { Item: { p, s, v: `v${s}` } } })) },
      }),
    );
    await send(new lib.BatchWriteCommand({ RequestItems: { [name]: [{ DeleteRequest: { Key: { p, s: 1 } } }] } }));
    const { Responses, UnprocessedKeys } = await send(
      new lib.BatchGetCommand({
        RequestItems: {
          [name]: { Keys: [0, 1, 2].map((s) => ({ p, s })), ConsistentRead: true, ProjectionExpression: 'v' },
        },
      }),
    );
    assert.deepEqual(Responses[name].map((item) => item.v).sort(), ['v0', 'v2']);
    assert.deepEqual(UnprocessedKeys, {});
  });

  it('transactions', async () => {
    const p = unique('transact');
    await send(
      new lib.TransactWriteCommand({
        TransactItems: [
          { Put: { TableName: name, Item: { p, s: 1, n: 1 } } },
          {
            Update: {
              TableName: name,
              Key: { p, s: 2 },
              UpdateExpression: 'SET n = :n',
              ExpressionAttributeValues: { ':n': 2 },
            },
          },
        ],
      }),
    );
    const { Responses } = await send(
      new lib.TransactGetCommand({
        TransactItems: [2, 1, 3].map((s) => ({ Get: { TableName: name, Key: { p, s } } })),
      }),
    );
    assert.deepEqual(
      Responses.map((each) => each.Item?.n),
      [2, 1, undefined],
    );
    await assert.rejects(
      send(
        new lib.TransactWriteCommand({
          TransactItems: [
            {
              Delete: {
                TableName: name,
                Key: { p, s: 1 },
                ConditionExpression: 'n = :n',
                ExpressionAttributeValues: { ':n': 7 },
              },
            },
          ],
        }),
      ),
      (error) => {
        assert.equal(error.name, 'TransactionCanceledException');
        assert.equal(error.CancellationReasons[0].Code, 'ConditionalCheckFailed');
        return true;
      },
    );
  });
});

describe('paginators', () => {
  let p;

  before(async () => {
    p = unique('pages');
    for (let s = 0; s < 12; s += 1)
      await send(new lib.PutCommand({ TableName: name, Item: { p, s, even: s % 2 === 0 } }));
  });

  it('query', async () => {
    const seen = [];
    for await (const page of lib.paginateQuery(
      { client: nodes[1], pageSize: 5 },
      {
        TableName: name,
        KeyConditionExpression: 'p = :p AND s > :s',
        ExpressionAttributeValues: { ':p': p, ':s': 1 },
        ConsistentRead: true,
      },
    ))
      seen.push(...page.Items.map((item) => item.s));
    assert.deepEqual(seen, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('scan', async () => {
    const seen = [];
    let pages = 0;
    for await (const page of lib.paginateScan(
      { client: nodes[2], pageSize: 3 },
      {
        TableName: name,
        FilterExpression: 'p = :p AND #even = :t',
        ExpressionAttributeNames: { '#even': 'even' },
        ExpressionAttributeValues: { ':p': p, ':t': true },
        ConsistentRead: true,
      },
    )) {
      seen.push(...page.Items.map((item) => item.s));
      pages += 1;
    }
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      [0, 2, 4, 6, 8, 10],
    );
    assert.ok(pages > 3);
  });
});

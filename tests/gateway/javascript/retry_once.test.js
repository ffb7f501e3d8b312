// A call counts once, however often the SDK tries it and on whichever node.
'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const lib = require('@aws-sdk/lib-dynamodb');

const { closeClients, documents, droppingProxy, table, unique } = require('./support');

let name;
let db;

before(async () => {
  name = await table('p:S');
  db = documents(0);
});
after(closeClients);

const get = async (p) =>
  (await db.send(new lib.GetCommand({ TableName: name, Key: { p }, ConsistentRead: true }))).Item;
const put = (p, v) => db.send(new lib.PutCommand({ TableName: name, Item: { p, v } }));

// Sends a command whose first answers are lost. Fails if the SDK did not try it again as the same call.
async function sendLossily(nodes, command, more = {}) {
  const drops = more.drops ?? 1;
  const proxy = await droppingProxy(nodes, more);
  try {
    const lossy = documents(0, { endpoint: proxy.endpoint, maxAttempts: 6 });
    const answer = await lossy.send(command);
    assert.equal(proxy.requests.length, drops + 1);
    assert.equal(
      new Set(proxy.requests.map((request) => /\r\namz-sdk-invocation-id: *(\S+)/i.exec(request)[1])).size,
      1,
    );
    return answer;
  } finally {
    proxy.close();
  }
}

for (const [how, nodes] of Object.entries({
  'on the same node': [0],
  'on another node': [0, 1],
  'on yet another': [2, 1],
})) {
  describe(`tried again ${how}`, () => {
    it('an addition counts once', async () => {
      const p = unique('add');
      const answer = await sendLossily(
        nodes,
        new lib.UpdateCommand({
          TableName: name,
          Key: { p },
          UpdateExpression: 'ADD n :one',
          ExpressionAttributeValues: { ':one': 1 },
          ReturnValues: 'UPDATED_NEW',
        }),
      );
      assert.deepEqual(answer.Attributes, { n: 1 });
      assert.deepEqual(await get(p), { p, n: 1 });
    });

    it('a conditional put succeeds', async () => {
      const p = unique('put');
      const answer = await sendLossily(
        nodes,
        new lib.PutCommand({ TableName: name, Item: { p, v: 1 }, ConditionExpression: 'attribute_not_exists(p)' }),
      );
      assert.equal(answer.$metadata.httpStatusCode, 200, answer);
    });

    it('a put overwrites nothing later', async () => {
      const p = unique('put');
      await sendLossily(nodes, new lib.PutCommand({ TableName: name, Item: { p, v: 'first' } }), {
        meanwhile: () => put(p, 'later'),
      });
      assert.deepEqual(await get(p), { p, v: 'later' });
    });

    it('a batch overwrites nothing later', async () => {
      const keys = [1, 2, 3, 4].map((n) => unique(`batch${n}`));
      await sendLossily(
        nodes,
        new lib.BatchWriteCommand({
          RequestItems: { [name]: keys.map((p) => ({ PutRequest: { Item: { p, v: 'first' } } })) },
        }),
        { meanwhile: () => Promise.all(keys.map((p) => put(p, 'later'))) },
      );
      assert.deepEqual(await Promise.all(keys.map(async (p) => (await get(p)).v)), [
        'later',
        'later',
        'later',
        'later',
      ]);
    });

    it('a transaction counts once', async () => {
      const [one, two] = [unique('one'), unique('two')];
      const add = (p) => ({
        Update: {
          TableName: name,
          Key: { p },
          UpdateExpression: 'ADD n :one',
          ExpressionAttributeValues: { ':one': 1 },
        },
      });
      await sendLossily(nodes, new lib.TransactWriteCommand({ TransactItems: [add(one), add(two)] }));
      assert.deepEqual([(await get(one)).n, (await get(two)).n], [1, 1]);
    });
  });
}

it('four lost answers are as one', async () => {
  const p = unique('add');
  await sendLossily(
    [0, 1, 2],
    new lib.UpdateCommand({
      TableName: name,
      Key: { p },
      UpdateExpression: 'ADD n :one',
      ExpressionAttributeValues: { ':one': 1 },
    }),
    { drops: 4 },
  );
  assert.deepEqual(await get(p), { p, n: 1 });
});

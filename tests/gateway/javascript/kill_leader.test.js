// A node dies while clients of every gateway write: nothing acknowledged is lost, every addition counts once.
'use strict';

const assert = require('node:assert/strict');
const { after, before, it } = require('node:test');
const lib = require('@aws-sdk/lib-dynamodb');

const { NODES, closeClients, documents, killNode, startNodes, table } = require('./support');

let name;

before(async () => {
  name = await table('p:S');
});
after(closeClients);

it('a node is killed under load and comes back', { timeout: 120000 }, async () => {
  const acknowledged = [];
  const counter = { certain: 0, unknown: 0 };
  let ended = false;

  const work = async (worker) => {
    const db = documents(worker % NODES, { maxAttempts: 30 });
    for (let n = 0; !ended; n += 1) {
      const p = `w${worker}.${n}`;
      await db
        .send(new lib.PutCommand({ TableName: name, Item: { p }, ConditionExpression: 'attribute_not_exists(p)' }))
        .then(
          () => acknowledged.push(p),
          (error) => assert.notEqual(error.name, 'ConditionalCheckFailedException'),
        );
      await db
        .send(
          new lib.UpdateCommand({
            TableName: name,
            Key: { p: 'counter' },
            UpdateExpression: 'ADD n :one',
            ExpressionAttributeValues: { ':one': 1 },
          }),
        )
        .then(
          () => {
            counter.certain += 1;
          },
          () => {
            counter.unknown += 1;
          },
        );
    }
  };
  const progress = async (more) => {
    const wanted = acknowledged.length + more;
    while (acknowledged.length < wanted)
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
  };

  const workers = Array.from({ length: NODES * 2 }, (_, worker) => work(worker));
  await progress(60);
  killNode(0);
  await progress(60);
  await startNodes();
  await progress(60);
  ended = true;
  await Promise.all(workers);

  const db = documents(1);
  const { Item } = await db.send(
    new lib.GetCommand({ TableName: name, Key: { p: 'counter' }, ConsistentRead: true }),
  );
  assert.ok(
    counter.certain <= Item.n && Item.n <= counter.certain + counter.unknown,
    `${Item.n}: ${JSON.stringify(counter)}`,
  );
  const there = new Set();
  for await (const page of lib.paginateScan({ client: db }, { TableName: name, ConsistentRead: true })) {
    for (const item of page.Items) there.add(item.p);
  }
  assert.deepEqual(
    acknowledged.filter((p) => !there.has(p)),
    [],
  );
});

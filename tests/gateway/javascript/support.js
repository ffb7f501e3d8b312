// What the tests share: clients of every node, tables, a proxy that loses answers. The
// cluster is run.py's, which says where it is in the environment.
'use strict';

const { execFile } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const { CreateTableCommand, DynamoDBClient, waitUntilTableExists } = require('@aws-sdk/client-dynamodb');
const { DynamoDBDocumentClient } = require('@aws-sdk/lib-dynamodb');

const PORTS = process.env.FASTPATH_GATEWAYS.split(',').map(Number);
const NODES = PORTS.length;

const clients = [];

// Of a node's gateway, or of any endpoint. All are closed by `closeClients`.
function client(node = 0, more = {}) {
  const made = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${PORTS[node]}`,
    region: process.env.AWS_DEFAULT_REGION,
    credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY },
    ...more,
  });
  clients.push(made);
  return made;
}

function documents(node = 0, more = {}) {
  return DynamoDBDocumentClient.from(client(node, more), { marshallOptions: { removeUndefinedValues: true } });
}

function closeClients() {
  for (const each of clients.splice(0)) each.destroy();
}

const unique = (prefix) => `${prefix}.${randomUUID().slice(0, 13)}`;

// A new table; keys such as 'p:S', 's:N'.
async function table(...keys) {
  const TableName = unique('js');
  const names = (keys.length ? keys : ['p:S']).map((key) => key.split(':'));
  const db = client();
  await db.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: names.map(([AttributeName], n) => ({ AttributeName, KeyType: ['HASH', 'RANGE'][n] })),
      AttributeDefinitions: names.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    }),
  );
  await waitUntilTableExists({ client: db, maxWaitTime: 20, minDelay: 0.1, maxDelay: 1 }, { TableName });
  return TableName;
}

// The length of the first HTTP message in `bytes`, which has a Content-Length; 0: not whole yet.
function messageLength(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.subarray(0, end).toString('latin1'));
  const whole = end + 4 + (length ? Number(length[1]) : 0);
  return bytes.length < whole ? 0 : whole;
}

// Passes requests on to the nodes in turn, and loses the first `drops` answers: the request
// is executed, its caller sees a closed connection. `meanwhile` runs before it does.
async function droppingProxy(nodes, { drops = 1, meanwhile = async () => {} } = {}) {
  const requests = [];
  const passOn = (request) =>
    new Promise((resolve, reject) => {
      const upstream = net.connect(PORTS[nodes[requests.length % nodes.length]], '127.0.0.1', () =>
        upstream.write(request),
      );
      let answer = Buffer.alloc(0);
      upstream.on('data', (bytes) => {
        answer = Buffer.concat([answer, bytes]);
        if (!messageLength(answer)) return;
        upstream.destroy();
        resolve(answer);
      });
      upstream.on('error', reject);
      requests.push(request.toString('latin1'));
    });
  const server = net.createServer((socket) => {
    let waiting = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', async (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      const length = messageLength(waiting);
      if (!length) return;
      const request = waiting.subarray(0, length);
      waiting = waiting.subarray(length);
      const answer = await passOn(request);
      if (requests.length > drops) {
        socket.write(answer);
        return;
      }
      await meanwhile();
      socket.destroy();
    });
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { endpoint: `http://127.0.0.1:${server.address().port}`, requests, close: () => server.close() };
}

// kill -9.
function killNode(node) {
  const file = path.join(process.env.FASTPATH_TEST_DATA, `run/node${node + 1}.pid`);
  process.kill(Number(fs.readFileSync(file, 'utf8').split(' ')[0]), 'SIGKILL');
}

// cluster/up starts what does not run.
function startNodes() {
  return new Promise((resolve, reject) => {
    execFile(
      process.env.FASTPATH_UP,
      ['--bin', process.env.FASTPATH_BIN, '--data', process.env.FASTPATH_TEST_DATA],
      (error, stdout, stderr) => (error ? reject(new Error(stdout + stderr)) : resolve()),
    );
  });
}

module.exports = { NODES, client, closeClients, documents, droppingProxy, killNode, startNodes, table, unique };

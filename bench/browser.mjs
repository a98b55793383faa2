// SPDX-License-Identifier: Apache-2.0
// Load a model as a browser does over HTTP/1.1: its manifest, then its shards on six kept connections.
//
//   node browser.mjs MANIFEST_URL SHARD...
//
// Certificates are trusted by NODE_EXTRA_CA_CERTS. Prints what bench-fetch prints.
import http from 'node:http';
import https from 'node:https';

const [manifest, ...shards] = process.argv.slice(2);
const client = manifest.startsWith('https:') ? https : http;
const agent = new client.Agent({keepAlive: true, maxSockets: 6});
let bytes = 0;
let errors = 0;

function get(url) {
  return new Promise((resolve) => {
    const fail = (problem) => {
      console.error(`${url}: ${problem.message ?? problem}`);
      errors++;
      resolve();
    };
    client.get(url, {agent}, (answer) => {
      if (answer.statusCode !== 200) errors++;
      answer.on('data', (piece) => (bytes += piece.length));
      answer.on('error', fail);
      answer.on('end', resolve);
    }).on('error', fail);
  });
}

const began = process.hrtime.bigint();
await get(manifest);
await Promise.all(shards.map((name) => get(new URL(name, manifest).href)));
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(JSON.stringify({seconds, bytes, errors}));
agent.destroy();

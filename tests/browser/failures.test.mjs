// SPDX-License-Identifier: Apache-2.0
//
// What TensorFlow.js makes of an upstream that fails. The loader checks neither status nor type nor
// hash of a shard, so an error page can become weights without a word. With modelhost between, a
// load must reject, or the weights must be right; and when the upstream is well again, so is the
// next load, for nothing bad was kept.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { tf } from './lib/bodypix.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { startOrigin } from './lib/origin.mjs';

// Weights as text, so that a script can carry them: eight float32 to a shard, two shards.
const SHARD_BYTES = 32;
const SHARDS = { 'first.bin': 'ABCD'.repeat(8), 'last.bin': 'EFGH'.repeat(8) };
const PAGE = `<!DOCTYPE html><html><title>Log in</title><p>${'Please log in. '.repeat(20)}</html>`;
const ERROR = "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>".padEnd(300);
const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:' + 'e'.repeat(64) + '\nsize 32\n';

// The bucket's hash of the true bytes, which a body put in their place does not have.
const TRUE_HASH = Symbol('the true hash');

// All shards at once, as by default, and one after another.
const WAYS = { whole: {}, streamed: { streamWeights: true } };

const REJECTS = 'rejects';
const LOADS = 'loads';

// Both shards, each with the bytes of the other; and bytes of a model that is stored as gzip.
const SWAPPED = Symbol('each shard with the bytes of the other');
const GZIP = { gzip: true };

// What is wrong, with which file, how the origin answers, and what the load must do.
const ROWS = [
  ['nothing', null, null, LOADS],
  ['manifest as octet-stream', 'model.json', { headers: { 'Content-Type': 'application/octet-stream' } }, LOADS],
  ['manifest with a byte order mark', 'model.json', { body: `\ufeff${manifest()}` }, LOADS],
  ['manifest as text', 'model.json', { headers: { 'Content-Type': 'text/plain' } }, LOADS],
  ['shard as a page, by its type alone', 'last.bin', { headers: { 'Content-Type': 'text/html' } }, LOADS],
  ['shard as text', 'first.bin', { headers: { 'Content-Type': 'text/plain' } }, LOADS],
  ['shard without a type', 'last.bin', { headers: { 'Content-Type': null } }, LOADS],
  ['gzip, unasked', 'last.bin', GZIP, LOADS],
  ['stored as gzip', 'first.bin', { stored_gzip: true }, LOADS],
  ['manifest in gzip', 'model.json', GZIP, LOADS],
  ['chunked, whole', 'last.bin', { framing: 'chunked' }, LOADS],
  ['404 with a body as long as the shard', 'last.bin', { status: 404, body: 'X'.repeat(SHARD_BYTES) }, REJECTS],
  ['404 with a short page', 'last.bin', { status: 404, body: '<p>gone' }, REJECTS],
  ['404 with a longer body', 'last.bin', { status: 404, body: ERROR }, REJECTS],
  ['404 with a longer body, first shard', 'first.bin', { status: 404, body: ERROR }, REJECTS],
  ['403 in XML', 'first.bin', { status: 403, body: ERROR }, REJECTS],
  ['500 with a longer body', 'last.bin', { status: 500, body: 'X'.repeat(300) }, REJECTS],
  ['503 with a longer body', 'first.bin', { status: 503, body: 'X'.repeat(300) }, REJECTS],
  ['206 with the whole body, unasked', 'last.bin', { status: 206, body: SHARDS['last.bin'] }, REJECTS],
  ['204', 'last.bin', { status: 204 }, REJECTS],
  ['200 with a page', 'last.bin', { body: PAGE }, REJECTS],
  ['200 with a page, first shard', 'first.bin', { body: PAGE }, REJECTS],
  ['200 with an XML error', 'last.bin', { body: ERROR }, REJECTS],
  ['200 with a git-lfs pointer', 'last.bin', { body: POINTER }, REJECTS],
  ['empty', 'last.bin', { body: '' }, REJECTS],
  ['empty, first shard', 'first.bin', { body: '' }, REJECTS],
  ['short by one byte', 'last.bin', { body: 'EFGH'.repeat(8).slice(1) }, REJECTS],
  ['short by half', 'first.bin', { body: 'ABCD'.repeat(4) }, REJECTS],
  ['short by one weight', 'last.bin', { body: 'EFGH'.repeat(7) }, REJECTS],
  ['long by one weight', 'last.bin', { append: 'EFGH' }, REJECTS],
  ['long by one weight, first shard', 'first.bin', { append: 'ABCD' }, REJECTS],
  ['cut in the middle', 'last.bin', { cut_at: 16 }, REJECTS],
  ['cut before the last byte', 'first.bin', { cut_at: SHARD_BYTES - 1 }, REJECTS],
  ['reset in the middle', 'last.bin', { reset_at: 16 }, REJECTS],
  ['chunked, without an end', 'last.bin', { framing: 'chunked', end_chunks: false }, REJECTS],
  ['one byte flipped', 'last.bin', { flip: 5 }, REJECTS],
  ["another shard's bytes", 'last.bin', { body: SHARDS['first.bin'], headers: TRUE_HASH }, REJECTS],
  ['two shards swapped', SWAPPED, null, REJECTS],
  ['length larger than the body', 'last.bin', { content_length: SHARD_BYTES + 4, close: true }, REJECTS],
  ['length smaller than the body', 'last.bin', { content_length: SHARD_BYTES - 4, close: true }, REJECTS],
  ['gzip that breaks off', 'last.bin', { ...GZIP, cut_at: 20 }, REJECTS],
  ['an encoding that nobody knows', 'first.bin', { headers: { 'Content-Encoding': 'br' } }, REJECTS],
  ['manifest 500', 'model.json', { status: 500 }, REJECTS],
  ['manifest 204', 'model.json', { status: 204 }, REJECTS],
  ['manifest empty', 'model.json', { body: '' }, REJECTS],
  ['manifest is a pointer', 'model.json', { body: POINTER }, REJECTS],
  ['manifest 404', 'model.json', { status: 404 }, REJECTS],
  ['manifest is a page', 'model.json', { body: PAGE }, REJECTS],
  ['manifest is {}', 'model.json', { body: '{}' }, REJECTS],
  ['manifest ends early', 'model.json', { cut_at: 100 }, REJECTS],
];

// One origin and one modelhost for all rows; what a test context is to the fixtures.
const suite = { after: (cleanup) => (suite.cleanup = cleanup) };
let origin;
let modelhost;

function manifest() {
  const constant = (name) => ({
    name,
    op: 'Const',
    attr: { dtype: { type: 'DT_FLOAT' } },
  });

  return JSON.stringify({
    format: 'graph-model',
    modelTopology: { node: [constant('w')], versions: {} },
    weightsManifest: [
      {
        paths: Object.keys(SHARDS),
        weights: [{ name: 'w', shape: [16], dtype: 'float32' }],
      },
    ],
  });
}

function writeModel(folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.json'), manifest());
  for (const [name, text] of Object.entries(SHARDS)) {
    writeFileSync(join(folder, name), text);
  }
}

// A load rejects with its first failure, while its other requests are still under way; the next load
// would share their downloads. So every request is waited for, and then the server.
async function load(url, options) {
  const requests = [];
  const fetchFunc = (...what) => {
    const request = fetch(...what).then(async (answer) => {
      const body = await answer.arrayBuffer();

      return new Response(body, answer);
    });

    requests.push(request);
    return request;
  };

  try {
    return await read(url, { ...options, fetchFunc });
  } finally {
    await Promise.allSettled(requests);
    await isIdle();
  }
}

async function isIdle() {
  const until = Date.now() + 10_000;

  while (Date.now() < until) {
    const answer = await (await fetch(`${modelhost.url}/-/api/flights`)).json();

    if (answer.flights.length === 0) {
      return;
    }
    await new Promise(setImmediate);
  }
  throw new Error('downloads go on');
}

async function read(url, options) {
  const model = await tf.loadGraphModel(url, options);
  const values = model.weights.w[0].dataSync();

  model.dispose();
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('latin1');
}

before(async () => {
  const tree = newDirectory(suite);

  ROWS.forEach((_, i) => {
    for (const way of Object.keys(WAYS)) {
      writeModel(join(tree, `tfjs-models/${way}${i}`));
    }
  });
  origin = await startOrigin(suite, tree);
  modelhost = await startModelhost(suite, {
    upstream: origin.url,
    cache: newDirectory(suite),
    mayWarn: true,
  });
});

after(() => suite.cleanup());

const CASES = Object.entries(WAYS).flatMap(([way, options]) =>
  ROWS.map((row, i) => [way, options, i, ...row]),
);

for (const [way, options, i, fault, file, act, verdict] of CASES) {
  test(`${way}: ${fault}: ${verdict}`, async () => {
    const path = `/tfjs-models/${way}${i}`;
    const url = `${modelhost.url}${path}/model.json`;
    const right = Object.values(SHARDS).join('');

    const acts = actsOf(file, act);

    for (const [name, one] of Object.entries(acts)) {
      await origin.script(`${path}/${name}`, await withTrueHash(one, `${path}/${name}`));
    }
    if (verdict === REJECTS) {
      await assert.rejects(load(url, options), 'the client took it for a model');
      for (const name of Object.keys(acts)) {
        await origin.script(`${path}/${name}`);
      }
    }
    assert.equal(await load(url, options), right);
  });
}

// A row's acts by file.
function actsOf(file, act) {
  if (file === SWAPPED) {
    const names = Object.keys(SHARDS);

    return Object.fromEntries(
      names.map((name, i) => [name, { body: SHARDS[names[1 - i]], headers: TRUE_HASH }]),
    );
  }
  return file === null ? {} : { [file]: act };
}

// The row's act, with the headers of the file itself where the row wants them.
async function withTrueHash(act, path) {
  if (act.headers !== TRUE_HASH) {
    return act;
  }
  const { headers } = await fetch(origin.url.slice(0, -1) + path, { method: 'HEAD' });

  return {
    ...act,
    headers: { 'x-goog-hash': headers.get('x-goog-hash'), ETag: headers.get('etag') },
  };
}

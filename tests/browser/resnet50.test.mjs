// SPDX-License-Identifier: Apache-2.0
//
// The large case: 24 files, 91 MB, a client that asks for all shards at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loadBodyPix, tf } from './lib/bodypix.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { startOrigin } from './lib/origin.mjs';
import { BODYPIX, MODELS, WITHOUT_MODELS } from './lib/person.mjs';

const FOLDER = `${BODYPIX}/resnet50/float`;
const MANIFEST = `${FOLDER}/model-stride16.json`;
const SHARDS = 23;
const WEIGHT_BYTES = 95_745_472;

async function weightsOf(url) {
  const { weightData } = await tf.io.http(url).load();

  return Buffer.concat([weightData].flat().map((part) => new Uint8Array(part)));
}

test('ResNet50 loads, each file asked for once', { skip: WITHOUT_MODELS }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const options = { architecture: 'ResNet50', multiplier: 1, outputStride: 16, quantBytes: 4 };
  const net = await loadBodyPix(`${modelhost.url}/${MANIFEST}`, options);

  net.dispose();

  const counts = await origin.counts();
  const expected = { [`/${MANIFEST}`]: 1 };

  for (let i = 1; i <= SHARDS; i++) {
    expected[`/${FOLDER}/group1-shard${i}of${SHARDS}.bin`] = 1;
  }
  assert.deepEqual(counts, expected);
});

test("ResNet50's weights are the origin's", { skip: WITHOUT_MODELS }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const mirrored = await weightsOf(`${modelhost.url}/${MANIFEST}`);
  const original = await weightsOf(origin.url + MANIFEST);

  assert.equal(mirrored.length, WEIGHT_BYTES);
  assert.ok(mirrored.equals(original), 'some weights differ');
});

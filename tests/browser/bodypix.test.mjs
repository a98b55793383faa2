// SPDX-License-Identifier: Apache-2.0
//
// BodyPix in Node, its modelUrl on modelhost: cold, from the cache, with the upstream gone, and carried
// in an archive.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { loadBodyPix, segmentPortrait, tf } from './lib/bodypix.mjs';
import { newDirectory, runModelhost, startModelhost } from './lib/modelhost.mjs';
import { startDemoOrigin, startOrigin } from './lib/origin.mjs';
import { BODYPIX, ENOUGH, FLOAT_050, MODELS, WITHOUT_MODELS, overlap } from './lib/person.mjs';
import { serveStatic } from './lib/static.mjs';

const FOLDER = `/${BODYPIX}/mobilenet/float/050`;

function assertPerson(mask, when) {
  const covered = overlap(mask);

  assert.ok(covered > ENOUGH, `${when}: intersection over union is ${covered}`);
}

test('BodyPix segments a person, cold and again', { skip: WITHOUT_MODELS }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const cache = newDirectory(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache });

  for (const round of ['cold', 'cached']) {
    assertPerson(await segmentPortrait(`${modelhost.url}/${FLOAT_050}`), round);
  }
  assert.deepEqual(await origin.counts(), {
    [`${FOLDER}/model-stride16.json`]: 1,
    [`${FOLDER}/group1-shard1of1.bin`]: 1,
  });
});

test('quantized weights are right, too', { skip: WITHOUT_MODELS }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const modelUrl = `${modelhost.url}/${BODYPIX}/mobilenet/quant2/075/model-stride16.json`;

  assertPerson(await segmentPortrait(modelUrl, { multiplier: 0.75, quantBytes: 2 }), 'quant2');
});

test('the upstream is gone and modelhost was restarted', { skip: WITHOUT_MODELS }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const cache = newDirectory(t);
  const first = await startModelhost(t, { upstream: origin.url, cache });

  await loadBodyPix(`${first.url}/${FLOAT_050}`);
  await first.stop();
  await origin.stop();

  const second = await startModelhost(t, { upstream: origin.url, cache });

  assertPerson(await segmentPortrait(`${second.url}/${FLOAT_050}`), 'offline');
});

test("the cache's objects/ on any other server", { skip: WITHOUT_MODELS }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const cache = newDirectory(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache });

  await loadBodyPix(`${modelhost.url}/${FLOAT_050}`);
  await modelhost.stop();

  const plain = await serveStatic(t, join(cache, 'objects'));

  assertPerson(await segmentPortrait(plain + FLOAT_050), 'from objects/');
});

test('carried in an archive: into a cache without network, and unpacked anywhere', {
  skip: WITHOUT_MODELS,
}, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const [here, there, site] = [newDirectory(t), newDirectory(t), newDirectory(t)];
  const archive = join(site, 'bodypix.tar');

  runModelhost(['pull', `/${FLOAT_050}`], { upstream: origin.url, cache: here });
  runModelhost(['export', `/${FLOAT_050}`, '-o', archive], { upstream: origin.url, cache: here });
  await origin.stop();
  runModelhost(['import', archive], { upstream: origin.url, cache: there });

  const modelhost = await startModelhost(t, {
    upstream: origin.url, cache: there, args: ['--offline'],
  });

  assertPerson(await segmentPortrait(`${modelhost.url}/${FLOAT_050}`), 'imported');
  execFileSync('tar', ['xf', archive, '-C', site]);
  const plain = await serveStatic(t, site);

  assertPerson(await segmentPortrait(plain + FLOAT_050), 'unpacked');
});

test("the demo's models load and run", async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const folder = `${modelhost.url}/${BODYPIX}/mobilenet/float`;

  for (const [name, multiplier] of [['050', 0.5], ['100', 1]]) {
    const net = await loadBodyPix(`${folder}/${name}/model-stride16.json`, { multiplier });
    const image = tf.zeros([64, 48, 3], 'int32');
    const { width, height } = await net.segmentPerson(image, { internalResolution: 'low' });

    assert.deepEqual([width, height], [48, 64]);
    image.dispose();
    net.dispose();
  }
});

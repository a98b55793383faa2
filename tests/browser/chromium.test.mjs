// SPDX-License-Identifier: Apache-2.0
//
// BodyPix in headless Chromium, on a page of another origin: so what CORS allows is the browser's
// own judgement.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WITHOUT_CHROMIUM, openPage } from './lib/chromium.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { startDemoOrigin, startOrigin } from './lib/origin.mjs';
import { BODYPIX, ENOUGH, FLOAT_050, MODELS, WITHOUT_MODELS, overlap } from './lib/person.mjs';

const skip = WITHOUT_CHROMIUM || WITHOUT_MODELS;
const SHARD = `${BODYPIX}/mobilenet/float/050/group1-shard1of1.bin`;

async function assertSegments(page, modelhost) {
  const modelUrl = `${modelhost.url}/${FLOAT_050}`;
  const mask = await page.evaluate((url) => window.app.segment(url, '/portrait.jpg'), modelUrl);
  const covered = overlap(mask);

  assert.ok(covered > ENOUGH, `intersection over union is ${covered}`);
  assert.deepEqual(page.complaints, []);
}

test('a page segments a person, with the upstream and without', { skip }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const cache = newDirectory(t);
  const page = await openPage(t);
  const first = await startModelhost(t, { upstream: origin.url, cache });

  await assertSegments(page, first);
  await first.stop();
  await origin.stop();
  await assertSegments(page, await startModelhost(t, { upstream: origin.url, cache }));
});

test('a page may read the headers', { skip: WITHOUT_CHROMIUM }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openPage(t);
  const url = `${modelhost.url}/${SHARD}`;
  const ask = () => page.evaluate((shard) => window.app.headersOf(shard), url);

  assert.equal((await ask())['x-cache'], 'MISS');

  let headers = await ask();

  while (headers['x-cache'] === 'MISS') {
    headers = await ask(); // it has arrived, but is being published
  }
  assert.equal(headers['x-cache'], 'HIT');
  for (const name of ['accept-ranges', 'age', 'cache-status', 'content-length', 'etag']) {
    assert.ok(headers[name], `the page sees no '${name}': ${JSON.stringify(headers)}`);
  }
  assert.deepEqual(page.complaints, []);
});

test('a page loads the demo model', { skip: WITHOUT_CHROMIUM }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openPage(t);
  const load = (url) => page.evaluate((model) => window.app.tryToLoad(model), url);

  assert.equal(await load(`${modelhost.url}/${FLOAT_050}`), 'loaded');
  assert.deepEqual(page.complaints, []);
});

test('a page loads a model whose manifest comes compressed', { skip: WITHOUT_CHROMIUM }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openPage(t);
  const url = `${modelhost.url}/${FLOAT_050}`;
  const isCompressed = () =>
    page.evaluate(async (manifest) => {
      performance.clearResourceTimings();
      await (await fetch(manifest, { cache: 'no-store' })).json();
      const [timing] = performance.getEntriesByName(manifest);
      return timing.encodedBodySize > 0 && timing.encodedBodySize < timing.decodedBodySize;
    }, url);
  const deadline = Date.now() + 60_000;

  while (!(await isCompressed())) {
    assert.ok(Date.now() < deadline, 'the manifest never came compressed');
  }
  assert.equal(await page.evaluate((model) => window.app.tryToLoad(model), url), 'loaded');
  assert.deepEqual(page.complaints, []);
});

test('a shard that is cut does not load in a page', { skip }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const upstream = origin.url;
  const modelhost = await startModelhost(t, { upstream, cache: newDirectory(t), mayWarn: true });
  const page = await openPage(t);
  const load = () =>
    page.evaluate((url) => window.app.tryToLoad(url), `${modelhost.url}/${FLOAT_050}`);

  await origin.script(`/${SHARD}`, { cut_at: 1 << 20 });
  assert.notEqual(await load(), 'loaded');
  await origin.script(`/${SHARD}`);
  assert.equal(await load(), 'loaded');
});

// SPDX-License-Identifier: Apache-2.0
//
// /-/client.js in headless Chromium, where no upstream's name resolves: what a page gets from there,
// it gets through modelhost. And isolated pages, whose workers and models must be let in.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { WITHOUT_CHROMIUM, bundleOf, openUrl } from './lib/chromium.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { startOrigin } from './lib/origin.mjs';
import { ENOUGH, FLOAT_050, MODELS, WITHOUT_MODELS, overlap } from './lib/person.mjs';
import { serveStatic } from './lib/static.mjs';

const skip = WITHOUT_CHROMIUM;
const HUB = 'tfhub/tensorflow/tfjs-model/toxicity/1/default/1';
const VOCABULARY = 'tfjs-models/savedmodel/universal_sentence_encoder/vocab.json';
const MIRRORED = `https://storage.googleapis.com/${VOCABULARY}`;
const WORDS = [['<unk>', 0], ['▁a', -1]];
const head = '<!DOCTYPE html><meta charset="utf-8"><title>app</title>';

// The smallest model that the library takes: one head, whose answer is its weight.
const MODEL = {
  format: 'graph-model',
  modelTopology: {
    node: [
      {
        name: 'w',
        op: 'Const',
        attr: {
          dtype: { type: 'DT_FLOAT' },
          value: { tensor: { dtype: 'DT_FLOAT', tensorShape: { dim: [{ size: '2' }] } } },
        },
      },
      { name: 'insult/probabilities', op: 'Identity', input: ['w'], attr: { T: { type: 'DT_FLOAT' } } },
    ],
    library: {},
    versions: {},
  },
  weightsManifest: [
    { paths: ['group1-shard1of1'], weights: [{ name: 'w', shape: [2], dtype: 'float32' }] },
  ],
};

// The upstream's tree, an origin of it, and a modelhost whose built-in mirrors lead there.
async function start(t, { files = {}, args = [] } = {}) {
  const folder = newDirectory(t);
  const write = (path, content) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };

  write(`${HUB}/model.json`, JSON.stringify(MODEL));
  write(`${HUB}/group1-shard1of1`, Buffer.from(new Float32Array([0.25, 0.75]).buffer));
  write(VOCABULARY, JSON.stringify(WORDS));
  for (const [path, content] of Object.entries(files)) {
    write(`app/${path}`, content);
  }
  mkdirSync(join(folder, 'app'), { recursive: true });

  const origin = await startOrigin(t, folder);
  const modelhost = await startModelhost(t, {
    upstream: origin.url,
    cache: newDirectory(t),
    args: ['--set', `mirror tfhub.upstream=${origin.url}tfhub/`, ...args, join(folder, 'app')],
  });

  return { origin, modelhost };
}

const fetchJson = (url) => fetch(url).then((response) => response.json());

test('a library without a URL option loads by one script line', { skip }, async (t) => {
  const { origin, modelhost } = await start(t);
  const site = await serveStatic(t, null, {
    '/index.html': `${head}<script src="${modelhost.url}/-/client.js"></script><script src="/app.js"></script>`,
    '/app.js': await bundleOf('toxicity.js'),
    '/favicon.ico': '',
  });
  const page = await openUrl(t, `${site}index.html`);

  await page.waitForFunction('window.app');
  assert.deepEqual(await page.evaluate(() => window.app.load()), ['insult']);
  assert.deepEqual(page.complaints, []);
  assert.deepEqual(await origin.counts(), {
    [`/${HUB}/model.json?tfjs-format=file`]: 1,
    [`/${HUB}/group1-shard1of1?tfjs-format=file`]: 1,
    [`/${VOCABULARY}`]: 1,
  });

  await page.evaluate(() => window.modelhost.restore());
  await assert.rejects(page.evaluate(() => window.app.load()), 'without the script there is no way');
});

test('XMLHttpRequest is led, too, and other requests are left alone', { skip }, async (t) => {
  const { modelhost } = await start(t);
  const site = await serveStatic(t, null, {
    '/index.html': `${head}<script src="${modelhost.url}/-/client.js"></script>`,
    '/own.json': '"own"',
    '/favicon.ico': '',
  });
  const page = await openUrl(t, `${site}index.html`);
  const ask = (url) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();

      request.open('GET', url);
      request.withCredentials = true; // which an answer for everybody would not be given to
      request.onload = () => resolve(JSON.parse(request.responseText));
      request.onerror = () => reject(new Error('network error'));
      request.send();
    });

  assert.deepEqual(await page.evaluate(ask, MIRRORED), WORDS);
  assert.equal(await page.evaluate(ask, 'own.json'), 'own');
  assert.equal(await page.evaluate(fetchJson, '/own.json'), 'own');

  const asRequest = (url) => fetch(new Request(url, { credentials: 'include' })).then((r) => r.json());

  assert.deepEqual(await page.evaluate(asRequest, MIRRORED), WORDS);
  await assert.rejects(page.evaluate((url) => fetch(url, { method: 'POST' }), MIRRORED));
  await assert.rejects(page.evaluate(fetchJson, 'https://storage.googleapis.com/tfjs-modelsx/a'));
});

test('in a worker, and as a module', { skip }, async (t) => {
  const { modelhost } = await start(t);
  const site = await serveStatic(t, null, {
    '/index.html': head,
    '/worker.js': `importScripts('${modelhost.url}/-/client.js');
      fetch('${MIRRORED}').then((r) => r.json()).then(postMessage, (e) => postMessage(String(e)));`,
    '/favicon.ico': '',
  });
  const page = await openUrl(t, `${site}index.html`);
  const fromWorker = () =>
    new Promise((resolve) => {
      new Worker('/worker.js').onmessage = ({ data }) => resolve(data);
    });

  assert.deepEqual(await page.evaluate(fromWorker), WORDS);

  const byModule = async ([script, url]) => {
    const { restore } = await import(script);
    const words = await (await fetch(url)).json();

    restore();
    return [words, await fetch(url).then(() => 'led', () => 'not led')];
  };

  assert.deepEqual(await page.evaluate(byModule, [`${modelhost.url}/-/client.mjs`, MIRRORED]), [WORDS, 'not led']);
});

test('as a service worker', { skip }, async (t) => {
  const { modelhost } = await start(t, { files: { 'index.html': head, 'favicon.ico': '' } });
  const page = await openUrl(t, `${modelhost.url}/`);
  const register = async (url) => {
    const taken = new Promise((resolve) => {
      navigator.serviceWorker.addEventListener('controllerchange', resolve);
    });

    await navigator.serviceWorker.register('/-/sw.js', { scope: '/' });
    await taken;
    return (await fetch(url)).json();
  };

  assert.deepEqual(await page.evaluate(register, MIRRORED), WORDS);
});

test('an isolated page loads BodyPix', { skip: skip || WITHOUT_MODELS }, async (t) => {
  const app = newDirectory(t);
  const models = await startOrigin(t, MODELS);

  writeFileSync(join(app, 'index.html'), `${head}<script src="/app.js"></script>`);
  writeFileSync(join(app, 'app.js'), await bundleOf('page.js'));
  writeFileSync(join(app, 'worker.js'), 'postMessage(self.crossOriginIsolated)');
  writeFileSync(join(app, 'portrait.jpg'), readFileSync(join(MODELS, 'images/portrait.jpg')));
  writeFileSync(join(app, 'favicon.ico'), '');

  // The models come from another origin than the page: that is what isolation judges.
  const elsewhere = await startModelhost(t, { upstream: models.url, cache: newDirectory(t) });
  const site = await startModelhost(t, {
    upstream: models.url,
    cache: newDirectory(t),
    args: ['--isolate', app],
  });
  const page = await openUrl(t, `${site.url}/`);

  await page.waitForFunction('window.app');
  assert.equal(await page.evaluate('crossOriginIsolated'), true);

  const fromWorker = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker('/worker.js');

      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = () => reject(new Error('the worker did not start'));
    });

  assert.equal(await page.evaluate(fromWorker), true);

  const modelUrl = `${elsewhere.url}/${FLOAT_050}`;
  const mask = await page.evaluate((url) => window.app.segment(url, '/portrait.jpg'), modelUrl);

  assert.ok(overlap(mask) > ENOUGH);
  assert.deepEqual(page.complaints, []);
});

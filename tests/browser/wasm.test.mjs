// SPDX-License-Identifier: Apache-2.0
//
// BodyPix on the WASM backend with threads, which a browser gives to isolated pages alone: the page
// comes from `serve --isolate`, the backend's files and the model from another modelhost.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { WITHOUT_CHROMIUM, bundleOf, openUrl } from './lib/chromium.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { startOrigin } from './lib/origin.mjs';
import { ENOUGH, FLOAT_050, MODELS, WITHOUT_MODELS, overlap } from './lib/person.mjs';

const skip = WITHOUT_CHROMIUM || WITHOUT_MODELS;
const PACKAGE = '@tensorflow/tfjs-backend-wasm';
const THREADED = 'tfjs-backend-wasm-threaded-simd.wasm';

// A registry's tree with the one file of the package that is asked for.
function registry(t) {
  const { resolve } = createRequire(import.meta.url);
  const manifest = resolve(`${PACKAGE}/package.json`);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const path = `npm/${PACKAGE}@${version}/dist/`;
  const folder = newDirectory(t);

  mkdirSync(join(folder, path), { recursive: true });
  copyFileSync(join(dirname(manifest), 'dist', THREADED), join(folder, path, THREADED));
  return { folder, path };
}

test('an isolated page runs BodyPix by WASM in threads', { skip }, async (t) => {
  const { folder, path } = registry(t);
  const models = await startOrigin(t, MODELS);
  const packages = await startOrigin(t, folder);
  const elsewhere = await startModelhost(t, {
    upstream: models.url,
    cache: newDirectory(t),
    args: ['--set', `mirror npm.upstream=${packages.url}npm/`],
  });
  const app = newDirectory(t);

  writeFileSync(join(app, 'index.html'), '<!DOCTYPE html><meta charset="utf-8"><title>app</title><script src="/app.js"></script>');
  writeFileSync(join(app, 'app.js'), await bundleOf('wasm.js'));
  copyFileSync(join(MODELS, 'images/portrait.jpg'), join(app, 'portrait.jpg'));
  writeFileSync(join(app, 'favicon.ico'), '');

  const site = await startModelhost(t, { upstream: models.url, cache: newDirectory(t), args: ['--isolate', app] });
  const page = await openUrl(t, `${site.url}/`);

  await page.waitForFunction('window.app');
  assert.equal(await page.evaluate('crossOriginIsolated'), true);
  // The backend takes a part of the cores; a small machine's part is one.
  await page.evaluate(() => Object.defineProperty(navigator, 'hardwareConcurrency', { value: 4 }));

  const { mask, backend, threads, isShared } = await page.evaluate((what) => window.app.segment(what), {
    modelUrl: `${elsewhere.url}/${FLOAT_050}`,
    imageUrl: '/portrait.jpg',
    wasmPath: `${elsewhere.url}/${path}`,
  });

  assert.equal(backend, 'wasm');
  assert.equal(isShared, true, "the backend's memory is shared by its threads");
  assert.equal(threads, 2);
  assert.ok(overlap(mask) > ENOUGH);
  assert.deepEqual(page.complaints, []);
  assert.deepEqual(await packages.counts(), { [`/${path}${THREADED}`]: 1 });
});

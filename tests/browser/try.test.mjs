// SPDX-License-Identifier: Apache-2.0
//
// /-/try in headless Chromium: TensorFlow.js and BodyPix come through the mirror npm, and nothing
// of it breaks the page's content policy.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { WITHOUT_CHROMIUM, openUrl } from './lib/chromium.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { npmSettings } from './lib/npm.mjs';
import { startDemoOrigin, startOrigin } from './lib/origin.mjs';
import { ENOUGH, FLOAT_050, MODELS, WITHOUT_MODELS, overlap } from './lib/person.mjs';

const skip = WITHOUT_CHROMIUM || WITHOUT_MODELS;
const PHOTO = MODELS && join(MODELS, 'images/portrait.jpg');
const PATIENCE = { timeout: 120_000 };

const maskOf = (page) =>
  page.evaluate(() => {
    const { width, height } = document.getElementById('mask');
    const { data } = document.getElementById('mask').getContext('2d').getImageData(0, 0, width, height);

    return Array.from({ length: width * height }, (_, i) => (data[4 * i + 3] > 0 ? 1 : 0));
  });

test('it segments the photo, with a model that it pulls', { skip }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const args = await npmSettings(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t), args });
  const page = await openUrl(t, `${modelhost.url}/-/try#/${FLOAT_050}`);

  await page.setInputFiles('#file', PHOTO);
  await page.locator('#stage[data-done]').waitFor(PATIENCE);

  const covered = overlap(await maskOf(page));

  assert.ok(covered > ENOUGH, `intersection over union is ${covered}`);
  assert.match(await page.locator('#state').innerText(), /MobileNetV1 0\.50 .* backend/);

  await page.locator('#stage').evaluate((stage) => delete stage.dataset.done);
  await page.check('input[value=parts]');
  await page.locator('#stage[data-done]').waitFor(PATIENCE);
  assert.ok(overlap(await maskOf(page)) > ENOUGH);
  assert.deepEqual(page.complaints, []);
});

test('what is cached is offered first', { skip }, async (t) => {
  const origin = await startOrigin(t, MODELS);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openUrl(t, `${modelhost.url}/-/try`);
  const first = page.locator('#model optgroup').first();

  await page.locator('#model option').first().waitFor({ state: 'attached' });
  assert.equal(await first.getAttribute('label'), 'Pulled when chosen');
  await (await fetch(`${modelhost.url}/-/api/pull`, { method: 'POST', body: JSON.stringify({ what: [`/${FLOAT_050}`] }) })).text();
  do {
    await page.reload();
    await page.locator('#model option').first().waitFor({ state: 'attached' });
  } while ((await first.getAttribute('label')) !== 'In the cache');
  assert.equal(await page.locator('#model').inputValue(), `/${FLOAT_050}`);
});

test('without the mirror npm, or without a way to it, it says so', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const saying = async (args, sentence) => {
    const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t), args, mayWarn: true });
    const page = await openUrl(t, `${modelhost.url}/-/try`);

    await page.locator('#model option').first().waitFor({ state: 'attached' });
    await page.setInputFiles('#file', PHOTO);
    await page.locator('#alert').getByText(sentence).waitFor(PATIENCE);
  };

  await saying(['--set', 'mirror npm.enabled=off'], /mirror npm is switched off/);
  await saying(['--offline'], /could not be loaded.*offline/i);
});

test('an address that escapes nothing does not stop the page', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openUrl(t, `${modelhost.url}/-/try#%zz`);

  await page.locator('#model option').first().waitFor({ state: 'attached' });
  assert.deepEqual(page.complaints, []);
});

// SPDX-License-Identifier: Apache-2.0
//
// The dashboard as people use it, in headless Chromium: with and without JavaScript, by keyboard,
// against foreign pages and hostile names. The content policy must never be broken.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { loadBodyPix } from './lib/bodypix.mjs';
import { WITHOUT_CHROMIUM, openTab, openUrl, turnTab } from './lib/chromium.mjs';
import { BINARY, newDirectory, startModelhost } from './lib/modelhost.mjs';
import { startDemoOrigin, startOrigin } from './lib/origin.mjs';
import { BODYPIX, FLOAT_050, MODELS, WITHOUT_MODELS } from './lib/person.mjs';
import { serveStatic } from './lib/static.mjs';

const skip = WITHOUT_CHROMIUM;
const RESNET = `${BODYPIX}/resnet50/float`;
const MANIFEST = `${RESNET}/model-stride16.json`;
const PATIENCE = { timeout: 120_000 };

const row = (page, path) => page.locator(`#model-rows tr[data-path="${path}"]`);

// Opens the dashboard; it is live when this resolves. What breaks its policy is a complaint.
async function openDashboard(t, modelhost, options) {
  const page = await openUrl(t, `${modelhost.url}/-/`, options);

  await page.evaluate(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await page.locator('#live:not(.is-lost)').waitFor(PATIENCE);
  return page;
}

async function start(t, options = {}) {
  const origin = await startOrigin(t, options.folder ?? MODELS);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t), ...options });

  return { origin, modelhost };
}

const valueOf = (page) => page.locator('#transfer-list progress').evaluate((bar) => bar.value);

test('a pull of 24 files is driven to its end, and its bar moves', { skip: skip || WITHOUT_MODELS }, async (t) => {
  const { origin, modelhost } = await start(t);
  const page = await openDashboard(t, modelhost);

  for (let i = 1; i <= 23; i++) {
    // Which shards come first is the server's affair: each stops at every gate that is still shut.
    await origin.script(`/${RESNET}/group1-shard${i}of23.bin`, { gates: { 1000000: 'first', 2000000: 'second', 3000000: 'third' } });
  }
  await page.fill('#pull-what', `/${MANIFEST}`);
  await page.press('#pull-what', 'Enter');

  const values = [];

  for (const gate of ['first', 'second', 'third']) {
    await origin.wait(gate);
    const least = values.at(-1) ?? 0;

    await page.waitForFunction((value) => {
      const now = document.querySelector('#transfer-list progress')?.value;

      return now > value && now < 1; // the manifest by itself was whole at once
    }, least, PATIENCE);
    values.push(await valueOf(page));
    assert.ok(values.at(-1) < 1, `nothing is whole while '${gate}' is shut: ${values}`);
    await origin.release(gate);
  }
  await row(page, `/${MANIFEST}`).locator('.badge.good').waitFor(PATIENCE);
  assert.match(await row(page, `/${MANIFEST}`).innerText(), /24 files/);
  assert.equal(await page.locator('#transfer-list li').count(), 0);
  assert.match(await page.locator('#alert').innerText(), /is here/);
  assert.deepEqual(page.complaints, []);
});

test("the form's URL loads, and its snippet is the command's", { skip: skip || WITHOUT_MODELS }, async (t) => {
  const { modelhost } = await start(t);
  const page = await openDashboard(t, modelhost);

  await page.selectOption('[name=multiplier]', '0.50');
  await page.selectOption('[name=outputStride]', '16');
  await page.selectOption('[name=quantBytes]', '4');

  const url = await page.locator('#bodypix-url').innerText();

  assert.equal(url, `${modelhost.url}/${FLOAT_050}`);
  (await loadBodyPix(url)).dispose();

  const words = ['url', 'bodypix', '--multiplier', '0.5', '--snippet'];
  const env = { ...process.env, MODELHOST_CONFIG: '/dev/null' };
  const { stdout } = spawnSync(BINARY, words, { env, encoding: 'utf8' });
  const told = (await page.locator('#bodypix-snippet').textContent()).replace(modelhost.url, 'http://localhost:8080');

  assert.ok(stdout.includes(told), `${told}\nis not in\n${stdout}`);
  assert.deepEqual(page.complaints, []);
});

test('the form offers what exists, and nothing else', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openDashboard(t, modelhost);
  const values = (name) => page.locator(`[name=${name}] option`).evaluateAll((options) => options.map(({ value }) => value));

  assert.deepEqual(await values('outputStride'), ['8', '16']);
  await page.selectOption('[name=multiplier]', '1.0');
  assert.deepEqual(await values('outputStride'), ['8', '16', '32']);
  await page.selectOption('[name=outputStride]', '32');
  await page.selectOption('[name=multiplier]', '0.75'); // has no stride 32
  assert.match(await page.locator('#bodypix-url').innerText(), /float\/075\/model-stride8.json$/);
  await page.selectOption('[name=architecture]', 'ResNet50');
  assert.deepEqual(await values('multiplier'), ['1.0']);
  assert.deepEqual(await values('outputStride'), ['16', '32']);
});

test('pin, verify and remove, by keyboard alone', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openDashboard(t, modelhost);
  const model = row(page, `/${FLOAT_050}`);

  assert.match(await page.locator('#models-empty').innerText(), /Nothing is cached yet[^]*\/tfjs-models\/savedmodel\/bodypix/);
  await page.locator('#pull-what').focus();
  await page.keyboard.type(`/${FLOAT_050}`);
  await page.keyboard.press('Enter');
  await model.locator('.badge.good').waitFor(PATIENCE);

  await model.getByRole('button', { name: /^Pin/ }).focus();
  await page.keyboard.press('Enter');
  await model.getByText('complete, pinned').waitFor(PATIENCE);
  assert.equal(await page.evaluate(() => document.activeElement.ariaPressed), 'true', 'the focus stays on the button');

  for (const width of [360, 680, 800, 801, 1060, 1247, 1248, 1440]) {
    await page.setViewportSize({ width, height: 800 });
    assert.equal(
      await page.locator('#models-table').evaluate((box) => box.scrollWidth - box.clientWidth), 0,
      `${width} pixels wide, nothing of the models is cut off`,
    );
  }

  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.locator('#alert.is-good').waitFor(PATIENCE);

  await model.getByRole('button', { name: /^Remove/ }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape'); // keep it
  await page.locator('#remove-dialog').waitFor({ state: 'hidden' });
  assert.equal(await model.count(), 1);
  await model.getByRole('button', { name: /^Remove/ }).focus();
  await page.keyboard.press('Enter');
  await page.locator('#remove-dialog .danger').focus();
  await page.keyboard.press('Enter');
  await model.waitFor({ state: 'detached', ...PATIENCE });
  await page.locator('#models-empty').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('tabs that nobody sees take no connection, and are up to date when they are seen', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openDashboard(t, modelhost);
  const tabs = [];

  // More than the connections that Chromium has to one server: without letting go the seventh hangs.
  for (let i = 0; i < 8; i++) {
    const isHidden = i % 2 === 1;

    tabs.push(await openTab(page, page.url(), isHidden));
    if (!isHidden) {
      await tabs[i].locator('#models-empty').waitFor(PATIENCE);
      await turnTab(tabs[i], true);
    }
  }
  await (await fetch(`${modelhost.url}/${FLOAT_050}`)).arrayBuffer();
  await row(page, `/${FLOAT_050}`).locator('.badge.good').waitFor(PATIENCE);
  for (const tab of tabs) {
    assert.equal(await row(tab, `/${FLOAT_050}`).count(), 0);
  }
  for (const tab of [tabs[0], tabs[7]]) {
    await turnTab(tab, false);
    await row(tab, `/${FLOAT_050}`).locator('.badge.good').waitFor(PATIENCE);
  }

  // The charts are of seconds: a minute that nobody saw is as long as any other.
  await page.evaluate(() => {
    const now = performance.now.bind(performance);

    performance.now = () => now() + 60_000;
  });
  await (await fetch(`${modelhost.url}/${FLOAT_050}`)).arrayBuffer();
  await page.waitForFunction(() => document.querySelector('#activity-charts .curve-1').getAttribute('d').split('L').length > 60);
  assert.deepEqual(page.complaints, []);
});

test('it can be read without JavaScript', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openUrl(t, `${modelhost.url}/-/`, { javaScriptEnabled: false });

  assert.match(await page.locator('#models-empty').innerText(), new RegExp(`${modelhost.url}/tfjs-models/\\S+model-stride16.json`));
  assert.equal(await page.locator('form:visible, button:visible').count(), 0, 'nothing that would do nothing');
  await (await fetch(`${modelhost.url}/${FLOAT_050}`)).arrayBuffer();
  do {
    await page.reload();
  } while (!/complete/.test(await page.locator('#model-rows').innerText()));
  assert.match(await page.locator('#model-rows').innerText(), new RegExp(`${FLOAT_050}[^]*2 files`));
  await page.locator('#bodypix-all summary').click();
  assert.equal(await page.locator('#bodypix-rows tr').count(), 27);
  assert.ok(await page.getByText('https://tfhub.dev/').isVisible());
});

test('a hostile path is text', { skip }, async (t) => {
  const folder = newDirectory(t);
  const name = `tfjs-models/"><img src=x onerror=alert(1)>'<script>alert(1)</script>/&amp;.bin`;

  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), 'bytes');

  const { modelhost } = await start(t, { folder });
  const asked = `${modelhost.url}/${encodeURIComponent(name).replaceAll('%2F', '/')}`;

  assert.equal((await fetch(asked)).status, 200);

  const page = await openDashboard(t, modelhost);

  await page.locator('#model-rows tr .badge.good').waitFor(PATIENCE);
  assert.equal(await page.locator('main img, main script').count(), 0);

  const html = await (await fetch(`${modelhost.url}/-/`)).text();

  assert.doesNotMatch(html, /<img src=x|<script>alert/);
  assert.deepEqual(page.complaints, []);
});

test('what fails is said', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t), mayWarn: true });
  const page = await openDashboard(t, modelhost);
  const pull = async (what, sentence) => {
    await page.fill('#pull-what', what);
    await page.press('#pull-what', 'Enter');
    await page.locator('#alert:not([hidden])').getByText(sentence).waitFor(PATIENCE);
  };

  await pull('https://elsewhere.example/model.json', /no mirror/i);
  await pull('/tfjs-models/nothing/model.json', /nothing\/model\.json/);
});

test('a foreign page can neither read it nor act', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const site = await serveStatic(t, null, { '/index.html': '<!DOCTYPE html><title>foreign</title>', '/favicon.ico': '' });
  const page = await openUrl(t, `${site}index.html`);
  const reach = (path, options) =>
    page.evaluate(([url, init]) => fetch(url, init).then(() => 'reached', () => 'refused'), [modelhost.url + path, options]);

  for (const path of ['/-/', '/-/try', '/-/events', '/-/api/models']) {
    assert.equal(await reach(path), 'refused', path);
  }
  await reach('/-/api/pull', { method: 'POST', mode: 'no-cors', body: JSON.stringify({ what: [`/${FLOAT_050}`] }) });
  assert.deepEqual((await (await fetch(`${modelhost.url}/-/api/models`)).json()).models, []);

  const frame = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const node = Object.assign(document.createElement('iframe'), { src: url });

        node.onload = () => resolve(node.contentDocument === null ? 'shut' : 'open');
        document.body.append(node);
      }),
    `${modelhost.url}/-/`,
  );

  assert.equal(frame, 'shut');
  assert.equal(page.frames().filter((one) => one.url().startsWith(modelhost.url)).length, 0);
});

test('what grows old by itself, or by another model, is told as it is', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openDashboard(t, modelhost);

  await page.selectOption('[name=multiplier]', '0.50');
  assert.match(await page.locator('#bodypix-note').innerText(), /exist upstream/);
  await page.fill('#pull-what', `/${FLOAT_050}`);
  await page.press('#pull-what', 'Enter');
  await row(page, `/${FLOAT_050}`).locator('.badge.good').waitFor(PATIENCE);
  await page.locator('#bodypix-note').getByText('It is in the cache.').waitFor(PATIENCE);
  await page.locator('#figure-files').getByText(/^2 files$/).waitFor(PATIENCE);

  await row(page, `/${FLOAT_050}`).getByText('just now').waitFor(PATIENCE);
  await page.evaluate((later) => (Date.now = () => later), Date.now() + 3_700_000);
  await row(page, `/${FLOAT_050}`).getByText('1 hour ago').waitFor(PATIENCE);
  assert.deepEqual(page.complaints, []);
});

test('beyond loopback the token is asked for until it is right, and then no more', { skip }, async (t) => {
  const origin = await startDemoOrigin(t);
  const modelhost = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t) });
  const page = await openDashboard(t, modelhost);
  const model = row(page, `/${FLOAT_050}`);
  const answer = async (token) => {
    await page.locator('#token-dialog[open]').waitFor(PATIENCE);
    await page.fill('#token', token);
    await page.press('#token', 'Enter');
  };

  await page.fill('#pull-what', `/${FLOAT_050}`);
  await page.press('#pull-what', 'Enter');
  await model.locator('.badge.good').waitFor(PATIENCE);
  // As a listener that others can reach does.
  await page.route('**/-/api/*pin', (route) =>
    route.request().headers().authorization === 'Bearer right'
      ? route.continue()
      : route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"detail": "this wants a token"}' }),
  );
  await model.getByRole('button', { name: /^Pin/ }).click();
  await answer('wrong');
  await answer('right');
  await model.getByText('complete, pinned').waitFor(PATIENCE);
  await model.getByRole('button', { name: /^Unpin/ }).click();
  await model.locator('.badge.good').getByText(/^complete$/).waitFor(PATIENCE);

  await page.evaluate(() => sessionStorage.clear());
  await model.getByRole('button', { name: /^Pin/ }).click();
  await page.locator('#token-dialog[open]').waitFor(PATIENCE);
  await page.keyboard.press('Escape');
  await page.locator('#alert').getByText('this wants a token').waitFor(PATIENCE);
});

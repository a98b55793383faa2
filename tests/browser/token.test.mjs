// SPDX-License-Identifier: Apache-2.0
//
// The dashboard of a server that listens beyond loopback: actions ask for the token, once per tab.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ALONE, besides, withoutNetworks } from './lib/alone.mjs';
import { PROGRAM, WITHOUT_CHROMIUM, openTab, openUrl } from './lib/chromium.mjs';
import { newDirectory, runModelhost, startModelhost } from './lib/modelhost.mjs';
import { startDemoOrigin } from './lib/origin.mjs';
import { FLOAT_050 } from './lib/person.mjs';

const skip = WITHOUT_CHROMIUM || withoutNetworks();
const PATIENCE = { timeout: 120_000 };

// The dashboard with one model, and the token. The server and the browser share a network.
async function start(t) {
  const origin = await startDemoOrigin(t);
  const cache = newDirectory(t);

  runModelhost(['pull', `/${FLOAT_050}`], { upstream: origin.url, cache });

  const alone = { listen: '0.0.0.0:0', before: ALONE };
  const { url, pid } = await startModelhost(t, { upstream: origin.url, cache, ...alone });
  const page = await openUrl(t, `http://127.0.0.1:${new URL(url).port}/-/`, {
    program: besides(pid, PROGRAM, newDirectory(t)),
  });

  return { page, token: readFileSync(join(cache, 'token'), 'utf8').trim() };
}

const model = (page) => page.locator(`#model-rows tr[data-path="/${FLOAT_050}"]`);
const press = (page, name) => model(page).getByRole('button', { name }).click(PATIENCE);
const badge = (page, text) => model(page).locator('.badge').getByText(text, { exact: true }).waitFor(PATIENCE);
const isAsked = (page) => page.locator('#token-dialog[open]').waitFor(PATIENCE);
const isNotAsked = async (page) => assert.equal(await page.locator('#token-dialog[open]').count(), 0);

async function answer(page, token) {
  await page.fill('#token', token);
  await page.press('#token', 'Enter');
}

test('an action beyond loopback asks for the token, until it is right', { skip }, async (t) => {
  const { page, token } = await start(t);

  await press(page, /^Pin/);
  await isAsked(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
  await answer(page, 'wrong');
  // It is emptied when it asks again.
  await page.waitForFunction(() => document.querySelector('#token-dialog[open] #token')?.value === '');
  await answer(page, token);
  await badge(page, 'complete, pinned');
  await isNotAsked(page);
  // What was refused before it was right is all that went wrong.
  assert.equal(page.complaints.length, 2);
  page.complaints.forEach((complaint) => assert.match(complaint, /401/));

  await press(page, /^Unpin/);
  await badge(page, 'complete');
  await page.reload();
  await press(page, /^Pin/);
  await badge(page, 'complete, pinned');
  await isNotAsked(page);
  assert.equal(page.complaints.length, 2, 'the tab remembers it');
});

test('who does not know the token does nothing, and is told why', { skip }, async (t) => {
  const { page, token } = await start(t);

  for (const leave of [() => page.keyboard.press('Escape'), () => page.getByRole('button', { name: 'Cancel' }).click()]) {
    await press(page, /^Pin/);
    await isAsked(page);
    await page.fill('#token', token);
    await leave();
    await page.locator('#alert:not([hidden])').getByText(/in the cache directory/).waitFor(PATIENCE);
    await badge(page, 'complete');
  }

  // What one tab remembers is not another's.
  await press(page, /^Pin/);
  await isAsked(page);
  await answer(page, token);
  await badge(page, 'complete, pinned');

  const tab = await openTab(page, page.url());

  await press(tab, /^Unpin/);
  await isAsked(tab);
  assert.equal(await tab.inputValue('#token'), '');
});

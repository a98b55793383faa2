// SPDX-License-Identifier: Apache-2.0
//
// Pictures of the dashboard for docs/: node screenshots.mjs FOLDER. tools/screenshots calls it. The
// cache is filled from the test models and from seeds, so that the pictures are alike each time:
// ports, speeds, and how many shards came before the transfer is held, differ.

import { join } from 'node:path';

import { openUrl } from './lib/chromium.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { npmSettings } from './lib/npm.mjs';
import { startOrigin } from './lib/origin.mjs';
import { BODYPIX, MODELS, WITHOUT_MODELS } from './lib/person.mjs';
import { within } from './lib/process.mjs';

const RESNET = `${BODYPIX}/resnet50/float`;
const CACHED = [
  `${BODYPIX}/mobilenet/float/050/model-stride16.json`,
  `${BODYPIX}/mobilenet/float/075/model-stride16.json`,
  `${BODYPIX}/mobilenet/quant2/050/model-stride16.json`,
  `${BODYPIX}/mobilenet/quant1/100/model-stride8.json`,
  'tfjs-models/savedmodel/posenet/mobilenet/quant2/075/model-stride16.json',
];
// Everything else that is asked for must be cached: held transfers take all connections upstream.
const SHARD = `${BODYPIX}/mobilenet/float/050/group1-shard1of1.bin`;
const WIDE = { width: 1280, height: 900 };
const SHORT = { width: 1280, height: 540 }; // what /-/try has to show before a photo is chosen
const NARROW = { width: 390, height: 844 };

const cleanups = [];
const t = { after: (cleanup) => cleanups.push(cleanup) };

async function act(url, name, what) {
  const response = await fetch(`${url}/-/api/${name}`, { method: 'POST', body: JSON.stringify({ what }) });

  if (!response.ok) {
    throw new Error(await response.text());
  }
}

async function until(claim) {
  const wait = async () => {
    while (!(await claim())) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  return within(120_000, 'the cache to be filled', wait());
}

const modelsOf = async (url) => (await (await fetch(`${url}/-/api/models`)).json()).models;

async function fill(url) {
  await act(url, 'pull', CACHED.map((path) => `/${path}`));
  await until(async () => (await modelsOf(url)).filter(({ state }) => state === 'complete').length === CACHED.length);
  await act(url, 'pin', [`/${CACHED[0]}`]);
}

async function shoot(page, folder, name, options = {}) {
  await page.screenshot({ path: join(folder, `${name}.png`), ...options });
}

// The dashboard with a transfer held halfway, and a client that keeps asking.
async function shootDashboard(url, origin, folder) {
  const page = await openUrl(t, `${url}/-/`, { viewport: WIDE, colorScheme: 'light' });

  await page.locator('#models-table').waitFor();
  for (let i = 0; i < 14; i++) {
    const before = await page.locator('#figure-hits').textContent();

    for (const path of CACHED.slice(0, 1 + ((i * 3) % 5))) {
      await (await fetch(`${url}/${path}`)).arrayBuffer();
    }
    await (await fetch(`${url}/${SHARD}`)).arrayBuffer();
    if (i === 8) {
      await act(url, 'pull', [`/${RESNET}/model-stride16.json`]);
      await origin.wait('half');
    }
    await page.waitForFunction((text) => document.getElementById('figure-hits').textContent !== text, before);
  }
  await page.locator('progress').first().waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(WIDE);
    await shoot(page, folder, `dashboard-wide-${colorScheme}`, { fullPage: true });
    await page.setViewportSize(NARROW);
    await shoot(page, folder, `dashboard-narrow-${colorScheme}`, { fullPage: true, clip: { x: 0, y: 0, width: NARROW.width, height: 1400 } });
  }
}

async function shootTry(url, folder) {
  const page = await openUrl(t, `${url}/-/try`, { viewport: SHORT });

  await page.locator('#model option').first().waitFor({ state: 'attached' });
  await shoot(page, folder, 'try');
}

async function main(folder) {
  if (WITHOUT_MODELS) {
    throw new Error(WITHOUT_MODELS);
  }
  const origin = await startOrigin(t, MODELS);
  const args = await npmSettings(t);
  const { url } = await startModelhost(t, { upstream: origin.url, cache: newDirectory(t), args, mayWarn: true });

  const empty = await openUrl(t, `${url}/-/`, { viewport: WIDE });

  await empty.locator('#models-empty').waitFor();
  await empty.locator('#live:not([hidden])').waitFor();
  await shoot(empty, folder, 'dashboard-empty', { fullPage: true });
  await fill(url);
  for (let i = 9; i <= 23; i++) {
    await origin.script(`/${RESNET}/group1-shard${i}of23.bin`, { gates: { [i === 9 ? 2_500_000 : 'request']: 'half' } });
  }
  await shootDashboard(url, origin, folder);
  await shootTry(url, folder);
  await origin.release('half');
  await until(async () => (await modelsOf(url)).every(({ state }) => state === 'complete'));
}

let status = 0;

try {
  await main(process.argv[2]);
} catch (error) {
  console.error(`screenshots: ${error.message}`);
  status = 1;
} finally {
  for (const cleanup of cleanups.reverse()) {
    await cleanup();
  }
}
process.exit(status);

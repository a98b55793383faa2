// SPDX-License-Identifier: Apache-2.0
//
// Headless Chromium with the app's page open, on an origin that is not modelhost's.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { chromium } from 'playwright-core';

import { MODELS } from './person.mjs';
import { afterwards } from './process.mjs';
import { serveStatic } from './static.mjs';

const PROGRAM = process.env.CHROMIUM || '/usr/bin/chromium';
const SCRIPT = fileURLToPath(new URL('../page/page.js', import.meta.url));

// Nothing may leave the machine: what is not loopback does not resolve, and Chromium's own errands
// are switched off. The sandbox does not work as root, nor in most containers.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost',
];

export const WITHOUT_CHROMIUM = existsSync(PROGRAM)
  ? false
  : `there is no browser at '${PROGRAM}': install chromium, or set CHROMIUM`;

let bundle = null;

async function script() {
  bundle ??= build({
    entryPoints: [SCRIPT],
    bundle: true,
    write: false,
    format: 'iife',
    logLevel: 'error',
    define: { global: 'globalThis' },
  });
  return (await bundle).outputFiles[0].text;
}

// Opens the page. What it logs as an error goes to the returned page's `complaints`.
export async function openPage(t) {
  const portrait = MODELS ? readFileSync(join(MODELS, 'images/portrait.jpg')) : '';
  const origin = await serveStatic(t, null, {
    '/index.html': '<!DOCTYPE html><meta charset="utf-8"><title>app</title><script src="/app.js"></script>',
    '/app.js': await script(),
    '/portrait.jpg': portrait,
    '/favicon.ico': '',
  });
  const browser = await chromium.launch({ executablePath: PROGRAM, args: FLAGS });

  afterwards(t, () => browser.close());

  const page = await browser.newPage();
  const complaints = [];

  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      complaints.push(message.text());
    }
  });
  await page.goto(`${origin}index.html`);
  await page.waitForFunction('window.app');
  return Object.assign(page, { complaints });
}

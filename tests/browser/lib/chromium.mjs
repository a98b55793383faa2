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

export const PROGRAM = process.env.CHROMIUM || '/usr/bin/chromium';
const PAGES = fileURLToPath(new URL('../page/', import.meta.url));

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

const bundles = new Map();

// A script of page/ with everything that it imports, as one text.
export async function bundleOf(name) {
  if (!bundles.has(name)) {
    bundles.set(
      name,
      build({
        entryPoints: [join(PAGES, name)],
        bundle: true,
        write: false,
        format: 'iife',
        logLevel: 'error',
        define: { global: 'globalThis' },
      }),
    );
  }
  return (await bundles.get(name)).outputFiles[0].text;
}

// Opens the page of page.js.
export async function openPage(t) {
  const portrait = MODELS ? readFileSync(join(MODELS, 'images/portrait.jpg')) : '';
  const origin = await serveStatic(t, null, {
    '/index.html': '<!DOCTYPE html><meta charset="utf-8"><title>app</title><script src="/app.js"></script>',
    '/app.js': await bundleOf('page.js'),
    '/portrait.jpg': portrait,
    '/favicon.ico': '',
  });
  const page = await openUrl(t, `${origin}index.html`);

  await page.waitForFunction('window.app');
  return page;
}

// Opens a page in a browser of its own. What it logs as an error goes to the page's `complaints`.
//
// options  of the page, as Playwright takes them: { javaScriptEnabled: false, colorScheme: 'dark' };
//          and program: what to start instead of Chromium, with its arguments
export async function openUrl(t, url, { program = PROGRAM, ...options } = {}) {
  const browser = await chromium.launch({ executablePath: program, args: FLAGS });

  afterwards(t, () => browser.close());

  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];

  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      complaints.push(message.text());
    }
  });
  await page.goto(url);
  return Object.assign(page, { complaints });
}

// Opens another tab beside the page; turnTab() hides and shows it. Without a window Chromium says of
// every page that it is visible.
export async function openTab(page, url, isHidden = false) {
  const tab = await page.context().newPage();

  await tab.addInitScript((isHiddenFirst) => {
    window.isHidden = isHiddenFirst;
    Object.defineProperty(document, 'hidden', { get: () => window.isHidden });
    Object.defineProperty(document, 'visibilityState', { get: () => (window.isHidden ? 'hidden' : 'visible') });
  }, isHidden);
  await tab.goto(url);
  return tab;
}

export function turnTab(tab, isHidden) {
  return tab.evaluate((isHiddenNow) => {
    window.isHidden = isHiddenNow;
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
}

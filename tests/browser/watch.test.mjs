// SPDX-License-Identifier: Apache-2.0
//
// `serve --watch` with a real page: style sheets are swapped in place, anything else loads it anew.

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { WITHOUT_CHROMIUM, openTab, openUrl, turnTab } from './lib/chromium.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';

const skip = WITHOUT_CHROMIUM;
const NOWHERE = 'http://127.0.0.1:9/';
const pageOf = (text) => `<!DOCTYPE html><html><head><meta charset="utf-8"><title>app</title>
  <link rel="stylesheet" href="css/a.css?v=1"></head><body><p id="text">${text}</p><b>b</b></body></html>`;

// An app with its page open; `write(path, text)` saves as an editor does, by a rename.
async function start(t, args = []) {
  const app = newDirectory(t);
  const write = (path, text) => {
    writeFileSync(join(app, `${path}.new`), text);
    renameSync(join(app, `${path}.new`), join(app, path));
  };

  mkdirSync(join(app, 'css'));
  write('css/a.css', '@import "b.css"; p { color: rgb(1, 0, 0) }');
  write('css/b.css', 'b { color: rgb(2, 0, 0) }');
  write('index.html', pageOf('one'));
  write('favicon.ico', '');

  const site = await startModelhost(t, { upstream: NOWHERE, cache: newDirectory(t), args: ['--watch', ...args, app] });
  const page = await openUrl(t, `${site.url}/`);

  await page.evaluate(() => (window.mark = 'never left'));
  return { page, write, app };
}

const shows = (page, selector, color) =>
  page.waitForFunction(
    ([name, wanted]) => getComputedStyle(document.querySelector(name)).color === wanted,
    [selector, color],
  );
const says = (page, text) =>
  page.waitForFunction((wanted) => document.querySelector('#text')?.textContent === wanted, text);

for (const args of [[], ['--isolate', '--spa']]) {
  test(`a page renews itself ${args.join(' ')}`, { skip }, async (t) => {
    const { page, write } = await start(t, args);

    await shows(page, 'p', 'rgb(1, 0, 0)');
    for (const red of [10, 11, 12]) {
      write('css/a.css', `@import "b.css"; p { color: rgb(${red}, 0, 0) }`);
      await shows(page, 'p', `rgb(${red}, 0, 0)`);
    }
    assert.equal(await page.evaluate('window.mark'), 'never left');
    // The old links go when the new ones are in force.
    await page.waitForFunction(() => document.querySelectorAll('link').length === 1);

    write('css/b.css', 'b { color: rgb(20, 0, 0) }');
    await shows(page, 'b', 'rgb(20, 0, 0)');
    assert.equal(await page.evaluate('window.mark'), 'never left', 'a sheet that is imported is swapped, too');

    for (const text of ['two', 'three']) {
      write('index.html', pageOf(text));
      await says(page, text);
    }
    assert.equal(await page.evaluate('window.mark'), undefined);
    await shows(page, 'b', 'rgb(20, 0, 0)');
    assert.deepEqual(page.complaints, []);
  });
}

test('a script that changed loads the page anew', { skip }, async (t) => {
  const { page, write } = await start(t);

  write('app.js', 'document.querySelector("#text").textContent = "by script"');
  write('index.html', pageOf('<script src="app.js"></script>').replace('</body>', '<script src="app.js"></script></body>'));
  await says(page, 'by script');
  write('app.js', 'document.querySelector("#text").textContent = "by another"');
  await says(page, 'by another');
});

test('what changes while the page loads is not missed', { skip }, async (t) => {
  const { page, write } = await start(t);

  // The script of --watch is held back until the file has changed under the page.
  const change = (route) => {
    write('index.html', pageOf('newer'));
    return route.continue();
  };

  await page.route('**/-/watch.js', change, { times: 1 });
  await page.reload({ waitUntil: 'commit' });
  await says(page, 'newer');
});

test('a page that comes back old is loaded anew once, and its styles go on', { skip }, async (t) => {
  const { page, app } = await start(t);
  const old = await (await page.request.get(page.url())).text();
  let loads = 0;
  // One step, and so one change, however slow the machine is: what begins with a dot is not watched.
  const replace = (path, text) => {
    writeFileSync(join(app, '.new'), text);
    renameSync(join(app, '.new'), join(app, path));
  };

  // As the service worker of an app may do.
  await page.route(page.url(), (route) => {
    loads++;
    return route.fulfill({ body: old, contentType: 'text/html' });
  });
  replace('index.html', pageOf('newer'));
  await page.waitForFunction(() => sessionStorage.length === 1 && window.mark === undefined);
  await page.evaluate(() => (window.mark = 'stays'));
  replace('css/a.css', 'p { color: rgb(40, 0, 0) }');
  await shows(page, 'p', 'rgb(40, 0, 0)');
  replace('css/a.css', 'p { color: rgb(41, 0, 0) }');
  await shows(page, 'p', 'rgb(41, 0, 0)');
  assert.equal(await page.evaluate('window.mark'), 'stays');
  assert.equal(loads, 1);
});

test('an address that escapes nothing does not stop the styles', { skip }, async (t) => {
  const { page, write } = await start(t);

  await page.evaluate(() => document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: '/%zz.css' })));
  write('css/a.css', 'p { color: rgb(50, 0, 0) }');
  await shows(page, 'p', 'rgb(50, 0, 0)');
});

test('tabs that nobody sees take no connection, and look when they are seen', { skip }, async (t) => {
  const { page, write } = await start(t);
  const tabs = [];

  // More than the connections that Chromium has to one server: without letting go the seventh hangs.
  for (let i = 0; i < 8; i++) {
    tabs.push(await openTab(page, page.url(), i % 2 === 1));
    await says(tabs[i], 'one');
    await turnTab(tabs[i], true);
  }
  write('index.html', pageOf('two'));
  await says(page, 'two');
  for (const tab of tabs) {
    assert.equal(await tab.locator('#text').textContent(), 'one');
  }
  for (const tab of [tabs[0], tabs[7]]) {
    await turnTab(tab, false);
    await says(tab, 'two');
  }
});

test('a page that is kept for the way back lets go, and looks when it is shown', { skip }, async (t) => {
  const { page, write } = await start(t);
  const tab = await openTab(page, page.url());
  const pass = (name) => tab.evaluate((type) => dispatchEvent(new PageTransitionEvent(type, { persisted: true })), name);

  await pass('pagehide');
  write('index.html', pageOf('two'));
  await says(page, 'two');
  assert.equal(await tab.locator('#text').textContent(), 'one');
  await pass('pageshow');
  await says(tab, 'two');
});

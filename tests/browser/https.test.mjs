// SPDX-License-Identifier: Apache-2.0
//
// `serve --tls-self-signed` in headless Chromium: the certificate that the browser gets is the one
// whose fingerprint is printed, and a page over it is a secure one that loads models.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { WITHOUT_CHROMIUM, bundleOf, openUrl } from './lib/chromium.mjs';
import { newDirectory, startModelhost } from './lib/modelhost.mjs';
import { startOrigin } from './lib/origin.mjs';
import { ENOUGH, FLOAT_050, MODELS, WITHOUT_MODELS, overlap } from './lib/person.mjs';

const FINGERPRINT = /SHA-256 fingerprint is ([0-9A-F:]{95})$/;

test('a page over the self-signed certificate', { skip: WITHOUT_CHROMIUM || WITHOUT_MODELS }, async (t) => {
  const models = await startOrigin(t, MODELS);
  const app = newDirectory(t);

  writeFileSync(join(app, 'index.html'), '<!DOCTYPE html><meta charset="utf-8"><title>app</title><script src="/app.js"></script>');
  writeFileSync(join(app, 'app.js'), await bundleOf('page.js'));
  copyFileSync(join(MODELS, 'images/portrait.jpg'), join(app, 'portrait.jpg'));
  writeFileSync(join(app, 'favicon.ico'), '');

  const site = await startModelhost(t, {
    upstream: models.url,
    cache: newDirectory(t),
    args: ['--tls-self-signed', app],
  });

  assert.match(site.url, /^https:/);
  await assert.rejects(openUrl(t, `${site.url}/`), /ERR_CERT_AUTHORITY_INVALID/, 'nobody vouches for it');

  const page = await openUrl(t, `${site.url}/`, { ignoreHTTPSErrors: true });
  const session = await page.context().newCDPSession(page);

  await session.send('Network.enable');
  await page.reload(); // what was shown before it was enabled is not known

  const { tableNames } = await session.send('Network.getCertificate', { origin: site.url });
  const served = new X509Certificate(Buffer.from(tableNames[0], 'base64'));

  assert.equal(served.fingerprint256, await site.line(FINGERPRINT));
  assert.equal(served.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(served.checkHost('localhost'), 'localhost');
  assert.equal(await page.evaluate('isSecureContext'), true);

  await page.waitForFunction('window.app');

  const mask = await page.evaluate((url) => window.app.segment(url, '/portrait.jpg'), `${site.url}/${FLOAT_050}`);

  assert.ok(overlap(mask) > ENOUGH);
  assert.deepEqual(page.complaints, []);
});

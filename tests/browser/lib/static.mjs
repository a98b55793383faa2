// SPDX-License-Identifier: Apache-2.0
//
// A plain static server that knows nothing of modelhost: it is the page's own origin, and the "any
// other server" that a cache's objects/ tree is served by.

import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

import { afterwards } from './process.mjs';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.jpg': 'image/jpeg',
};

// folder  served under its own paths, or null
// files   { path: bytes or text }, looked at first
// Resolves to the base URL.
export async function serveStatic(t, folder, files = {}) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://page').pathname);
    const body = files[path] ?? fileIn(folder, path);

    if (body === null) {
      response.writeHead(404).end();
    } else {
      const type = TYPES[extname(path)] ?? 'application/octet-stream';

      response.writeHead(200, { 'content-type': type }).end(body);
    }
  });

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(t, () => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

function fileIn(folder, path) {
  if (folder === null || normalize(path) !== path) {
    return null;
  }
  const file = join(folder, path);

  return statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : null;
}

// SPDX-License-Identifier: Apache-2.0
//
// The real binary as a fixture: started on a port of its own with a cache directory of its own,
// ready when it says so, and stopped by TERM. A server that exits with anything but 0, that has to
// be killed, or that wrote to standard error what the test did not expect, fails the test.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Process, afterwards } from './process.mjs';

const TREE = fileURLToPath(new URL('../../..', import.meta.url));
export const BINARY = process.env.MODELHOST_BIN || join(TREE, 'build', 'modelhost');
const READY = /^modelhost: listening on (https?:\/\/\S+?)\/?$/;
const SANITIZER = /AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:/;

// Retries and remembered failures have their own tests; here every load asks the origin afresh.
const AT_ONCE = ['--set', 'upstream.retries=0', '--set', 'upstream.negative_ttl=0s'];

export function newDirectory(t) {
  const directory = mkdtempSync(join(tmpdir(), 'modelhost-browser-'));

  afterwards(t, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

// Starts modelhost with the mirror tfjs-models pointing at upstream, the origin's base URL, and
// resolves when it listens: { url, pid, line, stop }, the url without a slash at the end;
// line(pattern) is a line of its standard output.
//
// listen   the address; but for one in a network of the test's own, one of loopback
// before   words before the command: a program that becomes the server
// mayWarn  the test makes the upstream fail, so there may be warnings
export async function startModelhost(
  t,
  { upstream, cache, args = [], listen = '127.0.0.1:0', before = [], mayWarn = false },
) {
  if (!existsSync(BINARY)) {
    throw new Error(`no binary at '${BINARY}': build it (tools/test does), or set MODELHOST_BIN`);
  }
  const mirror = `mirror tfjs-models.upstream=${upstream}tfjs-models/`;
  const common = ['serve', '-l', listen, '--cache-dir', cache, '--set', mirror, ...AT_ONCE];
  const [program, ...words] = [...before, BINARY, ...common, ...args];
  const server = new Process(program, words, cleanEnvironment());
  let stopped = null;
  const stop = () => (stopped ??= stopAndJudge(server, mayWarn));

  afterwards(t, stop);
  return { url: await server.line(READY), pid: server.child.pid, line: (pattern) => server.line(pattern), stop };
}

// Runs a command to its end; returns its standard output. Anything but exit status 0 throws.
export function runModelhost(words, { upstream, cache }) {
  const mirror = `mirror tfjs-models.upstream=${upstream}tfjs-models/`;

  return execFileSync(BINARY, [...words, '--cache-dir', cache, '--set', mirror], {
    env: cleanEnvironment(), encoding: 'utf8',
  });
}

// The user's own settings must not reach the server under test.
function cleanEnvironment() {
  const entries = Object.entries(process.env).filter(([key]) => !key.startsWith('MODELHOST_'));

  return { ...Object.fromEntries(entries), MODELHOST_CONFIG: '/dev/null' };
}

async function stopAndJudge(server, mayWarn) {
  const end = await server.stop();

  if (end !== 0) {
    throw new Error(`modelhost ended with ${end}:\n${server.stderr}`);
  }
  if (SANITIZER.test(server.stderr) || (server.stderr !== '' && !mayWarn)) {
    throw new Error(`modelhost wrote to standard error:\n${server.stderr}`);
  }
}

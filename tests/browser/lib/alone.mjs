// SPDX-License-Identifier: Apache-2.0
//
// Programs in a network of their own, which nothing outside of the test can reach.

import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Words before a command: it becomes the first program of a new network.
export const ALONE = ['python3', fileURLToPath(new URL('alone.py', import.meta.url))];

// The skip option of every test that needs this: false, or the reason.
export function withoutNetworks() {
  const [python, ...words] = ALONE;
  const { status } = spawnSync(python, [...words, 'nsenter', '--version']);

  return status === 0 ? false : 'no right to make a network namespace, or no nsenter (util-linux)';
}

// Writes a program that starts another one in the network of process `pid`; returns its path.
export function besides(pid, program, directory) {
  const path = join(directory, 'besides');

  writeFileSync(path, `#!/bin/sh\nexec nsenter --net=/proc/${pid}/ns/net '${program}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

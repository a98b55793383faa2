// SPDX-License-Identifier: Apache-2.0
//
// The upstreams that the tests put behind modelhost, each a process of its own: the scripted origin
// of tests/origin, and the one that tools/demo starts.

import { fileURLToPath } from 'node:url';

import { Process, afterwards } from './process.mjs';

const SCRIPTED = fileURLToPath(new URL('../../origin/origin.py', import.meta.url));
const DEMO = fileURLToPath(new URL('../../../tools/demo_origin.py', import.meta.url));
const READY = /listening on (http:\/\/\S+)$/;

// Starts the scripted origin on a folder; shards that a manifest there names and nobody has are
// made from a seed. tests/origin/README.md says what an act may be.
export async function startOrigin(t, folder) {
  const { url, stop } = await start(t, [SCRIPTED, folder]);

  return {
    url,
    stop,
    script: (path, ...acts) => tell(url, 'script', { path, acts }),
    // Until a request has come to a gate; and let it go on, with all that come to it later.
    wait: (gate) => tell(url, 'wait', { gate }),
    release: (gate) => tell(url, 'release', { gate }),
    // How often each target was asked for: { target: count }.
    async counts() {
      const counts = {};

      for (const { target } of await (await fetch(`${url}_origin/journal`)).json()) {
        counts[target] = (counts[target] ?? 0) + 1;
      }
      return counts;
    },
  };
}

export function startDemoOrigin(t) {
  return start(t, [DEMO]);
}

async function start(t, args) {
  const origin = new Process('python3', args);
  let stopped = null;
  const stop = () => (stopped ??= origin.stop());

  afterwards(t, stop);
  return { url: await origin.line(READY), stop };
}

async function tell(url, command, members) {
  const response = await fetch(`${url}_origin/${command}`, {
    method: 'POST',
    body: JSON.stringify(members),
  });

  if (!response.ok) {
    throw new Error(`the origin refused '${command}': ${await response.text()}`);
  }
}

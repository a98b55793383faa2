// SPDX-License-Identifier: Apache-2.0
//
// The catalog against the package itself: for every combination of parameters, `modelhost url`
// prints the file that body-pix asks for, or says that there is none upstream. Nothing is fetched:
// a fetch that only records takes the network's place.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { bodyPix, tf } from './lib/bodypix.mjs';

const TREE = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = process.env.MODELHOST_BIN || join(TREE, 'build', 'modelhost');
const UPSTREAM = 'https://storage.googleapis.com/tfjs-models/';
const LOCAL = 'http://localhost:8080/tfjs-models/';
const OPTIONS = {
  architecture: '--architecture',
  outputStride: '--output-stride',
  multiplier: '--multiplier',
  quantBytes: '--quant-bytes',
};

// The first URL that load() asks for.
async function askedFor(...config) {
  const asked = [];
  const fetch = async (url) => {
    asked.push(String(url));
    throw new Error('recorded');
  };

  const real = tf.env().platform.fetch;
  tf.env().platform.fetch = fetch;
  try {
    await assert.rejects(bodyPix.load(...config), /recorded/);
  } finally {
    tf.env().platform.fetch = real;
  }
  return asked[0];
}

function url(config) {
  const words = Object.entries(config).flatMap(([name, value]) => [OPTIONS[name], String(value)]);
  const env = { ...process.env, MODELHOST_CONFIG: '/dev/null' };

  return spawnSync(BINARY, ['url', 'bodypix', ...words], { env, encoding: 'utf8' });
}

function combinations() {
  const all = [];

  for (const quantBytes of [1, 2, 4]) {
    for (const outputStride of [16, 32]) {
      all.push({ architecture: 'ResNet50', outputStride, multiplier: 1, quantBytes });
    }
    for (const multiplier of [0.5, 0.75, 1]) {
      for (const outputStride of [8, 16, 32]) {
        all.push({ architecture: 'MobileNetV1', outputStride, multiplier, quantBytes });
      }
    }
  }
  return all;
}

// The package asks for these, and the upstream does not have them.
const isMissing = ({ outputStride, multiplier }) => outputStride === 32 && multiplier < 1;

test('every combination is what the package asks for', async () => {
  for (const config of combinations()) {
    const { status, stdout, stderr } = url(config);
    const label = JSON.stringify(config);

    if (isMissing(config)) {
      assert.equal(status, 3, label);
      assert.match(stderr, /these exist:/, label);
      continue;
    }
    assert.equal(status, 0, label + stderr);
    assert.equal(stdout.trim().replace(LOCAL, UPSTREAM), await askedFor(config), label);
  }
});

test('what is left out is what load() takes', async () => {
  assert.equal(url({}).stdout.trim().replace(LOCAL, UPSTREAM), await askedFor());
  const resnet = { architecture: 'ResNet50' };

  assert.equal(url(resnet).stdout.trim().replace(LOCAL, UPSTREAM), await askedFor(resnet));
});

// SPDX-License-Identifier: Apache-2.0
//
// An upstream of the mirror npm: the installed packages under jsDelivr's paths.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { serveStatic } from './static.mjs';

const PACKAGES = fileURLToPath(new URL('../node_modules/', import.meta.url));

// What /-/try loads.
const FILES = [
  ['@tensorflow/tfjs', 'dist/tf.es2017.min.js'],
  ['@tensorflow-models/body-pix', 'dist/body-pix.min.umd.js'],
];

// Resolves to the settings that lead the mirror npm there.
export async function npmSettings(t) {
  const files = {};

  for (const [name, file] of FILES) {
    const { version } = JSON.parse(readFileSync(join(PACKAGES, name, 'package.json'), 'utf8'));

    files[`/npm/${name}@${version}/${file}`] = readFileSync(join(PACKAGES, name, file));
  }
  return ['--set', `mirror npm.upstream=${await serveStatic(t, null, files)}npm/`];
}

// SPDX-License-Identifier: Apache-2.0
//
// The test models and the check of the whole chain: a photo, and how much of the reference mask a
// segmentation covers. The data is not part of the project; without it, what needs it is skipped.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';

export const MODELS = process.env.MODELHOST_TEST_MODELS
  ? resolve(process.env.MODELHOST_TEST_MODELS)
  : null;

// The skip option of every test that needs the models: false, or the reason.
export const WITHOUT_MODELS = MODELS
  ? false
  : 'MODELHOST_TEST_MODELS is not set: it names the folder with the test models';

export const BODYPIX = 'tfjs-models/savedmodel/bodypix';
export const FLOAT_050 = `${BODYPIX}/mobilenet/float/050/model-stride16.json`;

// Below this, something is wrong with the bytes: right ones reach 0.94.
export const ENOUGH = 0.9;

export function portrait() {
  return jpeg.decode(readFileSync(join(MODELS, 'images/portrait.jpg')), { useTArray: true });
}

// Intersection over union of a mask (one 0 or 1 per pixel) and the reference's blue pixels.
export function overlap(mask) {
  const { data, width, height } = PNG.sync.read(
    readFileSync(join(MODELS, 'images/portrait_seg.png')),
  );
  let both = 0;
  let either = 0;

  if (mask.length !== width * height) {
    throw new Error(`the mask has ${mask.length} pixels, the reference ${width * height}`);
  }
  for (let i = 0; i < mask.length; i++) {
    const isPerson = data[4 * i + 2] > 127 && data[4 * i] < 128;

    both += mask[i] && isPerson ? 1 : 0;
    either += mask[i] || isPerson ? 1 : 0;
  }
  return both / either;
}

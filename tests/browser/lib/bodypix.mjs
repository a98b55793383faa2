// SPDX-License-Identifier: Apache-2.0
//
// TensorFlow.js and BodyPix in Node, on the backend that is plain JavaScript: what a page runs, less
// the page.

import { createRequire } from 'node:module';

import { portrait } from './person.mjs';

// Their ES modules are written for bundlers; Node takes the CommonJS ones.
const require = createRequire(import.meta.url);

export const tf = require('@tensorflow/tfjs');
export const bodyPix = require('@tensorflow-models/body-pix');

const MOBILENET = { architecture: 'MobileNetV1', multiplier: 0.5, outputStride: 16, quantBytes: 4 };

export const SEGMENTATION = { internalResolution: 'low', segmentationThreshold: 0.7 };

await tf.setBackend('cpu');

export function loadBodyPix(modelUrl, options = {}) {
  return bodyPix.load({ ...MOBILENET, ...options, modelUrl });
}

// Loads the model and segments the portrait; resolves to the mask.
export async function segmentPortrait(modelUrl, options) {
  const { data, width, height } = portrait();
  const net = await loadBodyPix(modelUrl, options);
  const image = tf.tidy(() => tf.tensor3d(data, [height, width, 4], 'int32').slice([0, 0, 0], [-1, -1, 3]));

  try {
    return (await net.segmentPerson(image, SEGMENTATION)).data;
  } finally {
    image.dispose();
    net.dispose();
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// What an app does, bundled into one script by the test and run in the page.

import * as bodyPix from '@tensorflow-models/body-pix';
import * as tf from '@tensorflow/tfjs';

async function loadBodyPix(modelUrl) {
  await tf.setBackend('cpu');
  return bodyPix.load({
    architecture: 'MobileNetV1',
    multiplier: 0.5,
    outputStride: 16,
    quantBytes: 4,
    modelUrl,
  });
}

// Segments the image at imageUrl; resolves to the mask as an array of 0 and 1.
async function segment(modelUrl, imageUrl) {
  const net = await loadBodyPix(modelUrl);
  const image = new Image();

  image.src = imageUrl;
  await image.decode();

  const options = { internalResolution: 'low', segmentationThreshold: 0.7 };
  const { data } = await net.segmentPerson(image, options);

  return Array.from(data);
}

// The headers that a script on another origin may read. Not the browser's cache: it keeps the headers
// of its first answer, which while a file was arriving had no ETag, through any later 304.
async function headersOf(url) {
  return Object.fromEntries((await fetch(url, { cache: 'no-store' })).headers);
}

// Loads any model; resolves to 'loaded', or to the message of the error.
function tryToLoad(modelUrl) {
  return tf.loadGraphModel(modelUrl).then(
    () => 'loaded',
    (error) => error.message,
  );
}

window.app = { headersOf, loadBodyPix, segment, tryToLoad };

// SPDX-License-Identifier: Apache-2.0
//
// An app on the WASM backend, which uses threads where its page is isolated.

import * as bodyPix from '@tensorflow-models/body-pix';
import * as tf from '@tensorflow/tfjs';
import { getThreadsCount, setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

// Segments the image at imageUrl; resolves to the mask and to what the backend has become.
//
// wasmPath  the folder of the backend's .wasm files, with a slash at the end
async function segment({ modelUrl, imageUrl, wasmPath }) {
  setWasmPaths(wasmPath);
  setThreadsCount(2);
  await tf.setBackend('wasm');

  const net = await bodyPix.load({
    architecture: 'MobileNetV1',
    multiplier: 0.5,
    outputStride: 16,
    quantBytes: 4,
    modelUrl,
  });
  const image = new Image();

  image.src = imageUrl;
  await image.decode();

  const options = { internalResolution: 'low', segmentationThreshold: 0.7 };
  const { data } = await net.segmentPerson(image, options);

  return {
    mask: Array.from(data),
    backend: tf.getBackend(),
    threads: getThreadsCount(),
    isShared: tf.backend().wasm.HEAPU8.buffer instanceof SharedArrayBuffer,
  };
}

window.app = { segment };

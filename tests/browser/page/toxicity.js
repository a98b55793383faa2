// SPDX-License-Identifier: Apache-2.0
//
// An app whose library takes no URL: where its model and its vocabulary come from stands in the
// library's code.

import * as tf from '@tensorflow/tfjs';
import * as toxicity from '@tensorflow-models/toxicity';

// Resolves to the names of the model's outputs.
async function load() {
  await tf.setBackend('cpu');
  return (await toxicity.load(0.9)).labels;
}

window.app = { load };

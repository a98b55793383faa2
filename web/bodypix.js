// SPDX-License-Identifier: Apache-2.0
//
// The BodyPix models that exist, from the table that the server wrote into the page, and what an
// app says to load one.

export const PARAMETERS = ['architecture', 'multiplier', 'outputStride', 'quantBytes'];

const QUANTS = { 4: '4 bytes, float', 2: '2 bytes', 1: '1 byte, smallest' };

export const LABELS = {
  architecture: (value) => value,
  multiplier: (value) => value,
  outputStride: (value) => value,
  quantBytes: (value) => QUANTS[value] ?? value,
};

export function readRows() {
  return [...document.querySelectorAll('#bodypix-rows tr')].map((row) => ({ ...row.dataset }));
}

// What people call it: "BodyPix ResNet50, stride 16, 4 bytes".
export function titleOf({ architecture, multiplier, outputStride, quantBytes }) {
  const size = architecture === 'ResNet50' ? '' : ` ${multiplier}`;

  return `BodyPix ${architecture}${size} · stride ${outputStride} · ${quantBytes} ${quantBytes === '1' ? 'byte' : 'bytes'}`;
}

// The row of a choice: parameters that stand earlier win, later ones give way.
export function nearest(rows, choice) {
  let left = rows;

  for (const name of PARAMETERS) {
    const fitting = left.filter((row) => row[name] === choice[name]);

    left = fitting.length > 0 ? fitting : left;
  }
  return left[0];
}

// The values that a parameter may have once those before it are chosen.
export function valuesOf(rows, choice, name) {
  const before = PARAMETERS.slice(0, PARAMETERS.indexOf(name));
  const fitting = rows.filter((row) => before.every((other) => row[other] === choice[other]));

  return [...new Set(fitting.map((row) => row[name]))];
}

export function snippetOf(row, url) {
  return [
    'const net = await bodyPix.load({',
    `  architecture: '${row.architecture}',`,
    `  outputStride: ${row.outputStride},`,
    `  multiplier: ${row.multiplier},`,
    `  quantBytes: ${row.quantBytes},`,
    `  modelUrl: '${url}',`,
    '});',
  ].join('\n');
}

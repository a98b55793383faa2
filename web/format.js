// SPDX-License-Identifier: Apache-2.0
//
// Numbers and times as people read them, and elements. All text enters the page as text.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(n) {
  let unit = 0;

  while (n >= 1024 && unit < UNITS.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${UNITS[unit]}`;
}

export const percent = (part) => `${Math.floor(100 * part)} %`;
export const count = (n) => n.toLocaleString('en');
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const STEPS = [
  [60, 1, 'second'],
  [3600, 60, 'minute'],
  [86400, 3600, 'hour'],
  [Infinity, 86400, 'day'],
];

// How long ago a time of the API was.
export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  const [, length, name] = STEPS.find(([limit]) => seconds < limit);

  return seconds < 10 ? 'just now' : `${plural(Math.floor(seconds / length), name)} ago`;
}

// An element with attributes and children; a text child stays text. Attributes that are undefined
// or false are left out, functions listen.
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);

  set(node, attributes);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);

  set(node, attributes);
  node.append(...children);
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      node.addEventListener(name, value);
    } else if (value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
}

// Sets text only where it differs: a screen reader is not told twice, a selection stays.
export function say(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

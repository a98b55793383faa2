// SPDX-License-Identifier: Apache-2.0
//
// What fills the cache, and the last minutes, as SVG. Colours are classes of the style sheet.

import { bytes, el, percent, svg } from './format.js';

const HUES = 6;
const WIDTH = 600;
const HEIGHT = 72;

// parts  [{ label, size }], largest first; the smallest are drawn together
export function drawUse(parent, parts, limit) {
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  const shown = parts.slice(0, HUES).map((part, i) => ({ ...part, hue: `hue-${i + 1}` }));
  const rest = parts.slice(HUES);

  if (rest.length > 0) {
    shown.push({ label: `${rest.length} others`, size: rest.reduce((sum, { size }) => sum + size, 0), hue: 'hue-0' });
  }
  parent.replaceChildren(
    strip(shown, total),
    el(
      'ul',
      { class: 'legend' },
      ...shown.map(({ label, size, hue }) =>
        el('li', {}, el('i', { class: hue }), el('span', { title: label }, label), el('b', {}, bytes(size))),
      ),
      limit > 0 ? el('li', {}, el('i', { class: 'free' }), el('span', {}, 'Left before something is evicted'), el('b', {}, bytes(Math.max(0, limit - total)))) : null,
    ),
  );
}

function strip(parts, total) {
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} 22`, preserveAspectRatio: 'none', height: 22, role: 'img', 'aria-label': 'Cache use by model; the list below says the same' });
  let x = 0;

  for (const { label, size, hue } of parts) {
    const width = (WIDTH * size) / total;

    picture.append(
      svg('rect', { x, y: 0, width: Math.max(1, width - 2), height: 22, rx: 2, class: hue }, svg('title', {}, document.createTextNode(`${label}: ${bytes(size)}`))),
    );
    x += width;
  }
  return picture;
}

const points = (values, top) =>
  values.map((value, i) => [
    values.length > 1 ? (WIDTH * i) / (values.length - 1) : WIDTH,
    HEIGHT - (top > 0 ? (HEIGHT - 4) * Math.min(1, value / top) : 0),
  ]);

function curve(values, top, hue) {
  const line = points(values, top)
    .map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`)
    .join('');

  return [
    svg('path', { d: `${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`, class: hue === 1 ? 'area' : 'area-2' }),
    svg('path', { d: line, class: `curve curve-${hue}` }),
  ];
}

function plot(title, now, label, curves) {
  return el(
    'figure',
    {},
    el('figcaption', {}, el('span', {}, title), el('b', {}, now)),
    svg(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', height: HEIGHT, role: 'img', 'aria-label': label },
      svg('path', { d: `M0 ${HEIGHT - 0.5}H${WIDTH}`, class: 'axis' }),
      ...curves,
    ),
  );
}

// samples  [{ sent, fetched, hits, misses }] of one second each: bytes per second, and answers
export function drawActivity(parent, samples) {
  const sent = samples.map((sample) => sample.sent);
  const fetched = samples.map((sample) => sample.fetched);
  const top = Math.max(1024, ...sent, ...fetched);
  const rates = ratesOf(samples);
  const last = samples[samples.length - 1];
  const rate = rates.length > 0 ? rates[rates.length - 1] : null;

  parent.replaceChildren(
    plot('Answered from the cache', rate === null ? '–' : percent(rate), 'Share of answers from the cache over the last minutes', rates.length > 0 ? curve(rates, 1, 2) : []),
    plot('Sent to clients', `${bytes(last.sent)}/s`, `Bytes sent per second over the last minutes, at most ${bytes(Math.max(...sent))}`, curve(sent, top, 1)),
    plot('From upstreams', `${bytes(last.fetched)}/s`, `Bytes fetched per second over the last minutes, at most ${bytes(Math.max(...fetched))}`, curve(fetched, top, 2)),
  );
}

// The rate over the last 30 samples at each of them; before the first answer there is none.
function ratesOf(samples) {
  const rates = [];

  samples.forEach((_, i) => {
    const window = samples.slice(Math.max(0, i - 29), i + 1);
    const hits = window.reduce((sum, sample) => sum + sample.hits, 0);
    const all = hits + window.reduce((sum, sample) => sum + sample.misses, 0);

    if (all > 0) {
      rates.push(hits / all);
    } else if (rates.length > 0) {
      rates.push(rates[rates.length - 1]);
    }
  });
  return rates;
}

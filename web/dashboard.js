// SPDX-License-Identifier: Apache-2.0
//
// The dashboard: what the server wrote into the page, kept up to date by its events, and actions.
// Rows are changed in place, never rebuilt, so that focus and selection survive.

import { act, get } from './api.js';
import { LABELS, PARAMETERS, nearest, readRows, snippetOf, titleOf, valuesOf } from './bodypix.js';
import { drawActivity, drawUse } from './charts.js';
import { ago, bytes, count, el, percent, plural, say } from './format.js';

const SAMPLES = 300;
const UPSTREAM = {
  fresh: ['up to date', ''],
  due: ['to be asked again', ''],
  updating: ['being asked', ''],
  failing: ['not reachable', 'warn'],
  offline: ['offline', ''],
};
const STATES = { complete: 'good', arriving: '', incomplete: 'warn', corrupt: 'bad' };

const at = (id) => document.getElementById(id);
const rows = readRows();
const titles = new Map(rows.map((row) => [row.path, titleOf(row)]));
// What has no title is told by its path, less the mirror.
const titleAt = (path) => titles.get(path) ?? path.split('/').slice(2).join('/').replace(/^savedmodel\//, '');

// --- telling ---

let alertTimer = 0;

function tell(text, isGood = false) {
  clearTimeout(alertTimer);
  at('alert').hidden = text === '';
  at('alert').classList.toggle('is-good', isGood);
  say(at('alert'), text);
  if (isGood) {
    alertTimer = setTimeout(() => tell(''), 8000);
  }
}

// Does what a button is for, and tells what goes wrong. Meanwhile the button says that it is busy;
// it is not switched off, which would take the focus from whoever works by keyboard.
async function during(button, work) {
  if (button.getAttribute('aria-disabled') === 'true') {
    return;
  }
  button.setAttribute('aria-disabled', 'true');
  try {
    tell('');
    await work();
  } catch (error) {
    tell(error.message);
  } finally {
    button.removeAttribute('aria-disabled');
  }
}

// --- copying ---

async function copy(button) {
  const source = at(button.dataset.copy);
  const said = button.firstChild;

  try {
    await navigator.clipboard.writeText(source.textContent);
    said.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(source); // without HTTPS a page may not write the clipboard
    said.textContent = 'Selected: Ctrl+C';
  }
  setTimeout(() => (said.textContent = 'Copy'), 2000);
}

// --- models ---

const modelRows = new Map(); // path -> parts of the row

function newModelRow(path) {
  const parts = {
    badge: el('span', { class: 'badge' }),
    files: el('span', { class: 'files' }),
    size: el('td', { class: 'number', 'data-label': 'Size' }),
    used: el('td', { class: 'when', 'data-label': 'Used' }),
    upstream: el('span', { class: 'files' }),
    why: el('span', { class: 'why', hidden: true }),
    pin: el('button', { type: 'button', 'aria-pressed': 'false', click: () => togglePin(path) }, 'Pin'),
    verify: el('button', { type: 'button', click: () => verify(path) }, 'Verify'),
    remove: el('button', { type: 'button', click: () => remove(path) }, 'Remove'),
  };

  for (const name of ['pin', 'verify', 'remove']) {
    parts[name].append(el('span', { class: 'unseen' }, ` ${titleAt(path)}`));
  }
  parts.row = el(
    'tr',
    { 'data-path': path },
    el('td', { class: 'name' }, el('span', { class: 'model-name' }, titleAt(path)), el('code', { class: 'path', title: path }, el('bdi', {}, path)), parts.why),
    el('td', { class: 'state' }, parts.badge, ' ', parts.files, ' ', parts.upstream),
    parts.size,
    parts.used,
    el('td', { class: 'actions' }, parts.pin, ' ', parts.verify, ' ', parts.remove),
  );
  return parts;
}

function fillModelRow(parts, model) {
  const [upstream, mood] = UPSTREAM[model.upstream] ?? ['', ''];

  parts.model = model;
  say(parts.badge, model.pinned ? `${model.state}, pinned` : model.state);
  parts.badge.className = `badge ${STATES[model.state] ?? ''}`;
  say(parts.files, model.state === 'complete' ? plural(model.files, 'file') : `${model.files_present} of ${plural(model.files, 'file')}`);
  say(parts.size, bytes(model.bytes));
  parts.used.title = model.last_used ?? '';
  say(parts.upstream, upstream);
  parts.upstream.className = `files ${mood && 'is-warn'}`;
  fillTimes(parts);
  parts.why.hidden = !model.failure;
  say(parts.why, model.failure?.sentence ?? '');
  parts.pin.setAttribute('aria-pressed', String(model.pinned));
  say(parts.pin.firstChild, model.pinned ? 'Unpin' : 'Pin');
  parts.pin.disabled = parts.verify.disabled = parts.remove.disabled = model.state === 'arriving';
}

// Times grow old by themselves, without news of their model.
function fillTimes({ model, used, upstream }) {
  say(used, model.last_used ? ago(model.last_used) : 'not yet');
  upstream.title = model.validated ? `last asked ${ago(model.validated)}: ${model.url}` : model.url;
}

function showModels({ models }) {
  const body = at('model-rows');
  const here = new Set(models.map(({ path }) => path));

  for (const [path, { row }] of modelRows) {
    if (!here.has(path)) {
      row.remove();
      modelRows.delete(path);
    }
  }
  models.forEach((model, i) => {
    if (!modelRows.has(model.path)) {
      modelRows.set(model.path, newModelRow(model.path));
    }
    const parts = modelRows.get(model.path);

    fillModelRow(parts, model);
    if (body.children[i] !== parts.row) {
      body.insertBefore(parts.row, body.children[i] ?? null);
    }
  });
  at('models-empty').hidden = models.length > 0;
  at('models-table').hidden = models.length === 0;
  say(at('figure-models'), count(models.length));
  fillNote();
  showUse(models);
  showTransfers(models);
}

const togglePin = (path) => {
  const { pin, model } = modelRows.get(path);

  return during(pin, () => act(model.pinned ? 'unpin' : 'pin', [path]));
};

const verify = (path) =>
  during(modelRows.get(path).verify, async () => {
    const { models } = await act('verify', [path]);
    const bad = models.filter(({ failure }) => failure);

    if (bad.length > 0) {
      throw new Error(bad.map(({ failure }) => failure.sentence).join(' '));
    }
    tell(`${titleAt(path)}: every byte is what it was when it was checked and kept.`, true);
  });

async function remove(path) {
  const dialog = at('remove-dialog');
  const button = modelRows.get(path).remove; // the row may go while the dialog is open

  say(at('remove-path'), path);
  dialog.returnValue = '';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  if (dialog.returnValue === 'ok') {
    await during(button, () => act('rm', [path]));
  }
}

// --- transfers ---

const transfers = new Map(); // path -> parts of the item
let flights = [];

function newTransfer(path) {
  const parts = {
    bar: el('progress', { max: '1', 'aria-label': `Download of ${titleAt(path)}` }),
    share: el('span', { class: 'quiet' }),
    detail: el('span', { class: 'quiet' }),
  };

  parts.item = el('li', { 'data-path': path }, el('div', { class: 'transfer-head' }, el('b', {}, titleAt(path)), parts.share), parts.bar, parts.detail);
  return parts;
}

// Bytes per second over the last few looks.
function speedOf(parts, present) {
  const now = performance.now();

  parts.seen = [...(parts.seen ?? []), [now, present]].slice(-12);
  const [then, before] = parts.seen[0];

  return now - then > 400 ? (1000 * (present - before)) / (now - then) : null;
}

function fillTransfer(parts, model) {
  const share = model.bytes > 0 ? model.bytes_present / model.bytes : 0;
  const speed = speedOf(parts, model.bytes_present);
  const folder = model.path.slice(0, model.path.lastIndexOf('/') + 1);
  const clients = flights.filter(({ path }) => path.startsWith(folder)).reduce((sum, flight) => sum + flight.clients, 0);

  parts.bar.value = share;
  say(parts.share, `${percent(share)} · ${bytes(model.bytes_present)} of ${bytes(model.bytes)}`);
  say(
    parts.detail,
    [
      `${model.files_present} of ${plural(model.files, 'file')}`,
      speed !== null && `${bytes(Math.max(0, speed))}/s`,
      clients > 0 && `${plural(clients, 'client')} waiting`,
    ]
      .filter(Boolean)
      .join(' · '),
  );
  // Told aloud in quarters: a live region that speaks with every byte helps nobody.
  const quarter = Math.floor(4 * share);

  if (parts.quarter !== quarter) {
    parts.quarter = quarter;
    say(at('announce'), `${titleAt(model.path)}: ${25 * quarter} percent`);
  }
}

function showTransfers(models) {
  const arriving = models.filter(({ state }) => state === 'arriving');
  const here = new Set(arriving.map(({ path }) => path));

  for (const [path, { item }] of transfers) {
    if (!here.has(path)) {
      item.remove();
      transfers.delete(path);
      say(at('announce'), `${titleAt(path)}: the download is over`);
    }
  }
  for (const model of arriving) {
    if (!transfers.has(model.path)) {
      transfers.set(model.path, newTransfer(model.path));
      at('transfer-list').append(transfers.get(model.path).item);
    }
    fillTransfer(transfers.get(model.path), model);
  }
  at('transfers-empty').hidden = arriving.length > 0;
}

// --- pulling ---

const LOOK_MS = 500;

const pulled = new Set(); // paths whose end is waited for

// A pull that failed leaves nothing in the list of models: what became of it is asked by its path.
async function follow(path) {
  if (pulled.has(path)) {
    return;
  }
  pulled.add(path);
  for (let model = { state: 'arriving' }; model.state === 'arriving' && !model.failure; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    model = await get(`/-/api/models${path}`).catch((error) => ({ failure: { sentence: error.message } }));
    if (model.failure) {
      tell(`${titleAt(path)}: ${model.failure.sentence}`);
    } else if (model.state === 'complete') {
      tell(`${titleAt(path)} is here.`, true);
    }
  }
  pulled.delete(path);
}

async function pull(button, what) {
  await during(button, async () => {
    (await act('pull', [what])).models.forEach(({ path }) => follow(path));
  });
}

// --- figures and charts ---

let limit = 0;
let lastStatus = null;
const samples = [];

function showStatus(status) {
  const asked = status.hits + status.misses;

  limit = status.max_bytes;
  say(at('figure-cache'), bytes(status.object_bytes));
  say(at('figure-files'), plural(status.objects, 'file'));
  say(at('figure-limit'), limit > 0 ? `of ${bytes(limit)}` : 'no limit');
  say(at('figure-rate'), asked > 0 ? percent(status.hits / asked) : '–');
  say(at('figure-hits'), asked > 0 ? `${count(status.hits)} of ${count(asked)}` : 'no requests yet');
  say(at('figure-sent'), bytes(status.bytes));
  say(at('figure-fetched'), `${bytes(status.upstream_bytes)} fetched`);
  modelRows.forEach(fillTimes);
  sample(status);
}

function sample(status) {
  const now = performance.now();

  if (lastStatus !== null && now - lastStatus.now < 950) {
    return;
  }
  const seconds = lastStatus === null ? 1 : (now - lastStatus.now) / 1000;
  const grown = (name) => (lastStatus === null ? 0 : Math.max(0, status[name] - lastStatus.status[name]));

  const one = { sent: grown('bytes') / seconds, fetched: grown('upstream_bytes') / seconds, hits: grown('hits') / seconds, misses: grown('misses') / seconds };

  // While nobody looked, each second had its share.
  for (let i = Math.min(SAMPLES, Math.max(1, Math.round(seconds))); i > 0; i--) {
    samples.push(one);
  }
  samples.splice(0, samples.length - SAMPLES);
  lastStatus = { now, status };
  drawActivity(at('activity-charts'), samples);
}

let used = '';

function showUse(models) {
  const parts = models
    .filter(({ bytes_present }) => bytes_present > 0)
    .map(({ path, bytes_present }) => ({ label: titleAt(path), size: bytes_present }))
    .sort((a, b) => b.size - a.size);
  const key = JSON.stringify([parts, limit]);

  at('use').hidden = parts.length === 0;
  if (parts.length > 0 && key !== used) {
    used = key;
    drawUse(at('use-chart'), parts, limit);
  }
}

// --- the BodyPix form ---

let chosen = null;

function fillForm(form, choice) {
  chosen = nearest(rows, choice);
  for (const name of PARAMETERS) {
    const values = valuesOf(rows, chosen, name);

    form[name].replaceChildren(...values.map((value) => el('option', { value, selected: value === chosen[name] }, LABELS[name](value))));
    form[name].value = chosen[name];
  }
  const url = location.origin + chosen.path;

  say(at('bodypix-url'), url);
  say(at('bodypix-snippet'), snippetOf(chosen, url));
  fillNote();
  at('bodypix-try').href = `/-/try#${chosen.path}`;
}

function fillNote() {
  const isHere = modelRows.get(chosen?.path)?.model.state === 'complete';

  say(at('bodypix-note'), isHere ? 'It is in the cache.' : 'Only combinations that exist upstream are offered.');
}

function startForm() {
  const form = at('bodypix');
  const choiceOf = () => Object.fromEntries(PARAMETERS.map((name) => [name, form[name].value]));

  if (rows.length === 0) {
    form.hidden = true; // the mirror is switched off; the page says so
    return;
  }
  fillForm(form, rows.find((row) => row.architecture === 'MobileNetV1' && row.multiplier === '0.75' && row.outputStride === '16' && row.quantBytes === '4') ?? rows[0]);
  form.addEventListener('change', () => fillForm(form, choiceOf()));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    pull(event.submitter, chosen.path);
  });
}

// --- the stream ---

let source = null;

// A browser has six connections to one server for all its tabs: one that nobody sees goes without.
// What is told is state, so that nothing is missed by listening later.
function listen() {
  if (document.hidden || source !== null) {
    return;
  }
  const told = { status: showStatus, models: showModels, flights: (data) => (flights = data.flights) };
  const stream = new EventSource('/-/events');

  source = stream;
  for (const [name, show] of Object.entries(told)) {
    stream.addEventListener(name, ({ data }) => show(JSON.parse(data)));
  }
  stream.addEventListener('open', () => live('Live', false));
  stream.addEventListener('error', () => {
    live('The server does not answer', true);
    if (stream.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(listen, 3000); // it answered with an error; an interrupted stream comes back by itself
    }
  });
}

function rest() {
  source?.close();
  source = null;
}

function live(text, isLost) {
  at('live').hidden = false;
  at('live').classList.toggle('is-lost', isLost);
  say(at('live'), text);
}

// --- the beginning ---

for (const node of document.querySelectorAll('.needs-script')) {
  node.hidden = false;
}
at('model-rows').replaceChildren(); // the server's rows have no buttons; ours come with the first event
at('transfer-list').replaceChildren();
for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', () => copy(button));
}
at('pull-form').addEventListener('submit', (event) => {
  event.preventDefault();
  pull(event.submitter, at('pull-what').value.trim());
});
startForm();
document.addEventListener('visibilitychange', () => (document.hidden ? rest() : listen()));
// A page that is kept for the way back takes no connection, and looks again when it is shown.
addEventListener('pagehide', rest);
addEventListener('pageshow', listen);
listen();

// SPDX-License-Identifier: Apache-2.0
//
// BodyPix on a picture or the camera, in the page. TensorFlow.js comes through the mirror npm; the
// picture stays here. The mask is a canvas of the picture's own size above the picture's: opaque
// where the model sees a person, clear elsewhere.

import { get } from './api.js';
import { readRows, titleOf } from './bodypix.js';
import { bytes, el, percent, say } from './format.js';

// What TensorFlow.js is loaded from, below the mirror; exact versions, so that they never change.
// tf.min.js, for older browsers, makes code from text, which the page's policy does not allow.
const LIBRARIES = ['@tensorflow/tfjs@4.22.0/dist/tf.es2017.min.js', '@tensorflow-models/body-pix@2.2.1/dist/body-pix.min.umd.js'];
const OPTIONS = { internalResolution: 'low', segmentationThreshold: 0.7 };
const LARGEST = 1600; // pixels on a side: more gains nothing, and costs memory
const PERSON = [24, 116, 232, 255];

const at = (id) => document.getElementById(id);
const npm = document.body.dataset.npm;
const rows = readRows();

let net = null;
let netPath = '';
let stream = null;
let turn = 0; // grows with everything that makes what is under way useless

function tell(text) {
  at('alert').hidden = text === '';
  say(at('alert'), text);
}

const state = (text) => say(at('state'), text);

// --- what is needed ---

// Why a file of the mirror cannot be had, as the server says it.
async function reasonOf(url) {
  try {
    await get(url);
  } catch (error) {
    return error.message;
  }
  return 'the browser refused it';
}

async function loadScript(url) {
  await new Promise((resolve, reject) => {
    document.head.append(
      el('script', { src: url, load: resolve, error: () => reject(new Error('script')) }),
    );
  }).catch(async () => {
    throw new Error(`TensorFlow.js could not be loaded from ${url}: ${await reasonOf(url)}`);
  });
}

let libraries = null;

async function loadLibraries() {
  if (npm === '') {
    throw new Error('The mirror npm is switched off, and TensorFlow.js comes through it. Set enabled = on in the section [mirror npm], and restart modelhost.');
  }
  for (const file of LIBRARIES) {
    await loadScript(npm + file);
  }
  await window.tf.ready();
}

function needLibraries() {
  libraries ??= loadLibraries().catch((error) => {
    libraries = null; // the next try asks again
    throw error;
  });
  return libraries;
}

// Shows how far the model's download is, until `work` is over.
async function withProgress(path, work) {
  const source = new EventSource('/-/events');

  source.addEventListener('models', ({ data }) => {
    const model = JSON.parse(data).models.find((one) => one.path === path);

    at('progress').hidden = model?.state !== 'arriving';
    if (model?.state === 'arriving' && model.bytes > 0) {
      at('progress').value = model.bytes_present / model.bytes;
      state(`Downloading the model: ${percent(model.bytes_present / model.bytes)} of ${bytes(model.bytes)}`);
    }
  });
  try {
    return await work;
  } finally {
    source.close();
    at('progress').hidden = true;
  }
}

async function loadModel(row) {
  const load = window['body-pix'].load({
    architecture: row.architecture,
    outputStride: Number(row.outputStride),
    multiplier: Number(row.multiplier),
    quantBytes: Number(row.quantBytes),
    modelUrl: location.origin + row.path,
  });

  try {
    return await withProgress(row.path, load);
  } catch (error) {
    const told = await get(`/-/api/models${row.path}`).catch(() => null);

    throw new Error(`The model did not load: ${told?.failure?.sentence ?? error.message}`);
  }
}

async function loadChosen() {
  const row = rows.find(({ path }) => path === at('model').value);

  if (netPath === row.path) {
    return;
  }
  state('Getting TensorFlow.js …');
  await needLibraries();
  state(`Getting ${titleOf(row)} …`);
  const loaded = await loadModel(row);

  net?.dispose();
  net = loaded;
  netPath = row.path;
}

let loading = Promise.resolve();

// One after another: each takes what is chosen when its turn comes.
function needModel() {
  loading = loading.catch(() => {}).then(loadChosen);
  return loading;
}

// --- segmenting ---

// The colour of a body part: 24 of them, around the colour wheel, neighbours apart.
function partColour(part) {
  const hue = ((part * 7) % 24) / 24;
  const channel = (shift) => Math.round(255 * Math.min(1, Math.max(0, Math.abs((((hue + shift) % 1) * 6) - 3) - 1)));

  return [channel(0), channel(2 / 3), channel(1 / 3), 255];
}

function paint(data, width, height, colourOf) {
  const image = new ImageData(width, height);

  data.forEach((value, i) => {
    const colour = colourOf(value);

    if (colour !== null) {
      image.data.set(colour, 4 * i);
    }
  });
  at('mask').width = width;
  at('mask').height = height;
  at('mask').getContext('2d').putImageData(image, 0, 0);
  at('mask').hidden = false;
}

const wantsParts = () => at('choices').elements.what.value === 'parts';

// BodyPix takes the size at which an element is shown; of one that is nowhere, its own.
function detached(source) {
  const canvas = document.createElement('canvas');

  canvas.width = source.videoWidth ?? source.width;
  canvas.height = source.videoHeight ?? source.height;
  canvas.getContext('2d').drawImage(source, 0, 0);
  return canvas;
}

// Resolves to how long it took; what was overtaken meanwhile is not painted.
async function segment(shown, mine) {
  const began = performance.now();
  const source = detached(shown);
  const isOfParts = wantsParts();
  const { data, width, height } = await (isOfParts ? net.segmentPersonParts(source, OPTIONS) : net.segmentPerson(source, OPTIONS));
  const colourOf = isOfParts ? (part) => (part < 0 ? null : partColour(part)) : (value) => (value === 0 ? null : PERSON);

  if (mine === turn) {
    paint(data, width, height, colourOf);
  }
  return performance.now() - began;
}

const done = (took) => `${titleOf(rows.find(({ path }) => path === netPath))}: ${Math.round(took)} ms on the ${window.tf.getBackend()} backend`;

// What has been overtaken may fail, since its model has gone from under it: that is nobody's news.
function fail(mine, error) {
  if (mine === turn) {
    state('');
    tell(error.message);
  }
  return mine === turn;
}

async function segmentPicture() {
  const mine = ++turn;

  if (at('picture').hidden) {
    return;
  }
  try {
    tell('');
    at('mask').hidden = true;
    await needModel();
    if (mine !== turn) {
      return;
    }
    state('Segmenting …');
    const took = await segment(at('picture'), mine);

    if (mine === turn) {
      state(done(took));
      at('stage').dataset.done = String(mine);
    }
  } catch (error) {
    fail(mine, error);
  }
}

// --- where pictures come from ---

async function usePicture(file) {
  stopCamera();
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
    const canvas = at('picture');

    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
    show('picture');
  } catch {
    tell(`“${file.name}” is no picture that this browser can show. Choose a JPEG, PNG or WebP.`);
    return;
  }
  await segmentPicture();
}

function show(id) {
  at('invitation').hidden = true;
  at('picture').hidden = id !== 'picture';
  at('camera').hidden = id !== 'camera';
  at('mask').hidden = true;
  at('stage').classList.add('has-picture');
}

function stopCamera() {
  turn++;
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  at('camera-button').setAttribute('aria-pressed', 'false');
  say(at('camera-button'), 'Use the camera');
}

async function startCamera() {
  if (!navigator.mediaDevices) {
    tell('Browsers give the camera to HTTPS pages and to localhost only. Open this page as http://localhost, or start modelhost with --tls-self-signed.');
    return;
  }
  const button = at('camera-button');

  button.disabled = true; // a second stream would never be stopped
  try {
    tell('');
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  } catch (error) {
    tell(`The camera cannot be used: ${error.message}`);
    return;
  } finally {
    button.disabled = false;
  }
  at('camera').srcObject = stream;
  await at('camera').play();
  if (stream === null) {
    return; // stopped meanwhile
  }
  at('camera').width = at('camera').videoWidth;
  at('camera').height = at('camera').videoHeight;
  show('camera');
  at('camera-button').setAttribute('aria-pressed', 'true');
  say(at('camera-button'), 'Stop the camera');
  await segmentCamera();
}

async function segmentCamera() {
  const mine = ++turn;

  try {
    await needModel();
    while (mine === turn && stream !== null) {
      state(done(await segment(at('camera'), mine)));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  } catch (error) {
    if (fail(mine, error)) {
      stopCamera();
    }
  }
}

const again = () => (stream === null ? segmentPicture() : segmentCamera());

// --- the beginning ---

async function fillModels() {
  const { models } = await get('/-/api/models').catch(() => ({ models: [] }));
  const cached = new Set(models.filter((model) => model.state === 'complete').map((model) => model.path));
  const wanted = location.hash.slice(1);
  const option = (row) => el('option', { value: row.path }, titleOf(row));
  const group = (label, some) => (some.length > 0 ? el('optgroup', { label }, ...some.map(option)) : null);
  const here = rows.filter(({ path }) => cached.has(path));
  const others = rows.filter(({ path }) => !cached.has(path));

  at('model').replaceChildren(...[group('In the cache', here), group('Pulled when chosen', others)].filter(Boolean));
  at('model').value = rows.some(({ path }) => path === wanted) ? wanted : (here[0] ?? rows[0])?.path ?? '';
}

function listen() {
  const stage = at('stage');

  at('file').addEventListener('change', () => at('file').files[0] && usePicture(at('file').files[0]));
  at('camera-button').addEventListener('click', () => (stream === null ? startCamera() : stopCamera()));
  at('model').addEventListener('change', again);
  at('choices').addEventListener('submit', (event) => event.preventDefault());
  for (const radio of at('choices').elements.what) {
    radio.addEventListener('change', again);
  }
  at('opacity').addEventListener('input', () => (at('mask').style.opacity = at('opacity').value));
  for (const name of ['dragover', 'dragleave', 'drop']) {
    stage.addEventListener(name, (event) => {
      event.preventDefault();
      stage.classList.toggle('is-over', name === 'dragover');
    });
  }
  stage.addEventListener('drop', ({ dataTransfer }) => dataTransfer.files[0] && usePicture(dataTransfer.files[0]));
}

if (rows.length === 0) {
  tell('The mirror tfjs-models is switched off, and BodyPix comes through it. Set enabled = on in the section [mirror tfjs-models], and restart modelhost.');
} else {
  await fillModels();
  listen();
}

// SPDX-License-Identifier: Apache-2.0
//
// The API of this server. An action from beyond loopback wants the token: it is asked for once, and
// kept for this tab.

const KEY = 'modelhost-token';

// What a failed answer says: problem+json has a sentence for people.
async function failureOf(response) {
  const problem = await response.json().catch(() => ({}));

  return new Error(problem.detail || problem.title || `The server answered ${response.status}.`);
}

export async function get(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' } });

  if (!response.ok) {
    throw await failureOf(response);
  }
  return response.json();
}

function post(name, what) {
  const token = sessionStorage.getItem(KEY);

  return fetch(`/-/api/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ what }),
  });
}

// Resolves to whether there is a token to try now.
function askForToken() {
  const dialog = document.getElementById('token-dialog');
  const input = document.getElementById('token');

  input.value = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        if (dialog.returnValue === 'ok' && input.value.trim()) {
          sessionStorage.setItem(KEY, input.value.trim());
        }
        resolve(dialog.returnValue === 'ok');
      },
      { once: true },
    );
    dialog.returnValue = '';
  });
}

export async function act(name, what) {
  let response = await post(name, what);

  while (response.status === 401 && (await askForToken())) {
    response = await post(name, what);
  }
  if (response.status === 401) {
    sessionStorage.removeItem(KEY);
  }
  if (!response.ok) {
    throw await failureOf(response);
  }
  return response.json();
}

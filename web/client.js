// SPDX-License-Identifier: Apache-2.0
//
// Which addresses this modelhost has, and how a page's requests are led to it. The middle of
// /-/client.js, /-/client.mjs and /-/sw.js: the server puts what it mirrors in the place of the two
// marked texts, and one of the files client_*.js behind it. All three are plain scripts without
// dependencies, and change nothing but requests that read from a mirrored upstream.

// Where this modelhost was asked for the script: "http://host:port", or "".
const SERVED_AT = '@modelhost-origin@';
// [["https://upstream/base/", "/path/here/"], ...]
const MIRRORS = '@modelhost-mirrors@';

// Gives the function from an address to where modelhost has it, or to null: not mirrored.
//
// scope  the global object; home  a URL on this modelhost
function routesTo(home, scope) {
  const { origin } = new URL(home);
  const bases = MIRRORS.map(([from, to]) => [new URL(from).href.replace(/\/?$/, '/'), to]);

  // The longest that fits wins, as on the server.
  bases.sort((a, b) => b[0].length - a[0].length);
  return (address) => {
    let href;

    try {
      href = new URL(address, scope.document ? scope.document.baseURI : scope.location.href).href;
    } catch {
      return null; // whoever is asked for it will say what is wrong
    }
    const found = bases.find(([from]) => href.startsWith(from));

    return found ? origin + found[1] + href.slice(found[0].length) : null;
  };
}

function isReading(method) {
  return /^(get|head)$/i.test(method);
}

// The same request for another address. Without credentials: they were the upstream's.
function redirected(request, address) {
  return new Request(new Request(address, request), { credentials: 'omit' });
}

function wrapFetch(scope, state) {
  const original = scope.fetch;

  function fetch(input, init) {
    const isRequest = scope.Request !== undefined && input instanceof scope.Request;
    const method = String((init && init.method) || (isRequest ? input.method : 'GET'));
    const address = isRequest ? input.url : input;
    const to = state.isActive && isReading(method) ? state.route(address) : null;

    if (to === null) {
      return original.apply(scope, arguments);
    }
    return original.call(scope, isRequest ? redirected(input, to) : to, {
      ...init,
      credentials: 'omit',
    });
  }

  scope.fetch = fetch;
  return () => {
    // Whoever wrapped it after us keeps a wrapper that does nothing any more.
    if (scope.fetch === fetch) {
      scope.fetch = original;
    }
  };
}

function wrapXhr(scope, state) {
  const prototype = scope.XMLHttpRequest && scope.XMLHttpRequest.prototype;

  if (!prototype) {
    return () => {};
  }
  const { open: originalOpen, send: originalSend } = prototype;
  const routed = new WeakSet();

  function open(method, url, ...rest) {
    const to = state.isActive && isReading(String(method)) ? state.route(url) : null;

    if (to === null) {
      routed.delete(this); // it may have been used before
    } else {
      routed.add(this);
    }
    return originalOpen.call(this, method, to === null ? url : to, ...rest);
  }

  function send(...body) {
    if (routed.has(this)) {
      this.withCredentials = false;
    }
    return originalSend.apply(this, body);
  }

  prototype.open = open;
  prototype.send = send;
  return () => {
    if (prototype.open === open && prototype.send === send) {
      prototype.open = originalOpen;
      prototype.send = originalSend;
    }
  };
}

// Leads fetch and XMLHttpRequest of a global object to modelhost; gives what becomes its
// `modelhost`. A script that is loaded twice wraps once.
function install(home, scope) {
  const state = { isActive: true, route: routesTo(home, scope) };

  if (scope.modelhost && typeof scope.modelhost.restore === 'function') {
    scope.modelhost.restore();
  }
  const unwrap = [wrapFetch(scope, state), wrapXhr(scope, state)];
  const api = {
    // Where an address is led to; itself where it is not mirrored.
    url: (address) => state.route(address) ?? String(address),
    restore() {
      state.isActive = false;
      unwrap.splice(0).forEach((undo) => undo());
      if (scope.modelhost === api) {
        delete scope.modelhost;
      }
    },
  };

  scope.modelhost = api;
  return api;
}

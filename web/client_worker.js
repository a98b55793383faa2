
// --- as a service worker, or by importScripts() in an app's own ---

const state = { isActive: true, route: routesTo(SERVED_AT || self.location.href, self) };

// An app's own worker decides by itself when it takes over.
if (self.location.pathname === '/-/sw.js') {
  self.addEventListener('install', () => self.skipWaiting());
  self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
}

self.addEventListener('fetch', (event) => {
  const to = state.isActive && isReading(event.request.method) ? state.route(event.request.url) : null;

  // Whatever gets no answer here takes its usual way.
  if (to !== null && event.request.mode !== 'navigate') {
    event.respondWith(fetch(redirected(event.request, to)));
  }
});

self.modelhost = {
  url: (address) => state.route(address) ?? String(address),
  restore() {
    state.isActive = false;
  },
};

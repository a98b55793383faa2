// SPDX-License-Identifier: Apache-2.0
//
// /-/watch.js: a page of `modelhost serve --watch` renews itself. The server puts this script into
// its HTML answers, with the mark of what the page was made of; what has changed since comes as
// server-sent events. Style sheets are swapped in place, anything else loads the page anew.

(() => {
  'use strict';

  const script = document.currentScript;

  if (!script || !script.dataset.seen || typeof EventSource !== 'function') {
    return;
  }

  const [start, number] = script.dataset.seen.split('-');
  const seen = { start, number: Number(number) };

  function decode(path) {
    try {
      return decodeURIComponent(path);
    } catch {
      return path; // a "%" that escapes nothing is no path of ours
    }
  }

  // The path of a style sheet of this origin, or null.
  function pathOf(link) {
    const url = new URL(link.href, document.baseURI);

    return url.origin === location.origin ? decode(url.pathname) : null;
  }

  // Links whose successor is on its way.
  const leaving = new WeakSet();

  // Puts a new link behind the old one, which goes when the new one is in force: no moment without.
  function swap(link, mark) {
    const url = new URL(link.href, document.baseURI);
    const fresh = link.cloneNode();

    url.searchParams.set('modelhost-watch', mark);
    fresh.href = url.href;
    fresh.onload = () => link.remove();
    fresh.onerror = () => {
      fresh.remove();
      leaving.delete(link);
    };
    leaving.add(link);
    link.after(fresh);
  }

  // A sheet that no link names is imported by one of them: all are renewed then.
  function renew(paths, mark) {
    const links = [...document.querySelectorAll('link[rel~="stylesheet"][href]')].filter(
      (link) => !leaving.has(link) && pathOf(link) !== null,
    );
    const named = links.filter((link) => paths.has(pathOf(link)));
    const isAllNamed = new Set(named.map(pathOf)).size === paths.size;

    (isAllNamed ? named : links).forEach((link) => swap(link, mark));
  }

  // Returns whether the page is loaded anew: once for each state, since a service worker of the
  // app's may answer with an old page again and again.
  function reload(state) {
    const key = `modelhost-watch ${location.pathname}`;

    if (sessionStorage.getItem(key) === state) {
      return false;
    }
    sessionStorage.setItem(key, state);
    location.reload();
    return true;
  }

  function take({ start: now, page, styles }) {
    if (now !== seen.start || page > seen.number) {
      if (reload(`${now}-${page}`)) {
        return;
      }
      Object.assign(seen, { start: now, number: page });
    }
    const newer = Object.entries(styles).filter(([, number]) => number > seen.number);

    if (newer.length > 0) {
      seen.number = Math.max(...newer.map(([, number]) => number));
      renew(new Set(newer.map(([path]) => decode(path))), seen.number);
    }
  }

  // A browser has six connections to one server for all its tabs: those that nobody sees go without.
  // What is told is state, so that nothing is missed by listening later.
  let events = null;

  function listen() {
    if (!document.hidden && events === null) {
      events = new EventSource('/-/watch');
      events.addEventListener('files', (event) => take(JSON.parse(event.data)));
    }
  }

  function rest() {
    events?.close();
    events = null;
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? rest() : listen()));
  // A page that is kept for the way back looks again when it is shown.
  addEventListener('pagehide', rest);
  addEventListener('pageshow', listen);
  listen();
})();


// --- as a script of a page, or by importScripts() in a worker ---

// A worker does not tell where a script came from.
const script = self.document && self.document.currentScript;

install((script && script.src) || SERVED_AT || self.location.href, self);

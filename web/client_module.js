
// --- as a module ---

const api = install(import.meta.url, globalThis);

export const url = api.url;
export const restore = api.restore;
export default api;

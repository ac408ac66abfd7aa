// The service worker of /store: serves the page and its modules as they were when it was installed, all of one version, so
// that the screen opens without a connection. Calls of the API go past it. `FILES` is told by the server.

/* global FILES */
importScripts("/store/files.js");

const PREFIX = "anaquel.store.";
const NAME = PREFIX + FILES.version;

self.addEventListener("install", (event) => {
  const fresh = (path) => new Request(path, { cache: "no-cache", headers: { Accept: "text/html, */*" } });
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES.paths.map(fresh))));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith(PREFIX) && name !== NAME;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

self.addEventListener("message", ({ data }) => {
  if (data === "take over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin || !FILES.paths.includes(pathname)) return;
  event.respondWith(caches.open(NAME).then((cache) => cache.match(pathname)).then((kept) => kept ?? fetch(request)));
});

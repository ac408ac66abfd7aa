// What this browser can do for a till: work without a connection, keep what it stores, take over a new version.

/** Without https (or localhost) there is no service worker, no lock, no camera. */
export const is_safe = globalThis.isSecureContext && "serviceWorker" in navigator;

/** Whether the browser promised to keep what is stored; null if it cannot be asked. */
export async function persists() {
  if (!navigator.storage?.persist) return null;
  return (await navigator.storage.persisted()) || navigator.storage.persist();
}

/** Installs the worker; `onnew(take)` hears of a new version, and `take()` loads it. */
export async function install(onnew) {
  if (!is_safe) return;
  try {
    const registration = await navigator.serviceWorker.register("/store/worker.js", { scope: "/store" });
    const tell = () => {
      const { waiting } = registration;
      if (waiting && navigator.serviceWorker.controller) onnew(() => waiting.postMessage("take over"));
    };
    tell();
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", tell));
    let is_controlled = !!navigator.serviceWorker.controller;
    navigator.serviceWorker.addEventListener("controllerchange", () => {
      // The first worker takes over a page that was loaded without it; only a later one needs another page.
      if (is_controlled) location.reload();
      is_controlled = true;
    });
  } catch (error) {
    // The server was away, or the browser forbids workers: the page works as long as it is open.
    console.warn(error);
  }
}

// What this device keeps: `queue` (writes that wait), `till` (its name, counter, place), `catalogue` (names and prices for
// when there is no connection). An upgrade of the form keeps `queue`.

const NAME = "anaquel.store";
const VERSION = 2;

let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const { result: db } = request;
      const has = (name) => db.objectStoreNames.contains(name);
      if (!has("queue")) db.createObjectStore("queue", { keyPath: "id" });
      if (!has("till")) db.createObjectStore("till");
      // The catalogue is read anew, as if nothing was kept of it.
      if (has("catalogue")) db.deleteObjectStore("catalogue");
      db.createObjectStore("catalogue", { keyPath: "sku" }).createIndex("gtins", "gtins", { multiEntry: true });
      request.transaction.objectStore("till").delete("catalogue");
    };
    request.onsuccess = () => {
      // Another tab with a newer form of it may go on; this one opens it again when it needs it.
      request.result.onversionchange = () => {
        request.result.close();
        opened = null;
      };
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  opened.catch(() => { opened = null; });
  return opened;
}

/** The result of a request. */
export const asked = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/**
 * Runs `work(stores)` in one transaction; resolves to its result once that is on the disk. `work` awaits nothing but
 * requests of these stores.
 */
export async function transact(names, mode, work) {
  const db = await open();
  const transaction = db.transaction(names, mode, mode === "readwrite" ? { durability: "strict" } : {});
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
  });
  const stores = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)]));
  try {
    const result = await work(stores);
    await done;
    return result;
  } catch (error) {
    try { transaction.abort(); } catch { /* It has ended already. */ }
    done.catch(() => {});
    throw error;
  }
}

/** A value of the till, by name. */
export const kept = (name) => transact(["till"], "readonly", ({ till }) => asked(till.get(name)));

/** Keeps a value of the till. */
export const keep = (name, value) => transact(["till"], "readwrite", ({ till }) => asked(till.put(value, name)));

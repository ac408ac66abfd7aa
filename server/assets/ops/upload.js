// Sends a file as an import, with progress: bytes while it is sent, rows as the server reads them.

import { Refusal, Unreachable, get, query, retryAfter } from "/screens/api.js";
import { session } from "/screens/session.js";
import { unique } from "/screens/write.js";

const LOOKS_EVERY_MS = 500;

export const KINDS = ["stock", "skus", "locations", "groups", "prices", "rules", "supply", "channels", "sales"];

/** The first line of a file. */
export async function headerOf(file) {
  return (await file.slice(0, 4096).text()).split(/\r?\n/, 1)[0];
}

/**
 * Sends a file. `tell` hears `{sent, all}` in bytes and `{rows}`; resolves to the answer of the import. The same file sent
 * again changes nothing, because rows are absolute.
 */
export function upload(file, kind, options, tell) {
  const id = unique();
  const looks = setInterval(async () => {
    const { rows } = await get(`/v1/imports/${id}`).catch(() => ({}));
    if (rows > 0) tell({ rows });
  }, LOOKS_EVERY_MS);
  return send(file, `/v1/import/${kind}${query({ ...options, import: id, rejects: true })}`, tell).finally(() => clearInterval(looks));
}

/** `fetch` tells nothing of what was sent, so this is the older way. */
function send(file, url, tell) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const { key } = session;
    request.open("POST", url);
    for (const [name, value] of Object.entries(session.headers())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", file.name.endsWith("ndjson") ? "application/x-ndjson" : "text/csv");
    request.upload.addEventListener("progress", ({ loaded }) => tell({ sent: loaded, all: file.size }));
    request.addEventListener("error", () => reject(new Unreachable(new Error("the connection ended"))));
    request.addEventListener("load", () => {
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch { /* A proxy may answer without JSON. */ }
      if (request.status === 200) return resolve(body);
      if (request.status === 401) session.refused(key);
      return reject(new Refusal(request.status, body, retryAfter(request.getResponseHeader("Retry-After"))));
    });
    request.send(file);
  });
}

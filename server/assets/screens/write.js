// Writes. A write is frozen when it is made: a second tap, a retry and a queued resend are the same bytes under the same
// idempotency key, so it happens once.
//
//   const write = freeze("POST", "/v1/stock/counts", body);      // plain data: it may be kept in IndexedDB as it is
//   const { body } = await deliver(write, { tell, signal });     // tries until there is an answer
//   button.onclick = once(button, () => freeze(…), { done, refused });

import { Refusal, Unreachable, call } from "./api.js";
import { fill, h } from "./elements.js";
import { session } from "./session.js";
import { t } from "./texts.js";

/** When a write that takes long says so. */
export const SAYS_MS = 150;
export const SLOW_MS = 3000;
export const LATE_MS = 8000;

/** A server with a fault is not asked for ever. */
const FAULTS_MAX = 3;

const RETRY_MS = 1000;
const RETRY_MAX_MS = 60_000;

/** A key that no other write has. */
export function unique() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Fixes the bytes and the key of a write, and its `conditions`: `{"If-Match": tag}` of the version that was read. */
export function freeze(method, url, body, key = unique(), conditions = undefined) {
  return Object.freeze({ method, url, key, body: JSON.stringify(body), made_at: new Date().toISOString(), ...(conditions && { conditions }) });
}

/** Sends a write once. */
export function send({ method, url, key, body, conditions }, { signal } = {}) {
  return call(method, url, { headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...conditions }, body, signal });
}

/** How long to wait before try `attempt` (from 1): doubled each time, between 1 and 60 s, and at least `Retry-After`. */
export function backoff(attempt, retry_ms = 0, chance = Math.random()) {
  const wait = Math.min(RETRY_MS * 2 ** (attempt - 1), RETRY_MAX_MS);
  return Math.max(wait * (0.75 + chance / 4), retry_ms);
}

/**
 * Sends a write until it is answered, through lost connections, restarts and a key that has to be told again. `tell` hears
 * "sending" (150 ms), "slow" (3 s), "late" (8 s: offer "Check", or put it into the queue and end it by `signal`),
 * "waiting" and "key" (the key no longer works). Rejects with a `Refusal`. A key protects its own repeats only: where an
 * earlier try may have been done under another key, the refusal of the key is final and has `is_unknown`.
 */
export async function deliver(write, { tell = () => {}, signal } = {}) {
  let timers = [];
  const pass = () => { timers = [[SAYS_MS, "sending"], [SLOW_MS, "slow"], [LATE_MS, "late"]].map(([ms, state]) => setTimeout(tell, ms, state)); };
  let unknown_under = null;
  pass();
  try {
    for (let attempt = 1; ; attempt++) {
      const key = session.key;
      try {
        return await send(write, { signal });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error instanceof Refusal && error.status === 401) {
          // Until there is a key, a person is waited for, and nothing is late.
          timers.forEach(clearTimeout);
          tell("key");
          await Promise.race([session.works(), aborted(signal)]);
          if (unknown_under !== null && unknown_under.key !== session.key) throw Object.assign(error, { is_unknown: true });
          pass();
          continue;
        }
        const is_passing = error instanceof Unreachable || (error instanceof Refusal && error.is_passing);
        if (!is_passing || (error.status === 500 && attempt === FAULTS_MAX)) throw error;
        if (error instanceof Unreachable || error.status !== 429) unknown_under ??= { key };
        tell("waiting");
        await pause(backoff(attempt, error.retry_ms), signal);
      }
    }
  } finally {
    timers.forEach(clearTimeout);
  }
}

function aborted(signal) {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

/** Waits, or until the browser says that it is online again. */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    globalThis.addEventListener?.("online", end);
    signal?.addEventListener("abort", () => { end(); reject(signal.reason); }, { once: true });
  });
}

/**
 * A listener that does a write once, however often it is tapped: `make` freezes it at the first tap, and may first read
 * what it needs. The button says what it does from 150 ms on. After a refusal the next tap makes a new write. `late` may
 * take the write over (return true), such as into a queue; otherwise the button offers "Check", which is the same write
 * again. `during` hears a promise for as long as the write is under way. Resolves to whether it is still open.
 */
export function once(button, make, { done, refused, late = () => false, during = () => {} }) {
  let write = null;
  let controller = null;
  let label = null;
  const restore = () => {
    if (label) button.replaceChildren(...label);
    label = write = null;
  };
  const go = async () => {
    const { signal } = controller;
    const tell = (state) => {
      if (signal.aborted) return;
      label ??= [...button.childNodes];
      if (state === "sending") fill(button, t("sending"));
      if (state === "slow" || state === "waiting") fill(button, h("span", { role: "status" }, t("still_sending")));
      if (state === "key") fill(button, t("key_refused"));
      if (state === "late") controller.abort("late");
    };
    try {
      write ??= await make();
      if (!write) return;
      const answer = await deliver(write, { tell, signal });
      restore();
      await done(answer);
    } catch (error) {
      if (error !== "late") {
        restore();
        await refused(error);
      } else if (await late(write)) restore();
      else fill(button, t("check"));
    }
  };
  return async (event) => {
    event?.preventDefault();
    if (controller) return true;
    controller = new AbortController();
    button.setAttribute("aria-busy", "true");
    const work = go();
    during(work);
    try {
      await work;
    } finally {
      controller = null;
      button.removeAttribute("aria-busy");
    }
    return write !== null;
  };
}

/**
 * The words on a button for a write that is sent elsewhere, such as by the queue: "Sending", then "Still sending". Returns
 * the function that ends them.
 */
export function says(button) {
  const label = [...button.childNodes];
  button.setAttribute("aria-busy", "true");
  const timers = [
    setTimeout(() => fill(button, t("sending")), SAYS_MS),
    setTimeout(() => fill(button, h("span", { role: "status" }, t("still_sending"))), SLOW_MS),
  ];
  return () => {
    timers.forEach(clearTimeout);
    button.replaceChildren(...label);
    button.removeAttribute("aria-busy");
  };
}

const pressed = new WeakMap();

/** The same for a button whose listener is somebody else's: each press goes on with the write of the first. */
export function press(button, make, handlers) {
  if (!pressed.has(button)) pressed.set(button, once(button, make, handlers));
  return pressed.get(button)();
}

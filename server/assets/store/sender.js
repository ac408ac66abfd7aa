// Sends the queue: one tab at a time (Web Locks), oldest first, until each entry has an answer. All tabs hear of it.
//
// Events of `queue`: "sent" `{id, body}`, "refused" `{id, error}`, "waiting" `{id}` (no answer; it is tried again).

import { Refusal, Unreachable } from "../screens/api.js";
import { session } from "../screens/session.js";
import { backoff, send } from "../screens/write.js";
import { queue } from "./queue.js";

/** Without an answer for so long, a request is given up, and sent again. */
const PATIENCE_MS = 30_000;

class Sender extends EventTarget {
  /** What is under way, or null. */
  sending = null;
  /** Why nothing is sent: "key" (another is needed), "place" (the key is for other stores), or null. */
  blocked = null;
  #attempt = 0;
  #timer = null;
  #asked = false;

  /** Sends what waits, now. */
  async kick() {
    this.#asked = true;
    clearTimeout(this.#timer);
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.#asked) {
        this.#asked = false;
        const retry_ms = await alone(() => this.#drain());
        if (retry_ms === null) this.#attempt = 0;
        else if (retry_ms >= 0) this.#timer = setTimeout(() => this.kick(), backoff(++this.#attempt, retry_ms));
      }
    } finally {
      this.sending = null;
      this.dispatchEvent(new Event("change"));
    }
  }

  /** Null if nothing waits any more, how long to wait at least, or -1 if a person has to do something first. */
  async #drain() {
    for (;;) {
      const [entry] = (await queue.load()).filter(({ state }) => state === "waiting");
      if (!entry) return this.#is(null) ?? null;
      if (session.state === "none" || session.state === "refused") return this.#is("key") ?? -1;
      const { locations } = session.who;
      if (locations.length > 0 && !locations.includes(entry.location)) return this.#is("place") ?? -1;
      this.dispatchEvent(new Event("change"));
      try {
        const { body } = await send(entry.write, { signal: AbortSignal.timeout(PATIENCE_MS) });
        this.#attempt = 0;
        await queue.remove(entry.id);
        queue.tell("sent", { id: entry.id, kind: entry.kind, body });
      } catch (error) {
        const is_refusal = error instanceof Refusal;
        if (is_refusal && (error.status === 401 || error.status === 403)) return this.#is(error.status === 401 ? "key" : "place") ?? -1;
        if (!is_refusal || error.is_passing) {
          queue.tell("waiting", { id: entry.id });
          if (!is_refusal && !(error instanceof Unreachable) && error.name !== "TimeoutError") throw error;
          return error.retry_ms ?? 0;
        }
        const told = { status: error.status, problem: error.problem };
        await queue.mark(entry.id, { state: "refused", error: told, refused_at: new Date().toISOString() });
        queue.tell("refused", { id: entry.id, error: told });
      }
    }
  }

  #is(blocked) {
    this.blocked = blocked;
    this.dispatchEvent(new Event("change"));
    return null;
  }

  /**
   * What becomes of an entry, for the screen that made it: `{state: "sent", body}`, `{state: "refused", error}`, or
   * `{state: "queued"}` if there is no answer within `ms`.
   */
  outcome(id, ms) {
    return new Promise((resolve) => {
      const controller = new AbortController();
      const { signal } = controller;
      const end = (result) => {
        clearTimeout(timer);
        controller.abort();
        resolve(result);
      };
      const timer = setTimeout(end, ms, { state: "queued" });
      const hear = (kind, result) => queue.addEventListener(kind, ({ detail }) => { if (detail.id === id) end(result(detail)); }, { signal });
      hear("sent", ({ body }) => ({ state: "sent", body }));
      hear("refused", ({ error }) => ({ state: "refused", error: new Refusal(error.status, error.problem) }));
      hear("waiting", () => ({ state: "queued" }));
    });
  }
}

/** Runs it while no other tab does. Without locks the idempotency key alone makes two sendings one event. */
function alone(work) {
  return navigator.locks ? navigator.locks.request("anaquel.queue", work) : work();
}

export const sender = new Sender();
session.addEventListener("change", () => { if (session.state === "known" || session.state === "open") sender.kick(); });

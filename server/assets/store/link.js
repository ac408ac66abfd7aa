// Whether the server answers. What a request or the stream learns is believed at once; while nothing answers, it is asked
// again and again, in small.

import { watch } from "../screens/api.js";
import { session } from "../screens/session.js";
import { stream } from "../screens/live.js";
import { clock } from "./clock.js";

const ASKS_EVERY_MS = 2000;
const ASKS_AT_MOST_EVERY_MS = 15_000;

class Link extends EventTarget {
  is_offline = false;
  #timer = null;
  #wait = ASKS_EVERY_MS;

  constructor() {
    super();
    watch(({ status }) => (status === 0 ? this.#lost() : this.#found()));
    stream.addEventListener("state", () => { if (stream.state === "reconnecting" || stream.state === "live") this.ask(); });
    stream.addEventListener("heartbeat", () => {
      clock.hear(stream.as_of);
      this.#found();
    });
    globalThis.addEventListener("offline", () => this.#lost());
    globalThis.addEventListener("online", () => this.ask());
  }

  /** Asks the server whether it lives, and what time it is. */
  async ask() {
    try {
      const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      clock.hear(answer.headers.get("Date"));
      this.#found();
    } catch {
      this.#lost();
    }
  }

  #lost() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.ask(), this.#wait);
    this.#wait = Math.min(this.#wait * 1.5, ASKS_AT_MOST_EVERY_MS);
    if (this.is_offline) return;
    this.is_offline = true;
    this.dispatchEvent(new Event("change"));
  }

  #found() {
    clearTimeout(this.#timer);
    this.#wait = ASKS_EVERY_MS;
    if (!this.is_offline) return;
    this.is_offline = false;
    if (session.state === "unreachable") session.load();
    this.dispatchEvent(new Event("change"));
  }
}

export const link = new Link();

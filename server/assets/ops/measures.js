// What the server says of itself: seconds of the last hour, readiness, facts, and the counters of `/metrics`. One module
// asks; the panels listen.

import { Refusal, Unreachable, call, get } from "/screens/api.js";
import { session } from "/screens/session.js";
import { counters } from "./parse.js";

const KEPT_MAX = 3600;
const EVERY_MS = 2000;
const SLOWLY_MS = 10_000;

class Measures extends EventTarget {
  /** Samples `{at, writes, p99_ms, …}` of each second, oldest first. */
  samples = [];
  /** `{state, reason, warnings, role, follows, lag_ms, since}`; null before the first answer. */
  ready = null;
  info = null;
  /** The counters, by name with labels. */
  counters = new Map();
  /** Why there are no figures, such as a key without the scope. */
  refused = null;
  #began = false;

  start() {
    if (this.#began) return;
    this.#began = true;
    const often = async () => { await this.recent(); setTimeout(often, EVERY_MS); };
    const slowly = async () => { await this.facts(); setTimeout(slowly, SLOWLY_MS); };
    often();
    slowly();
    session.addEventListener("change", () => { this.recent(); this.facts(); });
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  /** Readiness needs no key, so the first line is right whoever reads it. */
  async #look() {
    const before = this.ready;
    const since = (state) => (before?.state === state ? before.since : before ? new Date().toISOString() : null);
    try {
      const { warnings, expiry_frozen, role, follows, lag_ms } = await get("/readyz");
      this.ready = { state: "ready", warnings, expiry_frozen, role, follows, lag_ms, since: null };
    } catch (error) {
      const state = error instanceof Unreachable ? "silent" : "read_only";
      this.ready = { state, reason: error.problem?.detail ?? error.problem?.title ?? "", warnings: [], since: since(state) };
    }
  }

  async recent() {
    await this.#look();
    if (session.state !== "known" && session.state !== "open") return this.#tell();
    const last = this.samples.at(-1)?.at;
    const seconds = last ? Math.min(Math.ceil((Date.now() - last) / 1000) + 5, KEPT_MAX) : KEPT_MAX;
    try {
      const { items } = await get("/v1/metrics/recent", { seconds });
      const fresh = items.map((item) => ({ ...item, at: Date.parse(item.time) })).filter(({ at }) => !last || at > last);
      this.samples = [...this.samples, ...fresh].slice(-KEPT_MAX);
      this.refused = null;
    } catch (error) {
      if (error instanceof Refusal && error.status !== 401) this.refused = error;
    }
    return this.#tell();
  }

  async facts() {
    if (session.state !== "known" && session.state !== "open") return;
    const [info, text] = await Promise.allSettled([get("/v1/info"), call("GET", "/metrics", { headers: { Accept: "text/plain" } })]);
    if (info.status === "fulfilled") this.info = info.value;
    if (text.status === "fulfilled") this.counters = counters(text.value.body);
    this.#tell();
  }

  /** The sum of a counter over its labels; null where there is none. */
  sum(name) {
    const values = [...this.counters].filter(([key]) => key === name || key.startsWith(`${name}{`)).map(([, value]) => value);
    return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) : null;
  }

  /** The mean of a histogram; null without a value. */
  mean(name) {
    const count = this.sum(`${name}_count`);
    return count ? this.sum(`${name}_sum`) / count : null;
  }
}

export const measures = new Measures();

// The stream of this tab: one connection for everything that a page shows, as the caller of the moment. It connects again
// by itself and goes on from its cursors, also after another key was told, so no page is loaded anew.

import { Anaquel } from "/anaquel.js";
import { session } from "./session.js";
import { moment } from "./format.js";
import { state } from "./elements.js";
import { t } from "./texts.js";

/** After so long without the server, what is shown is muted. */
const STALE_MS = 10_000;

/** States: "idle" (nothing is shown live), "connecting", "live", "reconnecting", "stale" (since `as_of`), "refused". */
class Stream extends EventTarget {
  state = "idle";
  /** The time of the server at the last word of it. */
  as_of = null;
  seq = null;
  lag_ms = null;
  #stream = null;
  #watched = new Set();
  #timer = null;
  #key = undefined;

  /**
   * Follows cells: `{skus, locations, groups, channel}`. Hears `{items, removed, seq}`; `onrefused` hears why there is
   * nothing to hear. Returns `{cells, close}`.
   */
  subscribe(selection, { onchange = () => {}, onreset = () => {}, onrefused = () => {} } = {}) {
    return this.#watch((stream) => {
      const live = stream.subscribe(selection);
      live.onchange = (change) => {
        this.as_of = new Date().toISOString();
        this.seq = change.seq;
        onchange(change);
      };
      return Object.assign(live, { onreset, onrefused });
    });
  }

  /**
   * Follows records: `{kinds, locations, customer}`, each once and in order. Hears items as in `/v1/events`. `onbegin(seq)`
   * and `onreset(reason, seq)` say from where on: lists read then with `min_seq` miss nothing. Returns `{close}`.
   */
  follow(selection, { onevent = () => {}, onbegin = () => {}, onreset = () => {}, onrefused = () => {} } = {}) {
    let cursor = null;
    return this.#watch((stream) => {
      const live = stream.follow({ ...selection, cursor });
      return Object.assign(live, {
        onbegin, onreset, onrefused,
        onevent: (item) => {
          cursor = live.cursor;
          onevent(item);
        },
      });
    });
  }

  /** Keeps something begun, on this connection and on those of later keys. */
  #watch(begin) {
    const watched = { begin, live: null };
    const close = () => {
      this.#watched.delete(watched);
      watched.live?.close();
      if (this.#watched.size === 0) this.#end();
    };
    this.#watched.add(watched);
    this.#open();
    if (!watched.live) this.#start(watched);
    return { close, get cells() { return watched.live?.cells ?? new Map(); } };
  }

  #open() {
    if (this.#stream || session.state === "none" || session.state === "refused") return;
    this.#key = session.key;
    const stream = new Anaquel(undefined, { key: session.key ?? undefined });
    this.#stream = stream;
    stream.onstate = (state) => { if (this.#stream === stream) this.#hear(state); };
    stream.onheartbeat = ({ seq, time, lag_ms }) => {
      if (this.#stream !== stream) return;
      this.seq = seq;
      this.as_of = time;
      this.lag_ms = lag_ms;
      this.dispatchEvent(new Event("heartbeat"));
    };
    stream.onrefused = (refused) => {
      if (refused.status === 401) session.refused(this.#key);
    };
  }

  #start(watched) {
    if (!this.#stream) return;
    watched.live = watched.begin(this.#stream);
  }

  #hear(state) {
    if (state === "connecting" && this.state === "idle") return this.#become("connecting");
    if (state === "open" || state === "closed") {
      this.#fresh();
      return this.#become(state === "open" ? "live" : "refused");
    }
    if (this.state === "live") this.#become("reconnecting");
    // It counts from the loss on, however often it is tried meanwhile.
    this.#timer ??= setTimeout(() => this.#become("stale"), STALE_MS);
  }

  #fresh() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #end() {
    if (this.#watched.size === 0) this.#become("idle");
    const stream = this.#stream;
    this.#stream = null;
    this.#fresh();
    stream?.close();
  }

  /** Another key is another stream; what is shown stays until it speaks. */
  renew() {
    const is_refused = session.state === "none" || session.state === "refused";
    if (is_refused || session.key !== this.#key || !this.#stream) this.#end();
    if (is_refused) return this.#become("refused");
    if (this.#watched.size === 0 || this.#stream) return;
    this.#become("reconnecting");
    this.#open();
    for (const watched of this.#watched) this.#start(watched);
  }
}

export const stream = new Stream();
session.addEventListener("change", () => stream.renew());

/** The sign of the stream, for a screen's bar; what is shown in `area` is muted while it is stale. */
export function streamState(area) {
  const sign = state("connecting", t("connecting"));
  const tell = () => {
    const words = {
      idle: "", connecting: t("connecting"), live: t("live"), reconnecting: t("reconnecting"),
      stale: t("as_of", { t: () => (stream.as_of ? moment(stream.as_of) : "–") }), refused: t("not_live"),
    };
    sign.hidden = stream.state === "idle";
    sign.tell(stream.state, words[stream.state]);
    area?.toggleAttribute("data-stale", stream.state === "stale" || stream.state === "refused");
  };
  stream.addEventListener("state", tell);
  session.addEventListener("change", tell);
  tell();
  return sign;
}

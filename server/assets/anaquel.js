// A client of Anaquel's live stream, without dependencies. ES module; see /live for it at work.
//
//   const stream = new Anaquel();                          // this page's own server
//   const live = stream.subscribe({ skus: ["A"], locations: ["es-001"], channel: "web" });
//   live.onchange = ({ items, removed, seq }) => { … };    // live.cells holds everything that is known
//   const { status, body } = await stream.request("reserve", { channel: "web", lines: [ … ] });
//
// It connects again by itself, with jitter, goes on from its cursors, and starts over where the chain has a gap. What it
// shows is what the server's log says at `live.seq`.

const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 15_000;
const WRITES = new Set(["reserve", "confirm", "ready", "collect", "cancel", "extend", "pickup_by", "sale", "movements", "counts"]);

/** The address of the stream on the server that this page came from. */
function ownAddress() {
  const { protocol, host } = globalThis.location;
  return `${protocol === "https:" ? "wss:" : "ws:"}//${host}/v1/stream`;
}

/** A value that no other client chooses. */
function unique() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the server refused. `status` and `problem` are those of its problem document. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

/** One connection, its subscriptions and its requests. */
export class Anaquel {
  /** Called with "connecting", "open", "waiting" or "closed". */
  onstate = () => {};
  /** Called with `{seq, time, lag_ms}`; the lag is relative to the quickest heartbeat so far. */
  onheartbeat = () => {};
  state = "closed";

  #url;
  #protocols;
  #quiet_ms;
  #socket = null;
  #subscriptions = new Map();
  #requests = new Map();
  #attempt = 0;
  #timer = null;
  #watchdog = null;
  #next = 1;
  #quickest = Infinity;

  /**
   * @param url address of the stream
   * @param key an API key or token, where the server asks for one; it does not travel in the address
   * @param quiet_ms after so long without a word (heartbeats come every 5 s) the connection counts as broken
   */
  constructor(url = ownAddress(), { key, quiet_ms = 20_000 } = {}) {
    this.#url = url;
    this.#protocols = key ? ["anaquel", `anaquel.key.${key}`] : ["anaquel"];
    this.#quiet_ms = quiet_ms;
    this.#connect();
  }

  /** Follows the cells of `skus` at `locations` and in `groups`; `mode` is "conflated" or "lossless". */
  subscribe(selection) {
    const live = new Live(selection, (message) => this.#send(message), () => this.#id());
    live.close = () => {
      this.#subscriptions.delete(live.id);
      this.#send({ op: "unsubscribe", id: live.id });
    };
    live.renamed = (before) => {
      this.#subscriptions.delete(before);
      this.#subscriptions.set(live.id, live);
    };
    live.start();
    return live;
  }

  /**
   * Has something done. Writes get an idempotency key if they bring none, so they are sent again after a lost connection
   * and still happen once. Resolves to `{status, body, replayed}`; rejects with `Refused`.
   */
  request(op, fields = {}) {
    const message = { op, id: this.#id(), ...fields };
    if (WRITES.has(op)) message.idempotency_key ??= unique();
    return new Promise((resolve, reject) => {
      this.#requests.set(message.id, { message, resolve, reject });
      this.#send(message);
    });
  }

  /** Ends the connection for good. */
  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#become("closed");
  }

  #id() {
    return `c${this.#next++}`;
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #become(state) {
    this.state = state;
    this.onstate(state);
  }

  #connect() {
    this.#become("connecting");
    const socket = new WebSocket(this.#url, this.#protocols);
    this.#socket = socket;
    this.#watch();
    socket.onopen = () => {
      this.#become("open");
      for (const live of [...this.#subscriptions.values()]) live.start();
      for (const { message } of this.#requests.values()) this.#send(message);
    };
    socket.onmessage = ({ data }) => {
      this.#attempt = 0;
      this.#watch();
      this.#hear(JSON.parse(data));
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      clearTimeout(this.#watchdog);
      // Full jitter: when a server restarts, its clients do not all come at once.
      const delay = Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#attempt++);
      this.#become("waiting");
      this.#timer = setTimeout(() => this.#connect(), delay);
    };
  }

  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      const socket = this.#socket;
      socket?.close();
      // A dead network answers no closing handshake.
      socket?.onclose();
    }, this.#quiet_ms);
  }

  #hear(message) {
    switch (message.type) {
      case "snapshot":
      case "delta":
      case "reset":
        this.#subscriptions.get(message.id)?.hear(message);
        break;
      case "heartbeat": {
        const took = Date.now() - Date.parse(message.time);
        this.#quickest = Math.min(this.#quickest, took);
        for (const [id, cursor] of Object.entries(message.cursors)) this.#subscriptions.get(id)?.moved(cursor);
        this.onheartbeat({ seq: message.seq, time: message.time, lag_ms: took - this.#quickest });
        break;
      }
      case "result":
      case "error": {
        const request = this.#requests.get(message.id);
        this.#requests.delete(message.id);
        if (message.type === "result") request?.resolve(message);
        else if (request) request.reject(new Refused(message.status, message.problem));
        else this.#subscriptions.get(message.id)?.onrefused(new Refused(message.status, message.problem));
      }
    }
  }
}

/** The cells of one subscription, as the server's log has them at `seq`. */
class Live {
  /** Called with `{items, removed, seq}` after every change; `items` are whole cells. */
  onchange = () => {};
  /** Called with the reason where everything had to be fetched anew, and with "gap" where a message was missing. */
  onreset = () => {};
  /** Called with `Refused` where the server does not take the subscription. */
  onrefused = (refused) => console.error(refused);
  /** Whole cells, by `SKU \n location`. */
  cells = new Map();
  seq = null;
  id = null;

  #selection;
  #send;
  #newId;
  #cursor = null;
  #fresh = null;
  // The `seq` of the message before. After a start, the first one is taken as it comes.
  #chain = null;

  constructor(selection, send, newId) {
    this.#selection = { ...selection, skus: [...(selection.skus ?? [])] };
    this.#send = send;
    this.#newId = newId;
  }

  /** Begins, or goes on after a lost connection. Each time under a new id: what was meant for the old one is not heard. */
  start() {
    const before = this.id;
    this.id = this.#newId();
    this.renamed(before);
    this.#chain = null;
    this.#fresh = this.#cursor === null ? new Map() : null;
    this.#send({ op: "subscribe", id: this.id, ...this.#selection, cursor: this.#cursor });
  }

  /** Follows more SKUs. */
  track(skus) {
    const more = skus.filter((sku) => !this.#selection.skus.includes(sku));
    this.#selection.skus.push(...more);
    if (more.length) this.#send({ op: "track", id: this.id, skus: more });
  }

  /** Follows them no longer. Without any left, the subscription is over: an empty list would mean all. */
  untrack(skus) {
    const left = this.#selection.skus.filter((sku) => !skus.includes(sku));
    if (left.length === 0) return this.close();
    this.#selection.skus = left;
    this.#send({ op: "untrack", id: this.id, skus });
  }

  moved(cursor) {
    this.#cursor = cursor;
  }

  hear({ type, seq, prev_seq, cursor, items = [], removed = [], more, reason }) {
    if (type === "reset") {
      this.#fresh = new Map();
      this.#cursor = null;
      this.onreset(reason);
      return;
    }
    if (type === "delta" && this.#chain !== null && prev_seq !== this.#chain) {
      this.onreset("gap");
      this.#send({ op: "unsubscribe", id: this.id });
      this.#cursor = null;
      this.start();
      return;
    }
    const known = this.#fresh ?? this.cells;
    for (const cell of items) known.set(`${cell.sku}\n${cell.location}`, cell);
    for (const { sku, location } of removed) known.delete(`${sku}\n${location}`);
    this.seq = this.#chain = seq;
    if (!more) this.#cursor = cursor ?? this.#cursor;
    if (this.#fresh && !more) {
      // All of it at once: nobody sees half a snapshot.
      const gone = [...this.cells].filter(([key]) => !this.#fresh.has(key)).map(([, { sku, location }]) => ({ sku, location }));
      this.cells = this.#fresh;
      this.#fresh = null;
      this.onchange({ items: [...this.cells.values()], removed: gone, seq });
    } else if (!this.#fresh) {
      this.onchange({ items, removed, seq });
    }
  }
}

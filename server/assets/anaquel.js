// A client of Anaquel's live stream, without dependencies. ES module for browsers and for Node.js 20 and later, with its
// types in anaquel.d.ts; see /live for it at work.
//
//   const stream = new Anaquel();                          // the server that this module came from
//   const stream = new Anaquel("https://stock.example", { key });
//   const live = stream.subscribe({ skus: ["A"], locations: ["es-001"], channel: "web" });
//   live.onchange = ({ items, removed, seq }) => { … };    // live.cells holds everything that is known
//   const { status, body } = await stream.request("reserve", { channel: "web", lines: [ … ] });
//
// It connects again by itself, with jitter, goes on from its cursors, and starts over where the chain has a gap. What it
// shows is what the server's log says at `live.seq`. It ends where trying again is of no use: a key that the server does
// not take ends it, and whatever is pending is told so.

const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 15_000;
const READS = new Set(["availability"]);

/** Close codes: the key is no longer valid; the client sent nothing; a message was too large. */
const UNAUTHORIZED = 4401;
const HELLO_TIMEOUT = 4002;
const TOO_LARGE = 1009;

/** The address of the stream: of the server that is named, that this module came from, or that the page came from. */
function addressOf(named) {
  const base = [import.meta.url, globalThis.location?.href].find((url) => /^https?:/.test(url ?? ""));
  if (!named && !base) throw new TypeError("new Anaquel(url): name the server, such as https://stock.example");
  const url = new URL(named ?? "/", base);
  if (url.pathname === "/") url.pathname = "/v1/stream";
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** A value that no other client chooses. */
function unique() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the server refused. `status` and `problem` are those of its problem document. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `status ${status}`);
    this.name = "Refused";
    this.status = status;
    this.problem = problem;
  }
}

/** The connection was closed by `close()`; whether what was pending was done is not known. */
export class Closed extends Error {
  constructor() {
    super("the connection was closed");
    this.name = "Closed";
  }
}

/** One connection, its subscriptions and its requests. */
export class Anaquel {
  /** Called with "connecting", "open", "waiting" or "closed", and with the error behind the last two. */
  onstate = () => {};
  /** Called with `{seq, time, lag_ms}`; the lag is relative to the quickest heartbeat so far. */
  onheartbeat = () => {};
  /** Called once with `Refused` where the server does not let this caller in: the connection is closed for good. */
  onrefused = () => {};
  state = "closed";
  /** Why it is waiting or closed; null otherwise, and after `close()`. */
  error = null;

  #url;
  #key;
  #quiet_ms;
  #Socket;
  #socket = null;
  #subscriptions = new Map();
  #requests = new Map();
  #attempt = 0;
  #timer = null;
  #watchdog = null;
  #next = 1;
  #quickest = Infinity;
  #has_ended = false;
  #is_idle = false;

  /**
   * @param url the server, or its stream
   * @param key an API key or token, where the server asks for one; it does not travel in the address
   * @param quiet_ms after so long without a word (heartbeats come every 5 s) the connection counts as broken
   * @param WebSocket another implementation than that of the platform
   */
  constructor(url, { key, quiet_ms = 20_000, WebSocket: Socket = globalThis.WebSocket ?? NodeSocket } = {}) {
    this.#url = addressOf(url);
    this.#key = key;
    this.#quiet_ms = quiet_ms;
    this.#Socket = Socket;
    this.#connect();
  }

  /** Follows the cells of `skus` at `locations` and in `groups`; `mode` is "conflated" or "lossless". */
  subscribe(selection) {
    return this.#begin(new Live(selection, (message) => this.#send(message), () => this.#id()));
  }

  /**
   * Follows what happens to things of `kinds` ("order", "transfer", "return", "reservation", "shortage") at `locations`,
   * or of `customer`: each record once and in order, also over a lost connection. `cursor` goes on from an earlier one.
   */
  follow(selection) {
    return this.#begin(new Followed(selection, (message) => this.#send(message), () => this.#id()));
  }

  #begin(live) {
    live.close = () => {
      this.#subscriptions.delete(live.id);
      this.#send({ op: "unsubscribe", id: live.id });
    };
    live.renamed = (before) => {
      this.#subscriptions.delete(before);
      this.#subscriptions.set(live.id, live);
    };
    live.start();
    if (this.#has_ended) queueMicrotask(() => live.onrefused(this.error ?? new Closed()));
    this.#wake();
    return live;
  }

  /**
   * Has something done. Writes get an idempotency key if they bring none, so they are sent again after a lost connection
   * and still happen once. Resolves to `{status, body, replayed}`; rejects with `Refused`, with `Closed` once the
   * connection is closed, or with the reason of `signal`, which gives up waiting and not what was asked for.
   */
  request(op, fields = {}, { signal } = {}) {
    const message = { op, id: this.#id(), ...fields };
    if (!READS.has(op)) message.idempotency_key ??= unique();
    return new Promise((resolve, reject) => {
      if (this.#has_ended) return reject(this.error ?? new Closed());
      if (signal?.aborted) return reject(signal.reason);
      const request = { message, resolve, reject };
      this.#requests.set(message.id, request);
      signal?.addEventListener("abort", () => {
        if (this.#requests.delete(message.id)) reject(signal.reason);
      });
      this.#send(message);
      this.#wake();
    });
  }

  /** Ends the connection for good; what is pending is rejected. */
  close() {
    this.#end(null);
  }

  #end(error) {
    if (this.#has_ended) return;
    this.#has_ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const pending = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of pending) reject(error ?? new Closed());
    this.#become("closed", error);
    if (!error) return;
    this.onrefused(error);
    for (const live of this.#subscriptions.values()) live.onrefused(error);
  }

  #id() {
    return `c${this.#next++}`;
  }

  #send(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #become(state, error = null) {
    this.state = state;
    this.error = error;
    this.onstate(state, error);
  }

  /** Connects again, if the server ended the connection because nobody asked for anything. */
  #wake() {
    if (!this.#is_idle || this.#has_ended) return;
    this.#is_idle = false;
    this.#connect();
  }

  #connect() {
    this.#become("connecting");
    const protocols = this.#key ? ["anaquel", `anaquel.key.${this.#key}`] : ["anaquel"];
    const socket = new this.#Socket(this.#url, protocols);
    let was_open = false;
    this.#socket = socket;
    this.#watch();
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      was_open = true;
      this.#become("open");
      for (const live of [...this.#subscriptions.values()]) live.start();
      for (const { message } of this.#requests.values()) this.#send(message);
    };
    socket.onmessage = ({ data }) => {
      if (this.#socket !== socket) return;
      this.#attempt = 0;
      this.#watch();
      this.#hear(JSON.parse(data));
    };
    socket.onclose = ({ code, reason } = {}) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      clearTimeout(this.#watchdog);
      this.#lost(was_open, code, reason);
    };
  }

  /** What is to be done about a connection that ended, or never came about. */
  async #lost(was_open, code, reason) {
    const error = was_open ? new Error(`the connection was lost (${code ?? "no answer"} ${reason ?? ""})`) : await this.#why();
    if (this.#has_ended || this.#socket) return;
    if (code === UNAUTHORIZED) return this.#end(new Refused(401, { detail: "the key is no longer valid" }));
    if (error instanceof Refused && [401, 403].includes(error.status)) return this.#end(error);
    if (code === TOO_LARGE) this.#giveUpLargest();
    if (code === HELLO_TIMEOUT && this.#requests.size + this.#subscriptions.size === 0) {
      this.#is_idle = true;
      return this.#become("waiting", error);
    }
    // Full jitter: when a server restarts, its clients do not all come at once.
    const backoff = Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#attempt++);
    this.#become("waiting", error);
    if (!this.#has_ended) this.#timer = setTimeout(() => this.#connect(), Math.max(backoff, error.retry_ms ?? 0));
  }

  /** Why no socket came about: browsers do not tell what a handshake was answered, so it is asked for as anybody may. */
  async #why() {
    try {
      const headers = this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
      const signal = AbortSignal.timeout(this.#quiet_ms);
      const answer = await fetch(this.#url.replace(/^ws/, "http"), { headers, signal, cache: "no-store" });
      const refused = new Refused(answer.status, await answer.json().catch(() => undefined));
      refused.retry_ms = 1000 * (Number(answer.headers.get("Retry-After")) || 0);
      return refused;
    } catch (error) {
      return new Error(`the server does not answer, or lets no page of this origin in: ${error.message}`);
    }
  }

  /** A message was larger than the server takes, and would be again. */
  #giveUpLargest() {
    const length = ({ message }) => JSON.stringify(message).length;
    const largest = [...this.#requests.values()].sort((one, other) => length(other) - length(one))[0];
    if (!largest) return;
    this.#requests.delete(largest.message.id);
    largest.reject(new Refused(413, { detail: "the message is larger than the server takes (stream.message_bytes)" }));
  }

  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      const socket = this.#socket;
      socket?.close();
      // A dead network answers no closing handshake.
      socket?.onclose({ reason: `nothing came for ${this.#quiet_ms} ms` });
    }, this.#quiet_ms);
  }

  #hear(message) {
    switch (message.type) {
      case "snapshot":
      case "delta":
      case "reset":
      case "event":
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
        if (message.type === "result" && request) request.resolve(message);
        else if (message.type === "result") this.#subscriptions.get(message.id)?.began?.(message.body);
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

/** What happens to some things: records of the log, in its order. */
class Followed {
  /** Called with each record, as `/v1/events` has it. */
  onevent = () => {};
  /** Called with the `seq` from which on records are told: lists that are read now, with `min_seq`, miss nothing. */
  onbegin = () => {};
  /** Called with the reason and the `seq` where what happened before is not told: read the lists anew. */
  onreset = () => {};
  /** Called with `Refused` where the server does not let this caller follow them. */
  onrefused = (refused) => console.error(refused);
  cursor = null;
  seq = null;
  id = null;

  #selection;
  #send;
  #newId;

  constructor({ cursor = null, ...selection }, send, newId) {
    this.cursor = cursor;
    this.#selection = selection;
    this.#send = send;
    this.#newId = newId;
  }

  /** Begins, or goes on after a lost connection. */
  start() {
    const before = this.id;
    this.id = this.#newId();
    this.renamed(before);
    this.#send({ op: "follow", id: this.id, ...this.#selection, cursor: this.cursor });
  }

  began({ seq, cursor }) {
    this.seq = seq;
    this.cursor = cursor;
    this.onbegin(seq);
  }

  moved(cursor) {
    this.cursor = cursor;
  }

  hear({ type, seq, cursor, item, reason }) {
    this.seq = seq;
    this.cursor = cursor;
    if (type === "reset") this.onreset(reason, seq);
    else this.onevent(item);
  }
}

/** The WebSocket that Node.js has only from version 22 on: as much of it as is used here. */
class NodeSocket {
  readyState = 0;
  onopen = () => {};
  onmessage = () => {};
  onclose = () => {};

  #stream = null;
  #received = [];
  #length = 0;
  #wanted = 2;
  #pieces = [];

  constructor(url, protocols) {
    this.#open(url, protocols).catch(() => this.#ended(1006, ""));
  }

  async #open(url, protocols) {
    const { request } = await import(url.startsWith("wss:") ? "node:https" : "node:http");
    const { createHash, randomBytes } = await import("node:crypto");
    if (this.readyState !== 0) return;
    const nonce = randomBytes(16).toString("base64");
    const asked = request(url.replace(/^ws/, "http"), {
      headers: {
        Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": nonce,
        "Sec-WebSocket-Protocol": protocols.join(", "),
      },
    });
    this.#stream = asked;
    asked.on("error", () => this.#ended(1006, ""));
    asked.on("response", () => this.#ended(1006, ""));
    asked.on("upgrade", (answer, stream, head) => {
      const expected = createHash("sha1").update(`${nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      if (this.readyState !== 0 || answer.headers["sec-websocket-accept"] !== expected) return stream.destroy();
      this.#stream = stream;
      stream.setNoDelay(true);
      stream.on("data", (bytes) => this.#take(bytes));
      stream.on("close", () => this.#ended(1006, ""));
      stream.on("error", () => this.#ended(1006, ""));
      this.readyState = 1;
      this.onopen();
      if (head.length) this.#take(head);
    });
    asked.end();
  }

  send(text) {
    this.#write(1, Buffer.from(text));
  }

  close() {
    if (this.readyState === 1) this.#write(8, Buffer.from([0x03, 0xe8]));
    this.#ended(1000, "");
  }

  #ended(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#stream?.end?.();
    setTimeout(() => this.#stream?.destroy(), 1000).unref();
    this.onclose({ code, reason });
  }

  /** What a client sends is masked. */
  #write(opcode, payload) {
    const { length } = payload;
    const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
    if (head.length === 4) head.writeUInt16BE(length, 2);
    if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
    const mask = crypto.getRandomValues(new Uint8Array(4));
    this.#stream.write(Buffer.concat([head, mask, payload.map((byte, at) => byte ^ mask[at & 3])]));
  }

  /** Takes in bytes; they are put together only once there are enough for a frame. */
  #take(bytes) {
    this.#received.push(bytes);
    this.#length += bytes.length;
    while (this.readyState === 1 && this.#length >= this.#wanted) {
      const all = this.#received.length === 1 ? this.#received[0] : Buffer.concat(this.#received);
      this.#received = [all];
      const short = all[1] & 127;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      const length = all.length < start ? 0 : short < 126 ? short : short === 126 ? all.readUInt16BE(2) : Number(all.readBigUInt64BE(2));
      this.#wanted = start + length;
      if (all.length < this.#wanted) continue;
      this.#received = [all.subarray(this.#wanted)];
      this.#length -= this.#wanted;
      const payload = all.subarray(start, this.#wanted);
      this.#wanted = 2;
      this.#frame(all[0] & 15, (all[0] & 128) !== 0, payload);
    }
  }

  #frame(opcode, is_last, payload) {
    if (opcode === 8) {
      this.#write(8, payload);
      this.#ended(payload.length < 2 ? 1005 : payload.readUInt16BE(0), payload.subarray(2).toString());
    } else if (opcode === 9) {
      this.#write(10, payload);
    } else if (opcode < 3) {
      this.#pieces.push(payload);
      if (!is_last) return;
      const data = Buffer.concat(this.#pieces).toString();
      this.#pieces = [];
      this.onmessage({ data });
    }
  }
}

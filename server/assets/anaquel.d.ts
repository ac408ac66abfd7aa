// Types of anaquel.js. Nothing else is needed: neither the library of browsers nor that of Node.js.

/** A cell; a channel that gets no numbers has `band` instead of `available`. */
export interface Cell {
  sku: string;
  location: string;
  on_hand?: number;
  reserved?: number;
  safety_stock?: number;
  available?: number;
  band?: string;
  /** False if the SKU is untracked, such as a gift card; `available` is then the maximum of one line. */
  tracked?: boolean;
  [member: string]: unknown;
}

/** One cell, by its names. */
export interface CellName {
  sku: string;
  location: string;
}

/** A selection: every field may be left out, and an empty list of SKUs means all SKUs of the given places. */
export interface Selection {
  skus?: readonly string[];
  locations?: readonly string[];
  groups?: readonly string[];
  channel?: string;
  mode?: "conflated" | "lossless";
}

/** A problem document (RFC 9457); `type` is `/problems/…`. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  field?: string;
  [member: string]: unknown;
}

export interface Change {
  /** Complete cells, as of `seq`. */
  items: Cell[];
  /** Cells that left the subscription. */
  removed: CellName[];
  seq: number;
}

export interface Heartbeat {
  seq: number;
  time: string;
  /** Relative to the quickest heartbeat so far. */
  lag_ms: number;
}

/** The answer to a request, as over HTTP. */
export interface Result<Body = any> {
  status: number;
  body: Body;
  /** Whether this is a repeat, answered with the first answer. */
  replayed?: boolean;
}

export type State = "connecting" | "open" | "waiting" | "closed";

/** What to follow: kinds, at locations (all if left out), of a customer; `cursor` goes on from an earlier follower. */
export interface FollowSelection {
  kinds: readonly ("order" | "transfer" | "return" | "reservation" | "shortage")[];
  locations?: readonly string[];
  customer?: string;
  cursor?: string | null;
}

/** A record of the log, as `GET /v1/events` has it. */
export interface LogRecord {
  seq: number;
  time: string;
  kind: string;
  cause: { channel?: string | null; actor?: string | null; reference?: string | null; [member: string]: unknown };
  [member: string]: unknown;
}

/** The operations; each takes the fields of its HTTP call. Steps take the id as `reservation`, or as `order` and `fulfilment`. */
export type Operation =
  | "reserve" | "confirm" | "ready" | "collect" | "cancel" | "extend" | "pickup_by" | "bind" | "rebind"
  | "movements" | "counts" | "sale" | "availability" | "order_sale" | "order_collect";

/** The used part of an `AbortSignal`. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason: any;
  addEventListener(type: "abort", listener: () => void): void;
}

/** The used part of a browser's WebSocket. */
export interface Socket {
  readonly readyState: number;
  onopen: any;
  onmessage: any;
  onclose: any;
  send(text: string): void;
  close(): void;
}

export interface Options {
  /** An API key or token, if the server requires one. */
  key?: string;
  /** The connection counts as broken after this time without a message; heartbeats come every 5 s. 20,000 if left out. */
  quiet_ms?: number;
  /** An implementation in place of the platform's. */
  WebSocket?: new (url: string, protocols: string[]) => Socket;
}

/** A refusal of the server. */
export class Refused extends Error {
  constructor(status: number, problem?: Problem);
  readonly name: "Refused";
  readonly status: number;
  readonly problem?: Problem;
}

/** The connection was closed by `close()`; it is unknown whether pending requests were done. */
export class Closed extends Error {
  readonly name: "Closed";
}

/** One connection, its subscriptions and its requests. */
export class Anaquel {
  /**
   * @param url the server (`https://stock.example`) or its stream (`wss://stock.example/v1/stream`); left out, the server
   * that the module came from
   */
  constructor(url?: string, options?: Options);
  readonly state: State;
  /** Why it is waiting or closed; null otherwise, and after `close()`. */
  readonly error: Error | null;
  onstate: (state: State, error: Error | null) => void;
  onheartbeat: (heartbeat: Heartbeat) => void;
  /** Called once if the server does not accept this caller: the connection is closed for good. */
  onrefused: (refused: Refused) => void;
  /** Subscribes to cells. */
  subscribe(selection: Selection): Live;
  /** Follows what happens to orders, transfers, returns, reservations and shortages: each record once, in order. */
  follow(selection: FollowSelection): Followed;
  /**
   * Sends a request, once: writes get an idempotency key if they have none. Rejects with `Refused`, with `Closed`,
   * or with the reason of `signal`, which ends the waiting, not the request.
   */
  request<Body = any>(op: Operation, fields?: Record<string, unknown>, options?: { signal?: Signal }): Promise<Result<Body>>;
  /** Ends the connection for good; pending requests are rejected. */
  close(): void;
}

/** What happens to some things: records of the log, in its order. */
export interface Followed {
  /** Called with each record. */
  onevent: (record: LogRecord) => void;
  /** Called with the `seq` from which on records are sent: lists that are read now, with `min_seq`, miss nothing. */
  onbegin: (seq: number) => void;
  /** Called if earlier records are not sent: read the lists again. */
  onreset: (reason: string, seq: number) => void;
  /** Called if the server refuses it, or the connection ended for good. */
  onrefused: (refused: Refused | Closed) => void;
  readonly cursor: string | null;
  readonly seq: number | null;
  /** Ends it. */
  close(): void;
}

/** The cells of one subscription, as of record `seq` of the server's log. */
export interface Live {
  /** Called after every change, first with all cells. */
  onchange: (change: Change) => void;
  /** Called with the reason if the subscription starts over; "gap" if a message was missing. */
  onreset: (reason: string) => void;
  /** Called if the server refuses the subscription, or the connection ended for good. */
  onrefused: (refused: Refused | Closed) => void;
  /** Complete cells, by `SKU \n location`. */
  readonly cells: Map<string, Cell>;
  /** The record that `cells` are exact at; null until the first snapshot. */
  readonly seq: number | null;
  /** Adds SKUs. */
  track(skus: readonly string[]): void;
  /** Removes SKUs; without any left, the subscription ends. */
  untrack(skus: readonly string[]): void;
  /** Ends the subscription. */
  close(): void;
}

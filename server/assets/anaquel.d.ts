// Types of anaquel.js. Nothing else is needed: neither the library of browsers nor that of Node.js.

/** A cell as it stands; who is not told numbers has `band` instead of `available`. */
export interface Cell {
  sku: string;
  location: string;
  on_hand?: number;
  reserved?: number;
  safety_stock?: number;
  available?: number;
  band?: string;
  /** False where nobody counts the SKU, such as a gift card; `available` is then what one line may be promised. */
  tracked?: boolean;
  [member: string]: unknown;
}

/** One cell, by its names. */
export interface CellName {
  sku: string;
  location: string;
}

/** What is followed: every field may be left out, and an empty list of SKUs means all of the given places. */
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
  /** Whole cells, as they stand at `seq`. */
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

/** What was answered to a request: as over HTTP. */
export interface Result<Body = any> {
  status: number;
  body: Body;
  /** Whether it is the first answer told again. */
  replayed?: boolean;
}

export type State = "connecting" | "open" | "waiting" | "closed";

/** What has something done; each takes the fields of its call over HTTP, steps with the id as `reservation`. */
export type Operation =
  | "reserve" | "confirm" | "ready" | "collect" | "cancel" | "extend" | "pickup_by" | "bind" | "rebind"
  | "movements" | "counts" | "sale" | "availability";

/** As much of an `AbortSignal` as is used. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason: any;
  addEventListener(type: "abort", listener: () => void): void;
}

/** A WebSocket as browsers have it, as much of it as is used. */
export interface Socket {
  readonly readyState: number;
  onopen: any;
  onmessage: any;
  onclose: any;
  send(text: string): void;
  close(): void;
}

export interface Options {
  /** An API key or token, where the server asks for one. */
  key?: string;
  /** After so long without a word the connection counts as broken; heartbeats come every 5 s. 20,000 if left out. */
  quiet_ms?: number;
  /** Another implementation than that of the platform. */
  WebSocket?: new (url: string, protocols: string[]) => Socket;
}

/** What the server refused. */
export class Refused extends Error {
  constructor(status: number, problem?: Problem);
  readonly name: "Refused";
  readonly status: number;
  readonly problem?: Problem;
}

/** The connection was closed by `close()`; whether what was pending was done is not known. */
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
  /** Called once where the server does not let this caller in: the connection is closed for good. */
  onrefused: (refused: Refused) => void;
  /** Follows cells. */
  subscribe(selection: Selection): Live;
  /**
   * Has something done, once: writes get an idempotency key if they bring none. Rejects with `Refused`, with `Closed`,
   * or with the reason of `signal`, which gives up waiting and not what was asked for.
   */
  request<Body = any>(op: Operation, fields?: Record<string, unknown>, options?: { signal?: Signal }): Promise<Result<Body>>;
  /** Ends the connection for good; what is pending is rejected. */
  close(): void;
}

/** The cells of one subscription, as the server's log has them at `seq`. */
export interface Live {
  /** Called after every change, first with everything there is. */
  onchange: (change: Change) => void;
  /** Called where everything had to be fetched anew, with the reason; "gap" where a message was missing. */
  onreset: (reason: string) => void;
  /** Called where the server does not take the subscription, or the connection ended for good. */
  onrefused: (refused: Refused | Closed) => void;
  /** Whole cells, by `SKU \n location`. */
  readonly cells: Map<string, Cell>;
  /** The record that `cells` are exact at; null until the first snapshot. */
  readonly seq: number | null;
  /** Follows more SKUs. */
  track(skus: readonly string[]): void;
  /** Follows them no longer; without any left, the subscription is over. */
  untrack(skus: readonly string[]): void;
  /** Ends the subscription. */
  close(): void;
}

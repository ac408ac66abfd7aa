// Calls of the public API as the caller of this tab. Nothing is kept by the browser; a refusal is a `Refusal` with its
// problem document; no answer is `Unreachable`. Reads are here, writes in `write.js`.

import { session } from "./session.js";

/** The server said no. `problem` is its problem document (RFC 9457), `retry_ms` its `Retry-After`. */
export class Refusal extends Error {
  constructor(status, problem = {}, retry_ms = 0) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.name = "Refusal";
    this.status = status;
    this.problem = problem;
    this.retry_ms = retry_ms;
  }

  /** The kind of problem, such as "insufficient-stock". */
  get slug() {
    return this.problem.type?.split("/").pop() ?? "";
  }

  /** Whether the same request may be answered later. */
  get is_passing() {
    return this.status === 429 || this.status >= 500;
  }
}

/** No answer came: whether a write was done is not known. */
export class Unreachable extends Error {
  constructor(cause) {
    super("the server does not answer");
    this.name = "Unreachable";
    this.cause = cause;
  }
}

/** A path with its parts encoded: path`/v1/orders/${order}/cancel`. */
export function path(parts, ...values) {
  return parts.map((part, at) => part + (at < values.length ? encodeURIComponent(values[at]) : "")).join("");
}

/** A query from an object: arrays repeat, null and undefined are left out. */
export function query(values) {
  const given = Object.entries(values).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const told = new URLSearchParams(given.filter(([, value]) => value !== null && value !== undefined)).toString();
  return told ? `?${told}` : "";
}

/** `Retry-After` as milliseconds: seconds, or a date. */
export function retryAfter(header, now = Date.now()) {
  if (!header) return 0;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.max(wait, 0) : 0;
}

/**
 * One request, one answer: `{status, body, headers}`. Others may watch (`watch` is called with what was asked and what
 * came), which is how `/shop` shows its calls.
 */
export async function call(method, url, { headers = {}, body, signal } = {}) {
  const { key } = session;
  const began = performance.now();
  let answer;
  let told;
  try {
    answer = await fetch(url, { method, headers: { Accept: "application/json", ...session.headers(), ...headers }, body, signal, cache: "no-store" });
    const text = await answer.text();
    const is_json = /[/+]json\b/.test(answer.headers.get("Content-Type") ?? "");
    told = is_json && text ? JSON.parse(text) : text;
  } catch (error) {
    if (signal?.aborted) throw error;
    watchers.forEach((watch) => watch({ method, url, body, status: 0, ms: performance.now() - began }));
    throw new Unreachable(error);
  }
  watchers.forEach((watch) => watch({ method, url, body, status: answer.status, answer: told, ms: performance.now() - began }));
  if (answer.ok) return { status: answer.status, body: told, headers: answer.headers };
  if (answer.status === 401) session.refused(key);
  throw new Refusal(answer.status, typeof told === "object" ? told : {}, retryAfter(answer.headers.get("Retry-After")));
}

const watchers = new Set();

/** Hears of every call; returns the function that ends it. */
export function watch(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Reads a path; resolves to the body. `values` is its query. */
export async function get(url, values = {}, options = {}) {
  return (await call("GET", url + query(values), options)).body;
}

/** Asks by POST something that writes nothing, such as `/v1/prices/query`. */
export async function post(url, body, options = {}) {
  return (await call("POST", url, { ...options, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).body;
}

/** All items of a list, page after page, at most `most`. */
export async function all(url, values = {}, { most = 10_000, ...options } = {}) {
  const items = [];
  let after;
  do {
    const page = await get(url, { limit: 1000, ...values, after }, options);
    items.push(...page.items);
    after = page.next;
  } while (after && items.length < most);
  return items;
}

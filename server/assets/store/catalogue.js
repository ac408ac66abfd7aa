// Names, codes and prices of the store, kept on this device for when there is no connection. Read anew each hour, by one
// tab, while nobody waits for it.

import { Refusal, all, call, post, query } from "../screens/api.js";
import { gtin } from "../screens/scan.js";
import { asked, keep, kept, transact } from "./db.js";

const EVERY_MS = 3_600_000;
const TOGETHER = 200;

/** How many names a search shows. */
const FOUND_MOST = 30;

let names = null;

/** `{at, location, channel, currency, cursor, count}` of what is kept; null if there is nothing. */
export const about = () => kept("catalogue");

/** Reads it anew if it is old or of another store. */
export async function refresh(place, { is_forced = false } = {}) {
  const work = async (lock) => {
    if (lock === null) return;
    const before = await about();
    const is_same = before && before.location === place.location && before.channel === place.channel && before.currency === place.currency;
    if (is_same && !is_forced && Date.now() - Date.parse(before.at) < EVERY_MS) return;
    const since = is_same ? before.cursor : null;
    const told = (await feed(place, since)) ?? (await pages(place));
    await store(told, place);
  };
  await (navigator.locks ? navigator.locks.request("anaquel.catalogue", { ifAvailable: true }, work) : work());
}

/** The feed of tills: all rows, or what changed since a cursor. Null where the server has none. */
async function feed({ location, channel, currency }, since) {
  try {
    const answer = await call("GET", `/v1/feeds/till${query({ location, channel, currency, since })}`, { headers: { Accept: "application/x-ndjson" } });
    // One row is JSON by itself, more are lines of it.
    const rows = typeof answer.body === "string" ? answer.body.split("\n").filter(Boolean).map((line) => JSON.parse(line)) : [answer.body].flat();
    return { rows, cursor: answer.headers.get("Anaquel-Cursor"), is_whole: !since || answer.headers.get("Anaquel-Whole") === "true" };
  } catch (error) {
    if (error instanceof Refusal && error.status === 410 && since) return feed({ location, channel, currency }, null);
    if (error instanceof Refusal && (error.status === 404 || error.status === 405)) return null;
    throw error;
  }
}

/** The same by pages of the catalogue and of prices. */
async function pages({ location, channel, currency }) {
  const skus = await all("/v1/skus", {}, { most: 50_000 });
  const rows = [];
  for (let at = 0; at < skus.length; at += TOGETHER) {
    const some = skus.slice(at, at + TOGETHER);
    const { items } = await post("/v1/prices/query", { lines: some.map(({ sku }) => ({ sku })), location, channel, currency });
    const prices = new Map(items.map(({ sku, amount }) => [sku, amount]));
    rows.push(...some.map((row) => ({ ...row, amount: prices.get(row.sku) ?? null })));
  }
  return { rows, cursor: null, is_whole: true };
}

async function store({ rows, cursor, is_whole }, { location, channel, currency }) {
  await transact(["catalogue", "till"], "readwrite", async ({ catalogue, till }) => {
    if (is_whole) await asked(catalogue.clear());
    for (const row of rows) {
      if (row.removed) catalogue.delete(row.sku);
      else catalogue.put({ sku: row.sku, name: row.name ?? null, gtins: gtinsOf(row.gtin), amount: row.amount ?? row.price ?? null, decimals: row.decimals ?? 0, unit: row.unit ?? null });
    }
    const count = await asked(catalogue.count());
    till.put({ at: new Date().toISOString(), location, channel, currency, cursor, count }, "catalogue");
  });
  names = null;
}

/** The codes of an item, which stand between semicolons, with 14 digits each. */
export const gtinsOf = (codes) => (codes ?? "").split(";").map((code) => gtin(code.trim())).filter(Boolean);

/**
 * The item of a code, as far as it is kept, as the server looks it up: by the code itself, and only then what a store's own
 * code names by its pattern; that one is `is_measured`.
 */
export async function find(code) {
  return transact(["catalogue"], "readonly", async ({ catalogue }) => {
    const byId = (id) => asked(catalogue.get(id));
    const byGtin = (digits) => (digits ? asked(catalogue.index("gtins").get(digits)) : undefined);
    const exact = (await byId(code.code)) ?? (await byGtin(code.kind === "in_store" ? gtin(code.code) : code.gtin));
    if (exact || code.kind !== "in_store") return exact ?? null;
    const own = (await byGtin(code.gtin)) ?? (await byId(code.item));
    return own ? { ...own, is_measured: true } : null;
  });
}

/** Items whose name or id has all of these words. */
export async function search(text) {
  names ??= transact(["catalogue"], "readonly", ({ catalogue }) => asked(catalogue.getAll()));
  const words = plain(text).split(/\s+/).filter(Boolean);
  const found = [];
  for (const item of await names) {
    const of = plain(`${item.name ?? ""} ${item.sku}`);
    if (words.every((word) => of.includes(word)) && found.push(item) === FOUND_MOST) break;
  }
  return found;
}

/** Without case and accents. */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** The age of what is kept, in seconds; null if there is nothing. */
export async function age() {
  const { at } = (await about()) ?? {};
  return at ? (Date.now() - Date.parse(at)) / 1000 : null;
}

/** Marks it as old, so that the next refresh reads it. */
export const forget = () => keep("catalogue", undefined);

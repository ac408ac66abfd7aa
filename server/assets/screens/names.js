// The names of SKUs and locations, asked for once, and only for what is shown.

import { Refusal, all, get, path } from "./api.js";

/** How many SKUs one request names, and how many requests are under way where a server takes one name each. */
const TOGETHER = 100;
const AT_ONCE = 4;

/** Beyond so many unknown ones, such a server's whole list is read, up to the second number. */
const ONE_BY_ONE = 40;
const LIST_MOST = 20_000;

const records = { sku: new Map(), location: new Map() };
let takes_many = true;
let is_listed = false;
let places = null;

/** The record of a SKU or location, if it is known yet. */
export const known = (kind, id) => records[kind].get(id);

/** Its name; the id where there is none, or none yet. */
export const nameOf = (kind, id) => records[kind].get(id)?.name ?? id;

/** All locations, with their names, hours and zones. */
export function locations() {
  places ??= all("/v1/locations").then((items) => {
    for (const item of items) records.location.set(item.location, item);
    return items;
  }, (error) => {
    places = null;
    throw error;
  });
  return places;
}

/** Fetches the SKUs that are not known yet; calls `told` after each part of them. */
export async function skus(ids, told = () => {}) {
  const wanted = [...new Set(ids)].filter((id) => !records.sku.has(id));
  for (let at = 0; at < wanted.length && takes_many; at += TOGETHER) {
    const some = wanted.slice(at, at + TOGETHER);
    try {
      const { items } = await get("/v1/skus", { sku: some, limit: TOGETHER });
      for (const item of items) records.sku.set(item.sku, item);
      for (const id of some) if (!records.sku.has(id)) records.sku.set(id, { sku: id });
      told();
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 400) throw error;
      takes_many = false;
    }
  }
  if (!takes_many && wanted.length > ONE_BY_ONE && !is_listed) {
    is_listed = true;
    for (const item of await all("/v1/skus", {}, { most: LIST_MOST })) records.sku.set(item.sku, item);
    told();
  }
  const one = async () => {
    for (let id = wanted.pop(); id !== undefined; id = wanted.pop()) {
      if (records.sku.has(id)) continue;
      const record = await get(path`/v1/skus/${id}`).catch((error) => {
        if (error instanceof Refusal && error.status === 404) return { sku: id };
        throw error;
      });
      records.sku.set(id, record);
      told();
    }
  };
  if (!takes_many) await Promise.all(Array.from({ length: AT_ONCE }, one));
}

// The catalogue of the shop: SKUs as this server has them, in pages, and products made of them. A shop of yours has its own.

import { h } from "/screens/elements.js";
import { callsOf } from "./calls.js";

const { get } = callsOf(import.meta.url);

/** SKUs of one page of the list: one request each to `availability/query` and `prices/query` covers them. */
export const PAGE = 200;

const known = new Map();
let next = undefined;

/** Reads the next page of SKUs; resolves to its records, none at the end. */
export async function page() {
  if (next === null) return [];
  const told = await get("/v1/skus", { declared: true, limit: PAGE, after: next });
  next = told.next;
  for (const record of told.items) known.set(record.sku, record);
  return told.items;
}

/** All SKUs read so far. */
export const read = () => [...known.values()];

/** Whether there are more. */
export const hasMore = () => next !== null;

/** A SKU, read by itself where its page was not read yet. */
export async function record(sku) {
  if (!known.has(sku)) known.set(sku, await get(`/v1/skus/${encodeURIComponent(sku)}`));
  return known.get(sku);
}

/** All variants of a SKU's product: pages are read until they have been passed. */
export async function variants(of) {
  const same = () => read().filter(({ product }) => product && product === of.product);
  if (!of.product) return [of];
  let before = -1;
  while (hasMore() && (same().length < 2 || same().length > before)) {
    before = same().length;
    await page();
  }
  return same();
}

const SIZES = ["XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL"];

/** From the smallest to the largest; sizes in numbers by their number, others as they came. */
export function bySize(records) {
  const rank = ({ attributes }) => {
    const size = attributes?.size ?? "";
    return SIZES.includes(size) ? SIZES.indexOf(size) : Number.parseFloat(size) || 0;
  };
  return [...records].sort((one, other) => rank(one) - rank(other));
}

/** What a customer sees as one thing: a product in a colour. */
export function cards(records) {
  const cards = new Map();
  for (const record of records) {
    const key = record.product ? `${record.product}\n${record.attributes?.colour ?? ""}` : record.sku;
    const card = cards.get(key) ?? { key, name: plainName(record), colour: record.attributes?.colour, records: [] };
    card.records.push(record);
    cards.set(key, card);
  }
  return [...cards.values()];
}

/** A name without its size: "T-shirt, red". */
export function plainName({ name, sku, attributes }) {
  const size = attributes?.size;
  return size && name?.endsWith(`, ${size}`) ? name.slice(0, -size.length - 2) : name ?? sku;
}

const COLOURS = { red: "#b3261e", black: "#22262b", white: "#f4f1ea", navy: "#1f3157", sand: "#d8c3a0", olive: "#6b6f3a", sky: "#9cc6e6", rust: "#a8502a" };

/** A tile in the colour of the article: this shop has no photographs. */
export function tile(colour) {
  const place = h("span", { class: "tile", "aria-hidden": "true" });
  const hue = [...(colour ?? "")].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 200);
  place.style.background = COLOURS[colour] ?? (colour && CSS.supports("color", colour) ? colour : `hsl(${hue} 35% 70%)`);
  return place;
}

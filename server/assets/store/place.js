// Where this device sells: the store, its channel, currency and barcodes, the name of the till. It is the device's, so that all of
// its tabs agree; it changes only while nothing waits to be sent.

import { all, get, path } from "../screens/api.js";
import { setPlace } from "../screens/format.js";
import { session } from "../screens/session.js";
import { keep, kept } from "./db.js";

/** The currency of a store that does not say its own, by its time zone. */
const CURRENCIES = [
  ["MXN", /^America\/(Mexico_City|Cancun|Merida|Monterrey|Matamoros|Chihuahua|Ciudad_Juarez|Ojinaga|Mazatlan|Bahia_Banderas|Hermosillo|Tijuana)$/],
  ["GBP", /^Europe\/London$/],
  ["USD", /^America\/(New_York|Chicago|Denver|Los_Angeles|Phoenix)$/],
];

export const currencyOf = ({ currency, timezone }) => currency ?? CURRENCIES.find(([, zones]) => zones.test(timezone ?? ""))?.[0] ?? "EUR";

/** The kept place, or null. A key that may not act there has none. */
export async function known() {
  const place = await kept("place");
  const { locations } = session.who;
  if (!place || (locations.length > 0 && !locations.includes(place.location))) return null;
  use(place);
  return place;
}

/** The name of this till: given once, and kept. */
export async function till() {
  const name = await kept("name");
  if (name) return name;
  const made = `T${Array.from(crypto.getRandomValues(new Uint8Array(3)), (byte) => "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"[byte % 32]).join("")}`;
  await keep("name", made);
  return made;
}

/** The stores that the key may act at, by name. */
export async function choices() {
  const { locations } = session.who;
  const items = locations.length > 0 ? await Promise.all(locations.map((id) => get(path`/v1/locations/${id}`))) : await all("/v1/locations");
  return items.filter(({ kind }) => kind === "store" || items.length === 1 || !kind)
    .sort((one, other) => (one.name ?? one.location).localeCompare(other.name ?? other.location));
}

/** The channels of a till that the key may use: its own, or all; a till's own comes first. */
export async function channels() {
  const { channels } = session.who;
  const ids = channels.length > 0 ? channels : (await all("/v1/channels")).map(({ channel }) => channel);
  const first = (id) => (id === "pos" ? 0 : id === "store" ? 1 : 2);
  return ids.length > 0 ? [...ids].sort((one, other) => first(one) - first(other)) : ["pos"];
}

/** What is needed of a location without a connection. */
const ofRecord = (record) => ({
  location: record.location, name: record.name ?? record.location, timezone: record.timezone ?? null, hours: record.hours ?? null,
  latitude: record.latitude ?? null, longitude: record.longitude ?? null, groups: record.groups ?? [], barcodes: record.barcodes ?? [],
});

/** Chooses a store: keeps what is needed of it without a connection. */
export async function choose(record, { name, channel }) {
  await keep("name", name);
  const place = { ...ofRecord(record), channel, currency: currencyOf(record), till: name, documents: await documents(record.location, channel) };
  await keep("place", place);
  use(place);
  return place;
}

/**
 * Reads a store anew: its hours and barcodes may have changed since it was chosen. Its currency stays until it is chosen again,
 * because a started sale has prices in it.
 */
export async function renew(place) {
  Object.assign(place, ofRecord(await get(path`/v1/locations/${place.location}`)));
  await keep("place", place);
  use(place);
}

/** Which documents are issued here: a store without a series of receipts sells without them. */
async function documents(location, channel) {
  if (!session.may("sell")) return { receipt: false, credit_note: false };
  const series = await all("/v1/series").catch(() => []);
  const holds = (named, id) => !named?.length || named.includes(id);
  const open = series.filter((one) => !one.closed && holds(one.locations, location) && holds(one.channels, channel));
  return { receipt: open.some(({ kind }) => kind === "receipt"), credit_note: open.some(({ kind }) => kind === "credit_note") };
}

function use(place) {
  setPlace({ timezone: place.timezone });
}

// Money, quantities and times, told for the country of the store in the language of the reader.

import { spoken } from "./texts.js";

/** The countries of time zones that retailers here use. */
const COUNTRIES = [
  ["ES", /^(Europe\/Madrid|Atlantic\/Canary|Africa\/Ceuta)$/],
  ["MX", /^America\/(Mexico_City|Cancun|Merida|Monterrey|Matamoros|Chihuahua|Ciudad_Juarez|Ojinaga|Mazatlan|Bahia_Banderas|Hermosillo|Tijuana)$/],
  ["PT", /^(Europe\/Lisbon|Atlantic\/(Azores|Madeira))$/],
  ["FR", /^Europe\/Paris$/],
  ["DE", /^Europe\/Berlin$/],
  ["GB", /^Europe\/London$/],
  ["US", /^America\/(New_York|Chicago|Denver|Los_Angeles|Phoenix)$/],
];

let place = { country: undefined, timezone: undefined };

/** Chooses the store whose money and times are shown: a record of `/v1/locations`. */
export function setPlace(record) {
  const timezone = record?.timezone;
  const country = record?.country ?? COUNTRIES.find(([, zones]) => zones.test(timezone ?? ""))?.[0];
  place = { country, timezone };
}

/** Where English has no customs of its own, its numbers and money would disagree: it is told as in Britain. */
const BRITISH = new Set(["ES", "PT", "FR", "DE"]);

/** The locale: the language of the reader, the customs of the store's country. */
export function locale() {
  if (spoken() === "en" && BRITISH.has(place.country)) return "en-GB";
  const own = globalThis.navigator?.language ?? "";
  if (place.country) return `${spoken()}-${place.country}`;
  return own.startsWith(spoken()) ? own : spoken();
}

/** Formats are costly to make, and few: each is made once. */
const formats = new Map();
function format(Kind, language, options = {}) {
  const name = `${Kind.name} ${language} ${JSON.stringify(options)}`;
  if (!formats.has(name)) formats.set(name, new Kind(language, options));
  return formats.get(name);
}
const numbers = (options) => format(Intl.NumberFormat, locale(), options);

/** An amount of whole minor units, such as `1250` and `EUR`. */
export function money(minor, currency) {
  const format = numbers({ style: "currency", currency, currencyDisplay: "narrowSymbol" });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const digitsOf = (currency) => format(Intl.NumberFormat, "en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;

/** What a person types as a number with at most `digits` decimals, in its smallest units; null if it is none. */
export function typedNumber(text, digits) {
  const found = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.trim().replace(/\s/g, ""));
  if (!found || (found[2] ?? "").length > digits) return null;
  return Number(found[1]) * 10 ** digits + Number((found[2] ?? "").padEnd(digits, "0") || 0);
}

/** The same number as a person would type it. */
export const typedText = (units, digits) => numbers({ useGrouping: false, minimumFractionDigits: digits }).format(units / 10 ** digits);

/** What a person types as an amount, in minor units; null if it is none. */
export const amountOf = (text, currency) => typedNumber(text, digitsOf(currency));

/** An amount as a person would type it. */
export const amountText = (minor, currency) => typedText(minor, digitsOf(currency));

/** A number of pieces, or of the smallest units of a SKU (`decimals`, `unit`). */
export function quantity(units, { decimals = 0, unit } = {}) {
  const text = numbers({ minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(units / 10 ** decimals);
  return decimals > 0 && unit ? `${text} ${unit}` : text;
}

export const number = (value, options) => numbers(options).format(value);

const inZone = (options) => format(Intl.DateTimeFormat, locale(), { timeZone: place.timezone, ...options });

/** A moment of today as its time, any other with its day. */
export function moment(when) {
  const date = new Date(when);
  const day = inZone({ dateStyle: "short" });
  if (day.format(date) === day.format(new Date())) return inZone({ timeStyle: "short" }).format(date);
  return inZone({ day: "numeric", month: "short", hour: "numeric", minute: "2-digit" }).format(date);
}

/** A time to the second. */
export const clock = (when) => inZone({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(when));

export const day = (when) => inZone({ dateStyle: "medium" }).format(new Date(when));

/** A duration in its two largest units. */
export function duration(seconds) {
  const units = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const first = Math.max(units.findIndex(([, size]) => seconds >= size), 0);
  const parts = [];
  let rest = Math.max(Math.floor(seconds), 0);
  for (const [unit, size] of units.slice(first, first + 2)) {
    const value = Math.floor(rest / size);
    rest -= value * size;
    if (value > 0 || parts.length === 0) parts.push(number(value, { style: "unit", unit, unitDisplay: "short" }));
  }
  return parts.join(" ");
}

// What a scanner or a keyboard says: bursts of keys, the codes in them, and quantities. Pure functions, without a page.

/** A burst: so many characters, no further apart; it ends by Enter, Tab or silence. */
export const BURST_LENGTH = 4;
export const BURST_GAP_MS = 50;
export const BURST_END_MS = 80;

/** The same code again within this time is one scan. */
export const REPEAT_MS = 250;

/** A quantity above this is asked for once more. */
export const QUANTITY_ASKS = 99;

const GROUP_SEPARATOR = "\u001d";

/**
 * Recognises bursts in keys. `key(name, now)` takes a key and answers "burst" for the key that ends one (its text is
 * `text`), "swallow" for a second end of it (CR LF), and "" otherwise; `silence(now)` is called 80 ms after a key.
 */
export class Bursts {
  text = "";
  #keys = "";
  #at = -Infinity;
  #ended_at = -Infinity;

  /** Whether what came so far is the beginning of a burst. */
  get is_under_way() {
    return this.#keys.length >= BURST_LENGTH;
  }

  /** Whether this is the first key after a pause. */
  starts(now) {
    return now - this.#at > BURST_GAP_MS;
  }

  key(name, now) {
    if (name === "Enter" || name === "Tab") {
      if (now - this.#ended_at <= BURST_END_MS && this.#keys === "") return "swallow";
      return now - this.#at <= BURST_END_MS ? this.#end(now) : this.#forget();
    }
    if (name.length !== 1) return "";
    this.#keys = this.starts(now) ? name : this.#keys + name;
    this.#at = now;
    return "";
  }

  silence(now) {
    return now - this.#at >= BURST_END_MS ? this.#end(now) : "";
  }

  #end(now) {
    const is_burst = this.is_under_way;
    if (is_burst) {
      this.text = this.#keys;
      this.#ended_at = now;
    }
    this.#forget();
    return is_burst ? "burst" : "";
  }

  #forget() {
    this.#keys = "";
    return "";
  }
}

/** Leaves out a code that comes again at once. */
export class Repeats {
  #last = null;
  #at = -Infinity;

  isNew(code, now) {
    const is_same = code === this.#last && now - this.#at <= REPEAT_MS;
    this.#last = code;
    this.#at = now;
    return !is_same;
  }
}

/** Without what scanners put around a code: STX, ETX, `*` of Code 39, the name of the symbology, ends of lines. */
export function strip(text) {
  const bare = text.replace(/[\u0002\u0003\r\n\t]/g, "").trim();
  const named = /^\]([A-Za-z])(\d)/.exec(bare);
  const rest = named ? bare.slice(3) : bare;
  const starred = /^\*(.+)\*$/.exec(rest);
  return { text: starred ? starred[1] : rest, symbology: named ? named[0] : null };
}

/** The check digit of the digits before it (GS1 General Specifications, 7.9). */
export function checkDigit(digits) {
  const sum = [...digits].reverse().reduce((sum, digit, at) => sum + Number(digit) * (at % 2 === 0 ? 3 : 1), 0);
  return (10 - (sum % 10)) % 10;
}

/** Whether digits end in their check digit. */
export const isChecked = (digits) => /^\d{2,}$/.test(digits) && checkDigit(digits.slice(0, -1)) === Number(digits.at(-1));

/** A GTIN of 8, 12, 13 or 14 digits as 14; null if it is none. */
export function gtin(digits) {
  return [8, 12, 13, 14].includes(digits.length) && isChecked(digits) ? digits.padStart(14, "0") : null;
}

/** A UPC-E code of 6 to 8 digits as a GTIN of 14; null if it is none. */
export function upcE(digits) {
  if (!/^\d{6,8}$/.test(digits)) return null;
  const system = digits.length === 6 ? "0" : digits[0];
  const body = digits.length === 6 ? digits : digits.slice(1, 7);
  if (system !== "0" && system !== "1") return null;
  const [a, b, c, d, e, last] = body;
  const middle = {
    0: `${a}${b}${last}0000${c}${d}${e}`, 1: `${a}${b}${last}0000${c}${d}${e}`, 2: `${a}${b}${last}0000${c}${d}${e}`,
    3: `${a}${b}${c}00000${d}${e}`, 4: `${a}${b}${c}${d}00000${e}`,
  }[last] ?? `${a}${b}${c}${d}${e}0000${last}`;
  const code = `${system}${middle}`;
  const whole = code + checkDigit(code);
  return digits.length === 8 && digits[7] !== whole[11] ? null : whole.padStart(14, "0");
}

/** The lengths of GS1 fields that have no separator, by the first two digits of their identifier, which count. */
const FIXED = {
  "00": 20, "01": 16, "02": 16, "03": 16, "04": 18, 11: 8, 12: 8, 13: 8, 14: 8, 15: 8, 16: 8, 17: 8, 18: 8, 19: 8, 20: 4,
  31: 10, 32: 10, 33: 10, 34: 10, 35: 10, 36: 10, 41: 16,
};

/** The identifiers of variable length that are read here, and their most characters. */
const VARIABLE = [[/^(10|21)/, 2, 20], [/^(30|37)/, 2, 8], [/^(39[0-3]\d)/, 4, 18], [/^(24[01]|25[01])/, 3, 30]];

/** The fields of a GS1 element string, `{identifier: value}`; null if it is none. */
export function gs1(text) {
  const written = /^\((\d{2,4})\)/.test(text);
  const fields = {};
  if (written) {
    for (const [, identifier, value] of text.matchAll(/\((\d{2,4})\)([^(]+)/g)) fields[identifier] = value;
    return fields;
  }
  let rest = text.startsWith(GROUP_SEPARATOR) ? text.slice(1) : text;
  while (rest) {
    const size = FIXED[rest.slice(0, 2)];
    if (size) {
      if (rest.length < size || !/^\d+$/.test(rest.slice(0, size))) return null;
      const named = /^3[1-6]/.test(rest) ? 4 : /^41/.test(rest) ? 3 : 2;
      fields[rest.slice(0, named)] = rest.slice(named, size);
      rest = rest.slice(size);
    } else {
      const known = VARIABLE.find(([form]) => form.test(rest));
      if (!known) return null;
      const [, named, most] = known;
      const end = rest.indexOf(GROUP_SEPARATOR) === -1 ? rest.length : rest.indexOf(GROUP_SEPARATOR);
      if (end - named < 1 || end - named > most) return null;
      fields[rest.slice(0, named)] = rest.slice(named, end);
      rest = rest.slice(end);
    }
    if (rest.startsWith(GROUP_SEPARATOR)) rest = rest.slice(1);
  }
  return fields;
}

/** An item by GS1: `{kind: "gtin", gtin, units?, weight?: {grams}}`; null without a valid GTIN in (01) or (02). */
function item(fields) {
  const gtin14 = fields["01"] ?? fields["02"];
  if (!gtin14 || gtin14.length !== 14 || !isChecked(gtin14)) return null;
  const units = Number(fields[30] ?? fields[37] ?? 0);
  const weighed = Object.keys(fields).find((name) => /^310[0-6]$/.test(name));
  const grams = weighed && Math.round(Number(fields[weighed]) * 10 ** (3 - Number(weighed[3])));
  return { kind: "gtin", gtin: gtin14, ...packed(gtin14), ...(units > 0 && { units }), ...(weighed && { grams }) };
}

/** A case says so by its first digit, 1 to 8. */
const packed = (gtin14) => (/^[1-8]/.test(gtin14) ? { is_case: true } : {});

/**
 * A code of a store's own, 20 to 29, by a pattern in the `barcodes` of its location: `I` is the item, `W` grams, `P` the price
 * in minor units, `C` the check digit, a digit itself. `gtin` is the item's number, with zeros in place of weight or price.
 * As everywhere, leading zeros make no difference.
 */
export function inStore(digits, pattern) {
  const whole = gtin(digits);
  if (!whole) return null;
  const parts = { I: "", W: "", P: "" };
  let base = "";
  for (const [at, mark] of [...pattern.padStart(14, "0").slice(0, -1)].entries()) {
    if (/\d/.test(mark) && mark !== whole[at]) return null;
    if (mark in parts) parts[mark] += whole[at];
    base += mark === "W" || mark === "P" ? "0" : whole[at];
  }
  if (!parts.I) return null;
  const measure = parts.W ? { grams: Number(parts.W) } : { amount: Number(parts.P) };
  return { kind: "in_store", item: parts.I, gtin: base + checkDigit(base), ...measure };
}

/**
 * What a code is: `{kind: "gtin", gtin, …}`, `{kind: "in_store", item, gtin, …}`, `{kind: "receipt", key}`, or `{kind: "id", text}`,
 * which may be a SKU, an order, a pickup code or a number; each has `code`, the text without its frame.
 */
export function read(raw, { patterns = [] } = {}) {
  const { text, symbology } = strip(raw);
  const told = (found) => found && { ...found, code: text };
  const receipt = /(?:^|\/)r\/([A-Za-z0-9_-]{8,})$/.exec(text);
  if (receipt) return told({ kind: "receipt", key: receipt[1] });
  const is_gs1 = ["]C1", "]d2", "]e0", "]Q3", "]J1"].includes(symbology) || /^\(\d{2}/.test(text) || text.includes(GROUP_SEPARATOR);
  // Without the name of its symbology, a string of GS1 has a valid GTIN behind 01, and is longer than any plain code.
  if (is_gs1 || /^01\d{14}/.test(text)) {
    const fields = gs1(text);
    const found = fields && item(fields);
    if (found) return told(found);
  }
  if (/^\d+$/.test(text)) {
    const own = patterns.map((pattern) => inStore(text, pattern)).find(Boolean);
    if (own) return told(own);
    const plain = gtin(text);
    if (plain) return told({ kind: "gtin", gtin: plain, ...packed(plain) });
    const short = upcE(text);
    if (short) return told({ kind: "gtin", gtin: short });
  }
  return told({ kind: "id", text });
}

/** Grams of a counted unit, by the unit of a SKU. */
const GRAMS = { kg: 1000, kgm: 1000, g: 1, grm: 1 };

const nearest = (of, by) => (of > 0 && by > 0 ? Math.max(Math.round(of / by), 1) : null);

/** The units of a SKU that weigh so much, to the nearest one; null if it is not counted by weight. */
export function unitsOfGrams(grams, { unit, decimals = 0 }) {
  const per_unit = unit ? GRAMS[unit.toLowerCase()] : decimals > 0 && 1000;
  return per_unit ? nearest(grams * 10 ** decimals, per_unit) : null;
}

/** The units of a SKU that a price is the price of: price ÷ price of one unit. For a SKU in grams, these are grams. */
export const unitsOfAmount = (amount, unit_amount) => nearest(amount, unit_amount);

/** What a code with a weight or a price says of an item: `{grams, amount, quantity}`, as `POST /v1/find` tells it; else null. */
export function measured({ grams, amount }, item) {
  if (grams === undefined && amount === undefined) return null;
  const quantity = grams === undefined ? unitsOfAmount(amount, item.price?.amount) : unitsOfGrams(grams, item);
  return { grams: grams ?? null, amount: amount ?? null, quantity };
}

/**
 * What stands in the scan field: `3*CODE` and `3xCODE` are a quantity and a code, `3*` is a quantity for the scan to come,
 * one to five digits are the quantity of the last line, anything else is a code. `asks` where the quantity is unlikely.
 */
export function typed(text, options) {
  const bare = text.trim();
  const before = /^(\d{1,5})\s*[*x×]\s*(.*)$/i.exec(bare);
  const asks = (quantity) => (quantity > QUANTITY_ASKS ? { asks: true } : {});
  if (before) {
    const quantity = Number(before[1]);
    if (quantity > 0) return { kind: before[2] ? "code" : "next", quantity, ...asks(quantity), ...(before[2] && { read: read(before[2], options) }) };
  }
  if (/^\d{1,5}$/.test(bare)) return { kind: "quantity", quantity: Number(bare), ...asks(Number(bare)) };
  return bare ? { kind: "code", quantity: 1, read: read(bare, options) } : null;
}

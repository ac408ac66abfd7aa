// What a code is: the server's answer in one request, or what this device keeps while nobody answers.

import { Refusal, Unreachable, post } from "../screens/api.js";
import { checkDigit, measured } from "../screens/scan.js";
import { find as findKept } from "./catalogue.js";

/** So long is waited for the server before the kept catalogue is asked. */
const PATIENCE_MS = 2500;

const GOODS_FIRST = ["sku", "receipt", "order", "reservation", "return", "transfer"];
const ORDERS_FIRST = ["reservation", "order", "transfer", "return", "receipt", "sku"];

/** The text that is asked for: digits as they were scanned, a longer code by its GTIN. */
function asked(code) {
  if (code.kind === "receipt") return code.key;
  if (code.kind === "gtin" && ![8, 12, 13, 14].includes(code.code.length)) return code.gtin;
  return code.code;
}

/**
 * `{kind, id, record, fulfilment, of, measure}` as `POST /v1/find` tells it; `is_kept` where this device told it; `is_case` where
 * only the unit of a case is known. Null if nothing has this code. `goes` says what is looked for first: "goods", "orders".
 */
export async function lookup(code, place, goes = "goods") {
  const kinds = code.kind === "gtin" || code.kind === "in_store" ? ["sku"] : code.kind === "receipt" ? ["receipt"] : goes === "orders" ? ORDERS_FIRST : GOODS_FIRST;
  const { location, channel, currency } = place;
  const ask = async (text) => {
    try {
      return await post("/v1/find", { code: text, location, channel, currency, kinds }, { signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch (error) {
      if (error instanceof Refusal && (error.status === 404 || error.status === 400)) return null;
      throw error;
    }
  };
  try {
    return (await ask(asked(code))) ?? (code.is_case ? unitOf(await ask(unit(code.gtin))) : null);
  } catch (error) {
    const is_away = error instanceof Unreachable || error.name === "TimeoutError" || (error instanceof Refusal && error.is_passing);
    if (!is_away || !kinds.includes("sku")) throw error;
    const kept = (await findKept(code)) ?? (code.is_case ? await findKept({ ...code, gtin: unit(code.gtin) }) : null);
    if (!kept) throw error instanceof Refusal ? error : new Unreachable(error);
    const { is_measured, ...item } = kept;
    const record = { ...item, price: kept.amount === null ? null : { amount: kept.amount, currency }, cell: null };
    const measure = is_measured ? measured(code, record) : null;
    return { kind: "sku", id: kept.sku, record, measure, is_kept: true, is_case: code.is_case && !kept.gtins.includes(code.gtin) };
  }
}

/** The GTIN of the unit in a case: its digits without the first, with their own check digit. */
function unit(gtin) {
  const digits = `0${gtin.slice(1, 13)}`;
  return `${digits}${checkDigit(digits)}`;
}

const unitOf = (found) => found && { ...found, is_case: true };

/**
 * How many units a scan means: those in the code, those of its weight or price, or what was said before it. What a code of
 * the store's own says is told with what was found; a GTIN with a weight says it itself.
 */
export function unitsOf({ read: code, quantity }, { record, measure }) {
  if (code.units) return code.units * quantity;
  const told = measure ?? (code.kind === "gtin" ? measured(code, record) : null);
  return (told?.quantity ?? 1) * quantity;
}

// The cart that this tab has: its id and its secret, which opens it on another device, too. The cart itself is on the server.

import { path } from "/screens/api.js";
import { callsOf } from "./calls.js";
import { market } from "./market.js";

const { freeze, post } = callsOf(import.meta.url);
const KEPT = "anaquel.shop.cart";

/** What this tab keeps of the cart: `{cart, token, units}`. */
export const own = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "null");

export function keep(cart) {
  const units = cart?.lines.reduce((sum, { quantity }) => sum + quantity, 0) ?? 0;
  if (cart) sessionStorage.setItem(KEPT, JSON.stringify({ cart: cart.cart, token: cart.token, units }));
  else sessionStorage.removeItem(KEPT);
  dispatchEvent(new CustomEvent("cart", { detail: units }));
}

/** The cart as it is; null without one, or where it has become an order or expired. */
export async function current() {
  const kept = own();
  if (!kept) return null;
  const cart = await post("/v1/carts/find", { token: kept.token }).catch((error) => { if (error.status !== 404) throw error; });
  const is_open = cart?.state === "open" && cart.currency === market.currency;
  keep(is_open ? cart : null);
  return is_open ? cart : null;
}

/** Sets lines to absolute quantities: whoever says it twice, says the same. */
export const linesWrite = ({ cart, token }, lines) => freeze("PUT", path`/v1/carts/${cart}/lines`, { channel: market.channel, token, lines });

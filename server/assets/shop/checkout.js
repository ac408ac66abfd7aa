// Task: click and collect. The store holds the goods, and one call makes the order of them: goods, price and payment
// together, or nothing. Where the price is another meanwhile, the refusal says which, and the next tap agrees to it.

import { path } from "/screens/api.js";
import { fill, h, icon } from "/screens/elements.js";
import { moment, money } from "/screens/format.js";
import { nameOf } from "/screens/names.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { t } from "/screens/texts.js";
import { once, press, unique } from "/screens/write.js";
import { keep, linesWrite } from "./basket.js";
import { callsOf } from "./calls.js";
import { market } from "./market.js";
import { keepOrder } from "./order.js";
import { storesNear } from "./stores.js";

const { freeze } = callsOf(import.meta.url);
const HELD_SECONDS = 900;

/** Shows the steps below a cart. `show` draws the cart anew after a change. */
export function checkout(place, cart, { show }) {
  const stores = h("div");
  const told = h("div");
  const pay = h("div", { class: "stack" });
  fill(place, h("section", { class: "panel stack" }, h("h2", {}, t("s_choose")), stores, told), pay);
  const refused = (error) => fill(told, problemView(error, { act: remedy, nameOf: (sku) => nameOf("sku", sku), placeOf: ({ location }) => nameOf("location", location) }));
  const choose = (location, button) => press(button, () => {
    fill(told);
    return freeze("POST", path`/v1/carts/${cart.cart}/hold`, { channel: market.channel, token: cart.token, purpose: "pickup", location, ttl_seconds: HELD_SECONDS });
  }, {
    done: ({ body }) => {
      const until = new Date(Date.now() + HELD_SECONDS * 1000);
      fill(told);
      fill(stores, h("p", {}, icon("store"), " ", t("s_held_until", { s: nameOf("location", location), t: () => moment(until) })));
      payment(pay, body, location, body.total);
    },
    refused,
  });
  /** What would succeed: fewer of it, or another store. */
  const remedy = ({ sku }, { quantity, location }, button) => {
    if (location) return choose(location, button);
    const { line } = cart.lines.find((one) => one.sku === sku);
    return press(button, () => linesWrite(cart, [{ line, sku, quantity }]), { done: ({ body }) => show(body), refused });
  };
  return storesNear(stores, cart.lines.map(({ sku, quantity }) => ({ sku, quantity })), choose);
}

/** The body of the order: the lines are those of the cart, at its version, and what it holds becomes the order's. */
const orderOf = (cart, location, more) => ({
  channel: market.channel, currency: cart.currency, cart: cart.cart, cart_version: cart.version, token: cart.token,
  fulfilments: [{ fulfilment: "1", purpose: "pickup", location }], ...more,
});

/** The choice of how to pay `total`. */
function payment(place, cart, location, total) {
  const a = () => money(total, cart.currency);
  const told = h("div");
  const button = h("button", { class: "primary", disabled: true }, icon("done"), h("span", {}, t("s_place")));
  // A page with the scope "shop" asks for the goods; the server of the shop, which has "sell", takes the money and confirms.
  const may_pay = session.may("sell");
  button.disabled = may_pay;
  const radio = (value, label) => h("label", { class: "row choice" }, h("input", { type: "radio", name: "tender", value, on: { change: () => { button.disabled = false; } } }), h("span", {}, label));
  const form = h("form", { class: "panel stack" }, h("h2", {}, t("s_pay")),
    may_pay && h("fieldset", { class: "stack" }, h("legend", { class: "visually-hidden" }, t("s_pay")), radio("card", t("s_pay_card", { a })),
      session.may("fulfil") && radio("store", t("s_pay_there", { a }))),
    h("p", { class: "small muted" }, t(may_pay ? "s_pay_note" : "s_pay_later")), button, told);
  const make = () => {
    if (!may_pay) return freeze("POST", "/v1/orders", orderOf(cart, location, { expected_total: total }));
    const pays_here = new FormData(form).get("tender") === "card";
    // Your payment provider tells the reference; the server keeps the payment with the order.
    const paid = pays_here ? { payments: [{ tender: "card", amount: total, reference: `demo-${unique().slice(0, 8)}`, state: "captured" }] } : { pay_at_handover: true };
    return freeze("POST", "/v1/orders", orderOf(cart, location, { expected_total: total, confirm: true, ...paid }));
  };
  form.addEventListener("submit", once(button, make, {
    done: ({ body }) => {
      keep(null);
      keepOrder(body);
      window.location.hash = `#/order/${encodeURIComponent(body.order)}`;
    },
    refused: (error) => {
      const view = problemView(error, { currency: cart.currency, nameOf: (sku) => nameOf("sku", sku) });
      const { slug, problem } = error;
      if (slug !== "price-mismatch" || !problem.total) return fill(told, view);
      payment(place, cart, location, problem.total);
      return place.prepend(view);
    },
  }));
  fill(place, form);
  form.querySelector("input, button").focus();
}

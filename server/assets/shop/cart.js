// Task: the cart. Quantities are absolute: whoever sets one twice says the same.

import { empty, fill, h, icon } from "/screens/elements.js";
import { money } from "/screens/format.js";
import { nameOf, skus } from "/screens/names.js";
import { problemView } from "/screens/problem.js";
import { t } from "/screens/texts.js";
import { once, press } from "/screens/write.js";
import { current, keep, linesWrite } from "./basket.js";
import { callsOf } from "./calls.js";
import { toPhone } from "./carry.js";
import { checkout } from "./checkout.js";
import { market } from "./market.js";

const { freeze } = callsOf(import.meta.url);

/** The button that puts one more into the cart: the first one makes it. */
export function addButton({ sku }) {
  const told = h("div");
  const button = h("button", { class: "primary" }, icon("sell"), h("span", {}, t("s_add")));
  button.addEventListener("click", once(button, async () => {
    const cart = await current();
    const quantity = (cart?.lines.find((line) => line.sku === sku)?.quantity ?? 0) + 1;
    return cart ? linesWrite(cart, [{ sku, quantity }])
      : freeze("POST", "/v1/carts", { channel: market.channel, currency: market.currency, lines: [{ sku, quantity }] });
  }, {
    done: ({ body }) => {
      keep(body);
      location.hash = "#/cart";
    },
    refused: (error) => fill(told, problemView(error)),
  }));
  return h("div", { class: "stack-tight" }, button, told);
}

/** Shows the cart in a view, and under it the way to an order. */
export async function cart(view, { is_carried = false } = {}) {
  const heading = h("h1", { tabindex: -1 }, t("s_cart"));
  const found = await current();
  if (!found || found.lines.length === 0) return fill(view, heading, empty(t("s_cart_empty"), " ", h("a", { href: "#/" }, t("s_list"))));
  const told = h("div");
  const lines = h("ul", { class: "list" });
  const total = h("p", { class: "total" });
  const next = h("div", { class: "stack" });
  fill(view, h("div", { class: "row spread" }, heading, toPhone(found)), is_carried && h("p", { role: "status" }, t("s_carried")), told, lines, total, next);
  const show = (cart, wanted = {}) => {
    keep(cart);
    if (cart.lines.length === 0) return location.reload();
    fill(lines, cart.lines.map((line) => lineView(cart, line, { show, told, wanted: wanted[line.line] })));
    fill(total, t("s_total_tax", { a: () => money(cart.total, cart.currency) }));
    return checkout(next, cart, { show });
  };
  await skus(found.lines.map(({ sku }) => sku)).catch(() => {});
  return show(found);
}

/**
 * One line: its quantity is set as it is typed, 0 takes it out. A quantity that is typed while an earlier one is on its way
 * is sent next, from the line that is shown then: that is `wanted`.
 */
function lineView(cart, { line, sku, quantity, amount }, { show, told, wanted = null }) {
  const field = h("input", { type: "number", min: 0, max: 99, value: quantity, inputmode: "numeric", "aria-label": t("s_quantity", { sku: nameOf("sku", sku) }) });
  const remove = h("button", { class: "plain" }, t("s_remove"));
  let next = null;
  let isOpen = false;
  const change = (of, units) => press(of, () => linesWrite(cart, [{ line, sku, quantity: units() }]), {
    done: ({ body }) => show(body, next === null ? {} : { [line]: next }),
    refused: (error) => {
      // What was typed after it gets an answer of its own.
      if (next !== null) return show(cart, { [line]: next });
      return fill(told, problemView(error, { currency: cart.currency, nameOf: (id) => nameOf("sku", id) }));
    },
  });
  const send = async () => {
    isOpen = true;
    isOpen = await change(typed, () => Number(field.value));
  };
  // What a field sends has no button of its own: this one shows only while there is something to say.
  const typed = h("button", { class: "plain said", on: { click: send } });
  field.addEventListener("change", () => {
    if (field.value === "" || !field.checkValidity()) return;
    if (isOpen) next = Number(field.value);
    send();
  });
  remove.addEventListener("click", () => change(remove, () => 0));
  if (wanted !== null) {
    field.value = wanted;
    send();
  }
  return h("li", { class: "line" }, h("a", { href: `#/product/${encodeURIComponent(sku)}`, class: "name" }, nameOf("sku", sku)), field,
    h("span", { class: "number" }, amount === null ? t("s_no_price") : money(amount, cart.currency)), remove, typed);
}

// Task: announce a return. The goods are still with the customer; any store takes them back and pays the money back.

import { fill, h, locked } from "/screens/elements.js";
import { nameOf } from "/screens/names.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { t } from "/screens/texts.js";
import { once } from "/screens/write.js";
import { callsOf } from "./calls.js";
import { market } from "./market.js";

const { freeze } = callsOf(import.meta.url);

/** What a line of an order shows of returns: nothing before it was handed over, then a button. */
export function returnable(order, line, { changed }) {
  const left = line.handed_over - line.returned;
  const came_back = line.returned > 0 && h("span", { class: "small muted" }, t("s_returned", { n: line.returned }));
  if (left <= 0) return came_back;
  if (!session.may("sell")) return [came_back, locked("sell")];
  const place = h("div", { class: "return stack" });
  const open = h("button", { on: { click: () => { open.hidden = true; place.append(form(order, line, left, { place, changed })); place.querySelector("input, textarea").focus(); } } }, t("s_return"));
  place.append(open);
  return [came_back, place];
}

function form(order, { line, sku }, left, { place, changed }) {
  const units = h("input", { type: "number", name: "quantity", min: 1, max: left, value: 1, inputmode: "numeric" });
  const why = h("input", { name: "reason", maxlength: 200, autocomplete: "off" });
  const button = h("button", { class: "primary" }, t("s_announce"));
  const told = h("div");
  const form = h("form", { class: "stack", "aria-label": t("s_return_title", { name: nameOf("sku", sku) }) },
    left > 1 && h("label", {}, t("s_quantity", { sku: nameOf("sku", sku) }), units), h("label", {}, t("s_return_why"), why), button, told);
  const make = () => freeze("POST", "/v1/returns", {
    announced: true, channel: market.channel, order: order.order,
    lines: [{ line, quantity: Number(units.value), condition: "sellable", ...(why.value.trim() && { reason: why.value.trim() }) }],
  });
  form.addEventListener("submit", once(button, make, {
    done: ({ body }) => {
      fill(place, h("p", { role: "status" }, t("s_announced", { r: body.return })));
      changed();
    },
    refused: (error) => fill(told, problemView(error, { currency: order.currency, nameOf: (id) => nameOf("sku", id ?? sku) })),
  }));
  return form;
}

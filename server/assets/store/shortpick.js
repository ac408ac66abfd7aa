// What is not on the shelf: what is left there is counted, so that the units are not promised to others, then the units are
// given up, or the order moves to another store.

import { complain, field, fill, h, icon, waiting } from "../screens/elements.js";
import { number, quantity } from "../screens/format.js";
import { nameOf } from "../screens/names.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { freeze, once } from "../screens/write.js";
import { elsewhere, stepOf } from "./orders.js";
import { numberIn, whole } from "./stepper.js";
import "./job-texts.js";

/** `found` units of the line were found. */
export function shortPick(frame, job, line, found, { cancel, done }) {
  const { place } = frame;
  const missing = line.quantity - found;
  const left = whole({ value: "0" });
  const told = h("div");
  const giveUp = h("button", {}, t("s_give_up", { n: missing }));
  const move = h("button", {}, icon("store"), t("move_store"));
  const choices = h("div", { class: "stack" });
  const form = h("form", { class: "panel stack", novalidate: true, "aria-label": t("not_found"), on: { submit: (event) => event.preventDefault() } },
    h("h3", {}, t("s_short", { n: quantity(missing), i: nameOf("sku", line.sku) })),
    field(t("s_left"), left, t("s_left_hint")), told, choices,
    h("div", { class: "row" }, giveUp, job.order && move, h("button", { type: "button", class: "plain", on: { click: cancel } }, t("back"))));

  const shelf = () => {
    const n = numberIn(left);
    if (n === null) complain(form, [[left, t("s_number")]]);
    return n;
  };
  const refused = (error) => fill(told, problemView(error, { nameOf: (sku) => nameOf("sku", sku) }));

  giveUp.addEventListener("click", once(giveUp, () => {
    const n = shelf();
    if (n === null) return null;
    if (job.order) {
      return freeze("POST", `/v1/orders/${encodeURIComponent(job.order)}/cancel`, {
        channel: place.channel, location: place.location, till: place.till, reason: "short pick",
        lines: [{ line: line.line, quantity: missing, shelf: n, location: place.location }],
        ...(place.documents.credit_note && job.record.receipts?.length > 0 && { receipt: {} }),
      });
    }
    return freeze("POST", stepOf(job, "cancel"), { lines: [{ sku: line.sku, location: place.location, quantity: missing }], reason: "short pick" });
  }, { done, refused, during: (work) => frame.during(work) }));

  /** The count that keeps the units from being promised again: what is left, and what is in the hand. */
  const counted = (n) => freeze("POST", "/v1/stock/counts", { put_aside: "excluded", counts: [{ sku: line.sku, location: place.location, on_hand: n + found }] });

  move.addEventListener("click", async () => {
    const n = shelf();
    if (n === null) return;
    const arrived = waiting(choices, 2);
    try {
      const stores = await elsewhere(job.lines, place);
      if (stores.length === 0) fill(choices, h("p", {}, t("s_nowhere")));
      else fill(choices, stores.map((one) => to(one, n)));
    } catch (error) {
      refused(error);
    } finally {
      arrived();
    }
  });
  const to = ({ location, name, distance_km }, n) => {
    const button = h("button", { class: "whole" }, icon("store"), h("span", { class: "grow" }, name ?? location), h("span", { class: "number" }, t("s_km", { n: () => number(distance_km, { maximumFractionDigits: distance_km < 10 ? 1 : 0 }) })));
    const count = counted(n);
    let is_counted = !session.may("stock");
    const during = (work) => frame.during(work);
    const send = once(button, () => freeze("PUT", stepOf(job, ""), { channel: place.channel, location }), { done, refused, during });
    const first = once(button, () => count, { done: () => { is_counted = true; return send(); }, refused, during });
    button.addEventListener("click", (event) => (is_counted ? send(event) : first(event)));
    return button;
  };
  return form;
}

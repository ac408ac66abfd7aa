// How it is paid: cash exactly, cash with change, card on a terminal beside the till.

import { fill, h, icon } from "../screens/elements.js";
import { amountOf, money } from "../screens/format.js";
import { SAYS_MS, SLOW_MS } from "../screens/write.js";
import { t } from "../screens/texts.js";

/**
 * The buttons of an amount: `take(tender, given, tell)` is called once, however often they are tapped; `tell` starts the
 * words of a write that takes long. A `back` goes back.
 */
export function payment({ amount, currency, take, back }) {
  let is_taken = false;
  const buttons = [];
  const once = (tender, givenOf, button) => async () => {
    const given = givenOf();
    if (is_taken || given === null) return;
    is_taken = true;
    for (const one of buttons) one.disabled = one !== button;
    const label = [...button.childNodes];
    button.setAttribute("aria-busy", "true");
    const timers = [];
    const tell = () => timers.push(setTimeout(() => fill(button, t("sending")), SAYS_MS), setTimeout(() => fill(button, h("span", { role: "status" }, t("still_sending"))), SLOW_MS));
    try {
      await take(tender, given, tell);
    } finally {
      timers.forEach(clearTimeout);
      button.replaceChildren(...label);
      button.removeAttribute("aria-busy");
      for (const one of buttons) one.disabled = false;
      is_taken = false;
    }
  };
  const button = (tender, givenOf, kind, ...words) => {
    const made = h("button", { class: kind, "data-tender": tender }, words);
    made.addEventListener("click", once(tender, givenOf, made));
    buttons.push(made);
    return made;
  };
  if (amount === 0) return [h("div", { class: "tenders" }, button("cash", () => 0, "primary", icon("done"), t("s_nothing_due")), leave(back))];
  const input = h("input", { class: "short", inputmode: "decimal", autocomplete: "off", "aria-label": t("s_given"), placeholder: t("s_given") });
  const change = h("span", { class: "number", role: "status" });
  const givenOf = () => amountOf(input.value || "0", currency);
  const enough = () => {
    const given = givenOf();
    if (given !== null && given >= amount) return given;
    input.setAttribute("aria-invalid", "true");
    fill(change, t("s_too_little"));
    input.focus();
    return null;
  };
  input.addEventListener("input", () => {
    const given = givenOf();
    input.removeAttribute("aria-invalid");
    if (given !== null && given >= amount) fill(change, t("change", { a: money(given - amount, currency) }));
    else fill(change);
  });
  const cash = button("cash", enough, "", t("s_cash_given"));
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") cash.click(); });
  return [
    h("div", { class: "tenders" }, button("cash", () => amount, "primary", t("cash_exact")), button("card", () => amount, "primary", t("card"))),
    h("div", { class: "tenders given" }, input, cash, change, leave(back)),
  ];
}

const leave = (back) => back && h("button", { class: "plain", on: { click: back } }, t("back"));

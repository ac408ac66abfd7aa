// How it is paid: cash exactly, cash with change, card on a terminal beside the till.

import { fill, h, icon } from "../screens/elements.js";
import { amountOf, money } from "../screens/format.js";
import { t } from "../screens/texts.js";

/**
 * The buttons of an amount. `listen(button, taken)` makes the listener of one, which resolves to whether its write is still
 * open; `taken()` is `{tender, given}`, or null where too little was typed. Only one of them is under way. A `back` goes back.
 */
export function payment({ amount, currency, listen, back }) {
  const buttons = [];
  const button = (tender, givenOf, kind, ...words) => {
    const made = h("button", { class: kind, "data-tender": tender }, words);
    const go = listen(made, () => {
      const given = givenOf();
      return given === null ? null : { tender, given };
    });
    const others = (is_off) => { for (const one of buttons) if (one !== made) one.disabled = is_off; };
    made.addEventListener("click", async (event) => {
      if (made.hasAttribute("aria-busy")) return;
      let is_open = false;
      others(true);
      try {
        is_open = await go(event);
      } finally {
        others(is_open === true);
      }
    });
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

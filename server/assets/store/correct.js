// The form that corrects what the server refused: lines and money of a sale, quantities of a count. What it does not show
// stays as it was told. The write keeps its key, which a refusal does not use up.

import { complain, field, h } from "../screens/elements.js";
import { amountOf, amountText, money, typedNumber, typedText } from "../screens/format.js";
import { t } from "../screens/texts.js";
import { freeze } from "../screens/write.js";
import { correctedCount, correctedSale } from "./basket.js";
import "./job-texts.js";

const TENDERS = { cash: "s_cash", card: "card" };

/** The form of an entry; `done({write, shown})` hears what is right. */
export function correction(entry, done) {
  const body = JSON.parse(entry.write.body);
  const form = h("form", { class: "stack correction", novalidate: true });
  const make = entry.kind === "sale" ? saleFields(form, body, entry.shown) : countFields(form, body, entry.shown);
  form.append(h("button", { class: "primary" }, t("s_correct")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { wrong, right } = make();
    if (!complain(form, wrong)) return;
    const { method, url, key } = entry.write;
    done({ write: freeze(method, url, right.body, key), shown: right.shown });
  });
  return form;
}

const number = (value, more = {}) => h("input", { value, inputmode: "decimal", autocomplete: "off", class: "short", ...more });

function saleFields(form, body, shown) {
  const { currency } = shown;
  const lines = shown.lines.map(({ quantity, unit_amount, decimals = 0 }) => ({
    decimals, quantity: number(typedText(quantity, decimals)), unit_amount: number(amountText(unit_amount, currency)),
  }));
  const payments = body.payments.map(({ amount }) => number(amountText(amount, currency)));
  const sum = h("p", { class: "number", role: "status" });
  const typed = () => ({
    lines: lines.map(({ decimals, quantity, unit_amount }) => ({ quantity: typedNumber(quantity.value, decimals), unit_amount: amountOf(unit_amount.value, currency) })),
    amounts: payments.map(({ value }) => amountOf(value, currency)),
  });
  const dueOf = (told) => told.lines.reduce((due, { quantity, unit_amount }) => due + (quantity ?? 0) * (unit_amount ?? 0), 0);
  const tell = () => { sum.textContent = `${t("s_total")} ${money(dueOf(typed()), currency)}`; };
  form.addEventListener("input", tell);
  form.append(
    ...lines.map(({ quantity, unit_amount }, at) => h("fieldset", {}, h("legend", {}, shown.lines[at].name),
      h("div", { class: "fields" }, field(t("s_quantity"), quantity, t("s_takes_out")), field(t("s_unit_price"), unit_amount)))),
    ...payments.map((input, at) => field(t("s_paid_by", { m: () => String(t(TENDERS[body.payments[at].tender] ?? "s_other_tender")) }), input)), sum);
  tell();
  return () => {
    const told = typed();
    const wrong = lines.flatMap(({ quantity, unit_amount }, at) => [
      told.lines[at].quantity === null && [quantity, t("s_number_wrong")], told.lines[at].unit_amount === null && [unit_amount, t("s_amount_wrong")],
    ]).concat(payments.map((input, at) => told.amounts[at] === null && [input, t("s_amount_wrong")])).filter(Boolean);
    const [due, tendered] = [dueOf(told), told.amounts.reduce((all, amount) => all + amount, 0)];
    if (wrong.length === 0 && told.lines.every(({ quantity }) => quantity === 0)) wrong.push([lines[0].quantity, t("s_nothing_left")]);
    if (wrong.length === 0 && due !== tendered) {
      wrong.push([payments[0] ?? lines[0].quantity, t("due_tendered", { due: () => money(due, currency), tendered: () => money(tendered, currency) })]);
    }
    return { wrong, right: wrong.length === 0 && correctedSale(body, shown, told) };
  };
}

function countFields(form, body, shown) {
  const inputs = shown.lines.map(({ counted }) => number(typedText(counted, 0), { inputmode: "numeric" }));
  form.append(...inputs.map((input, at) => field(shown.lines[at].name, input, t("s_leaves_out"))));
  return () => {
    const told = inputs.map(({ value }) => (value.trim() === "" ? null : typedNumber(value, 0)));
    const wrong = inputs.flatMap((input, at) => (input.value.trim() !== "" && told[at] === null ? [[input, t("s_number")]] : []));
    if (wrong.length === 0 && told.every((one) => one === null)) wrong.push([inputs[0], t("s_nothing_left")]);
    return { wrong, right: wrong.length === 0 && correctedCount(body, shown, told) };
  };
}

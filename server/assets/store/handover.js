// Handing over: what is due is paid, then the goods go. Without a code that is the staff's own judgement, and recorded.

import { fill, h, icon, notice } from "../screens/elements.js";
import { moment, money, quantity } from "../screens/format.js";
import { nameOf } from "../screens/names.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { Refusal } from "../screens/api.js";
import { t } from "../screens/texts.js";
import { freeze, once, unique } from "../screens/write.js";
import { extend } from "./extend.js";
import { link } from "./link.js";
import { again, ofOrder, stepOf } from "./orders.js";
import { payment } from "./payment.js";
import "./job-texts.js";

/** `code` is what the customer showed; null where they have none. */
export function handOver(frame, job, { code = null, close, again: openAgain, changed }) {
  const { place } = frame;
  const currency = job.currency ?? place.currency;
  const told = h("div");
  // A parcel is fetched by its carrier, who shows no code.
  let is_let = code !== null || job.purpose === "delivery";
  const let_go = h("button", { on: { click: () => { is_let = true; let_go.hidden = true; frame.refresh(); } } }, t("no_code"));
  let_go.hidden = is_let;
  const is_gone = job.state === "collected";
  const element = h("div", { class: "stack" },
    h("h2", { tabindex: "-1" }, job.name),
    is_gone && notice("", t("handed_over", { t: () => (job.handed_over_at ? moment(job.handed_over_at.time) : "") }), job.handed_over_at?.actor && h("p", {}, job.handed_over_at.actor)),
    job.customer && h("p", { class: "muted" }, job.customer),
    h("ul", { class: "list" }, job.lines.map(({ sku, quantity: n }) => h("li", {}, h("span", { class: "grow" }, nameOf("sku", sku)), h("span", { class: "number" }, quantity(n))))),
    !is_gone && job.due > 0 && h("p", { class: "sum number" }, t("s_due_money"), " ", h("strong", {}, money(job.due, currency))),
    told,
    !is_gone && let_go,
    !is_gone && !session.may("fulfil") && notice("warn", t("needs", { p: "fulfil" })),
    !is_gone && job.order && job.purpose === "pickup" && extend(frame, job, { changed }));

  const body = (payments) => ({
    channel: place.channel, location: place.location, till: place.till,
    ...(code !== null && { pickup_code: code.toUpperCase() }), ...(payments.length > 0 && { payments }),
    ...(place.documents.receipt && { receipt: {} }),
  });
  const write = (payments) => freeze("POST", stepOf(job, "collect"), job.order ? body(payments) : { ...(code !== null && { pickup_code: code.toUpperCase() }) });
  /** `payment` is what was taken: where another till was first, the record is without it, and the money goes back. */
  const done = ({ body }, payment = null) => {
    changed();
    if (payment && !body.payments?.some((one) => one.payment === payment)) {
      frame.wrong(t("s_not_paid"));
      return openAgain(ofOrder(body, place.location, job) ?? job, { is_handing: true });
    }
    close();
    return frame.right(h("strong", {}, job.name), h("span", {}, t("handed_over", { t: () => moment(new Date().toISOString()) })));
  };
  const refused = async (error) => {
    if (error instanceof Refusal && error.status === 403 && code !== null && session.may("fulfil")) return fill(told, notice("bad", t("wrong_code"), h("p", {}, error.problem.detail ?? "")));
    const now = error.slug === "wrong-state" && (await again(job, place.location).catch(() => null));
    if (now && now.state !== job.state) return openAgain(now, { is_handing: true });
    return fill(told, problemView(error, { currency }));
  };
  const during = (work) => frame.during(work);
  const button = h("button", { class: "primary" }, icon("done"), t("hand_over"));
  button.addEventListener("click", once(button, () => write([]), { done, refused, during }));
  const tenders = job.due > 0 && payment({
    amount: job.due, currency, back: null,
    listen: (button, taken) => {
      let payment = null;
      return once(button, () => {
        const { tender, given } = taken() ?? {};
        if (!tender) return null;
        const amount = job.due;
        payment = `${place.till}-${unique().slice(0, 8)}`;
        return write([{ payment, tender, amount, state: "captured", ...(given > amount && { given }) }]);
      }, { done: (answer) => done(answer, payment), refused, during });
    },
  });
  const action = () => {
    if (is_gone || !is_let || !session.may("fulfil")) return [];
    if (link.is_offline) return h("p", { class: "muted" }, t("s_needs_line"));
    return tenders || button;
  };
  return { job, element, action, primary: () => (tenders ? tenders[0].querySelector("button") : button).click() };
}

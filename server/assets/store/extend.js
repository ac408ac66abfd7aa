// Extending a pickup: the day until which it waits.

import { complain, field, h, toast } from "../screens/elements.js";
import { moment } from "../screens/format.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { freeze, once } from "../screens/write.js";
import { stepOf } from "./orders.js";
import "./job-texts.js";

/** A folded form; the end of the chosen day counts. */
export function extend(frame, job, { changed }) {
  const input = h("input", { type: "date", min: new Date().toISOString().slice(0, 10), value: job.pickup_by?.slice(0, 10) ?? "" });
  const button = h("button", {}, t("s_extend"));
  const told = h("div");
  const form = h("form", { class: "stack", novalidate: true, on: { submit: (event) => event.preventDefault() } }, field(t("s_waits_until"), input), told, button);
  button.disabled = !session.may("fulfil");
  button.addEventListener("click", once(button, () => {
    if (!input.value) return void complain(form, [[input, t("s_day")]]);
    // The evening of that day, as this device counts days.
    const pickup_by = new Date(`${input.value}T23:59:00`).toISOString();
    return freeze("PUT", stepOf(job, ""), { channel: frame.place.channel, pickup_by });
  }, {
    during: (work) => frame.during(work),
    done: ({ body }) => {
      const now = body.fulfilments?.find(({ fulfilment }) => fulfilment === job.fulfilment);
      told.replaceChildren();
      toast(t("s_until", { t: () => moment(now?.pickup_by ?? input.value) }));
      changed();
    },
    refused: (error) => told.replaceChildren(problemView(error)),
  }));
  return h("details", {}, h("summary", {}, t("s_extend")), form);
}

// To settle: what the server refused of what was told late. Nothing vanishes: it is corrected and sent, exported, or
// discarded by somebody who may, and stays listed.

import { complain, empty, field, fill, h, keyed, notice } from "../screens/elements.js";
import { Refusal } from "../screens/api.js";
import { moment, money, quantity } from "../screens/format.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { correction } from "./correct.js";
import { queue } from "./queue.js";
import { sender } from "./sender.js";
import "./job-texts.js";

export function settleJob() {
  const head = h("div");
  const refused = h("div", { class: "stack" });
  const rest = h("div", { class: "stack" });
  const element = h("div", { class: "stack" }, head, refused, rest);
  const draw = () => {
    const waiting = queue.waiting;
    const discarded = queue.entries.filter(({ state }) => state === "discarded");
    fill(head, queue.is_old && notice("bad", t("s_too_old")), queue.refused.length === 0 && waiting.length === 0 && empty(t("s_settled")));
    // What is being corrected stays as it is typed, whatever else moves.
    keyed(refused, queue.refused, ({ id, refused_at }) => `${id} ${refused_at}`, entryView);
    fill(rest,
      waiting.length > 0 && h("section", { class: "stack" }, h("h3", {}, t("s_waiting")), h("ul", { class: "list" }, waiting.map((entry) => h("li", {}, h("span", { class: "grow" }, title(entry)), h("span", { class: "number small" }, moment(entry.at)), worth(entry))))),
      discarded.length > 0 && h("details", {}, h("summary", {}, t("s_discarded", { n: discarded.length })), h("ul", { class: "list" }, discarded.map((entry) => h("li", {}, h("span", { class: "grow" }, title(entry)), h("span", { class: "small muted" }, entry.reason), worth(entry))))));
  };
  const title = ({ kind, till_reference, shown }) => (kind === "sale" ? till_reference : t("s_count_of", { n: shown.lines.length }));
  const worth = ({ kind, shown }) => kind === "sale" && h("span", { class: "number" }, money(shown.total, shown.currency));

  const entryView = (entry) => {
    const { id, shown, error } = entry;
    const reason = h("input", { autocomplete: "off" });
    const correct = correction(entry, async (right) => {
      await queue.mark(id, { state: "waiting", error: null, ...right });
      return sender.kick();
    });
    const discard = h("form", { class: "stack", novalidate: true }, field(t("s_reason"), reason), h("button", { class: "danger", disabled: !session.may("refund") }, t("s_discard")), !session.may("refund") && h("p", { class: "muted" }, t("needs", { p: "refund" })));
    discard.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!reason.value.trim()) return complain(discard, [[reason, t("s_reason_missing")]]);
      return queue.mark(id, { state: "discarded", reason: reason.value.trim(), discarded_at: new Date().toISOString() });
    });
    return h("section", { class: "panel stack", "aria-label": String(title(entry)) },
      h("div", { class: "row spread" }, h("h3", {}, title(entry)), worth(entry)),
      h("p", { class: "small muted" }, moment(entry.at)),
      problemView(new Refusal(error.status, error.problem), { currency: shown.currency }),
      h("ul", { class: "list" }, shown.lines.map((line) => h("li", {}, h("span", { class: "grow" }, line.name), h("span", { class: "number" }, quantity(line.quantity ?? line.counted))))),
      h("details", {}, h("summary", {}, t("s_correct")), correct),
      h("div", { class: "row" }, h("button", { on: { click: () => exported(entry) } }, t("s_export"))),
      h("details", {}, h("summary", {}, t("s_discard")), discard));
  };
  queue.addEventListener("change", draw);
  draw();
  return { element, end: () => queue.removeEventListener("change", draw) };
}

/** A file with the write and what was said to it. */
function exported(entry) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(entry, null, 1)], { type: "application/json" }));
  const link = h("a", { href: url, download: `${entry.till_reference ?? entry.id}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

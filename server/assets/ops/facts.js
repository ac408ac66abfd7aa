// Counters since the start: the journal, the streams, what expired, and refusals by problem.

import { fill, h } from "/screens/elements.js";
import { number } from "/screens/format.js";
import { t } from "/screens/texts.js";
import { measures } from "./measures.js";
import { problems } from "./parse.js";

const milliseconds = (seconds) => (seconds === null ? "–" : number(seconds * 1000, { style: "unit", unit: "millisecond", maximumFractionDigits: 2 }));
const whole = (value) => (value === null ? "–" : number(value, { maximumFractionDigits: 1 }));

export function factsPanel() {
  const facts = h("dl", { class: "facts" });
  const refusals = h("div");
  const draw = () => {
    if (measures.counters.size === 0) return;
    const rows = [
      ["o_batch", whole(measures.mean("anaquel_journal_batch_records"))], ["o_flush", milliseconds(measures.mean("anaquel_journal_sync_seconds"))],
      ["o_lag", milliseconds(measures.mean("anaquel_stream_lag_seconds"))], ["o_subscriptions", whole(measures.sum("anaquel_stream_subscriptions"))],
      ["o_overruns", whole(measures.sum("anaquel_stream_overruns_total"))], ["o_expired", whole(measures.sum("anaquel_expired_total"))],
      ["o_bad_keys", whole(measures.sum("anaquel_auth_failures_total"))],
    ];
    fill(facts, rows.map(([name, value]) => [h("dt", {}, t(name)), h("dd", {}, value)]));
    const sent = problems(measures.counters);
    fill(refusals, sent.length > 0 && h("table", {}, h("caption", { class: "small" }, t("o_problems")),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("o_problem")), h("th", { scope: "col", class: "number" }, t("o_count")))),
      h("tbody", {}, sent.map(([type, count]) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: `/problems/${encodeURIComponent(type)}` }, type)), h("td", { class: "number" }, number(count)))))));
  };
  measures.addEventListener("change", draw);
  addEventListener("language", draw);
  draw();
  return h("div", { class: "stack" }, facts, refusals);
}

// One order to pick: each unit is scanned (or tapped), then Ready. What is not on the shelf is a short pick.

import { fill, h, icon, notice, set } from "../screens/elements.js";
import { moment, quantity } from "../screens/format.js";
import { known, nameOf } from "../screens/names.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { freeze, once } from "../screens/write.js";
import { extend } from "./extend.js";
import { work } from "./kept.js";
import { again, stepOf } from "./orders.js";
import { shortPick } from "./shortpick.js";
import "./job-texts.js";

export function picking(frame, job, { close, again: openAgain, changed }) {
  const { place } = frame;
  const kept = work(`picked.${job.id}`, place.location, {});
  const picked = (line) => Math.min(kept.value[line.line] ?? 0, line.quantity);
  const told = h("div");
  const button = h("button", { class: "primary" }, icon("done"), t("mark_ready"));

  const row = (line) => {
    const { decimals = 0 } = known("sku", line.sku) ?? {};
    const done = h("span", { class: "number" });
    const take = h("button", { class: "plain whole", on: { click: () => pick(line.sku, 1, line) } }, h("span", { class: "mark", "aria-hidden": "true" }), h("span", { class: "grow" }, h("div", {}, nameOf("sku", line.sku)), h("div", { class: "small muted" }, line.sku)), done);
    const lacks = h("button", { class: "lacks", on: { click: () => short(line) } }, t("not_found"));
    const element = h("li", { class: "tap line" }, take, lacks);
    element.update = () => {
      const n = picked(line);
      set(done, `${quantity(n, { decimals })} / ${quantity(line.quantity, { decimals })}`, { shows: true });
      element.classList.toggle("is-done", n === line.quantity);
      lacks.hidden = n === line.quantity;
    };
    return element;
  };
  const rows = job.lines.map(row);
  const element = h("div", { class: "stack" },
    h("h2", { tabindex: "-1" }, job.name),
    h("dl", { class: "facts" },
      h("dt", {}, t("s_way")), h("dd", {}, t(job.purpose === "delivery" ? "s_delivery" : "s_pickup")),
      job.customer && [h("dt", {}, t("s_customer")), h("dd", {}, job.customer)],
      (job.pickup_by ?? job.promised_for) && [h("dt", {}, t("s_due")), h("dd", {}, moment(job.pickup_by ?? job.promised_for))]),
    told,
    h("ul", { class: "list" }, rows),
    session.may("fulfil") ? null : notice("warn", t("needs", { p: "fulfil" })),
    job.order && job.purpose === "pickup" && extend(frame, job, { changed }));

  const draw = () => {
    for (const row of rows) row.update();
    const to_go = job.lines.reduce((sum, line) => sum + line.quantity - picked(line), 0);
    button.disabled = to_go > 0 || !session.may("fulfil");
    fill(button, icon("done"), t("mark_ready"), to_go > 0 && h("span", { class: "small" }, t("s_to_go", { n: () => quantity(to_go) })));
    frame.refresh();
  };
  const pick = (sku, n, line = job.lines.find((one) => one.sku === sku && picked(one) < one.quantity)) => {
    if (!line || picked(line) >= line.quantity) return frame.wrong(t("s_enough", { i: nameOf("sku", sku) }));
    kept.put({ ...kept.value, [line.line]: picked(line) + Math.min(n, line.quantity - picked(line)) });
    draw();
    return frame.right(h("span", { class: "grow" }, nameOf("sku", sku)), h("span", { class: "number" }, `${picked(line)} / ${line.quantity}`));
  };
  const short = (line) => {
    fill(told, shortPick(frame, job, line, picked(line), {
      cancel: () => fill(told),
      done: async () => {
        changed();
        const now = await again(job, place.location).catch(() => null);
        if (!now || now.state !== "confirmed" || now.lines.length === 0) return close();
        return openAgain(now);
      },
    }));
    told.querySelector("input")?.focus();
  };
  button.addEventListener("click", once(button, () => freeze("POST", stepOf(job, "ready"), {}), {
    during: (work) => frame.during(work),
    done: async () => {
      kept.put({});
      changed();
      const now = await again(job, place.location).catch(() => job);
      close();
      frame.say(h("strong", {}, job.name), h("span", {}, t("ready")), now.code && h("span", { class: "code big" }, now.code));
    },
    refused: async (error) => {
      if (error.slug !== "wrong-state") return fill(told, problemView(error));
      // Somebody else was there first: the record says who.
      changed();
      const now = await again(job, place.location).catch(() => null);
      return now && now.state !== "confirmed" ? openAgain(now) : fill(told, problemView(error));
    },
  }));
  const draws = draw;
  queueMicrotask(draws);
  return { job, element, wants: (sku) => job.lines.some((line) => line.sku === sku), pick, action: () => button, primary: () => button.click() };
}

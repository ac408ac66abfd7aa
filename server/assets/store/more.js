// More: the jobs beside selling and picking. Each has a file of its own; a key that may not do one sees why.

import { fill, h, icon } from "../screens/elements.js";
import { Unreachable, all } from "../screens/api.js";
import { session } from "../screens/session.js";
import { LANGUAGES, speak, spoken, t } from "../screens/texts.js";
import { lookup } from "./lookup.js";
import { queue } from "./queue.js";
import { persists } from "./device.js";

/** Name, text, icon, the scope that it needs, how its module is loaded: after the page is painted. */
const JOBS = [
  ["return", "s_return", "back", "sell", () => import("./return.js").then(({ returnJob }) => returnJob)],
  ["count", "s_count", "scan", "stock", () => import("./count.js").then(({ countJob }) => countJob)],
  ["receive", "receive", "pick", "stock", () => import("./receive.js").then(({ receiveJob }) => receiveJob)],
  ["send", "s_send", "store", "stock", () => import("./send.js").then(({ sendJob }) => sendJob)],
  ["risk", "s_risk", "lock", "fulfil", () => import("./risk.js").then(({ riskJob }) => riskJob)],
  ["day", "s_close_till", "print", "sell", () => import("./day.js").then(({ dayJob }) => dayJob)],
  ["settle", "s_settle", "done", "sell", () => import("./settle.js").then(({ settleJob }) => settleJob)],
];

/** All of them are here before the connection goes. */
const LOADS_AFTER_MS = 2000;
const others = [() => import("./picking.js"), () => import("./handover.js"), () => import("./leaving.js")];
setTimeout(() => Promise.all([...JOBS.map(([, , , , load]) => load), ...others].map((load) => load())).catch(() => {}), LOADS_AFTER_MS);

export function moreView(frame) {
  const side = h("section", { class: "pane side" });
  const buttons = new Map(JOBS.map(([name, text, sign, scope]) => {
    const count = h("span", { class: "count", hidden: true });
    const needs = h("span", { class: "small" });
    const button = h("button", { class: "plain whole", on: { click: () => open(name) } }, icon(sign), h("span", { class: "grow" }, h("div", {}, t(text)), needs), count);
    button.tell = (n) => {
      count.hidden = !n;
      count.textContent = String(n);
    };
    button.allow = () => {
      button.disabled = !session.may(scope);
      fill(needs, button.disabled ? t("needs", { p: scope }) : "");
    };
    return [name, button];
  }));
  const kept = h("p", { class: "small muted" });
  persists().then((is_kept) => fill(kept, t(is_kept ? "s_kept_safe" : "s_kept_unsafe")));
  const language = h("select", { "aria-label": t("language"), class: "narrow", on: { change: () => speak(language.value, { remember: true }) } }, Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code }, name)));
  language.value = spoken();
  const out = h("button", { on: { click: async () => { if (await (session.leave?.() ?? true)) session.signOut(); } } }, icon("key"), t("sign_out"));
  const device = h("section", { class: "panel stack", "aria-label": t("s_device") },
    h("h2", {}, t("s_device")),
    h("dl", { class: "facts" }, h("dt", {}, t("store")), h("dd", {}, frame.place.name), h("dt", {}, t("s_till")), h("dd", {}, frame.place.till), h("dt", {}, t("channel")), h("dd", {}, frame.place.channel)),
    kept,
    h("div", { class: "row" }, h("button", { on: { click: () => frame.choose() } }, icon("store"), t("s_other_store")), language,
      out));
  const board = h("section", { class: "pane stack", "aria-label": t("more") }, h("ul", { class: "list" }, [...buttons.values()].map((button) => h("li", { class: "tap" }, button))), device);
  const element = h("div", { class: "panes" }, board, side);
  let job = null;

  const close = () => {
    asked = null;
    if (!job) return false;
    job.end?.();
    job = null;
    const has_focus = side.contains(document.activeElement);
    side.replaceChildren();
    element.dataset.open = "false";
    const left = [...buttons.values()].find((button) => button.hasAttribute("aria-current"));
    left?.removeAttribute("aria-current");
    if (has_focus) left?.focus({ preventScroll: true });
    frame.refresh();
    return true;
  };
  let asked = null;
  const open = async (name, found) => {
    close();
    frame.quiet();
    asked = name;
    const [, text, , , load] = JOBS.find(([one]) => one === name);
    const make = await load().catch((error) => frame.failed(new Unreachable(error)));
    if (!make || asked !== name || job) return;
    job = make(frame, { found, close, open });
    fill(side, h("button", { class: "plain back", on: { click: close } }, icon("back"), t("back")), h("h2", { tabindex: "-1" }, t(text)), job.element);
    element.dataset.open = "true";
    buttons.get(name).setAttribute("aria-current", "true");
    side.querySelector("h2").focus();
    frame.refresh();
  };

  const tell = () => {
    for (const button of buttons.values()) button.allow();
    out.hidden = session.state !== "known";
    buttons.get("settle").tell(queue.refused.length);
    frame.count("more", queue.refused.length);
  };
  queue.addEventListener("change", tell);
  session.addEventListener("change", tell);
  tell();
  const risks = () => all("/v1/shortages", {}, { most: 1000 }).then((items) => buttons.get("risk").tell(items.filter(({ location, promises }) => location === frame.place.location && promises.length > 0).length), () => {});

  return {
    element,
    scanning: () => job?.scanning?.() ?? t("s_scan_more"),
    async scan(typed) {
      if (job?.scan) return job.scan(typed);
      const found = await lookup(typed.read, frame.place, "orders");
      if (!found) return frame.unknown(typed.read.code);
      if (found.kind === "location") return frame.elsewhere(found);
      if (found.kind === "receipt" || found.kind === "return") return open("return", found);
      if (found.kind === "transfer") return open("receive", found);
      if (found.kind === "sku") return frame.open("find", { sku: found.id });
      return frame.open("pick", { found, code: typed.read.code });
    },
    show(what) {
      if (session.may("stock") || session.may("ops")) risks();
      if (what?.job) open(what.job, what.found);
    },
    quantity: (n) => job?.quantity?.(n) ?? false,
    action: () => job?.action?.() ?? [],
    primary: () => job?.primary?.(),
    back: () => job?.back?.() || close(),
    end() {
      close();
      queue.removeEventListener("change", tell);
      session.removeEventListener("change", tell);
    },
  };
}

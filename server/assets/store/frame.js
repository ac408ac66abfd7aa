// The frame of /store: tabs, the scan bar, the action of the visible tab, keys. A scan acts on the visible tab, one after
// the other, and waits while a write is under way.

import { ask, fill, h, icon, toast } from "../screens/elements.js";
import { moment } from "../screens/format.js";
import { problemView, titleOf } from "../screens/problem.js";
import { signal } from "../screens/wedge.js";
import { Refusal } from "../screens/api.js";
import { t } from "../screens/texts.js";
import { hoursToday } from "./hours.js";
import { scanBar } from "./scanbar.js";

const KEYS = { F2: "sell", F4: "pick", F8: "find" };

export class Frame {
  #views = {};
  #shown = null;
  #chain = Promise.resolve();
  #controller = new AbortController();
  #pending = 1;

  /** `views` are functions that make a tab from this frame. */
  constructor(main, place, views) {
    this.place = place;
    this.#views = Object.fromEntries(Object.entries(views).map(([name, make]) => [name, { make, view: null }]));
    this.area = h("div", { class: "view" });
    this.action = h("div", { class: "action" });
    this.said = h("div", { class: "said", role: "status" });
    this.bar = scanBar({ onscan: (typed) => this.#heard(typed), patterns: () => place.barcodes ?? [] });
    this.tabs = h("nav", { class: "tabs", "aria-label": t("s_tabs") }, Object.keys(views).map((name) => this.#tab(name)));
    fill(main, h("h1", { class: "visually-hidden" }, place.name), h("div", { class: "till" }, this.tabs, this.area, h("div", { class: "foot" }, this.said, this.action, this.bar.element)));
    document.addEventListener("keydown", (event) => this.#key(event), { signal: this.#controller.signal });
    this.open("sell");
    // The number of orders to pick shows on every tab.
    this.prepare("pick");
  }

  #tab(name) {
    const count = h("span", { class: "count", hidden: true });
    const button = h("button", { class: "tab", on: { click: () => this.open(name) } }, icon(name), h("span", {}, t(name)), count);
    button.count = count;
    this.#views[name].tab = button;
    return button;
  }

  /** Shows a tab; `what` is what it is to open, such as a record that was found. */
  open(name, what) {
    const entry = this.#views[name];
    entry.view ??= entry.make(this);
    if (this.#shown !== entry) {
      this.#shown?.view.hide?.();
      this.#shown?.tab.removeAttribute("aria-current");
      entry.tab.setAttribute("aria-current", "page");
      this.#shown = entry;
      this.quiet();
      fill(this.area, entry.view.element);
    }
    entry.view.show(what);
    this.refresh();
    return entry.view;
  }

  /** Shows the action and the label of the scan bar that the visible tab has now. */
  refresh() {
    const { view } = this.#shown;
    const action = view.action?.() ?? [];
    const shown = [action].flat();
    if (shown.length !== this.action.children.length || shown.some((one, at) => one !== this.action.children[at])) fill(this.action, shown);
    this.bar.label(view.scanning());
  }

  /** The number beside a tab. */
  count(name, number) {
    const { count } = this.#views[name].tab;
    count.hidden = !number;
    count.textContent = String(number);
  }

  /** A job that is not visible may still be heard of, such as the number of orders to pick. */
  prepare(name) {
    const entry = this.#views[name];
    entry.view ??= entry.make(this);
  }

  /** Scans wait until this is over. */
  during(work) {
    this.#chain = this.#chain.then(() => work).catch(() => {});
    return work;
  }

  #heard(typed) {
    this.#chain = this.#chain.then(() => this.#take(typed)).catch((error) => this.failed(error));
  }

  async #take(typed) {
    const { view } = this.#shown;
    if (typed.asks && !(await this.#isMeant(typed.quantity))) return;
    if (typed.kind === "next") {
      this.#pending = typed.quantity;
      this.say(t("s_next", { n: typed.quantity }));
      return;
    }
    if (typed.kind === "quantity") {
      if (view.quantity?.(typed.quantity)) return this.refresh();
      typed = { kind: "code", quantity: 1, read: { kind: "id", text: String(typed.quantity), code: String(typed.quantity) } };
    }
    const quantity = typed.quantity * this.#pending;
    this.#pending = 1;
    this.bar.last(typed.read.code);
    await view.scan({ ...typed, quantity });
    this.refresh();
  }

  async #isMeant(quantity) {
    return (await ask(t("s_is_meant", { n: quantity }), "", [[true, t("s_yes_n", { n: quantity }), "primary"], [null, t("cancel")]])) === true;
  }

  /** A scan was right. */
  right(...told) {
    signal(true);
    this.say(...told);
  }

  /** A scan was wrong; the work goes on. */
  wrong(...told) {
    signal(false);
    fill(this.said, h("div", { class: "notice bad row", role: "alert" }, h("strong", {}, told[0]), told.slice(1)));
  }

  say(...told) {
    fill(this.said, h("div", { class: "row" }, told));
  }

  quiet() {
    this.said.replaceChildren();
  }

  /** Nothing has this code. */
  unknown(code, text = t("unknown_code", { c: code })) {
    this.wrong(text, h("button", { on: { click: () => this.open("find", { text: /^\d+$/.test(code) ? "" : code }) } }, t("s_by_name")));
  }

  /** What was found waits in another store. */
  elsewhere({ record }) {
    const hours = hoursToday(record.hours);
    this.wrong(t("waits_in", { s: record.name ?? record.location }), hours && h("span", {}, t("s_open_today", { h: hours })));
  }

  /** A read or a step failed. */
  failed(error) {
    if (error instanceof Refusal && error.status === 401) return;
    signal(false);
    if (error instanceof Refusal) fill(this.said, problemView(error, { currency: this.place.currency }));
    else fill(this.said, h("div", { class: "notice bad", role: "alert" }, h("strong", {}, titleOf(error))));
  }

  /** "Handed over 14:02". */
  at = (when) => () => moment(when);

  tellNewVersion(take) {
    toast(t("s_new_version"), " ", h("button", { class: "plain", on: { click: take } }, t("s_take_over")));
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const { view } = this.#shown;
    const is_typing = event.target.matches?.("input, textarea, select");
    const done = () => event.preventDefault();
    if (KEYS[event.key]) {
      done();
      this.open(KEYS[event.key]);
    } else if (event.key === "F9") {
      done();
      view.primary?.();
    } else if (event.key === "Escape") {
      if (view.back?.()) done();
      this.refresh();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.target.matches?.("select, [type=number]")) {
      if (step(this.area, event.key === "ArrowDown" ? 1 : -1)) done();
    } else if (event.key === "?" && !is_typing) {
      done();
      help();
    }
  }

  end() {
    this.#controller.abort();
    this.bar.stop();
    for (const { view } of Object.values(this.#views)) view?.end?.();
  }
}

/** Moves the focus among the rows of the visible list. */
function step(area, by) {
  const rows = [...area.querySelectorAll(".tap > button, [data-row]")].filter((row) => row.offsetParent !== null);
  if (rows.length === 0) return false;
  const at = rows.indexOf(document.activeElement?.closest(".tap > button, [data-row]"));
  rows[Math.min(Math.max(at + by, 0), rows.length - 1)].focus();
  return true;
}

function help() {
  const rows = [["F2", t("sell")], ["F4", t("pick")], ["F8", t("find")], ["F9", t("s_key_primary")], ["Esc", t("back")], ["↑ ↓", t("s_key_rows")], ["3*", t("s_key_times")]];
  ask(t("s_keys"), h("dl", { class: "facts" }, rows.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])), [[null, t("close"), "primary"]]);
}

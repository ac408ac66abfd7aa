// The table of cells: rows at a desk, cards on a phone, by the stylesheet alone. Values change in place; rows are made as
// they are needed, and drawn at most once a frame.

import { empty, fill, h, keyed, set } from "/screens/elements.js";
import { number, quantity } from "/screens/format.js";
import { known, nameOf } from "/screens/names.js";
import { t } from "/screens/texts.js";
import "./texts.js";

/** How many rows are made at once; more come with "Show more", or by scrolling there. */
const ROWS_AT_ONCE = 100;

const COLUMNS = [["item", "item"], ["place", "place"], ["on_hand", "on_hand"], ["reserved", "reserved"], ["kept_back", "kept_back"], ["available", "available"]];
const BANDS = { in_stock: "in_stock", low_stock: "few_left", limited_availability: "few_left", out_of_stock: "none_left" };

export class Table {
  #rows_max = ROWS_AT_ONCE;
  #shown = null;
  #frame = null;
  #keyOf;
  #onmore;
  #named = new Set();
  #watch = null;

  constructor(parent, { keyOf, onsort, onsearch, ontake, onmore }) {
    this.#keyOf = keyOf;
    this.#onmore = onmore;
    this.search = h("input", { type: "search", autocomplete: "off", on: { input: () => { this.#rows_max = ROWS_AT_ONCE; onsearch(this.search.value.trim()); } } });
    const option = (order, ...label) => h("option", { value: order }, label);
    this.sorts = h("select", { on: { change: () => onsort(this.sorts.value) } },
      option("item", t("item")), option("place", t("place")), option("available", t("v_low_first")), option("-available", t("v_high_first")));
    this.total = h("p", { class: "total live-number", role: "status" });
    this.fresh = h("button", { class: "fresh", hidden: true, on: { click: ontake } });
    this.heads = COLUMNS.map(([column, label], at) => h("div", { role: "columnheader", class: at > 1 ? "number" : undefined },
      h("button", { class: "plain", on: { click: () => onsort(column) } }, t(label))));
    this.body = h("div", { role: "rowgroup", class: "cells" });
    // What stands here instead of rows.
    this.instead = h("div", {});
    this.more = h("button", { hidden: true, on: { click: () => this.#grow() } });
    const head = h("div", { role: "rowgroup", class: "heads" }, h("div", { role: "row" }, this.heads));
    parent.append(
      h("div", { class: "tools" }, h("label", {}, t("search"), this.search), h("label", { class: "sorts" }, t("sort"), this.sorts), this.total, this.fresh),
      (this.table = h("div", { role: "table", class: "table", hidden: true, "aria-label": t("live_stock") }, head, this.body)),
      this.instead, this.more);
    // It may have come and gone since it was looked at last: the latest counts.
    this.#watch = new IntersectionObserver((seen) => { if (seen.at(-1).isIntersecting) this.#grow(); }, { rootMargin: "400px" });
    this.#watch.observe(this.more);
    addEventListener("language", () => this.names());
  }

  clear() {
    this.#rows_max = ROWS_AT_ONCE;
    this.#shown = null;
    this.body.rows?.clear();
    fill(this.body);
    fill(this.instead);
    set(this.total, "");
    this.table.hidden = this.fresh.hidden = this.more.hidden = true;
  }

  /** Shows the rows of a list; `order` is told in the heads. */
  draw(shown, { order, wanted }) {
    this.#shown = shown;
    this.order = order;
    this.wanted = wanted;
    this.#frame ??= requestAnimationFrame(() => { this.#frame = null; this.#drawn(); });
  }

  /** Names became known, or the language is another. */
  names() {
    if (!this.#shown) return;
    this.body.rows?.forEach((row) => { row.told = null; });
    this.draw(this.#shown, this);
  }

  #grow() {
    this.#rows_max += ROWS_AT_ONCE;
    if (this.#shown) this.#drawn();
    // Still in sight, it is told of again.
    this.#watch.unobserve(this.more);
    this.#watch.observe(this.more);
  }

  #drawn() {
    if (!this.#shown) return;
    const { rows, waiting } = this.#shown;
    const made = rows.slice(0, this.#rows_max);
    keyed(this.body, made, this.#keyOf, () => this.#row(), tell);
    this.table.hidden = rows.length === 0;
    fill(this.instead, rows.length === 0 && empty(t(this.wanted ? "v_no_match" : "v_nothing")));
    const sum = (name) => () => number(rows.reduce((sum, item) => sum + (item[name] ?? 0), 0));
    const has_numbers = rows.some(({ available }) => available !== undefined);
    set(this.total, t(has_numbers ? "v_total" : "v_rows", { rows: rows.length, on_hand: sum("on_hand"), available: sum("available") }));
    this.fresh.hidden = waiting === 0;
    fill(this.fresh, t("new_waiting", { n: waiting }));
    this.more.hidden = made.length === rows.length;
    fill(this.more, t("v_more", { n: () => number(rows.length - made.length) }));
    COLUMNS.forEach(([column], at) => {
      const sorted = this.order === column ? "ascending" : this.order === `-${column}` ? "descending" : "none";
      this.heads[at].setAttribute("aria-sort", sorted);
    });
    if ([...this.sorts.options].some(({ value }) => value === this.order)) this.sorts.value = this.order;
    const unnamed = made.filter(({ sku }) => !this.#named.has(sku));
    for (const { sku } of unnamed) this.#named.add(sku);
    if (unnamed.length) this.#onmore(unnamed).catch(() => {});
  }

  #row() {
    const cell = (name, ...children) => h("div", { role: "cell", class: name }, children);
    const parts = {
      name: h("span", { class: "name" }), sku: h("span", { class: "small muted" }), place: h("span"),
      on_hand: h("span"), reserved: h("span"), kept_back: h("span"), available: h("span", { class: "live-number" }),
    };
    const said = (key) => h("span", { class: "said" }, " ", t(key));
    const row = h("div", { role: "row" },
      cell("item", parts.name, parts.sku), cell("place", parts.place),
      cell("number here", parts.on_hand, said("n_here")), cell("number promised", parts.reserved, said("n_promised")),
      cell("number kept", parts.kept_back, said("n_kept_back")), cell("number available", parts.available, h("span", { class: "said small" }, " ", t("available"))));
    return Object.assign(row, { parts });
  }
}

/** Puts the values of a cell into its row. */
function tell(row, item) {
  if (row.told === item) return;
  const shows = row.told !== undefined && row.told !== null;
  const { sku, location, on_hand, reserved, safety_stock, buffer = 0, available, band, tracked } = item;
  const form = known("sku", sku);
  const amount = (units) => (units === undefined ? "" : quantity(units, form));
  const { parts } = row;
  set(parts.name, nameOf("sku", sku));
  set(parts.sku, nameOf("sku", sku) === sku ? "" : sku);
  set(parts.place, nameOf("location", location));
  set(parts.on_hand, amount(on_hand), { shows });
  set(parts.reserved, amount(reserved), { shows });
  set(parts.kept_back, amount(safety_stock === undefined ? undefined : safety_stock + buffer), { shows });
  const word = tracked === false ? t("v_untracked") : available === undefined ? (BANDS[band] ? t(BANDS[band]) : String(band ?? "").replaceAll("_", " ")) : amount(available);
  set(parts.available, word, { shows });
  row.classList.toggle("none", available === 0 || band === "out_of_stock");
  row.classList.toggle("banded", on_hand === undefined);
  row.told = item;
}

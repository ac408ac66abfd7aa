// Pick: two lists that fill themselves, to pick and ready. A scanned code opens its order, a scanned item the oldest order
// that wants it.

import { empty, fill, h, icon, keyed, set, waiting } from "../screens/elements.js";
import { all } from "../screens/api.js";
import { duration, moment, quantity } from "../screens/format.js";
import { stream } from "../screens/live.js";
import { known, locations, skus } from "../screens/names.js";
import { session } from "../screens/session.js";
import { Shown } from "../screens/shown.js";
import { stateWord } from "../screens/problem.js";
import { spoken, t } from "../screens/texts.js";
import { lookup, unitsOf } from "./lookup.js";
import { again, jobOf, ofOrder, ofReservation } from "./orders.js";

/** Records within this time are one reading of the lists; within a longer one where a reading takes long. */
const TOGETHER_MS = 150;
const TOGETHER_MAX_MS = 500;

/** A reading without an answer for so long is given up. */
const PATIENCE_MS = 20_000;

/** Without the stream the lists are read so often. */
const READS_EVERY_MS = 30_000;

/** For how long it waits, in whole minutes from the first on. */
function age(since) {
  const seconds = Math.max((Date.now() - Date.parse(since)) / 1000, 0);
  return duration(seconds < 60 ? seconds : Math.floor(seconds / 60) * 60);
}

const oldest = (one, other) => (one.pickup_by ?? one.created_at).localeCompare(other.pickup_by ?? other.created_at);

export function pickView(frame) {
  const { place } = frame;
  const lists = { confirmed: new Shown(({ id }) => id, oldest), ready: new Shown(({ id }) => id, oldest) };
  let which = "confirmed";
  let detail = null;
  const rows = h("ul", { class: "list" });
  const told = h("div");
  const fresh = h("button", { class: "fresh plain", hidden: true, on: { click: () => { lists[which].take(); draw(); } } });
  const tab = (state, name) => h("button", { role: "tab", on: { click: () => { which = state; draw(); } } }, h("span", {}, t(name)), h("span", { class: "count" }));
  const tabs = { confirmed: tab("confirmed", "to_pick"), ready: tab("ready", "ready") };
  const board = h("section", { class: "pane stack", "aria-label": t("pick") }, h("div", { class: "switch", role: "tablist" }, Object.values(tabs)), told, fresh, rows);
  const side = h("section", { class: "pane side" });
  const element = h("div", { class: "panes" }, board, side);

  const units = ({ lines }) => lines.reduce((sum, { quantity: n, collected = 0 }) => sum + n - collected, 0);
  const row = (item) => {
    const name = h("span", {}, item.order ?? item.id.slice(-6));
    const what = h("span", { class: "small muted" });
    const count = h("span", { class: "number" });
    const button = h("button", { class: "plain whole", on: { click: () => openReservation(lists[which].all.find(({ id }) => id === item.id) ?? item) } }, h("span", { class: "grow" }, h("div", {}, name), h("div", {}, what)), count);
    const element = h("li", { class: "tap" }, button);
    element.update = (now) => {
      button.setAttribute("aria-current", String(detail?.job.reservation === now.id));
      // An age moves each minute, and the rest with the record.
      const told = [now.pickup_by, now.created_at, now.purpose, units(now), spoken(), now.pickup_by ? "" : Math.floor(Date.now() / 60_000)].join();
      if (element.told === told) return;
      element.told = told;
      const due = now.pickup_by ? t("s_until", { t: () => moment(now.pickup_by) }) : t("s_ago", { d: () => age(now.created_at) });
      fill(what, now.purpose === "delivery" ? t("s_delivery") : t("s_pickup"), " · ", due);
      set(count, t("s_n_units", { n: () => quantity(units(now)), of: units(now) }));
    };
    return element;
  };

  const draw = () => {
    for (const [state, button] of Object.entries(tabs)) {
      button.setAttribute("aria-selected", String(state === which));
      button.querySelector(".count").textContent = String(lists[state].all.length);
    }
    const shown = lists[which];
    fresh.hidden = shown.waiting === 0;
    fill(fresh, t("new_waiting", { n: shown.waiting }));
    if (shown.rows.length === 0 && has_read) fill(rows, h("li", {}, empty(t(which === "ready" ? "s_ready_empty" : "s_pick_empty"))));
    else {
      if (!rows.rows?.size) fill(rows);
      keyed(rows, shown.rows, ({ id }) => id, row, (element, item) => element.update(item));
    }
    if (shown.rows.length === 0) rows.rows = undefined;
    frame.count("pick", lists.confirmed.all.length);
    element.dataset.open = String(!!detail);
  };

  let has_read = false;
  let at_least = null;
  let took_ms = 0;
  let is_reading = false;
  let is_wanted = false;
  /** One reading at a time, so that an older one never comes after a newer one. */
  const read = async (seq = null) => {
    if (seq !== null) at_least = Math.max(at_least ?? 0, seq);
    is_wanted = true;
    if (is_reading) return;
    is_reading = true;
    try {
      while (is_wanted) {
        is_wanted = false;
        await readOnce();
      }
    } finally {
      is_reading = false;
    }
  };
  const readOnce = async () => {
    if (session.state === "none" || session.state === "refused") return;
    const arrived = has_read ? () => {} : waiting(rows);
    const began = performance.now();
    try {
      for (const [state, shown] of Object.entries(lists)) {
        const found = await all("/v1/reservations", { location: place.location, state, min_seq: at_least }, { most: 5000, signal: AbortSignal.timeout(PATIENCE_MS) });
        const kept = found.filter(({ purpose }) => purpose === "pickup" || purpose === "delivery");
        const ids = new Set(kept.map(({ id }) => id));
        shown.change(kept, shown.all.filter(({ id }) => !ids.has(id)));
      }
      fill(told);
      has_read = true;
      followOpen();
    } catch (error) {
      if (!has_read && error.status !== 401) fill(told, h("p", { class: "muted" }, t("unreachable")));
    } finally {
      arrived();
    }
    draw();
    took_ms = performance.now() - began;
  };
  /** What is open may have moved on at another till. */
  const followOpen = async () => {
    const { job } = detail ?? {};
    if (!job || !lists[job.state] || lists[job.state].all.some(({ id }) => id === job.reservation)) return;
    const now = await again(job, place.location).catch(() => null);
    if (now && detail?.job === job && now.state !== job.state) open(now, { is_handing: now.state !== "confirmed" });
  };
  let timer = null;
  const soon = (seq) => {
    if (seq !== null) at_least = Math.max(at_least ?? 0, seq);
    // However many come, it is not put off.
    timer ??= setTimeout(() => {
      timer = null;
      read();
    }, Math.min(Math.max(TOGETHER_MS, 2 * took_ms), TOGETHER_MAX_MS));
  };
  const followed = stream.follow({ kinds: session.may("sell") || session.may("fulfil") ? ["order", "reservation"] : ["reservation"], locations: [place.location] }, {
    onbegin: read, onreset: (_, seq) => read(seq),
    onevent: (item) => soon(item.seq),
    // A server or a key that lets nobody follow is asked again and again.
    onrefused: () => read(),
  });
  const interval = setInterval(() => { if (stream.state !== "live") read(); }, READS_EVERY_MS);
  const signedIn = () => { if (session.state === "known" || session.state === "open") read(); };
  session.addEventListener("change", signedIn);
  globalThis.addEventListener("language", draw);

  let opening = null;
  const close = () => {
    opening = null;
    if (!detail) return false;
    const has_focus = side.contains(document.activeElement);
    const left = rows.rows?.get(detail.job.reservation);
    detail = null;
    side.replaceChildren();
    draw();
    frame.refresh();
    if (has_focus) left?.querySelector("button")?.focus({ preventScroll: true });
    return true;
  };
  const open = async (job, how = {}) => {
    frame.quiet();
    const now = (opening = Symbol(job.reservation));
    let make;
    try {
      // Loaded after the page is painted.
      make = job.state === "confirmed" && !how.is_handing ? (await import("./picking.js")).picking : (await import("./handover.js")).handOver;
    } catch (error) {
      if (opening === now) frame.failed(error);
      return null;
    }
    if (opening !== now) return null;
    detail = make(frame, job, { ...how, close, again: (job, how) => open(job, how), changed: () => soon(null) });
    fill(side, h("button", { class: "plain back", on: { click: close } }, icon("back"), t("back")), detail.element);
    draw();
    frame.refresh();
    detail.element.querySelector("h2")?.focus();
    return detail;
  };
  const openReservation = async (reservation, how) => {
    try {
      const job = await frame.during(jobOf(reservation, place.location));
      await skus(job.lines.map(({ sku }) => sku));
      return open(job, how);
    } catch (error) {
      return frame.failed(error);
    }
  };

  /** What a found record is here: its job, or why there is none. */
  const openFound = async (found, code) => {
    if (found.kind === "location") return frame.elsewhere(found);
    const job = found.kind === "order" ? ofOrder(found.record, place.location, { fulfilment: found.fulfilment }) : ofReservation(found.record, place.location);
    if (!job) {
      const away = found.record.fulfilments?.find(({ location }) => location)?.location;
      await locations().catch(() => {});
      return frame.elsewhere({ record: known("location", away) ?? { location: away ?? "–" } });
    }
    if (!["confirmed", "ready", "collected"].includes(job.state)) return frame.wrong(job.name, h("span", {}, stateWord(job.state)));
    await skus(job.lines.map(({ sku }) => sku));
    const is_code = code?.toUpperCase() === job.code?.toUpperCase() || (found.fulfilment !== null && code !== job.order && code !== job.reservation);
    await open(job, { code: is_code ? code : null });
    return frame.right(h("span", {}, job.name));
  };

  const scan = async (typed) => {
    const found = await lookup(typed.read, place, detail?.wants ? "goods" : "orders");
    if (!found) return frame.unknown(typed.read.code, /^[A-Z0-9]{6}$/i.test(typed.read.code) ? t("wrong_code") : undefined);
    if (found.kind === "receipt" || found.kind === "return") return frame.open("more", { job: "return", found });
    if (found.kind === "transfer") return frame.open("more", { job: "receive", found });
    if (found.kind !== "sku") return openFound(found, typed.read.code);
    const { sku, name } = found.record;
    if (detail?.wants?.(sku)) return detail.pick(sku, unitsOf(typed, found));
    if (detail?.wants) return frame.wrong(t("s_not_wanted", { i: name ?? sku }));
    const wanting = lists.confirmed.all.filter(({ lines }) => lines.some((line) => line.sku === sku && line.quantity > (line.collected ?? 0))).sort(oldest)[0];
    if (!wanting) return frame.wrong(t("s_none_wants", { i: name ?? sku }));
    const opened = await openReservation(wanting);
    return opened?.pick?.(sku, unitsOf(typed, found));
  };

  return {
    element,
    scan,
    scanning: () => (detail?.wants ? t("s_scan_pick", { o: detail.job.name }) : t("s_scan_order")),
    show(what) {
      draw();
      if (what?.found) openFound(what.found, what.code).catch((error) => frame.failed(error));
      if (what?.reservation) openReservation(what.reservation);
    },
    action: () => detail?.action?.() ?? [],
    primary: () => detail?.primary?.(),
    back: close,
    end() {
      followed.close();
      clearInterval(interval);
      clearTimeout(timer);
      session.removeEventListener("change", signedIn);
      globalThis.removeEventListener("language", draw);
    },
  };
}

// Refusals for people: the title, then what the problem says of itself as a sentence, "would succeed" as a button, and the
// server's own words under "More".

import { h, notice } from "./elements.js";
import { money, number, quantity } from "./format.js";
import { Refusal, Unreachable } from "./api.js";
import { add, t } from "./texts.js";

add({
  p_invalid: ["This cannot be done as asked", "No se puede hacer así"],
  p_unauthorized: ["This key no longer works", "Esta clave ya no funciona"],
  p_forbidden: ["This key may not do that", "Esta clave no lo permite"],
  p_not_found: ["There is no such record", "No existe ese registro"],
  p_insufficient: ["Not enough stock", "No hay existencias suficientes"],
  p_wrong_state: ["It has moved on meanwhile", "Ha cambiado entretanto"],
  p_exists: ["It exists already, with other content", "Ya existe, con otro contenido"],
  p_price: ["The price is another", "El precio es otro"],
  p_unbalanced: ["The money does not add up", "Las cantidades no cuadran"],
  p_not_returnable: ["This cannot come back", "No se puede devolver"],
  p_gone: ["It is no longer kept", "Ya no se conserva"],
  p_stale: ["Someone else changed it meanwhile", "Alguien lo ha cambiado entretanto"],
  p_busy: ["The server is busy", "El servidor está ocupado"],
  p_read_only: ["The server takes no writes now", "El servidor no admite cambios ahora"],
  p_unknown: ["It is not known whether it was done", "No se sabe si se hizo"],
  p_internal: ["The server has a fault", "El servidor tiene un fallo"],
  short_line: ["{sku}: {available} of {requested} available", "{sku}: disponibles {available} de {requested}"],
  short_nothing: ["{sku}: none available", "{sku}: no hay disponible"],
  due_tendered: ["Due {due}, told {tendered}", "A pagar {due}, indicado {tendered}"],
  due: ["Due {due}", "A pagar {due}"],
  total_now: ["The total is {total}", "El total es {total}"],
  state_now: ["It is {state} now", "Ahora está: {state}"],
  why_quantity: ["{sku}: only {n} can come back", "{sku}: solo se pueden devolver {n}"],
  why_not_handed_over: ["{sku}: not handed over yet", "{sku}: aún no se ha entregado"],
  why_window: ["{sku}: too late to come back", "{sku}: fuera de plazo"],
  why_excluded: ["{sku}: does not come back", "{sku}: no admite devolución"],
  why_unknown_sale: ["{sku}: of no known sale", "{sku}: sin venta conocida"],
  take_of: ["Take {n} of {sku}", "Llevar {n} de {sku}"],
  take_at: ["{place}, {km} km", "{place}, {km} km"],
  wait_s: ["Try again in {n} s", "Reintenta en {n} s"],
  st_held: ["held", "retenido"],
  st_open: ["open", "abierto"],
  st_confirmed: ["confirmed", "confirmado"],
  st_ready: ["ready", "listo"],
  st_collected: ["handed over", "entregado"],
  st_completed: ["completed", "completado"],
  st_cancelled: ["cancelled", "cancelado"],
  st_expired: ["expired", "caducado"],
});

const TITLES = {
  "invalid-request": "p_invalid", unauthorized: "p_unauthorized", forbidden: "p_forbidden", "not-found": "p_not_found",
  "insufficient-stock": "p_insufficient", "wrong-state": "p_wrong_state", "already-exists": "p_exists",
  "price-mismatch": "p_price", unbalanced: "p_unbalanced", "not-returnable": "p_not_returnable", gone: "p_gone",
  "stale-version": "p_stale", "too-many-requests": "p_busy", overloaded: "p_busy", "read-only": "p_read_only",
  internal: "p_internal",
};

const STATES = new Set(["held", "open", "confirmed", "ready", "collected", "completed", "cancelled", "expired"]);
const REASONS = new Set(["quantity", "not_handed_over", "window", "excluded", "unknown_sale"]);

/** A state in the reader's language, as far as it has a word. */
export const stateWord = (state) => (STATES.has(state) ? t(`st_${state}`) : state);

/** The title of an error: of a problem in the reader's language where there is one, else the server's. */
export function titleOf(error) {
  if (error instanceof Unreachable) return t("unreachable");
  if (!(error instanceof Refusal)) return String(error?.message ?? error);
  if (error.is_unknown || error.problem.outcome === "unknown") return t("p_unknown");
  const known = TITLES[error.slug];
  return known ? t(known) : error.problem.title ?? error.message;
}

/**
 * What a problem says by its own fields, each a saying. `currency` is that of the record, `nameOf` tells an item's name.
 */
export function sentences(problem, { currency = "EUR", nameOf = (sku) => sku } = {}) {
  const slug = problem.type?.split("/").pop();
  const amount = (minor) => () => money(minor, currency);
  const lines = Array.isArray(problem.lines) ? problem.lines : [];
  const sku = ({ sku }) => nameOf(sku);
  switch (slug) {
    case "insufficient-stock":
      return lines.map((line) => (line.available > 0
        ? t("short_line", { sku: sku(line), available: () => quantity(line.available), requested: () => quantity(line.requested) })
        : t("short_nothing", { sku: sku(line) })));
    case "unbalanced":
      return problem.tendered === undefined ? [t("due", { due: amount(problem.due) })] : [t("due_tendered", { due: amount(problem.due), tendered: amount(problem.tendered) })];
    case "not-returnable":
      return lines.map((line) => t(`why_${REASONS.has(line.reason) ? line.reason : "quantity"}`, { sku: sku(line), n: line.returnable }));
    case "price-mismatch":
      return problem.total === undefined ? [] : [t("total_now", { total: amount(problem.total) })];
    case "wrong-state":
      return problem.state ? [t("state_now", { state: () => String(stateWord(problem.state)) })] : [];
    case "forbidden":
      return problem.scope ? [t("needs", { p: [problem.scope].flat().join(", ") })] : [];
    default:
      return [];
  }
}

/** What would succeed, by line: `[{line, would, label}]`; `would` is `{quantity}` or `{location}`, at most three places. */
export function remedies(problem, { nameOf = (sku) => sku, placeOf = ({ location }) => location } = {}) {
  const lines = Array.isArray(problem.lines) ? problem.lines : [];
  return lines.flatMap((line) => {
    const { quantity: fewer, locations = [] } = line.would_succeed ?? {};
    const less = fewer > 0 ? [{ line, would: { quantity: fewer }, label: lines.length > 1 ? t("take_of", { n: () => quantity(fewer), sku: nameOf(line.sku) }) : t("take", { n: () => quantity(fewer) }) }] : [];
    const elsewhere = locations.slice(0, 3).map((place) => ({
      line, would: { location: place.location },
      label: t("take_at", { place: placeOf(place), km: () => number(place.distance_km ?? 0, { maximumFractionDigits: place.distance_km < 10 ? 1 : 0 }) }),
    }));
    return [...less, ...elsewhere];
  });
}

/** The box of an error. `act(line, would, button)` does what would succeed; `retry` repeats. */
export function problemView(error, { act, retry, ...how } = {}) {
  const problem = error instanceof Refusal ? error.problem : {};
  const told = sentences(problem, how).map((saying) => h("p", {}, saying));
  const wait = error.retry_ms > 0 ? h("p", {}, t("wait_s", { n: Math.ceil(error.retry_ms / 1000) })) : null;
  const buttons = act ? remedies(problem, how).map(({ line, would, label }) => h("button", { on: { click: ({ currentTarget }) => act(line, would, currentTarget) } }, label)) : [];
  if (retry) buttons.push(h("button", { on: { click: retry } }, t("again")));
  const more = problem.detail && h("details", { class: "small" }, h("summary", {}, t("details")), h("p", { lang: "en" }, problem.detail),
    problem.type && h("p", {}, h("a", { href: problem.type, lang: "en" }, problem.type)));
  return notice("bad", titleOf(error), told, wait, buttons.length > 0 && h("div", { class: "row" }, buttons), more);
}

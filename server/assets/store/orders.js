// Orders and reservations as the store handles them: what is to be picked and handed over at one place, whether it belongs
// to an order or stands alone.

import { Refusal, get, path } from "../screens/api.js";

/**
 * A job of a reservation at a place: `{id, order, fulfilment, reservation, state, purpose, lines: [{line, sku, quantity}],
 * due, currency, code, pickup_by, promised_for, customer, handed_over_at, record}`. Lines have what is outstanding.
 */
export async function jobOf(reservation, location) {
  if (reservation.order) {
    try {
      return ofOrder(await get(path`/v1/orders/${reservation.order}`), location, { reservation: reservation.id });
    } catch (error) {
      // The order may be a reference of somebody else's.
      if (!(error instanceof Refusal) || (error.status !== 404 && error.status !== 403)) throw error;
    }
  }
  return ofReservation(reservation, location);
}

export function ofReservation(reservation, location) {
  const lines = reservation.lines.filter((line) => !line.location || line.location === location)
    .map(({ sku, quantity, collected = 0 }) => ({ line: sku, sku, quantity: quantity - collected })).filter(({ quantity }) => quantity > 0);
  return {
    id: reservation.id, order: null, name: reservation.order ?? reservation.id.slice(-6), fulfilment: null, reservation: reservation.id,
    state: reservation.state, purpose: reservation.purpose, lines, due: 0, currency: null, code: reservation.pickup_code,
    pickup_by: reservation.pickup_by, promised_for: null, customer: reservation.customer, handed_over_at: null, record: reservation,
  };
}

/** The job of an order at a place; null if nothing of it is there. `named` says which: a fulfilment, or a reservation. */
export function ofOrder(order, location, { fulfilment, reservation } = {}) {
  const here = order.fulfilments.filter((one) => one.location === location);
  const isOpen = ({ state }) => state === "confirmed" || state === "ready";
  const found = here.find((one) => (fulfilment && one.fulfilment === fulfilment) || (reservation && one.reservation === reservation)) ?? here.find(isOpen) ?? here[0];
  if (!found) return null;
  const lineOf = new Map(order.lines.map((line) => [line.line, line]));
  const lines = found.lines.map(({ line, quantity }) => {
    const { sku, handed_over = 0, cancelled = 0, quantity: of = quantity } = lineOf.get(line) ?? {};
    // A line may be split over fulfilments: what is told of one alone is its own quantity.
    const gone = of === quantity ? handed_over + cancelled : 0;
    return { line, sku, quantity: quantity - gone };
  }).filter(({ sku, quantity }) => sku && quantity > 0);
  const handed = order.history.findLast?.(({ kind }) => /collected|handed_over|sold/.test(kind));
  return {
    id: found.reservation ?? `${order.order}/${found.fulfilment}`, order: order.order, name: order.order, fulfilment: found.fulfilment, reservation: found.reservation,
    state: found.state, purpose: found.purpose, lines, due: order.due, currency: order.currency, code: found.pickup_code,
    pickup_by: found.pickup_by, promised_for: found.promised_for, customer: order.customer,
    handed_over_at: found.state === "collected" ? handed ?? null : null, record: order,
  };
}

/** The address of a step of a job. */
export const stepOf = (job, step) => (job.order
  ? path`/v1/orders/${job.order}/fulfilments/${job.fulfilment}` + (step ? `/${step}` : "")
  : path`/v1/reservations/${job.reservation}` + `/${step}`);

/** Reads a job anew. */
export async function again(job, location) {
  if (!job.order) return ofReservation(await get(path`/v1/reservations/${job.reservation}`), location);
  return ofOrder(await get(path`/v1/orders/${job.order}`), location, job);
}

/** Who else could hand these units over, the nearest first. */
export async function elsewhere(lines, place, limit = 5) {
  if (place.latitude === null || lines.length === 0) return [];
  const { items } = await get("/v1/pickup", {
    sku: lines.map(({ sku }) => sku), quantity: lines.map(({ quantity }) => quantity),
    near: `${place.latitude},${place.longitude}`, channel: place.channel, limit: limit + 1,
  });
  return items.filter(({ location, complete }) => location !== place.location && complete !== false).slice(0, limit);
}

// The started sale: lines, their prices, the total. Plain data, kept by the tab's session until it is sold.

/** Adds units; the newest line is the last. */
export function add(lines, item, quantity) {
  const at = lines.findIndex(({ sku }) => sku === item.sku);
  if (at === -1) return [...lines, { ...item, quantity }];
  const line = { ...lines[at], ...item, quantity: lines[at].quantity + quantity };
  return [...lines.slice(0, at), ...lines.slice(at + 1), line];
}

/** Sets the units of an item; 0 takes it out. */
export function setQuantity(lines, sku, quantity) {
  if (quantity <= 0) return lines.filter((line) => line.sku !== sku);
  return lines.map((line) => (line.sku === sku ? { ...line, quantity } : line));
}

export const total = (lines) => lines.reduce((sum, { unit_amount, quantity }) => sum + unit_amount * quantity, 0);

/** Takes over prices by SKU; the rest stays. */
export const repriced = (lines, prices) => lines.map((line) => ({ ...line, unit_amount: prices.get(line.sku) ?? line.unit_amount }));

/**
 * The body of the sale. While there is no connection it says so and names its prices; otherwise it names the total that
 * the customer was told. `given` is the cash that was handed over.
 */
export function saleBody({ place, lines, tender, given, is_offline, named }) {
  const amount = total(lines);
  return {
    order: named.order, till_reference: named.till_reference, occurred_at: named.occurred_at,
    channel: place.channel, location: place.location, till: place.till, currency: place.currency,
    lines: lines.map(({ sku, quantity, unit_amount }, at) => ({ line: String(at + 1), sku, quantity, ...(is_offline && { unit_amount }) })),
    payments: amount > 0 ? [{ payment: "p1", tender, amount, state: "captured", ...(given > amount && { given }) }] : [],
    ...(is_offline ? { offline: true } : { expected_total: amount }),
    ...(place.documents.receipt && { receipt: {} }),
  };
}

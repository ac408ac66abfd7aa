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

/**
 * A sale that was refused, with what is right: `lines` are `[{quantity, unit_amount}]` in the order of the body's, 0 takes
 * one out; `amounts` are those of its payments. Prices that the till named, or that are named now, are those of an offline
 * sale; otherwise the server prices it, and the total is told.
 */
export function correctedSale(body, shown, { lines, amounts }) {
  const right = shown.lines.map((line, at) => ({ ...line, ...lines[at] }));
  const is_offline = body.offline === true || right.some(({ unit_amount }, at) => unit_amount !== shown.lines[at].unit_amount);
  const sum = total(right);
  const { expected_total: _, offline: __, ...rest } = body;
  const payments = body.payments.map(({ given, ...payment }, at) => ({ ...payment, amount: amounts[at], ...(given > amounts[at] && { given }) }));
  return {
    body: {
      ...rest,
      lines: body.lines.map(({ line, sku }, at) => ({ line, sku, quantity: right[at].quantity, ...(is_offline && { unit_amount: right[at].unit_amount }) })).filter(({ quantity }) => quantity > 0),
      payments: payments.filter(({ amount }) => amount > 0),
      ...(is_offline ? { offline: true } : { expected_total: sum }),
    },
    shown: { ...shown, lines: right.filter(({ quantity }) => quantity > 0), total: sum },
  };
}

/** A count that was refused, with what is right: the quantities in the order of the body's lines; null leaves one out. */
export function correctedCount(body, shown, quantities) {
  const keep = (_, at) => quantities[at] !== null;
  return {
    body: { ...body, counts: body.counts.map((line, at) => ({ ...line, on_hand: quantities[at] })).filter(keep) },
    shown: { ...shown, lines: shown.lines.map((line, at) => ({ ...line, counted: quantities[at] })).filter(keep) },
  };
}

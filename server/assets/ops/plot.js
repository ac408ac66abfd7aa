// How values become a line. Pure.

/** The smallest of 1, 2, 5, 10, 20 … that is not below a value. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * size).find((step) => step >= value * 0.999999);
}

/** Fewer points over a span: the largest value of each piece of time; null where there is none. */
export function thinned(values, from, to, pieces) {
  const largest = new Array(pieces).fill(null);
  for (const [time, value] of values) {
    if (value === null || time < from || time > to) continue;
    const at = Math.min(Math.floor(((time - from) / (to - from)) * pieces), pieces - 1);
    largest[at] = largest[at] === null ? value : Math.max(largest[at], value);
  }
  return largest.map((value, at) => [from + ((at + 0.5) * (to - from)) / pieces, value]);
}

/** The path of a line; it is interrupted where there is no value, and a value alone is a dot. */
export function line(points, x, y) {
  let is_down = false;
  return points.map(([time, value]) => {
    const step = value === null ? "" : `${is_down ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}${is_down ? "" : "h0"}`;
    is_down = value !== null;
    return step;
  }).join("");
}

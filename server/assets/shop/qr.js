// QR codes of texts (ISO/IEC 18004): bytes, level M, versions 1 to 10, which is 213 bytes. Pure, but for `qr`, which draws.

/** By version: bytes of error correction a block, then [blocks, data bytes of each], once or twice. */
const BLOCKS = [[10, [1, 16]], [16, [1, 28]], [26, [1, 44]], [18, [2, 32]], [24, [2, 43]], [16, [4, 27]], [18, [4, 31]],
  [22, [2, 38], [2, 39]], [22, [3, 36], [2, 37]], [26, [4, 43], [1, 44]]];

/** Where alignment patterns stand, by version. */
const ALIGNED = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

const LEVEL_M = 0;

/** The field of 256 elements over x⁸ + x⁴ + x³ + x² + 1. */
const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let at = 0, value = 1; at < 255; at++) {
  EXP[at] = EXP[at + 255] = value;
  LOG[value] = at;
  value = value & 128 ? (value << 1) ^ 285 : value << 1;
}
const times = (one, other) => (one && other ? EXP[LOG[one] + LOG[other]] : 0);

/** The error correction of a block: the remainder of its division by the generator. */
function correction(data, length) {
  let generator = [1];
  for (let at = 0; at < length; at++) {
    const next = [...generator, 0];
    generator.forEach((value, nth) => { next[nth + 1] ^= times(value, EXP[at]); });
    generator = next;
  }
  const rest = [...data, ...new Array(length).fill(0)];
  data.forEach((_, at) => {
    const factor = rest[at];
    if (factor) generator.forEach((value, nth) => { rest[at + nth] ^= times(value, factor); });
  });
  return rest.slice(data.length);
}

/** All bytes of a text: data and correction of its blocks, interleaved. */
function codewords(bytes, version) {
  const [length, ...groups] = BLOCKS[version - 1];
  const capacity = groups.reduce((sum, [count, size]) => sum + count * size, 0);
  const bits = [];
  const push = (value, width) => { for (let at = width - 1; at >= 0; at--) bits.push((value >> at) & 1); };
  push(4, 4);
  push(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) push(byte, 8);
  push(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data = [];
  for (let at = 0; at < bits.length; at += 8) data.push(parseInt(bits.slice(at, at + 8).join(""), 2));
  for (let pad = 0; data.length < capacity; pad++) data.push(pad % 2 ? 17 : 236);
  const blocks = [];
  for (const [count, size] of groups) for (let nth = 0; nth < count; nth++) blocks.push(data.splice(0, size));
  const corrections = blocks.map((block) => correction(block, length));
  const woven = (all) => Array.from({ length: Math.max(...all.map((one) => one.length)) }, (_, at) => all.map((one) => one[at])).flat();
  return [...woven(blocks), ...woven(corrections)].filter((byte) => byte !== undefined);
}

const MASKS = [
  (x, y) => (x + y) % 2 === 0, (x, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0, (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** A number with its BCH remainder. */
function checked(value, width, generator) {
  let rest = value << width;
  const top = 1 << width;
  for (let bit = 1 << 30; bit >= top; bit >>= 1) if (rest & bit) rest ^= generator * (bit / top);
  return (value << width) | rest;
}

/** The modules of a text, rows of booleans. Throws where the text is longer than version 10 holds. */
export function modules(text) {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex(([, ...groups], at) => groups.reduce((sum, [count, size]) => sum + count * size, 0) >= bytes.length + (at < 9 ? 2 : 3)) + 1;
  if (version === 0) throw new Error(`${bytes.length} bytes are too many for this code`);
  const size = 17 + 4 * version;
  const grid = Array.from({ length: size }, () => new Array(size).fill(null));
  const put = (x, y, dark) => { if (x >= 0 && y >= 0 && x < size && y < size) grid[y][x] = dark; };
  const square = (cx, cy, reach, dark) => { for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) put(cx + x, cy + y, dark(Math.max(Math.abs(x), Math.abs(y)))); };
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, (ring) => ring !== 2 && ring !== 4);
  for (let at = 8; at < size - 8; at++) for (const [x, y] of [[at, 6], [6, at]]) put(x, y, at % 2 === 0);
  const aligned = ALIGNED[version - 1];
  const corner = (x, y) => [x, y].every((one) => one === 6 || one === size - 7) && (x === 6 || y === 6);
  for (const y of aligned) for (const x of aligned) if (!corner(x, y)) square(x, y, 2, (ring) => ring !== 1);
  const told = version > 6 ? checked(version, 12, 0x1f25) : 0;
  for (let at = 0; version > 6 && at < 18; at++) for (const [x, y] of [[size - 11 + (at % 3), Math.floor(at / 3)], [Math.floor(at / 3), size - 11 + (at % 3)]]) put(x, y, Boolean((told >> at) & 1));
  const format = (mask) => {
    const word = checked((LEVEL_M << 3) | mask, 10, 0x537) ^ 0x5412;
    for (let at = 0; at < 15; at++) {
      const dark = Boolean((word >> at) & 1);
      put(8, at < 6 ? at : at < 8 ? at + 1 : size - 15 + at, dark);
      put(at < 8 ? size - 1 - at : at < 9 ? 7 : 14 - at, 8, dark);
    }
    put(8, size - 8, true);
  };
  format(0);
  const bits = codewords(bytes, version).flatMap((byte) => Array.from({ length: 8 }, (_, at) => (byte >> (7 - at)) & 1));
  const free = [];
  for (let right = size - 1, up = true; right > 0; right -= right === 8 ? 3 : 2, up = !up) {
    for (let step = 0; step < size; step++) for (const x of [right, right - 1]) {
      const y = up ? size - 1 - step : step;
      if (grid[y][x] === null) free.push([x, y]);
    }
  }
  const masked = (mask) => {
    free.forEach(([x, y], at) => put(x, y, Boolean(bits[at]) !== MASKS[mask](x, y)));
    format(mask);
    return grid.map((row) => [...row]);
  };
  return MASKS.map((_, mask) => masked(mask)).reduce((best, one) => (penalty(one) < penalty(best) ? one : best));
}

/** How hard a code is to read. */
function penalty(grid) {
  const lines = [...grid, ...grid[0].map((_, x) => grid.map((row) => row[x]))].map((line) => line.map(Number).join(""));
  const runs = lines.flatMap((line) => line.match(/0{5,}|1{5,}/g) ?? []).reduce((sum, run) => sum + run.length - 2, 0);
  const finders = lines.reduce((sum, line) => sum + [...line.matchAll(/(?=00001011101|10111010000)/g)].length * 40, 0);
  let squares = 0;
  for (let y = 1; y < grid.length; y++) for (let x = 1; x < grid.length; x++) {
    if ([grid[y][x - 1], grid[y - 1][x], grid[y - 1][x - 1]].every((one) => one === grid[y][x])) squares += 3;
  }
  const dark = grid.flat().filter(Boolean).length / grid.length ** 2;
  return runs + finders + squares + Math.floor(Math.abs(dark * 20 - 10)) * 10;
}

/** The code of a text as an SVG, with its quiet zone, dark on light whatever the scheme is. */
export function qr(text) {
  const grid = modules(text);
  const path = grid.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
  const of = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const svg = of("svg", { viewBox: `0 0 ${grid.length + 8} ${grid.length + 8}`, "shape-rendering": "crispEdges", "aria-hidden": "true" });
  svg.append(of("path", { d: path, fill: "#000000" }));
  return svg;
}

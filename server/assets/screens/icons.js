// Twelve icons on a grid of 24, 20 px high, in the colour of the word that stands beside each.

const PATHS = {
  sell: "M4 5h2l2 10h10l2-7H7 M9 20h.01 M17 20h.01",
  pick: "M4 7l8-4 8 4v10l-8 4-8-4z M4 7l8 4 8-4 M12 11v10",
  find: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z M15.5 15.5 21 21",
  more: "M5 11.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4z M12 11.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4z M19 11.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4z",
  scan: "M4 8V5h3 M17 5h3v3 M20 16v3h-3 M7 19H4v-3 M8 9v6 M12 9v6 M16 9v6",
  camera: "M4 8h3l2-3h6l2 3h3v11H4z M12 16.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  store: "M4 10l1.5-5h13L20 10 M4 10h16 M5.5 10v10h13V10 M10 20v-6h4v6",
  key: "M8 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M11.5 12H21 M18 12v3 M15 12v2",
  lock: "M6 11h12v9H6z M9 11V8a3 3 0 0 1 6 0v3",
  done: "M5 13l4 4L19 7",
  back: "M5 12h14 M11 6l-6 6 6 6",
  print: "M7 9V4h10v5 M7 17H4V9h16v8h-3 M7 14h10v6H7z",
};

/** An icon; it is silent for screen readers, because a word stands beside it. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({ class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" })) svg.setAttribute(key, value);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

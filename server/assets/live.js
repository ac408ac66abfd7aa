// The page /live: what a channel sees, with nothing but the client module. A link with a query, such as
// /live?location=es-001&channel=web, watches at once.

import { Anaquel } from "/anaquel.js";

const ROWS_MAX = 2000;
const at = (id) => document.getElementById(id);
const list = (text) => text.split(",").map((name) => name.trim()).filter(Boolean);

const stream = new Anaquel();
const rows = new Map();
let live = null;
let changes = 0;

stream.onstate = (state, error) => {
  at("connection").dataset.state = state;
  at("state").textContent = state === "waiting" ? "connection lost; trying again" : state;
  if (state === "closed" && error) notice(error.message);
};
stream.onheartbeat = ({ seq, lag_ms }) => {
  at("seq").textContent = seq;
  at("lag").textContent = `${Math.round(lag_ms)} ms`;
};

function notice(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

function draw(cell, flash) {
  const key = `${cell.sku}\n${cell.location}`;
  let row = rows.get(key);
  if (!row) {
    if (rows.size >= ROWS_MAX) return notice(`Only the first ${ROWS_MAX} cells are shown; choose fewer.`);
    row = at("cells").insertRow();
    for (let column = 0; column < 6; column++) row.insertCell();
    rows.set(key, row);
  }
  // Who is not told numbers is told a band.
  const available = cell.available ?? cell.band.replaceAll("_", " ");
  const values = [cell.sku, cell.location, cell.on_hand, cell.reserved, cell.safety_stock, available];
  values.forEach((value, column) => { row.cells[column].textContent = value; });
  row.classList.toggle("none", cell.available === 0 || cell.band === "out_of_stock");
  if (flash) {
    row.classList.remove("changed");
    void row.offsetWidth;
    row.classList.add("changed");
  }
}

function clear() {
  rows.clear();
  at("cells").replaceChildren();
}

function watch(selection) {
  live?.close();
  clear();
  notice("");
  changes = 0;
  let first = true;
  live = stream.subscribe(selection);
  let resets = 0;
  live.onchange = ({ items, removed, seq }) => {
    // Told for one change, so that it can be read, and then gone.
    if (resets > 0 && --resets === 0) notice("");
    for (const cell of items) draw(cell, !first);
    for (const { sku, location } of removed) {
      rows.get(`${sku}\n${location}`)?.remove();
      rows.delete(`${sku}\n${location}`);
    }
    if (!first) changes += items.length;
    first = false;
    at("seq").textContent = seq;
    at("changes").textContent = changes;
    at("empty").hidden = rows.size > 0;
    at("empty").textContent = "Nothing is stocked there yet. It will show as soon as it is.";
  };
  live.onreset = (reason) => {
    resets = 2;
    notice(`Everything was fetched anew: ${reason}.`);
  };
  live.onrefused = (refused) => notice(refused.message);
}

at("selection").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const selection = Object.fromEntries(["skus", "locations", "groups"].map((name) => [name, list(form.get(name))]));
  const channel = form.get("channel").trim();
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(selection)) values.forEach((value) => query.append(name.slice(0, -1), value));
  if (channel) query.set("channel", channel);
  history.replaceState(null, "", `?${query}`);
  watch(channel ? { ...selection, channel } : selection);
});

const query = new URLSearchParams(location.search);
for (const name of ["sku", "location", "group"]) {
  at("selection").elements[`${name}s`].value = query.getAll(name).join(", ");
}
at("selection").elements.channel.value = query.get("channel") ?? "";
if (["sku", "location", "group"].some((name) => query.has(name))) at("selection").requestSubmit();

const places = await fetch("/v1/locations?limit=200").then((answer) => answer.json()).catch(() => ({ items: [] }));
for (const { location: id, name } of places.items ?? []) {
  at("places").append(Object.assign(document.createElement("option"), { value: id, label: name ?? id }));
}

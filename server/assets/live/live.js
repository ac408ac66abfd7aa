// The page /live: what a channel may promise, as it changes. A link such as /live?location=es-001&channel=web watches at
// once; a key with one place watches that.

import { all } from "/screens/api.js";
import { empty, field, fill, h, notice, waiting } from "/screens/elements.js";
import { stream } from "/screens/live.js";
import { locations, nameOf, skus } from "/screens/names.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { shell } from "/screens/shell.js";
import { Shown } from "/screens/shown.js";
import { t } from "/screens/texts.js";
import "./texts.js";
import { Table } from "./table.js";

const at = (id) => document.getElementById(id);
const split = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
const keyOf = ({ sku, location }) => `${sku}\n${location}`;

const FIELDS = [["sku", "v_items", "v_items_hint"], ["location", "places", "v_places_hint"], ["group", "groups", "v_groups_hint"], ["channel", "channel", "v_channel_hint"]];

/** How the rows may be sorted; the name of an order is its column, with "-" where it is reversed. */
const text = (item) => `${nameOf("sku", item.sku)}\n${nameOf("location", item.location)}`;
const place = (item) => `${nameOf("location", item.location)}\n${nameOf("sku", item.sku)}`;
const SORTS = {
  item: (one, other) => text(one).localeCompare(text(other)),
  place: (one, other) => place(one).localeCompare(place(other)),
  on_hand: (one, other) => (one.on_hand ?? 0) - (other.on_hand ?? 0),
  reserved: (one, other) => (one.reserved ?? 0) - (other.reserved ?? 0),
  kept_back: (one, other) => keptBack(one) - keptBack(other),
  available: (one, other) => (one.available ?? 0) - (other.available ?? 0),
};

/** What is kept back: the safety stock, and what the channel leaves to others. */
const keptBack = ({ safety_stock = 0, buffer = 0 }) => safety_stock + buffer;

let watched = null;
let order = "item";
let wanted = "";
let buffers = new Map();

const shown = new Shown(keyOf, SORTS.item);
const table = new Table(at("stock"), {
  keyOf,
  onsort: (column) => { order = order === column ? `-${column}` : column; sort(); },
  onsearch: (text) => { wanted = text.toLowerCase(); named(shown.all).then(sort, told); sort(); },
  ontake: () => { shown.take(); draw(); },
  onmore: named,
});

function sort() {
  const compare = SORTS[order.replace("-", "")];
  const matches = ({ sku, location }) => [sku, location, nameOf("sku", sku), nameOf("location", location)].some((name) => name.toLowerCase().includes(wanted));
  shown.sort(order.startsWith("-") ? (one, other) => compare(other, one) : compare, matches);
  draw();
}

const draw = () => table.draw(shown, { order, wanted });

/** Fetches the names of items, and shows them. */
async function named(items) {
  await Promise.all([locations(), skus(items.map(({ sku }) => sku), () => table.names())]);
  table.names();
}

function told(error) {
  if (error.status !== 401) fill(at("told"), problemView(error));
}

function watch(selection) {
  watched?.close();
  shown.clear();
  fill(at("told"));
  document.body.classList.add("watching");
  table.clear();
  const arrived = waiting(table.instead, 8);
  const buffer = buffers.get(selection.channel) ?? 0;
  let is_first = true;
  watched = stream.subscribe(selection, {
    onchange: ({ items, removed }) => {
      if (is_first) arrived();
      shown.change(items.map((item) => ({ buffer, ...item })), removed);
      if (is_first) sort();
      else draw();
      is_first = false;
    },
    onreset: (reason) => fill(at("told"), notice("", t("v_reset", { reason }))),
    onrefused: (refused) => {
      arrived();
      fill(table.instead);
      told(refused);
    },
  });
}

/** The form of what is watched. It folds once something is. */
function selectionForm() {
  const inputs = Object.fromEntries(FIELDS.map(([name, , hint]) => [name, h("input", { name, autocomplete: "off", spellcheck: "false", list: `all-${name}`, placeholder: t(hint) })]));
  const form = h("form", { class: "selection" }, FIELDS.map(([name, label]) => field(t(label), inputs[name])), h("button", { class: "primary" }, t("v_watch")), ["location", "channel"].map((name) => h("datalist", { id: `all-${name}` })));
  const summary = h("summary", {}, t("v_selection"));
  const folded = h("details", { class: "panel" }, summary, form);
  const give = (given) => { for (const [name] of FIELDS) inputs[name].value = given[name].join(", "); };
  const submitted = () => {
    const asked = Object.fromEntries(FIELDS.map(([name]) => [name, split(inputs[name].value)]));
    if (!asked.sku.length && !asked.location.length && !asked.group.length) return false;
    const query = new URLSearchParams(FIELDS.flatMap(([name]) => asked[name].map((value) => [name, value])));
    history.replaceState(null, "", `?${query}`);
    watch({ skus: asked.sku, locations: asked.location, groups: asked.group, ...(asked.channel[0] && { channel: asked.channel[0] }) });
    fill(summary, t("v_selected", { what: [asked.sku, asked.location, asked.group, asked.channel.slice(0, 1)].flat().join(", ") }));
    folded.open = false;
    return true;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!submitted()) inputs.location.focus();
  });
  folded.open = true;
  return { folded, give, submitted };
}

/** What there is to choose from, once the server tells it. */
async function choices() {
  const [places, channels] = await Promise.all([locations(), all("/v1/channels")]);
  buffers = new Map(channels.map(({ channel, buffer }) => [channel, buffer]));
  fill(at("all-location"), places.map(({ location, name }) => h("option", { value: location, label: name ?? location })));
  fill(at("all-channel"), channels.map(({ channel }) => h("option", { value: channel })));
  table.names();
}

/** A key with one place and one channel watches these, unless the link or the form says otherwise. */
function own(given) {
  const { who, place } = session;
  const is_empty = !given.sku.length && !given.location.length && !given.group.length;
  return {
    ...given,
    location: is_empty && place ? [place] : given.location,
    channel: given.channel.length === 0 && who.channels.length === 1 ? who.channels : given.channel,
  };
}

await shell({ streams: true });
const query = new URLSearchParams(location.search);
const linked = Object.fromEntries(FIELDS.map(([name]) => [name, query.getAll(name)]));
const { folded, give, submitted } = selectionForm();
at("selection").append(folded);
const begin = async () => {
  if (session.state === "known" || session.state === "open") await choices().catch(told);
  if (watched) return;
  give(own(linked));
  if (!submitted()) fill(table.instead, empty(t("v_choose")));
};
session.addEventListener("change", begin);
await begin();

// The page /store: choose a store, then Sell, Pick, Find, More. This file puts the parts together.

import { h } from "../screens/elements.js";
import { session } from "../screens/session.js";
import { shell } from "../screens/shell.js";
import { t } from "../screens/texts.js";
import "./texts.js";
import { refresh } from "./catalogue.js";
import { install, persists } from "./device.js";
import { Frame } from "./frame.js";
import { link } from "./link.js";
import { known, renew } from "./place.js";
import { queue } from "./queue.js";
import { sender } from "./sender.js";
import { status } from "./status.js";
import { sellView } from "./sell.js";
import { pickView } from "./pick.js";
import { findView } from "./find.js";
import { moreView } from "./more.js";

const CATALOGUE_MS = 600_000;

const main = document.querySelector("main");
const here = h("button", { class: "plain here", hidden: true, on: { click: () => choose() } });
await Promise.all([shell({ streams: true, links: [], more: [here, status()] }), queue.load()]);
session.leave = async () => (await import("./leaving.js")).leaving();

let frame = null;

/** Asks for the store. What waits goes first. */
async function choose() {
  const waits = queue.waiting.length + queue.refused.length;
  if (waits > 0) return frame?.wrong(t("s_place_waits", { n: waits }));
  const before = frame?.place;
  frame?.end();
  frame = null;
  const { chooser } = await import("./choose.js");
  const place = await chooser(main, before);
  return place && begin(place);
}

/** The screen of a store. */
function begin(place) {
  frame?.end();
  here.hidden = false;
  here.textContent = place.name;
  here.setAttribute("aria-label", `${t("s_store_is", { s: place.name })}`);
  frame = new Frame(main, place, { sell: sellView, pick: pickView, find: findView, more: moreView });
  frame.choose = choose;
  sender.kick();
  const read = () => {
    if (link.is_offline) return;
    renew(place).catch(() => {});
    refresh(place).catch(() => {});
  };
  setTimeout(read, 3000);
  clearInterval(begin.timer);
  begin.timer = setInterval(read, CATALOGUE_MS);
}

async function start() {
  if (session.state === "none" || session.state === "refused") return;
  if (frame) {
    // Another key may be for another store: then this one is left, once nothing waits for it.
    const { locations } = session.who;
    if (locations.length > 0 && !locations.includes(frame.place.location)) await choose();
    return;
  }
  const place = await known();
  if (frame) return;
  if (place) begin(place);
  else if (session.state !== "unreachable") await choose();
}

link.addEventListener("change", () => {
  document.body.classList.toggle("offline", link.is_offline);
  if (!link.is_offline) sender.kick();
});
session.addEventListener("change", start);
link.ask();
install((take) => frame?.tellNewVersion(take));
persists();
await start();

// Where this shop sells: a group of stores, its channel and its currency. A shop of yours knows this without asking.

import { fill, h } from "/screens/elements.js";
import { setPlace } from "/screens/format.js";
import { locations } from "/screens/names.js";
import { session } from "/screens/session.js";
import { t } from "/screens/texts.js";
import { callsOf } from "./calls.js";

const { get } = callsOf(import.meta.url);
const KEPT = "anaquel.shop.group";
const CURRENCIES = { MX: "MXN", US: "USD", GB: "GBP" };

/** What every task needs: `{group, channel, currency, channels, places}`; `places` are the stores where people collect. */
export const market = { group: null, channel: "web", currency: "EUR", channels: [], places: [], groups: [] };

/** The country of a place, by its zone; a location may tell its currency itself. */
const countryOf = ({ timezone = "" }) => (/^America\/(Mexico|Cancun|Monterrey|Tijuana|Merida|Hermosillo|Chihuahua)/.test(timezone) ? "MX" : timezone.split("/")[0]);
const currencyOf = (place) => place.currency ?? CURRENCIES[countryOf(place)] ?? "EUR";

/** Reads what there is: groups with stores of one currency, and the channels. */
export async function loadMarket() {
  const [places, groups, channels] = await Promise.all([locations(), get("/v1/groups", { limit: 100 }), get("/v1/channels", { limit: 100 })]);
  const byId = new Map(places.map((place) => [place.location, place]));
  const usable = groups.items.map(({ group, locations }) => {
    const stores = locations.map((id) => byId.get(id)).filter((place) => place?.pickup);
    return { group, stores, currencies: new Set(stores.map(currencyOf)) };
  });
  market.groups = usable.filter(({ stores, currencies }) => stores.length > 0 && currencies.size === 1);
  const declared = channels.items.map(({ channel }) => channel);
  const own = session.who.channels;
  market.channels = own.length > 0 ? declared.filter((channel) => own.includes(channel)) : declared;
  market.channel = own.length === 1 || !declared.includes("web") ? own[0] ?? declared[0] ?? "web" : "web";
  const wanted = sessionStorage.getItem(KEPT);
  const language = navigator.language.endsWith("MX") ? "MXN" : "EUR";
  const chosen = market.groups.find(({ group }) => group === wanted)
    ?? market.groups.find(({ currencies }) => currencies.has(language)) ?? market.groups[0];
  if (chosen) choose(chosen);
  return market;
}

function choose({ group, stores, currencies }) {
  Object.assign(market, { group, places: stores, currency: [...currencies][0] });
  setPlace(stores[0]);
  sessionStorage.setItem(KEPT, group);
}

/** The choice of the group; `onchange` shows the page anew. */
export function marketChoice(onchange) {
  const select = h("select", { on: { change: () => { choose(market.groups.find(({ group }) => group === select.value)); onchange(); } } },
    market.groups.map(({ group }) => h("option", { value: group }, group)));
  select.value = market.group;
  return market.groups.length > 1 ? h("label", { class: "market" }, t("s_deliver"), select) : fill(h("span"));
}

// Choosing the store, the channel and the name of the till. A key of one store chooses by itself.

import { complain, empty, field, fill, h, icon, waiting } from "../screens/elements.js";
import { problemView } from "../screens/problem.js";
import { session } from "../screens/session.js";
import { t } from "../screens/texts.js";
import { channels, choices, choose, till } from "./place.js";
import "./job-texts.js";

/** Shows the choice; resolves to the place. */
export async function chooser(main, before) {
  const place = h("div", { class: "column stack" }, h("h1", {}, t("s_choose")));
  fill(main, place);
  const list = h("div");
  place.append(list);
  const arrived = waiting(list);
  try {
    const [stores, through, name] = await Promise.all([choices(), channels(), till()]);
    if (stores.length === 1 && session.place && !before) return await choose(stores[0], { name, channel: through[0] });
    return await new Promise((resolve, reject) => {
      const stay = before && stores.some(({ location }) => location === before.location) && h("button", { class: "plain", on: { click: () => resolve(before) } }, t("back"));
      fill(place, h("h1", {}, t("s_choose")), stay, form(stores, through, name, before, (record, how) => choose(record, how).then(resolve, reject)));
    });
  } catch (error) {
    if (error.status !== 401) fill(place, h("h1", {}, t("s_choose")), problemView(error, { retry: () => location.reload() }));
    return null;
  } finally {
    arrived();
  }
}

function form(stores, through, name, before, done) {
  const search = h("input", { type: "search", autocomplete: "off" });
  const channel = h("select", {}, through.map((id) => h("option", { value: id }, id)));
  const till = h("input", { value: name, maxlength: 16, autocomplete: "off", autocapitalize: "characters", spellcheck: "false" });
  if (before) channel.value = before.channel;
  const list = h("ul", { class: "list" });
  const device = h("details", {}, h("summary", {}, t("s_device")), h("div", { class: "stack panel" },
    field(t("channel"), channel), field(t("s_till"), till, t("s_till_hint"))));
  const take = (record) => {
    if (!/^[A-Za-z0-9]{1,16}$/.test(till.value)) {
      device.open = true;
      return complain(device, [[till, t("s_till_wrong")]]);
    }
    return done(record, { name: till.value, channel: channel.value });
  };
  const draw = () => {
    const wanted = search.value.toLowerCase();
    const found = stores.filter((one) => `${one.name ?? ""} ${one.location}`.toLowerCase().includes(wanted));
    fill(list, found.map((one) => h("li", { class: "tap" }, h("button", { class: "plain whole", on: { click: () => take(one) } },
      icon("store"), h("span", { class: "grow" }, one.name ?? one.location), h("span", { class: "small muted" }, one.location)))));
    if (found.length === 0) list.append(h("li", {}, empty(t("s_no_store"))));
  };
  search.addEventListener("input", draw);
  draw();
  return h("div", { class: "stack" }, stores.length > 8 && field(t("search"), search), list, device);
}

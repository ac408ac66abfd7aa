// The frame of every screen: the bar with its links, the state of the stream, the language and the key; the form for a key,
// in place, above the work that stays.

import { complain, field, fill, h, icon, notice, translate } from "./elements.js";
import { stream, streamState } from "./live.js";
import { session } from "./session.js";
import { LANGUAGES, speak, spoken, t } from "./texts.js";

/** How often a page that hears nothing asks whether its key still works. */
const CHECKS_EVERY_MS = 10_000;

const LINKS = [["/store", "store"], ["/shop", "shop"], ["/ops", "operations"], ["/live", "live"]];

/**
 * Puts the bar and the place for the key before `main`, and asks who this is. `streams` shows the state of the stream,
 * `more` are elements of the screen's own for the end of the bar. Resolves to the state of the session; without a key that
 * works the form for one stands there, and the screen goes on when `session` changes.
 */
export async function shell({ streams = false, more = [], links = LINKS } = {}) {
  const main = document.querySelector("main");
  main.id ||= "main";
  main.tabIndex = -1;
  const here = location.pathname.replace(/\/$/, "") || "/";
  const nav = links.length > 0 && h("nav", { "aria-label": t("screens") }, links.map(([href, name]) => h("a", { href, "aria-current": here === href ? "page" : undefined }, t(name))));
  const bar = h("header", { class: "bar" },
    h("a", { class: "skip", href: `#${main.id}` }, t("skip")),
    h("a", { class: "home", href: "/" }, "Anaquel"),
    nav,
    h("div", { class: "end" }, streams && streamState(main), more, languages(), who()));
  document.querySelector(".bar-first")?.remove();
  main.before(bar, keyPlace());
  translate(main);
  setInterval(() => { if (stream.state === "idle" && !document.hidden) session.check(); }, CHECKS_EVERY_MS);
  return session.load();
}

/** The switch of the language. */
function languages() {
  const options = Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code }, name));
  const select = h("select", { "aria-label": t("language"), class: "language", on: { change: () => speak(select.value, { remember: true }) } }, options);
  select.value = spoken();
  return select;
}

/** The name of the caller, and the way out. Screens that keep work may ask first: `session.leave` resolves to true to go. */
function who() {
  const place = h("span", { class: "row" });
  const tell = () => {
    const { state, who: { name } } = session;
    if (state !== "known") return fill(place);
    const leave = async () => { if (await (session.leave?.() ?? true)) session.signOut(); };
    return fill(place, h("span", { class: "small muted" }, name ?? t("signed_in")), h("button", { class: "plain", on: { click: leave } }, t("sign_out")));
  };
  session.addEventListener("change", tell);
  return place;
}

/** Where the key is asked for, as long as one is missing. */
function keyPlace() {
  const place = h("section", { class: "key-place", "aria-label": t("key") });
  let shown = null;
  const tell = () => {
    if (session.state === shown) return;
    shown = session.state;
    if (shown === "refused") fill(place, h("div", { class: "column" }, notice("bad", t("key_refused"), h("p", {}, t("key_work_stays")), keyForm())));
    else if (shown === "none" && !document.querySelector(".own-key")) fill(place, h("div", { class: "column" }, notice("", t("key_needed"), keyForm())));
    else if (shown === "unreachable") fill(place, h("div", { class: "column" }, notice("warn", t("unreachable"), h("button", { on: { click: () => session.load() } }, t("again")))));
    else fill(place);
  };
  session.addEventListener("change", tell);
  return place;
}

/** The form for a key. A key that the server does not know is told at the field, and stays there to be mended. */
export function keyForm() {
  const input = h("input", { name: "key", type: "password", autocomplete: "off", spellcheck: "false", autocapitalize: "none" });
  const shows = h("input", { type: "checkbox", on: { change: () => { input.type = shows.checked ? "text" : "password"; } } });
  const button = h("button", { class: "primary" }, icon("key"), t("sign_in"));
  const form = h("form", { class: "stack", novalidate: true },
    field(t("key"), input, t("key_hint")),
    h("div", { class: "row spread" }, h("label", { class: "row" }, shows, h("span", {}, t("show_key"))), button));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!input.value.trim()) return complain(form, [[input, t("key_missing")]]);
    button.setAttribute("aria-busy", "true");
    const state = await session.signIn(input.value.trim());
    button.removeAttribute("aria-busy");
    if (state === "refused") complain(form, [[input, t("key_unknown")]]);
    if (state === "unreachable") complain(form, [[input, t("unreachable")]]);
    return undefined;
  });
  return form;
}

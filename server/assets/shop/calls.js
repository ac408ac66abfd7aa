// The "Calls" drawer: every request of this page, as it was sent and answered, with the module that made it.
//
//   const { get, post, freeze, subscribe } = callsOf(import.meta.url);    // a module's calls are told as its own

import * as api from "/screens/api.js";
import { empty, fill, h } from "/screens/elements.js";
import { number } from "/screens/format.js";
import { stream } from "/screens/live.js";
import { t } from "/screens/texts.js";
import * as write from "/screens/write.js";
import "./texts.js";

const KEPT_MAX = 100;
const SHOWN_MAX = 4000;

/** Which module made a request: it is known by its method, address and body. */
const makers = new Map();
const calls = [];
let tell = () => {};

const nameOf = ({ method, url, body }) => `${method} ${url} ${body ?? ""}`;

/** The calls of the public API, noted as those of a module. */
export function callsOf(module) {
  const maker = new URL(module).pathname;
  const note = (method, url, body) => makers.set(nameOf({ method, url, body }), maker);
  return {
    get(url, values = {}, options) {
      note("GET", url + api.query(values));
      return api.get(url, values, options);
    },
    post(url, body, options) {
      note("POST", url, JSON.stringify(body));
      return api.post(url, body, options);
    },
    freeze(method, url, body, key) {
      const frozen = write.freeze(method, url, body, key);
      note(method, url, frozen.body);
      return frozen;
    },
    subscribe(selection, hears) {
      heard({ method: "WS", url: "/v1/stream", body: JSON.stringify({ op: "subscribe", ...selection }), maker });
      return stream.subscribe(selection, hears);
    },
    follow(selection, hears) {
      heard({ method: "WS", url: "/v1/stream", body: JSON.stringify({ op: "follow", ...selection }), maker });
      return stream.follow(selection, hears);
    },
  };
}

function heard(call) {
  calls.unshift({ maker: makers.get(nameOf(call)) ?? "/screens/session.js", ...call, at: calls.length });
  calls.length = Math.min(calls.length, KEPT_MAX);
  tell();
}

api.watch(heard);

/** JSON as people read it; what is long is cut. */
function readable(value) {
  let text = value;
  try {
    text = JSON.stringify(typeof value === "string" ? JSON.parse(value) : value, null, 2);
  } catch { /* It is no JSON, and stands as it is. */ }
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}\n…` : text;
}

function callView({ method, url, body, status, ms, answer, maker }) {
  const outcome = status === undefined ? t("s_on_stream") : status === 0 ? t("s_no_answer") : String(status);
  const part = (name, value) => value !== undefined && [h("h3", {}, t(name)), h("pre", { tabindex: 0 }, readable(value))];
  const details = h("details", { class: "call" },
    h("summary", {},
      h("code", {}, method === "WS" ? `WS ${JSON.parse(body).op}` : `${method} ${url.split("?")[0]}`),
      h("span", { class: status >= 400 || status === 0 ? "small status wrong" : "small status" }, outcome, ms !== undefined && [" · ", t("s_ms", { n: () => number(Math.round(ms)) })])));
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    details.append(h("div", { class: "stack" },
      h("p", { class: "small" }, t("s_made_by"), " ", h("a", { href: maker }, maker)),
      h("h3", {}, t("s_request")), h("pre", { tabindex: 0 }, `${method} ${url}`, body ? `\n\n${readable(body)}` : ""),
      part("s_answer", answer)));
  });
  return details;
}

/** Fills the drawer. On a phone it is folded below the page. */
export function drawer(place) {
  const list = h("div", { class: "stack-tight" }, empty(t("s_calls_empty")));
  const heading = h("summary", {}, h("h2", {}, t("s_calls")));
  const folded = h("details", { class: "panel", open: matchMedia("(min-width: 1100px)").matches }, heading, list);
  const shown = new Map();
  let frame = null;
  const draw = () => {
    frame = null;
    fill(heading.firstElementChild, t("s_calls_n", { n: calls.length }));
    for (const call of calls) if (!shown.has(call)) shown.set(call, callView(call));
    list.replaceChildren(...calls.map((call) => shown.get(call)));
    for (const call of shown.keys()) if (!calls.includes(call)) shown.delete(call);
  };
  tell = () => { frame ??= requestAnimationFrame(draw); };
  fill(place, folded);
  if (calls.length > 0) tell();
}

// The start page: what is running, the key with what it may do, and the screens.

import { get } from "/screens/api.js";
import { fill, h, notice, state, translate } from "/screens/elements.js";
import { duration } from "/screens/format.js";
import { locations, nameOf } from "/screens/names.js";
import { session } from "/screens/session.js";
import { keyForm, shell } from "/screens/shell.js";
import { add, t } from "/screens/texts.js";

add({
  h_what: ["Real-time stock availability: how many of this can be promised, here, now.", "Existencias en tiempo real: cuántas unidades se pueden prometer, aquí y ahora."],
  h_running: ["Running", "En marcha"],
  h_ready: ["Ready: it accepts writes", "Listo: admite cambios"],
  h_replica: ["Ready: it follows {url} and takes no writes", "Listo: sigue a {url} y no admite cambios"],
  h_read_only: ["Read-only: {why}", "Solo lectura: {why}"],
  h_uptime: ["Up for", "Activo desde hace"],
  h_warning: ["Warning", "Aviso"],
  h_store: ["Pick, hand over, sell, take back, count", "Preparar, entregar, vender, devolver, contar"],
  h_shop: ["A demonstration shop, as an example", "Una tienda de ejemplo"],
  h_ops: ["Health, load, rules, keys, the log", "Estado, carga, reglas, claves, registro"],
  h_live: ["What a channel may promise, as it changes", "Lo que un canal puede prometer, según cambia"],
  h_links: ["For programs and operators", "Para programas y operadores"],
  h_header: ["A server with keys requires one in Authorization: Bearer … for most calls.", "Un servidor con claves requiere una en Authorization: Bearer … para casi todo."],
  l_docs: ["every call, with its fields; read and try the API", "todas las llamadas, con sus campos; leer y probar la API"],
  l_live: ["live stock in a page", "existencias en vivo en una página"],
  l_openapi: ["the OpenAPI document of the HTTP calls", "el documento OpenAPI de las llamadas HTTP"],
  l_asyncapi: ["the AsyncAPI document of the WebSocket messages", "el documento AsyncAPI de los mensajes WebSocket"],
  l_client: ["the client for browsers and Node.js, an ES module without dependencies", "el cliente para navegadores y Node.js, un módulo ES sin dependencias"],
  l_types: ["its types", "sus tipos"],
  l_guides: ["guides: concepts, each subject, the stream, imports, operations", "guías (en inglés): conceptos, cada tema, el flujo, importaciones, operación"],
  l_problems: ["the meaning of each problem type, and the remedy", "qué significa cada problema y qué hacer (en inglés)"],
  l_info: ["this server: version, epoch, seq, cells, health, state hash", "este servidor: versión, época, seq, celdas, estado, hash"],
  l_events: ["the log: every change in order", "el registro: cada cambio en orden"],
  l_metrics: ["metrics for Prometheus", "métricas para Prometheus"],
  l_readyz: ["whether the server accepts writes", "si el servidor admite cambios"],
  l_healthz: ["whether the process is alive", "si el proceso está vivo"],
});

const LOOKS_EVERY_MS = 10_000;
const RETRIES_EVERY_MS = 2000;
const at = (id) => document.getElementById(id);

const DOORS = [["/store", "store", "h_store"], ["/shop", "shop", "h_shop"], ["/ops", "operations", "h_ops"], ["/live", "live_stock", "h_live"]];

let timer = null;

/** Version, uptime and readiness, which are public; again and again, and sooner while nobody answers. */
async function look() {
  clearTimeout(timer);
  const answers = await tell();
  timer = setTimeout(look, answers ? LOOKS_EVERY_MS : RETRIES_EVERY_MS);
  if (answers && session.state === "unreachable") session.load();
}

async function tell() {
  const [about, ready] = await Promise.allSettled([get("/"), get("/readyz")]);
  if (about.status === "rejected") {
    fill(at("running"), h("section", { class: "panel stack" }, h("h2", {}, t("h_running")), h("p", {}, state("reconnecting", t("reconnecting"))), h("p", {}, t("unreachable"))));
    return false;
  }
  const { uptime_seconds } = about.value;
  const readiness = ready.status === "fulfilled"
    ? state("live", ready.value.role === "replica" ? t("h_replica", { url: ready.value.follows }) : t("h_ready"))
    : state("refused", t("h_read_only", { why: ready.reason.message }));
  const warnings = (ready.value?.warnings ?? []).map(({ warning, detail }) => [h("dt", {}, t("h_warning")), h("dd", {}, `${warning}: ${detail}`)]);
  fill(at("running"), h("section", { class: "panel stack" }, h("h2", {}, t("h_running")), h("p", {}, readiness),
    h("dl", { class: "facts" }, h("dt", {}, t("h_uptime")), h("dd", {}, duration(uptime_seconds)), warnings)));
  return true;
}

/** The key that is known, or the form for one. */
async function caller() {
  const { state, who } = session;
  if (state === "open") return fill(at("key"), notice("warn", t("open_server")));
  if (state === "none") return fill(at("key"), h("section", { class: "panel stack" }, h("h2", {}, t("sign_in")), keyForm()));
  if (state !== "known") return fill(at("key"));
  const list = (items) => h("ul", { class: "scopes" }, items.map((item) => h("li", {}, item)));
  const facts = [
    who.scopes && [h("dt", {}, t("may")), h("dd", {}, list(who.scopes.includes("admin") ? [t("everything")] : who.scopes))],
    who.locations.length > 0 && [h("dt", {}, t("for_places")), h("dd", {}, list(who.locations.map((id) => nameOf("location", id))))],
    who.channels.length > 0 && [h("dt", {}, t("for_channels")), h("dd", {}, list(who.channels))],
  ];
  const heading = who.name ? t("signed_in_as", { name: who.name }) : t("signed_in");
  return fill(at("key"), h("section", { class: "panel stack" }, h("h2", {}, heading), h("dl", { class: "facts" }, facts)));
}

session.addEventListener("change", async () => {
  caller();
  if (session.who.locations.length > 0) await locations().then(caller, () => {});
});
addEventListener("language", look);
fill(at("screens"), h("nav", { class: "doors", "aria-label": t("screens") },
  DOORS.map(([href, name, what]) => h("a", { href }, h("strong", {}, t(name)), h("span", { class: "small" }, t(what))))));
look();
await shell({ links: [] });
translate(document);

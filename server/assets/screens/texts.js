// Every text of the screens, in English and Spanish (plain in Spain and in Mexico). A screen with many texts of its own
// adds them with `add` from its own `texts.js`.
//
//   t("pay", { a: "12,50 €" })      a saying: `h` puts it into the page, and a switch of the language changes it there
//   String(t("pay", { a }))         the text now
//
// `{n}` is a value; `{n|wait|waits}` chooses by number; a value may be a function, asked again at each switch.

export const LANGUAGES = { en: "English", es: "Español" };

const TEXTS = {
  // Moving between screens
  home: ["Home", "Inicio"],
  store: ["Store", "Tienda"],
  shop: ["Shop", "Escaparate"],
  operations: ["Operations", "Operaciones"],
  live_stock: ["Live stock", "Existencias en vivo"],
  guides: ["Guides", "Guías"],
  api: ["API", "API"],
  problems: ["Problems", "Problemas"],
  skip: ["Skip to content", "Ir al contenido"],
  screens: ["Screens", "Pantallas"],
  language: ["Language", "Idioma"],

  // Keys and scopes
  key: ["Key", "Clave"],
  sign_in: ["Sign in", "Iniciar sesión"],
  sign_out: ["Sign out", "Cerrar sesión"],
  stay: ["Stay", "Quedarse"],
  show_key: ["Show the key", "Mostrar la clave"],
  key_hint: ["It stays in this tab, and is forgotten when the tab closes.", "Queda en esta pestaña y se olvida al cerrarla."],
  key_missing: ["Type or paste a key", "Escribe o pega una clave"],
  key_refused: ["This key no longer works", "Esta clave ya no funciona"],
  key_unknown: ["This server does not know this key", "Este servidor no conoce esta clave"],
  key_needed: ["This server needs a key", "Este servidor requiere una clave"],
  key_work_stays: ["Your work stays here. Sign in and go on.", "Tu trabajo sigue aquí. Inicia sesión y continúa."],
  open_server: ["Open server: no key is needed. Everyone who reaches it can read and write.", "Servidor abierto: no requiere clave. Quien llega a él puede leer y escribir."],
  signed_in_as: ["Signed in as {name}", "Sesión de {name}"],
  signed_in: ["Signed in", "Sesión iniciada"],
  may: ["May", "Permisos"],
  everything: ["everything", "todo"],
  for_places: ["Places", "Lugares"],
  for_channels: ["Channels", "Canales"],
  all_places: ["all", "todos"],
  needs: ["Needs {p}", "Requiere el permiso {p}"],

  // States
  live: ["Live", "En vivo"],
  as_of: ["As of {t}", "A las {t}"],
  not_live: ["Not live", "Sin actualizar"],
  connecting: ["Connecting", "Conectando"],
  reconnecting: ["Reconnecting", "Reconectando"],
  offline: ["Offline. {n} {n|waits|wait} on this device", "Sin conexión. {n} en espera en este dispositivo"],
  sending_n: ["Sending {n}", "Enviando {n}"],
  all_sent: ["All sent", "Todo enviado"],
  sending: ["Sending", "Enviando"],
  still_sending: ["Still sending. It is booked once", "Enviando. Se registra una sola vez"],
  check: ["Check", "Comprobar"],
  to_settle: ["To settle: {n}", "Por resolver: {n}"],
  provisional_receipt: ["Provisional receipt {r}", "Recibo provisional {r}"],
  price_changed: ["Price changed: now {a}", "El precio ha cambiado: ahora {a}"],
  clock_off: ["Clock is {n} min off", "Reloj desfasado {n} min"],
  loading: ["Loading", "Cargando"],
  unreachable: ["The server does not answer", "El servidor no responde"],
  new_waiting: ["{n} new", "{n} {n|nueva|nuevas}"],
  insecure: ["Without https this page has no camera and sells online only", "Sin https esta página no tiene cámara y solo vende con conexión"],

  // Actions of every screen
  close: ["Close", "Cerrar"],
  cancel: ["Cancel", "Cancelar"],
  save: ["Save", "Guardar"],
  back: ["Back", "Volver"],
  again: ["Try again", "Reintentar"],
  more: ["More", "Más"],
  less: ["Less", "Menos"],
  all: ["All", "Todo"],
  details: ["More", "Más"],
  print: ["Print", "Imprimir"],
  search: ["Search", "Buscar"],
  sort: ["Sort by", "Ordenar por"],
  numbers: ["Numbers", "Números"],
  what_is_wrong: ["Mend this first", "Corrige esto primero"],

  // The store
  sell: ["Sell", "Vender"],
  pick: ["Pick", "Preparar"],
  find: ["Find", "Buscar"],
  to_pick: ["To pick", "Por preparar"],
  ready: ["Ready", "Listos"],
  scan_or_type: ["Scan or type a code", "Escanea o escribe un código"],
  pay: ["Pay {a}", "Cobrar {a}"],
  cash_exact: ["Cash, exact", "Efectivo exacto"],
  card: ["Card", "Tarjeta"],
  change: ["Change {a}", "Cambio {a}"],
  sold: ["Sold. Receipt {n}", "Venta hecha. Recibo {n}"],
  not_found: ["Not found", "No está"],
  move_store: ["Move to another store", "Pasar a otra tienda"],
  mark_ready: ["Mark as ready", "Marcar como listo"],
  hand_over: ["Hand over", "Entregar"],
  wrong_code: ["Wrong code", "Código incorrecto"],
  no_code: ["Customer has no code", "El cliente no trae código"],
  waits_in: ["Waits in {s}", "Está en {s}"],
  handed_over: ["Handed over {t}", "Entregado {t}"],
  shelf: ["Shelf", "A la venta"],
  check_goods: ["Check", "Revisar"],
  damaged: ["Damaged", "Dañado"],
  refund: ["Refund {a}", "Reembolsar {a}"],
  paid_back: ["Paid back on the terminal", "Reembolsado en la terminal"],
  no_receipt: ["No receipt", "Sin recibo"],
  only_returnable: ["Only {n} can come back", "Solo se pueden devolver {n}"],
  receive: ["Receive", "Recibir"],
  all_as_listed: ["All as listed", "Todo según la lista"],
  review: ["Review", "Revisar"],
  book: ["Book", "Registrar"],
  expected_counted: ["Expected {a}, counted {b}", "Previsto {a}, contado {b}"],
  here: ["Here", "Aquí"],
  nearby: ["Nearby", "Cerca"],
  online: ["Online", "En línea"],
  few_left: ["Few left", "Quedan pocas"],
  none_left: ["None", "Agotado"],
  take: ["Take {n}", "Llevar {n}"],
  unknown_code: ["Unknown code {c}", "Código desconocido: {c}"],

  // The camera
  camera: ["Camera", "Cámara"],
  torch: ["Light", "Luz"],
  no_camera: ["No camera may be used", "No se puede usar la cámara"],

  // Stock
  item: ["Item", "Artículo"],
  place: ["Place", "Lugar"],
  places: ["Places", "Lugares"],
  groups: ["Groups", "Grupos"],
  channel: ["Channel", "Canal"],
  on_hand: ["Here", "Aquí"],
  reserved: ["Promised", "Prometidas"],
  kept_back: ["Kept back", "Apartadas"],
  available: ["Available", "Disponible"],
  n_here: ["here", "aquí"],
  n_promised: ["promised", "prometidas"],
  n_kept_back: ["kept back", "apartadas"],
  in_stock: ["In stock", "Disponible"],
};

let language = "en";
const bound = new Set();

/** From so many on, those whose place in the page is gone are looked for. */
const BOUND_LOOK = 1000;
let looks_at = BOUND_LOOK;

/** Adds the texts of a screen: `{key: [English, Spanish]}`. */
export function add(texts) {
  for (const [key, both] of Object.entries(texts)) {
    if (TEXTS[key] && String(TEXTS[key]) !== String(both)) throw new Error(`the text ${key} is told twice`);
    TEXTS[key] = both;
  }
}

/** All texts, for tests. */
export const table = () => TEXTS;

function fill(text, values) {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name, one, other) => {
    const value = typeof values[name] === "function" ? values[name]() : values[name];
    if (one === undefined) return typeof value === "number" ? value.toLocaleString(language) : String(value ?? "");
    return new Intl.PluralRules(language).select(Number(value)) === "one" ? one : other;
  });
}

/** A text that knows its key, so that it can be told in another language later. */
export class Saying {
  constructor(key, values) {
    if (!TEXTS[key]) throw new Error(`there is no text ${key}`);
    this.key = key;
    this.values = values;
  }

  toString() {
    return fill(TEXTS[this.key][language === "es" ? 1 : 0], this.values);
  }
}

export const t = (key, values = {}) => new Saying(key, values);

/** Keeps a place in the page told in the language of the moment, as long as it is in use. */
export function bind(saying, owner, tell) {
  tell(String(saying));
  const entry = { saying, owner: new WeakRef(owner), tell: new WeakRef(tell) };
  // The function lives as long as the node that it writes to.
  (owner.sayings ??= []).push(tell);
  bound.add(entry);
  if (bound.size < looks_at) return;
  for (const one of bound) if (!one.owner.deref()) bound.delete(one);
  looks_at = Math.max(BOUND_LOOK, 2 * bound.size);
}

/** The language now: "en" or "es". */
export const spoken = () => language;

/** What the browser asks for, unless the reader chose. */
function preferred() {
  const chosen = globalThis.localStorage?.getItem("language");
  const asked = [chosen, ...(globalThis.navigator?.languages ?? [])].filter(Boolean).map((tag) => tag.slice(0, 2));
  return asked.find((tag) => tag in LANGUAGES) ?? "en";
}

/** Tells everything in another language; what is typed and what is under way stays. */
export function speak(chosen, { remember = false } = {}) {
  language = chosen in LANGUAGES ? chosen : "en";
  if (remember) globalThis.localStorage?.setItem("language", language);
  if (globalThis.document) document.documentElement.lang = language;
  for (const entry of bound) {
    const tell = entry.tell.deref();
    if (entry.owner.deref() && tell) tell(String(entry.saying));
    else bound.delete(entry);
  }
  globalThis.dispatchEvent?.(new Event("language"));
}

if (globalThis.document) speak(preferred());

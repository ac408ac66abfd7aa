// Builds pages. Every text goes in as a text node or an attribute, never as HTML, so nothing that a person typed can run.

import { icon } from "./icons.js";
import { Saying, bind, t } from "./texts.js";

export { icon };

/**
 * An element: `h("button", { class: "primary", disabled: true, on: { click } }, icon("done"), t("pay", { a }))`.
 * Children are texts, sayings, nodes and lists of these; `null` and `false` are left out. Of the attributes, `on` has
 * listeners, `value` and `checked` are properties, `true` is an attribute without value, and a saying is kept told.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "value" || name === "checked" || name === "indeterminate") element[name] = value;
    else if (value instanceof Saying) bind(value, element, (text) => element.setAttribute(name, text));
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map((child) => {
    if (!(child instanceof Saying)) return child instanceof Node ? child : document.createTextNode(String(child));
    const node = document.createTextNode("");
    bind(child, node, (text) => { node.data = text; });
    return node;
  });
}

/** Puts other children into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** Puts another text into an element if it differs, and underlines it for a second where `shows`. */
export function set(element, text, { shows = false } = {}) {
  const told = String(text);
  if (element.textContent === told) return;
  element.textContent = told;
  if (!shows) return;
  element.classList.add("changed");
  clearTimeout(element.unmark);
  element.unmark = setTimeout(() => element.classList.remove("changed"), 1000);
}

/** Tells the texts of static HTML: `<p data-text="key">`, `<input data-label="key">`. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) fill(element, t(element.dataset.text));
  for (const element of root.querySelectorAll("[data-label]")) {
    bind(t(element.dataset.label), element, (text) => element.setAttribute("aria-label", text));
  }
}

/**
 * Makes the children of `parent` those of `items`, in their order. A child whose key stays is the same element, so focus,
 * scroll and a finger stay where they are.
 */
export function keyed(parent, items, keyOf, make, update = () => {}) {
  const known = (parent.rows ??= new Map());
  const kept = new Map();
  let next = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = known.get(key);
    if (!element) element = make(item);
    update(element, item);
    kept.set(key, element);
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
  for (const [key, element] of known) if (!kept.has(key)) element.remove();
  parent.rows = kept;
}

/** The sign and the word of a state; see `set` of the result. */
export function state(kind, saying) {
  const element = h("span", { class: "state", role: "status" });
  element.tell = (kind, saying) => {
    if (element.dataset.state === kind && element.saying === `${saying}`) return;
    element.dataset.state = kind;
    element.saying = `${saying}`;
    fill(element, saying);
  };
  element.tell(kind, saying);
  return element;
}

/** A box with a heading: `kind` is "ok", "warn", "bad" or "". A bad one is read out at once. */
export function notice(kind, title, ...more) {
  return h("div", { class: `notice stack ${kind}`, role: kind === "bad" ? "alert" : "status" }, h("strong", {}, title), more);
}

/** What will stand here, and the first step. */
export const empty = (...children) => h("p", { class: "empty" }, children);

/** A lock and the missing scope. */
export const locked = (scope) => h("span", { class: "locked" }, icon("lock"), h("span", {}, t("needs", { p: scope })));

/** Rows of the final height, shown only if there is something to wait for after 150 ms. */
export function waiting(parent, rows = 4) {
  const timer = setTimeout(() => {
    fill(parent, h("div", { class: "waiting", role: "status", "aria-label": t("loading") }, Array.from({ length: rows }, () => h("div"))));
  }, 150);
  return () => clearTimeout(timer);
}

/** A short message at the foot of the page, for eight seconds. */
export function toast(...children) {
  let area = document.querySelector(".toasts");
  if (!area) document.body.append((area = h("div", { class: "toasts", role: "status" })));
  const said = h("div", {}, children);
  area.append(said);
  setTimeout(() => said.remove(), 8000);
}

/**
 * A dialog: `answers` are `[value, saying, class]`, from which people choose. Resolves to the value; to null by Escape.
 * The browser keeps the focus inside, and gives it back.
 */
export function ask(title, body, answers) {
  return new Promise((resolve) => {
    const choices = answers.map(([value, saying, kind]) => h("button", { class: kind, on: { click: () => end(value) } }, saying));
    const heading = h("h2", { id: "asked" }, title);
    const dialog = h("dialog", { "aria-labelledby": "asked" }, h("div", { class: "stack" }, heading, body, h("div", { class: "row" }, choices)));
    const end = (value) => {
      dialog.close();
      dialog.remove();
      resolve(value);
    };
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); end(null); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

let fields = 0;

/** A labelled field with room for what is wrong with it: `field(t("key"), h("input", { name: "key" }), hint)`. */
export function field(label, input, hint) {
  const id = (input.id ||= `field-${++fields}`);
  const note = hint && h("span", { class: "small muted", id: `${id}-hint` }, hint);
  if (note) input.setAttribute("aria-describedby", note.id);
  return h("div", { class: "stack-tight field" }, h("label", { for: id }, label, input), note);
}

/** Says what is wrong at the fields: `[[input, saying]]`; two or more also stand on top of the form, as links. */
export function complain(form, wrong) {
  for (const old of form.querySelectorAll(".error, .errors")) old.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const [input, saying] of wrong) {
    const error = h("p", { class: "error", id: `${input.id}-error`, role: wrong.length === 1 ? "alert" : undefined }, saying);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-errormessage", error.id);
    input.closest(".field, label").append(error);
  }
  if (wrong.length > 1) {
    const links = wrong.map(([input, saying]) => h("li", {}, h("a", { href: `#${input.id}`, on: { click: (event) => { event.preventDefault(); input.focus(); } } }, saying)));
    const summary = notice("bad", t("what_is_wrong"), h("ul", {}, links));
    summary.classList.add("errors");
    form.prepend(summary);
  }
  wrong[0]?.[0].focus();
  return wrong.length === 0;
}

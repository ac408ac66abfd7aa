// Rules: what is in force, an editor, what a rule would have changed, and why a cell is as it is.

import { Refusal, all, call, path, post } from "/screens/api.js";
import { ask, complain, empty, field, fill, h, locked, notice } from "/screens/elements.js";
import { number } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { t } from "/screens/texts.js";
import { freeze, once, press, unique } from "/screens/write.js";
import { explainPanel } from "./explain.js";
import { reading } from "./reading.js";
import { CONDITIONS, KINDS, TIMES, applies, bodyOf, effect } from "./rule.js";

const DAY_MS = 86_400_000;
const MEASURES = [["accepted", "o_accepted"], ["accepted_units", "o_accepted_units"], ["refused", "o_refused_n"], ["lost_units", "o_lost_units"]];

export function rulesPanel() {
  const list = h("div");
  const told = h("div");
  const editor = h("div");
  const look = reading(list, async () => fill(list, table(await all("/v1/rules"))));
  const show = (rule, conditions) => {
    fill(told);
    fill(editor, form(rule, conditions, {
      done: (name) => { fill(editor); fill(told, notice("ok", t("o_now_in_force", { r: name }))); look(); },
      closed: () => fill(editor),
      anew: (name) => { look(); return edit(name); },
    }));
    editor.querySelector("input, select").focus();
  };
  /** Opens a rule as it is now; what is put counts only if nobody changed it meanwhile. */
  const edit = async (name) => {
    try {
      const { body, headers } = await version(name);
      show(body, { "If-Match": headers.get("ETag") });
    } catch (error) {
      fill(told, problemView(error));
    }
  };
  const remove = async (rule, button) => {
    // A button that offers "Check" was asked already.
    if (!button.is_sure) {
      try {
        button.seen = (await version(rule)).headers.get("ETag");
      } catch (error) {
        return fill(told, problemView(error));
      }
      if (await ask(t("o_delete_title", { r: rule }), h("p", {}, rule), [["yes", t("o_delete"), "danger"], [null, t("cancel")]]) !== "yes") return undefined;
    }
    const make = () => freeze("DELETE", path`/v1/rules/${rule}`, undefined, unique(), { "If-Match": button.seen });
    const refused = (error) => {
      look();
      fill(told, problemView(error));
    };
    button.is_sure = await press(button, make, { done: look, refused });
    return undefined;
  };
  const row = (rule) => h("tr", {}, h("th", { scope: "row" }, rule.rule), h("td", {}, rule.kind), h("td", {}, effect(rule)), h("td", {}, applies(rule) || t("o_everything")),
    h("td", {}, rule.in_force ? t("o_in_force") : t("o_not_now")),
    h("td", {}, session.may("rules") && h("div", { class: "row" }, h("button", { "aria-label": t("o_edit_of", { r: rule.rule }), on: { click: () => edit(rule.rule) } }, t("o_edit")), h("button", { class: "plain", "aria-label": t("o_delete_title", { r: rule.rule }), on: { click: ({ currentTarget }) => remove(rule.rule, currentTarget) } }, t("o_delete")))));
  const table = (rules) => (rules.length === 0 ? empty(t("o_no_rules"))
    : h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": t("o_rules") }, h("table", {},
      h("thead", {}, h("tr", {}, ["o_rule", "o_rule_kind", "o_does", "o_applies", "o_state", "more"].map((head) => h("th", { scope: "col" }, t(head))))),
      h("tbody", {}, rules.map(row)))));
  look();
  return h("div", { class: "stack" }, list, told,
    session.may("rules") ? h("div", {}, h("button", { on: { click: () => show({ rule: "", kind: "safety_stock" }, { "If-None-Match": "*" }) } }, t("o_new_rule"))) : locked("rules"),
    editor, explainPanel());
}

/** A rule with its version. */
const version = (rule) => call("GET", path`/v1/rules/${rule}`);

/** The form of a rule: its fields follow its kind. It is put under `conditions`; `anew(name)` opens it as it is now. */
function form(rule, conditions, { done, closed, anew }) {
  const inputs = {};
  const input = (name, attributes = {}) => (inputs[name] = h("input", { name, autocomplete: "off", spellcheck: "false", ...attributes }));
  const id = input("rule", { value: rule.rule, readonly: rule.rule !== "" });
  const kinds = h("select", { name: "kind", on: { change: () => drawn() } }, Object.keys(KINDS).map((kind) => h("option", { value: kind }, kind)));
  kinds.value = rule.kind;
  const own = h("div", { class: "fields" });
  const drawn = () => fill(own, KINDS[kinds.value].map(([name, what]) => (what === "flag"
    ? h("label", { class: "row" }, input(name, { type: "checkbox", checked: rule[name] ?? (name === "exact") }), h("span", {}, h("code", {}, name)))
    : field(h("code", {}, name), input(name, { value: rule[name] ?? "", inputmode: what === "whole" ? "numeric" : undefined, placeholder: what === "time" ? "2027-01-01T00:00:00Z" : undefined })))));
  drawn();
  const lists = CONDITIONS.map((name) => field(h("code", {}, name), input(name, { value: (rule[name] ?? []).join(", ") }), t("o_list_hint")));
  const times = TIMES.map((name) => field(h("code", {}, name), input(name, { value: rule[name] ?? "", placeholder: "2027-01-01T00:00:00Z" })));
  const answer = h("div", { role: "status" });
  const put = h("button", { class: "primary" }, t("o_put"));
  const what_if = h("button", { type: "button" }, t("o_what_if"));
  const close = h("button", { type: "button", class: "plain", on: { click: closed } }, t("close"));
  const form = h("form", { class: "panel stack editor", novalidate: true }, h("div", { class: "fields" }, field(t("o_rule_id"), id), field(t("o_rule_kind"), kinds)), own,
    h("fieldset", {}, h("legend", { class: "small" }, t("o_applies")), h("div", { class: "fields" }, lists, times)), h("div", { class: "row" }, what_if, put, close), answer);
  /** The rule as it was typed; null where something is wrong, which is said at its field. */
  const typed = () => {
    const values = Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, one.type === "checkbox" ? one.checked : one.value]));
    const { body, wrong } = bodyOf(kinds.value, values);
    const faults = [...(id.value.trim() ? [] : [[id, t("o_fill_in")]]), ...wrong.map((name) => [inputs[name], t("o_whole")])];
    return complain(form, faults) ? body : null;
  };
  const refused = (error) => {
    const name = error instanceof Refusal ? error.problem.field?.split(/[.[]/).find((part) => inputs[part]) : null;
    if (name) complain(form, [[inputs[name], error.message]]);
    else if (error.status === 412) fill(answer, problemView(error), h("button", { type: "button", on: { click: () => anew(id.value.trim()) } }, t("o_read_anew")));
    else fill(answer, problemView(error));
  };
  what_if.addEventListener("click", async () => {
    const body = typed();
    if (!body) return;
    what_if.setAttribute("aria-busy", "true");
    try {
      const from = new Date(Date.now() - DAY_MS).toISOString();
      fill(answer, difference(await post("/v1/what-if", { from, rules: { [id.value.trim()]: body } })));
    } catch (error) {
      refused(error);
    } finally {
      what_if.removeAttribute("aria-busy");
    }
  });
  const make = () => { const body = typed(); return body && freeze("PUT", path`/v1/rules/${id.value.trim()}`, body, unique(), conditions); };
  form.addEventListener("submit", once(put, make, { done: () => done(id.value.trim()), refused }));
  return form;
}

/** What the same requests would have come to. */
function difference({ replayed, what_if }) {
  return h("div", { class: "stack" }, h("p", {}, t("o_would", { d: () => String(t("o_day")) })), h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("o_what")), h("th", { scope: "col", class: "number" }, t("o_actual")), h("th", { scope: "col", class: "number" }, t("o_with")))),
    h("tbody", {}, MEASURES.map(([name, label]) => h("tr", {}, h("th", { scope: "row" }, t(label)), h("td", { class: "number" }, number(replayed[name] ?? 0)), h("td", { class: "number" }, number(what_if[name] ?? 0)))))));
}


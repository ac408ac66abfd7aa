// The keys: what each may do, and revoking one, which asks for its name first.

import { all, path } from "/screens/api.js";
import { complain, empty, field, fill, h, locked } from "/screens/elements.js";
import { day } from "/screens/format.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { t } from "/screens/texts.js";
import { freeze, once } from "/screens/write.js";
import { reading } from "./reading.js";

const STATES = new Set(["valid", "expired", "revoked"]);

export function keysPanel() {
  if (!session.may("admin")) return locked("admin");
  const list = h("div");
  const look = reading(list, async () => {
    const keys = await all("/v1/keys");
    fill(list, keys.length === 0 ? empty(t("o_no_keys")) : table(keys));
  });
  const table = (keys) => h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": t("o_keys") }, h("table", {},
    h("thead", {}, h("tr", {}, ["o_name", "o_scopes", "for_places", "o_state", "o_expires", "o_revoke"].map((head) => h("th", { scope: "col" }, t(head))))),
    h("tbody", {}, keys.map((key) => h("tr", { "data-key": key.id }, h("th", { scope: "row" }, key.name), h("td", {}, key.scopes.join(", ")),
      h("td", {}, [...key.locations, ...key.channels].join(", ") || t("all_places")),
      h("td", {}, STATES.has(key.state) ? t(`ks_${key.state}`) : key.state), h("td", {}, key.expires_at ? day(key.expires_at) : t("o_never")),
      h("td", {}, key.state === "revoked" ? "" : h("button", { class: "danger", "aria-label": t("o_revoke_of", { k: key.name }), on: { click: () => revoke(key, look) } }, t("o_revoke"))))))));
  look();
  return list;
}

/** Revokes a key once its name was typed. */
function revoke({ id, name }, done) {
  const input = h("input", { autocomplete: "off", spellcheck: "false", autocapitalize: "none" });
  const button = h("button", { class: "danger" }, t("o_revoke"));
  const cancel = h("button", { type: "button", on: { click: () => end() } }, t("cancel"));
  const told = h("div");
  const form = h("form", { class: "stack", novalidate: true }, h("h2", { id: "revoke" }, t("o_revoke_title", { k: name })), h("p", {}, t("o_revoke_what")), field(t("o_type_name", { k: name }), input), h("div", { class: "row" }, button, cancel), told);
  const dialog = h("dialog", { "aria-labelledby": "revoke" }, form);
  const end = () => { dialog.close(); dialog.remove(); };
  const make = () => (complain(form, input.value.trim() === name ? [] : [[input, t("o_not_name")]]) ? freeze("POST", path`/v1/keys/${id}/revoke`, {}) : null);
  form.addEventListener("submit", once(button, make, { done: () => { end(); done(); }, refused: (error) => fill(told, problemView(error)) }));
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); end(); });
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}

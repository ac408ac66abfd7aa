// One rule as data: what it says in a line, its fields by kind, and the body that a form makes. Pure.

/** The fields of each kind: [name, what is typed]. */
export const KINDS = {
  safety_stock: [["units", "whole"], ["percent", "whole"]],
  access: [["allow", "flag"]],
  quota: [["units", "whole"], ["percent", "whole"], ["minimum", "whole"], ["spill_over", "flag"]],
  band: [["few_left", "whole"], ["exact", "flag"]],
  backorder: [["units", "whole"], ["lead_days", "whole"]],
  preorder: [["units", "whole"], ["available_at", "time"]],
  capacity: [["orders_per_day", "whole"]],
  pickup_only: [["below", "whole"], ["currency", "text"]],
  returns: [["allow", "flag"], ["days", "whole"], ["without_sale", "flag"]],
};

/** The lists that say where a rule applies. */
export const CONDITIONS = ["channels", "locations", "groups", "location_kinds", "skus", "categories", "attributes"];

export const TIMES = ["starts_at", "ends_at"];

/** The effect of a rule in a line, by its own words: `units 2`. */
export const effect = (rule) => (KINDS[rule.kind] ?? []).map(([name]) => name).filter((name) => rule[name] !== null && rule[name] !== undefined).map((name) => `${name} ${rule[name]}`).join(", ");

/** Where it applies, in a line; empty for everywhere. */
export const applies = (rule) => [
  ...CONDITIONS.filter((name) => rule[name]?.length > 0).map((name) => `${name}: ${rule[name].slice(0, 5).join(", ")}${rule[name].length > 5 ? "…" : ""}`),
  ...TIMES.filter((name) => rule[name]).map((name) => `${name}: ${rule[name]}`),
].join("; ");

const list = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);

/**
 * The body of a rule from what was typed, `{name: text or boolean}`, and the fields that are wrong: `{body, wrong}`.
 * An empty field is left out.
 */
export function bodyOf(kind, typed) {
  const body = { kind };
  const wrong = [];
  for (const name of CONDITIONS) if (list(typed[name] ?? "").length > 0) body[name] = list(typed[name]);
  for (const name of TIMES) if (typed[name]?.trim()) body[name] = typed[name].trim();
  for (const [name, what] of KINDS[kind]) {
    const value = typed[name];
    if (what === "flag") body[name] = Boolean(value);
    else if (value?.trim()) {
      if (what === "whole" && !/^\d+$/.test(value.trim())) wrong.push(name);
      body[name] = what === "whole" ? Number(value.trim()) : value.trim();
    }
  }
  return { body, wrong };
}

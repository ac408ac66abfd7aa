// Fewer and more of something, with large targets.

import { h, set } from "../screens/elements.js";
import { quantity } from "../screens/format.js";
import { t } from "../screens/texts.js";

/** `onchange(n)` hears each change; the element has `tell(n)`. `of` names the thing for those who do not see it. */
export function stepper(value, onchange, { least = 0, most = Infinity, decimals = 0, of = "" } = {}) {
  let now = value;
  const shown = h("output", { class: "number" }, quantity(value, { decimals }));
  const step = (by) => () => {
    const next = Math.min(Math.max(now + by, least), most);
    if (next !== now) onchange(next);
  };
  const button = (sign, saying, by) => h("button", { "aria-label": saying, "data-row": by > 0, on: { click: step(by) } }, sign);
  const [fewer, more] = [button("−", t("s_fewer", { of }), -1), button("+", t("s_more_of", { of }), 1)];
  const element = h("div", { class: "stepper" }, fewer, shown, more);
  element.tell = (n) => {
    now = n;
    set(shown, quantity(n, { decimals }), { shows: true });
    fewer.disabled = n <= least;
    more.disabled = n >= most;
  };
  fewer.disabled = value <= least;
  more.disabled = value >= most;
  return element;
}

/** A field for a whole number. */
export const whole = (attributes = {}) => h("input", { inputmode: "numeric", autocomplete: "off", class: "short", ...attributes });

/** The number in it; null if it is none. */
export const numberIn = ({ value }) => (/^\d{1,6}$/.test(value.trim()) ? Number(value.trim()) : null);

// Task: take the cart to another device. Its secret stands behind the "#" of a link, which no server sees, as a QR code.

import { ask, h, icon } from "/screens/elements.js";
import { t } from "/screens/texts.js";
import { keep } from "./basket.js";
import { callsOf } from "./calls.js";
import { qr } from "./qr.js";

const { post } = callsOf(import.meta.url);

/** The button that shows the code. */
export function toPhone({ token }) {
  const link = `${location.origin}/shop#/cart/${token}`;
  const show = () => ask(t("s_to_phone"), h("div", { class: "stack" }, h("p", {}, t("s_scan_this")), h("div", { class: "qr", role: "img", "aria-label": t("s_to_phone") }, qr(link)), h("a", { href: link, class: "small" }, link)), [[null, t("close"), "primary"]]);
  return h("button", { class: "to-phone", on: { click: show } }, icon("scan"), h("span", {}, t("s_to_phone")));
}

/** Makes the cart of a secret the one of this device: one call. */
export async function carry(token) {
  keep(await post("/v1/carts/find", { token }));
  history.replaceState(null, "", "#/cart");
}

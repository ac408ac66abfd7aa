// The shop: which task the address names, the head that all of them have, and the drawer with their calls.
//
//   #/  #/product/SKU  #/cart  #/cart/TOKEN  #/order/ORDER

import { fill, h, icon } from "/screens/elements.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";
import { shell } from "/screens/shell.js";
import { t } from "/screens/texts.js";
import { own } from "./basket.js";
import { drawer } from "./calls.js";
import { carry } from "./carry.js";
import { cart } from "./cart.js";
import { list } from "./list.js";
import { loadMarket, marketChoice } from "./market.js";
import { order, ordersLinks } from "./order.js";
import { product } from "./product.js";

const at = (id) => document.getElementById(id);
let end = () => {};
let shown = 0;
let is_loaded = false;
let is_starting = false;

/** Shows what the address names; what was shown ends. */
async function show({ is_first = false } = {}) {
  if (!is_loaded) return;
  const turn = ++shown;
  const [, task = "", ...rest] = location.hash.split("/");
  const id = decodeURIComponent(rest.join("/"));
  end();
  end = () => {};
  const view = h("div", { class: "stack" });
  fill(at("view"), view);
  scrollTo(0, 0);
  head();
  const tasks = { product, order, cart: async (view) => { if (id) await carry(id); return cart(view, { is_carried: id !== "" }); } };
  try {
    const ended = await (tasks[task] ?? list)(view, id);
    if (typeof ended === "function") turn === shown ? (end = ended) : ended();
  } catch (error) {
    fill(view, problemView(error, { retry: show }));
  }
  if (!is_first && turn === shown) view.querySelector("h1")?.focus({ preventScroll: true });
}

function head() {
  const orders = ordersLinks();
  const label = h("span", {});
  const tell = (units) => fill(label, units > 0 ? t("s_cart_n", { n: units }) : t("s_cart"));
  tell(own()?.units ?? 0);
  head.tell = tell;
  fill(at("head"), h("nav", { class: "row", "aria-label": t("s_shop") }, h("a", { href: "#/", class: "button" }, t("s_list")), h("a", { href: "#/cart", class: "button" }, icon("sell"), label)),
    marketChoice(show), orders.length > 0 && h("details", { class: "orders" }, h("summary", {}, t("s_your_orders")), h("div", { class: "row" }, orders)));
}

async function start() {
  if (is_loaded || is_starting || !["known", "open"].includes(session.state)) return;
  is_starting = true;
  try {
    await loadMarket();
    is_loaded = true;
    await show({ is_first: true });
  } catch (error) {
    if (error.status !== 401) fill(at("view"), problemView(error, { retry: start }));
  } finally {
    is_starting = false;
  }
}

addEventListener("cart", ({ detail }) => head.tell?.(detail));
addEventListener("hashchange", () => show());
session.addEventListener("change", () => {
  // What failed for want of a key is asked for again.
  if (is_loaded && session.state === "known" && at("view").querySelector(".notice.bad")) show();
  else start();
});
drawer(at("calls"));
await shell({ streams: true });
await start();

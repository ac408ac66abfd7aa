// The sign of the queue in the bar: offline and how many wait, what is being sent, what is to be settled, a clock that is
// off. It says nothing while all is well.

import { fill, h, toast } from "../screens/elements.js";
import { t } from "../screens/texts.js";
import { clock } from "./clock.js";
import { is_safe } from "./device.js";
import { link } from "./link.js";
import { queue } from "./queue.js";
import { sender } from "./sender.js";

export function status() {
  const place = h("div", { class: "queue-state row", role: "status" });
  let had = 0;
  let told = "";
  const tell = () => {
    const n = queue.waiting.length;
    const signs = [
      link.is_offline ? ["offline", n > 0 ? t("offline", { n }) : t("s_offline")]
        : n > 0 && sender.blocked === "key" ? ["refused", t("s_waits_for_key", { n })]
          : n > 0 && sender.blocked === "place" ? ["refused", t("s_waits_for_place", { n })]
            : n > 0 && ["connecting", t("sending_n", { n })],
      queue.refused.length > 0 && ["refused", t("to_settle", { n: queue.refused.length })],
      queue.is_old && ["refused", t("s_too_old")],
      clock.minutes_off > 0 && ["stale", t("clock_off", { n: clock.minutes_off })],
      !is_safe && ["stale", t("insecure")],
    ].filter(Boolean);
    const now = signs.map(([kind, saying]) => `${kind} ${saying}`).join();
    if (now !== told) fill(place, signs.map(([kind, saying]) => h("span", { class: "state", "data-state": kind }, saying)));
    told = now;
    if (had > 0 && n === 0 && !link.is_offline) toast(t("all_sent"));
    had = link.is_offline || n > 1 ? n : Math.min(had, n);
    document.body.classList.toggle("offline", link.is_offline);
  };
  for (const source of [link, queue, sender, clock]) source.addEventListener("change", tell);
  globalThis.addEventListener("language", tell);
  tell();
  return place;
}

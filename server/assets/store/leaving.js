// Signing out: what waits is sent first. What cannot be sent stays on this device, and is said.

import { ask } from "../screens/elements.js";
import { t } from "../screens/texts.js";
import { queue } from "./queue.js";
import { sender } from "./sender.js";
import "./job-texts.js";

const PATIENCE_MS = 5000;

/** Whether to go. */
export async function leaving() {
  await queue.load();
  if (queue.waiting.length > 0) {
    sender.kick();
    await new Promise((resolve) => {
      const look = () => {
        if (queue.waiting.length > 0) return;
        end();
      };
      const end = () => {
        clearTimeout(timer);
        queue.removeEventListener("change", look);
        resolve();
      };
      const timer = setTimeout(end, PATIENCE_MS);
      queue.addEventListener("change", look);
    });
  }
  const n = queue.waiting.length + queue.refused.length;
  if (n === 0) return true;
  return (await ask(t("s_stays_here", { n }), t("s_stays_here_more"), [[false, t("stay"), "primary"], [true, t("sign_out"), "danger"]])) === true;
}

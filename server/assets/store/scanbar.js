// The scan bar: what is typed, what a scanner types anywhere, what the camera sees, all as one.

import { fill, h, icon } from "../screens/elements.js";
import { read, typed } from "../screens/scan.js";
import { t } from "../screens/texts.js";
import { wedge } from "../screens/wedge.js";

/** Whether there can be a camera: a safe address, a reader of codes, a camera. */
const hasCamera = () => isSecureContext && "BarcodeDetector" in globalThis && !!navigator.mediaDevices?.getUserMedia;

/** `onscan({kind, quantity, read, asks})` hears each; `patterns()` are those of the store's own codes; returns `{element, label, last, focus, stop}`. */
export function scanBar({ onscan, patterns }) {
  const input = h("input", { class: "code-field", autocomplete: "off", spellcheck: "false", autocapitalize: "none", enterkeyhint: "go", placeholder: t("scan_or_type"), "aria-label": t("scan_or_type") });
  const label = h("span", { class: "scanning small" });
  const last = h("span", { class: "last small muted" });
  const form = h("form", { class: "scan-bar", novalidate: true }, icon("scan"), h("div", { class: "scan-words" }, label, last), input);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const told = typed(input.value, { patterns: patterns() });
    input.value = "";
    if (told) onscan(told);
  });
  const scanned = (text) => onscan({ kind: "code", quantity: 1, read: read(text, { patterns: patterns() }) });
  const scanner = wedge(scanned, {
    onstray(text) {
      input.value += text;
      input.focus();
    },
  });
  let seen = null;
  const toggle = async () => {
    if (seen) {
      seen.stop();
      seen = null;
    } else {
      const { camera } = await import("../screens/camera.js");
      seen = await camera(scanned);
      form.before(seen);
    }
    eye?.setAttribute("aria-pressed", String(!!seen));
  };
  const eye = hasCamera() ? h("button", { type: "button", "aria-pressed": "false", on: { click: toggle } }, icon("camera"), h("span", {}, t("camera"))) : null;
  if (eye) form.append(eye);
  return {
    element: form,
    label: (saying) => fill(label, saying),
    last: (code) => { last.textContent = code; },
    focus: () => input.focus(),
    stop() {
      scanner.stop();
      seen?.stop();
    },
  };
}

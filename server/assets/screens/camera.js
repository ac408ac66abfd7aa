// The camera as a scanner, where the browser reads codes itself (Android, ChromeOS, macOS).

import { h, notice } from "./elements.js";
import { t } from "./texts.js";

/** A code that stays in the frame is one scan. */
const OUT_OF_FRAME_MS = 800;
const LOOKS_EVERY_MS = 100;
const FORMATS = ["ean_13", "ean_8", "upc_a", "upc_e", "code_128", "code_39", "itf", "qr_code", "data_matrix"];

/** Opens the rear camera in a box; `onscan(text)` hears each code once. Returns the box, which has `stop()`. */
export async function camera(onscan) {
  const box = h("div", { class: "camera stack" });
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    box.append(notice("warn", t("no_camera")));
    box.stop = () => box.remove();
    return box;
  }
  const offered = await BarcodeDetector.getSupportedFormats();
  const detector = new BarcodeDetector({ formats: FORMATS.filter((format) => offered.includes(format)) });
  const video = h("video", { muted: true, playsinline: true, "aria-label": t("camera") });
  video.srcObject = stream;
  await video.play();
  /** The codes of late, each with the time since when no look has found it; null while it is in the frame. */
  const gone = new Map();
  const look = async () => {
    const found = await detector.detect(video).catch(() => []);
    const codes = new Set(found.map(({ rawValue }) => rawValue));
    const now = performance.now();
    for (const [code, since] of gone) {
      if (codes.has(code)) continue;
      if (since === null) gone.set(code, now);
      else if (now - since >= OUT_OF_FRAME_MS) gone.delete(code);
    }
    for (const code of codes) {
      if (!gone.has(code)) onscan(code);
      gone.set(code, null);
    }
    if (stream.active) setTimeout(look, LOOKS_EVERY_MS);
  };
  const [track] = stream.getVideoTracks();
  const torch = track.getCapabilities?.().torch && h("button", {
    "aria-pressed": "false",
    on: {
      click: ({ currentTarget }) => {
        const is_on = currentTarget.getAttribute("aria-pressed") !== "true";
        currentTarget.setAttribute("aria-pressed", String(is_on));
        track.applyConstraints({ advanced: [{ torch: is_on }] });
      },
    },
  }, t("torch"));
  box.append(video, ...(torch ? [torch] : []));
  box.stop = () => {
    stream.getTracks().forEach((one) => one.stop());
    box.remove();
  };
  look();
  return box;
}

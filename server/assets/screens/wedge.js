// A scanner that types (a "wedge"): hears its bursts anywhere in the page. In a text field the former value returns, and
// nothing is submitted. `pause` holds scans back, such as while a write runs; `resume` gives what came meanwhile.

import { BURST_END_MS, Bursts, Repeats } from "./scan.js";
import { h } from "./elements.js";

const is_field = (element) => element?.matches?.("input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]");

/**
 * Calls `onscan(text)` for each scan, and `onstray(text)` for what a person typed where no field has the focus; returns
 * `{pause, resume, stop}`.
 */
export function wedge(onscan, { onstray } = {}) {
  const bursts = new Bursts();
  const repeats = new Repeats();
  const held = [];
  let is_paused = false;
  let timer = null;
  let field = null;
  let before = "";
  let stray = "";

  const scanned = () => {
    const { text } = bursts;
    stray = "";
    if (field) field.value = before;
    field = null;
    if (!repeats.isNew(text, performance.now())) return;
    if (is_paused) held.push(text);
    else onscan(text);
  };
  const silent = () => {
    if (bursts.silence(performance.now()) === "burst") return scanned();
    const typed = stray;
    stray = "";
    return typed && onstray(typed);
  };
  const heard = (name, now, event, is_stray = false) => {
    if (bursts.starts(now) && name.length === 1) {
      field = is_field(document.activeElement) && document.activeElement !== catcher ? document.activeElement : null;
      before = field?.value ?? "";
    }
    const what = bursts.key(name, now);
    if (what) {
      event?.preventDefault();
      event?.stopImmediatePropagation();
    }
    if (what === "burst") scanned();
    else if (onstray && is_stray && name.length === 1) stray += name;
    clearTimeout(timer);
    if (bursts.is_under_way || stray) timer = setTimeout(silent, BURST_END_MS + 5);
  };
  const onkeydown = (event) => {
    if (event.isComposing || event.metaKey || event.altKey) return;
    // A key may be typed as fast as a scan, and belongs where it is typed.
    if (event.target.matches?.("[type=password], .key-place input")) return;
    // A line feed comes as Ctrl and J from some scanners.
    const name = event.ctrlKey ? (event.key.toLowerCase() === "j" && bursts.is_under_way ? "Enter" : null) : event.key;
    // A space presses the button that has the focus, and a question mark asks for the keys.
    const is_stray = (event.target === catcher || !is_field(event.target)) && !" ?".includes(name) && !document.querySelector("dialog[open]");
    if (!name) return;
    heard(name, performance.now(), event, is_stray);
    // What has a name is heard here, and not once more as what fills the field.
    if (event.target === catcher && name.length === 1) event.preventDefault();
  };

  // Some Android keyboards name no key ("Unidentified"), but fill the field that has the focus.
  const catcher = h("input", { class: "visually-hidden", inputmode: "none", autocomplete: "off", tabindex: "-1", "aria-hidden": "true" });
  catcher.addEventListener("input", () => {
    const text = catcher.value;
    catcher.value = "";
    for (const character of text) heard(character, performance.now(), null, true);
  });
  // Whoever goes from element to element by keys keeps the focus where it is.
  let is_by_keys = false;
  const hold = () => setTimeout(() => {
    const { activeElement } = document;
    if (is_by_keys || is_field(activeElement) || document.querySelector("dialog[open]")) return;
    catcher.focus({ preventScroll: true });
  });
  const controller = new AbortController();
  const { signal } = controller;
  if (matchMedia("(pointer: coarse)").matches) {
    document.body.append(catcher);
    document.addEventListener("keydown", ({ key }) => { if (key === "Tab" || key.startsWith("Arrow")) is_by_keys = true; }, { signal, capture: true });
    document.addEventListener("pointerdown", () => { is_by_keys = false; }, { signal, capture: true });
    for (const event of ["focusin", "focusout", "click"]) document.addEventListener(event, hold, { signal });
    hold();
  }
  document.addEventListener("keydown", onkeydown, { signal, capture: true });
  return {
    pause() {
      is_paused = true;
    },
    resume() {
      is_paused = false;
      held.splice(0).forEach(onscan);
    },
    stop() {
      controller.abort();
      clearTimeout(timer);
      catcher.remove();
    },
  };
}

let audio = null;

/** Right: one high tone and a short buzz. Wrong: two low tones and three buzzes. A text says it, too. */
export function signal(is_right) {
  // A page that nobody touched yet may not buzz, and is told off for trying.
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(is_right ? 40 : [80, 60, 80]);
  try {
    audio ??= new AudioContext();
    const tone = (at, hertz, seconds) => {
      const oscillator = new OscillatorNode(audio, { frequency: hertz });
      const gain = new GainNode(audio, { gain: 0.2 });
      oscillator.connect(gain).connect(audio.destination);
      oscillator.start(audio.currentTime + at);
      oscillator.stop(audio.currentTime + at + seconds);
    };
    if (is_right) tone(0, 1760, 0.06);
    else [0, 0.2].forEach((at) => tone(at, 220, 0.12));
  } catch {
    // A device without sound still buzzes and shows the text.
  }
}

// The time as the server has it: the median offset of the last five heartbeats. A device with a wrong clock tells its sales
// at the right time, also when it is offline later.

const KEPT = "anaquel.clock";
const SAMPLES = 5;

/** From here on people are told. */
const OFF_MS = 60_000;

/** The middle of some numbers. */
export const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0;

export class Clock extends EventTarget {
  #samples = [];
  #offset;

  constructor(storage = globalThis.localStorage, here = Date.now) {
    super();
    this.storage = storage;
    this.here = here;
    this.#offset = Number(storage?.getItem(KEPT)) || 0;
  }

  /** The server's time, in milliseconds. */
  now() {
    return this.here() + this.#offset;
  }

  /** How far off this device is, in whole minutes; 0 within a minute. */
  get minutes_off() {
    return Math.abs(this.#offset) > OFF_MS ? Math.round(Math.abs(this.#offset) / 60_000) : 0;
  }

  /** Hears the server's time. A clock that was set anew begins anew. */
  hear(time) {
    const sample = Date.parse(time) - this.here();
    if (!Number.isFinite(sample)) return;
    if (this.#samples.length && Math.abs(sample - this.#offset) > OFF_MS) this.#samples = [];
    this.#samples = [...this.#samples, sample].slice(-SAMPLES);
    this.#offset = median(this.#samples);
    this.storage?.setItem(KEPT, String(Math.round(this.#offset)));
    this.dispatchEvent(new Event("change"));
  }
}

export const clock = new Clock();

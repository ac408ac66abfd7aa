// Writes that wait on this device: sales and counts. An entry is on the disk before anybody is told that it is done, and
// leaves when the server has it. What the server refuses stays, to be settled by a person.
//
// States: "waiting", "refused", "discarded".

import { freeze, unique } from "../screens/write.js";
import { clock } from "./clock.js";
import { asked, transact } from "./db.js";

/** Beyond this age an entry is an alarm; the server takes it for five more days. */
const OLD_MS = 25 * 86_400_000;

class Queue extends EventTarget {
  entries = [];
  #channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("anaquel.queue") : null;

  constructor() {
    super();
    if (this.#channel) this.#channel.onmessage = ({ data }) => {
      if (data.kind === "changed") this.load();
      else this.dispatchEvent(new CustomEvent(data.kind, { detail: data.detail }));
    };
  }

  /** Entries that are to be sent, oldest first. */
  get waiting() {
    return this.entries.filter(({ state }) => state === "waiting");
  }

  /** Entries that the server refused. */
  get refused() {
    return this.entries.filter(({ state }) => state === "refused");
  }

  /** Whether an entry waits for too long. */
  get is_old() {
    return this.entries.some(({ state, at }) => state !== "discarded" && clock.now() - Date.parse(at) > OLD_MS);
  }

  /** Reads what is kept, also by other tabs. */
  async load() {
    const entries = await transact(["queue"], "readonly", ({ queue }) => asked(queue.getAll()));
    this.entries = entries.sort((one, other) => one.at.localeCompare(other.at) || one.n - other.n);
    this.dispatchEvent(new Event("change"));
    return this.entries;
  }

  /** Tells all tabs, this one included. */
  tell(kind, detail) {
    this.#channel?.postMessage({ kind, detail });
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  /**
   * A sale: its number and its entry are one transaction. `make({order, till_reference, occurred_at})` gives its body;
   * `shown` is what people see of it.
   */
  async sale(place, make, shown) {
    const random = unique().slice(0, 8);
    return this.#add("counter", (counter, at, n) => {
      const till_reference = `${place.till}-${day(at, place.timezone)}-${n}`;
      const order = `${till_reference}-${random}`;
      const body = make({ order, till_reference, occurred_at: at });
      return { id: order, kind: "sale", write: freeze("POST", "/v1/sales", body, order), till_reference, location: place.location, shown };
    }, (at) => day(at, place.timezone));
  }

  /** A count; each of its lines says when it was counted. */
  count(place, body, shown) {
    const id = unique();
    return this.#add("counts", () => ({ id, kind: "count", write: freeze("POST", "/v1/stock/counts", body, id), location: place.location, shown }), () => "");
  }

  async #add(counter, make, dayOf) {
    const entry = await transact(["till", "queue"], "readwrite", async ({ till, queue }) => {
      const before = await asked(till.get(counter));
      const last = await asked(till.get("last_at"));
      // Never before the last entry, whatever happened to the clock.
      const at = new Date(Math.max(clock.now(), last ? Date.parse(last) : 0)).toISOString();
      const today = dayOf(at);
      const n = before?.day === today ? before.n + 1 : 1;
      const made = { ...make(before, at, n), at, n, state: "waiting" };
      till.put({ day: today, n }, counter);
      till.put(at, "last_at");
      await asked(queue.add(made));
      return made;
    });
    await this.#changed();
    return entry;
  }

  /** The server has it, or a person took it back. */
  async remove(id) {
    await transact(["queue"], "readwrite", ({ queue }) => asked(queue.delete(id)));
    await this.#changed();
  }

  /** Changes an entry that is there. */
  async mark(id, changes) {
    await transact(["queue"], "readwrite", async ({ queue }) => {
      const entry = await asked(queue.get(id));
      if (entry) await asked(queue.put({ ...entry, ...changes }));
    });
    await this.#changed();
  }

  async #changed() {
    await this.load();
    this.#channel?.postMessage({ kind: "changed" });
  }
}

/** A day of the store as `yymmdd`. */
function day(at, timezone) {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone: timezone ?? undefined, year: "2-digit", month: "2-digit", day: "2-digit" }).formatToParts(new Date(at));
  const part = (type) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year").slice(-2)}${part("month")}${part("day")}`;
}

export const queue = new Queue();

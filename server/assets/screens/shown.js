// A list under a finger: what is shown stays where it is. Values change in place; what is new, and what would move, waits
// until it is asked for.

/** `order(one, other)` sorts, `admits(item)` filters. */
export class Shown {
  #items = new Map();
  #shown = [];
  #order;
  #admits;

  constructor(keyOf, order, admits = () => true) {
    this.keyOf = keyOf;
    this.#order = order;
    this.#admits = admits;
  }

  /** All items, also those that are not shown. */
  get all() {
    return [...this.#items.values()];
  }

  /** The shown items, in their order. */
  get rows() {
    return this.#shown.map((key) => this.#items.get(key)).filter(Boolean);
  }

  /** How many items wait to be shown. */
  get waiting() {
    const shown = new Set(this.#shown);
    return this.all.filter((item) => this.#admits(item) && !shown.has(this.keyOf(item))).length;
  }

  /** Takes in changes. The first ones are shown at once, for nobody has looked yet. */
  change(items, removed = []) {
    const was_empty = this.#items.size === 0;
    for (const item of items) this.#items.set(this.keyOf(item), item);
    for (const item of removed) this.#items.delete(this.keyOf(item));
    if (was_empty) this.take();
  }

  /** Another order or filter was asked for. */
  sort(order, admits = this.#admits) {
    this.#order = order;
    this.#admits = admits;
    this.take();
  }

  /** Shows everything, in order. */
  take() {
    this.#shown = this.all.filter(this.#admits).sort(this.#order).map(this.keyOf);
  }

  clear() {
    this.#items.clear();
    this.#shown = [];
  }
}

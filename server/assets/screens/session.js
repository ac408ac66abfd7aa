// Who uses this tab: the key, what it may do, and what to do when it no longer works. The key is kept by the tab's session
// alone; work that is under way is no part of it, and stays.
//
// States: "asking", "open" (the server needs no key), "none" (it needs one, there is none), "known", "refused" (the key
// no longer works), "unreachable".

const KEPT = "anaquel.key";

/** What a caller may do that is not told its scopes: everything is tried, and the server decides. */
const UNTOLD = { name: null, scopes: null, channels: [], locations: [] };

class Session extends EventTarget {
  state = "asking";
  who = UNTOLD;
  #key = globalThis.sessionStorage?.getItem(KEPT) ?? null;
  #asked = 0;

  /** The key; null without one. */
  get key() {
    return this.#key;
  }

  /** Headers of a request as this caller. */
  headers() {
    return this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
  }

  /** Whether the caller may use a scope; true where that is not known. */
  may(scope) {
    const { scopes } = this.who;
    return scopes === null || scopes.includes(scope) || scopes.includes("admin");
  }

  /** The only place that the key may act at; null if there are several, or all. */
  get place() {
    return this.who.locations.length === 1 ? this.who.locations[0] : null;
  }

  /** Asks the server who this is. Resolves to the state. */
  async load() {
    const asked = ++this.#asked;
    const { state, who } = await whoIs(this.#key);
    if (asked === this.#asked) this.#become(state, who);
    return this.state;
  }

  /** Takes a key if the server takes it; resolves to the state that it led to. Another key stays until then. */
  async signIn(key) {
    const asked = ++this.#asked;
    const { state, who } = await whoIs(key);
    if (asked !== this.#asked || state === "refused" || state === "unreachable") return state;
    this.#key = key;
    globalThis.sessionStorage?.setItem(KEPT, key);
    this.#become(state, who);
    return state;
  }

  /** Asks whether the key still works, for pages that ask for nothing by themselves. */
  async check() {
    const key = this.#key;
    if (this.state !== "known") return;
    if ((await whoIs(key)).state === "refused") this.refused(key);
  }

  signOut() {
    this.#key = null;
    globalThis.sessionStorage?.removeItem(KEPT);
    return this.load();
  }

  /** The server answered 401 to the key that it was asked with. */
  refused(key = this.#key) {
    if (key !== this.#key || this.state === "refused" || this.state === "none") return;
    this.#become(this.#key ? "refused" : "none", this.who);
  }

  /** Resolves once a key works. */
  async works() {
    while (this.state !== "known" && this.state !== "open") {
      await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    }
  }

  #become(state, who) {
    this.state = state;
    this.who = who;
    this.dispatchEvent(new Event("change"));
  }
}

/** Asks `/v1/key`, which an open server answers without a name; a server without that path is asked for its channels. */
async function whoIs(key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const asks = (url) => fetch(url, { headers, cache: "no-store" });
  try {
    const told = await asks("/v1/key");
    if (told.ok) {
      const { name, scopes, channels, locations } = await told.json();
      return { state: name === null ? "open" : "known", who: { name, scopes, channels: channels ?? [], locations: locations ?? [] } };
    }
    const { status } = told.status === 404 ? await asks("/v1/channels?limit=1") : told;
    if (status === 401) return { state: key ? "refused" : "none", who: UNTOLD };
    if (status === 429 || status >= 500) return { state: "unreachable", who: UNTOLD };
    return { state: key ? "known" : "open", who: UNTOLD };
  } catch {
    return { state: "unreachable", who: UNTOLD };
  }
}

export const session = new Session();

// Work that is under way, kept by the session of the tab: a reload, a lost key and a restart of the server leave it.

const read = (name) => {
  try {
    return JSON.parse(sessionStorage.getItem(`anaquel.${name}`));
  } catch {
    return null;
  }
};

/** `{value, put}` of a piece of work at a store. */
export function work(name, location, empty) {
  const before = read(name);
  const kept = { value: before?.location === location ? before.value : empty };
  kept.put = (value) => {
    kept.value = value;
    sessionStorage.setItem(`anaquel.${name}`, JSON.stringify({ location, value }));
    return value;
  };
  return kept;
}

// What a panel reads. A server that cannot answer, is restarted or no longer takes the key is asked again by itself, so that
// the page needs no reload; what is shown stays meanwhile.

import { Unreachable } from "/screens/api.js";
import { fill } from "/screens/elements.js";
import { problemView } from "/screens/problem.js";
import { session } from "/screens/session.js";

const AGAIN_MS = 3000;

/** A function that runs `read`, and tells in `place` why it failed, as long as nothing else stands there. */
export function reading(place, read) {
  let is_shown = false;
  let timer = null;
  const look = async () => {
    clearTimeout(timer);
    try {
      await read();
      is_shown = true;
    } catch (error) {
      if (error.status === 401) return session.works().then(look);
      if (!is_shown) fill(place, problemView(error, { retry: look }));
      if (error instanceof Unreachable || error.is_passing) timer = setTimeout(look, Math.max(error.retry_ms ?? 0, AGAIN_MS));
    }
    return undefined;
  };
  return look;
}

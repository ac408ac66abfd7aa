// The first line: is it well? Enough for somebody who is woken at night and reads it on a phone. Pure.

const SECONDS_MEANT = 10;
const DAYS_WARNED = 14;

/** The mean of a value over the last seconds. */
const mean = (samples, read) => {
  const values = samples.slice(-SECONDS_MEANT).map(read).filter((value) => value !== null && value !== undefined);
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
};

/**
 * `[kind, key, values]`: kind is "ok", "warn" or "bad", `key` the text. Values are plain: times as ISO texts, durations in
 * seconds.
 */
export function sentence({ ready, info, samples }) {
  if (!ready) return ["", "o_asking", {}];
  const { since } = ready;
  if (ready.state === "silent") return ["bad", "o_silent", { since }];
  if (ready.state === "read_only") {
    const is_full = info?.journal.health === "full" || /\b(disk|space|reserve)\b/i.test(ready.reason);
    return is_full ? ["bad", "o_full", { since }] : ["bad", "o_read_only", { since, why: ready.reason }];
  }
  if (ready.expiry_frozen) return ["warn", "o_frozen", {}];
  const [warning] = ready.warnings;
  if (warning) return ["warn", "o_warned", { w: warning.detail }];
  const fills = info?.disk?.full_in_seconds;
  if (fills !== null && fills !== undefined && fills < DAYS_WARNED * 86_400) return ["warn", "o_fills", { d: fills }];
  // A replica takes no writes of its own: what counts is how old it is.
  if (ready.role === "replica") return ["ok", "o_replica", { url: ready.follows, p: ready.lag_ms ?? 0, up: info?.uptime_seconds ?? 0 }];
  const writes = mean(samples, ({ writes }) => writes);
  const p99 = Math.max(0, ...samples.slice(-SECONDS_MEANT).map(({ p99_ms }) => p99_ms ?? 0));
  const up = info?.uptime_seconds ?? 0;
  return writes > 0 && p99 > 0 ? ["ok", "o_well", { w: writes, p: p99, up }] : ["ok", "o_idle", { up }];
}

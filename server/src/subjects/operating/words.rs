//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /healthz",
            "For a supervisor: answers while the process is alive, whatever the state of the store.",
            &[("200", "Alive")],
        ),
        ("GET /metrics", "Every metric begins with `anaquel_`.", &[("200", "text/plain")]),
        (
            "GET /readyz",
            "For a load balancer: 503 with the reason while the store accepts no writes or, on a node that follows another, \
             while that one is not heard. `role` tells a balancer where writes go.",
            &[("200", "Ready")],
        ),
        (
            "GET /v1/backup",
            "All records up to one seq, as a file for `anaquel restore`; with `after`, only the records since an \
             earlier backup.",
            &[("200", "application/octet-stream")],
        ),
        (
            "POST /v1/clock/trust",
            "After a jump of the clock, holds do not expire. This call confirms that the clock is right, and they \
             expire again.",
            &[("200", "ClockTrusted")],
        ),
        (
            "GET /v1/metrics/recent",
            "The last hour in memory, for a page without a time series database; `/metrics` has everything.",
            &[("200", "RecentMetrics")],
        ),
        ("GET /v1/info", "For operators, and for tests that compare two servers.", &[("200", "Info")]),
    ],
    records: &[
        ("Alive", "The process is alive.", &[("status", "text", "`alive`")]),
        (
            "Ready",
            "Whether the server accepts writes, or keeps up with the node that it follows.",
            &[
                ("status", "text", "`ready`; in a problem, the reason"),
                ("role", "primary|replica", "Whether it decides, or follows a node that does"),
                ("term", "int", "The term of the writer; 0 for a node that decides alone"),
                ("seq", "int", "The last record that it serves"),
                ("lag_ms", "int?", "The age of what it serves, at most; 0 on a node that decides"),
                ("follows", "text?", "The node that it follows"),
                ("expiry_frozen", "flag", "Holds do not expire, because the clock jumped: see `POST /v1/clock/trust`"),
                (
                    "warnings",
                    "[text]",
                    "Warnings for the operator, such as an idempotency share that is nearly used up",
                ),
            ],
        ),
        (
            "Info",
            "The build, the log and the contents of memory.",
            &[
                ("version", "text", "The version of the build"),
                ("epoch", "text", "The log's identity: only a new or restored data directory changes it"),
                ("epochs", "[any]", "The earlier identities of the log, and the `seq` after which each began"),
                ("seq", "int", "The last durable record"),
                ("role", "primary|replica", "Whether it decides, or follows a node that does"),
                ("term", "int", "The term of the writer; 0 for a node that decides alone"),
                (
                    "lag_ms",
                    "int?",
                    "The age of what it serves, at most, in milliseconds; null before it heard anything",
                ),
                ("follows", "text?", "The node that it follows"),
                ("known_seq", "int?", "The last record of that node, as far as it is known"),
                ("stale", "flag", "Nothing was heard of that node for a while"),
                ("oldest_seq", "int", "The oldest record in the log"),
                ("state_hash", "text", "The digest of everything that is served; `anaquel verify` computes the same"),
                (
                    "files_hash",
                    "text",
                    "The digest of what exports contain: equal on a server that imported the exports of this one",
                ),
                ("state_parts", "map", "The same digest, by subject"),
                ("uptime_seconds", "int", "Seconds since the process started"),
                ("cells", "int", "Pairs of a SKU and a location that stocks it"),
                ("matrix_bytes", "int", "Memory of the cells, in bytes"),
                ("skus", "int", "SKUs"),
                ("locations", "int", "Locations"),
                ("reservations", "any", "Open reservations, closed ones in memory, and the memory of the closed ones"),
                ("shortages", "int", "Cells whose stock does not cover their promises"),
                ("idempotency_keys", "int", "Keys that are kept"),
                ("journal", "any", "The store, when it syncs, and its health"),
                ("clock", "any", "The clock, and its difference from the log's time"),
                ("expiry", "text", "`running` or `frozen`"),
                ("old_log", "any", "The result so far of the check of the log before the last checkpoint"),
                ("disk", "Disk", "The file system of the data directory"),
                ("checkpoint", "Checkpoint?", "The newest checkpoint; null before the first one"),
                (
                    "backup",
                    "Backup?",
                    "The last backup that `GET /v1/backup` streamed to its end; null if there was none",
                ),
            ],
        ),
        (
            "Disk",
            "The file system of the data directory.",
            &[
                ("free_bytes", "int", "Free bytes"),
                ("size_bytes", "int", "Its size"),
                ("reserve_bytes", "int", "With less free space, the server accepts no writes: `journal.reserve_bytes`"),
                (
                    "full_in_seconds",
                    "int?",
                    "When that is reached at the rate of the last hour; null if the free space does not shrink, or in the \
                     first minute",
                ),
            ],
        ),
        (
            "Checkpoint",
            "A checkpoint: a start loads it, and replays the log from there.",
            &[
                ("seq", "int", "The record from which a start replays the log"),
                ("taken_at", "text?", "When it was taken"),
            ],
        ),
        (
            "Backup",
            "A backup.",
            &[
                ("seq", "int", "Its last record"),
                ("taken_at", "text", "When it was complete"),
                ("whole", "flag", "Whether it has everything, or only what was new"),
            ],
        ),
        (
            "RecentMetrics",
            "What the server did lately.",
            &[("step_seconds", "int", "The seconds of a sample"), ("items", "[RecentSample]", "Samples, oldest first")],
        ),
        (
            "RecentSample",
            "One second.",
            &[
                ("time", "text", "Its end"),
                ("writes", "number", "Records made durable, a second"),
                ("requests", "number", "Requests and commands answered, a second"),
                ("refusals", "number", "Problem documents sent, a second"),
                (
                    "p50_ms",
                    "number?",
                    "The time within which half of the requests were answered, to a quarter; null without one",
                ),
                ("p99_ms", "number?", "The same for 99 of 100"),
                ("flush_p99_ms", "number?", "The time within which 99 of 100 flushes of the log ended"),
                ("in_flight", "int", "Writes on their way to the log"),
                ("streams", "int", "Open streams"),
                ("holds", "int", "Open reservations"),
                ("shortages", "int", "Cells whose stock does not cover their promises"),
                ("memory_bytes", "int", "Resident memory of the process"),
                ("disk_free_bytes", "int", "Free bytes of the file system, seen every ten seconds"),
            ],
        ),
        ("ClockTrusted", "Holds expire again.", &[("expiry", "text", "`running`")]),
    ],
    tags: &[("operating", "Health, metrics, the log")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![(json!({"pattern": "^[0-9a-f]{16}$"}), "/v1/backup.epoch")]
}

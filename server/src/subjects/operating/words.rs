//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::Words;

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
            "For a load balancer: 503 with the reason while the store accepts no writes.",
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
        ("GET /v1/info", "For operators, and for tests that compare two servers.", &[("200", "Info")]),
    ],
    examples: &[],
    records: &[
        ("Alive", "The process is alive.", &[("status", "text", "`alive`")]),
        (
            "Ready",
            "Whether the server accepts writes.",
            &[
                ("status", "text", "`ready`; in a problem, the reason"),
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
            ],
        ),
        ("ClockTrusted", "Holds expire again.", &[("expiry", "text", "`running`")]),
    ],
};

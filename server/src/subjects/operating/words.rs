//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::Words;

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /healthz",
            "For a supervisor: it answers as long as the process does, whatever the state of the store.",
            &[("200", "Alive")],
        ),
        ("GET /metrics", "Every metric begins with `anaquel_`.", &[("200", "text/plain")]),
        (
            "GET /readyz",
            "For a load balancer: 503 with the reason while the store takes no writes.",
            &[("200", "Ready")],
        ),
        (
            "GET /v1/backup",
            "Everything up to one record, as a file that `anaquel restore` takes; with `after` what came since an earlier one.",
            &[("200", "application/octet-stream")],
        ),
        (
            "POST /v1/clock/trust",
            "Holds stop expiring when the clock jumps. An operator who knows that it is right lets them expire again.",
            &[("200", "ClockTrusted")],
        ),
        ("GET /v1/info", "For an operator, and for tests that compare two servers.", &[("200", "Info")]),
    ],
    examples: &[],
    records: &[
        ("Alive", "The process lives.", &[("status", "text", "`alive`")]),
        (
            "Ready",
            "Whether writes are taken.",
            &[
                ("status", "text", "`ready`; in a problem, the reason"),
                ("expiry_frozen", "flag", "Holds do not expire, since the clock jumped: see `POST /v1/clock/trust`"),
                (
                    "warnings",
                    "[text]",
                    "What an operator should see to soon, such as a share of keys that is nearly used up",
                ),
            ],
        ),
        (
            "Info",
            "The build, the log and what memory holds.",
            &[
                ("version", "text", "The version of the build"),
                ("epoch", "text", "The log's identity: it changes with a new or restored data directory only"),
                ("epochs", "[any]", "The identities that the log had, and after which `seq` each began"),
                ("seq", "int", "The last durable record"),
                ("oldest_seq", "int", "The oldest record that the log still has"),
                ("state_hash", "text", "The digest of everything that is served; `anaquel verify` computes it, too"),
                (
                    "files_hash",
                    "text",
                    "The digest of what files carry: equal on a server that was loaded from the exports of this one",
                ),
                ("state_parts", "map", "The same digest, subject by subject"),
                ("uptime_seconds", "int", "Since the process started"),
                ("cells", "int", "SKUs times the locations that stock them"),
                ("matrix_bytes", "int", "Memory of the cells"),
                ("skus", "int", "SKUs"),
                ("locations", "int", "Locations"),
                ("reservations", "any", "Open ones, those kept after they closed, and the memory of these"),
                ("shortages", "int", "Cells that do not cover what is promised"),
                ("idempotency_keys", "int", "Keys that are kept"),
                ("journal", "any", "The store, when it syncs, and its health"),
                ("clock", "any", "The clock, and how far it is from the log's time"),
                ("expiry", "text", "`running` or `frozen`"),
                ("old_log", "any", "What a check of the log before the last checkpoint has found so far"),
            ],
        ),
        ("ClockTrusted", "Holds expire again.", &[("expiry", "text", "`running`")]),
    ],
};

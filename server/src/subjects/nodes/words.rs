//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/log",
            "The log as sealed batches, for nodes that follow this one; it goes on until the caller leaves.",
            &[("200", "application/vnd.anaquel.log")],
        ),
        (
            "GET /v1/log/checkpoint",
            "A backup for a node that begins to follow: the newest checkpoint and the log up to one `seq`.",
            &[("200", "application/octet-stream")],
        ),
        (
            "POST /v1/promote",
            "Makes a node that follows decide, after the node that it follows has stopped: `anaquel promote`.",
            &[("200", "Promoted")],
        ),
        (
            "POST /v1/demote",
            "Stops deciding, for good in this history, so that another node may take over: `anaquel promote` asks for it.",
            &[("200", "Demoted")],
        ),
    ],
    examples: &[("POST /v1/promote", r#"{"i_stopped_it": true}"#), ("POST /v1/demote", "{}")],
    records: &[
        (
            "Promoted",
            "A node decides from now on.",
            &[
                ("role", "text", "`primary`"),
                ("epoch", "text", "The epoch of the era that begins"),
                ("after", "int", "The last record before it"),
                ("could_be_lost", "Lost?", "What could be lost; null if the node that was followed stopped in order"),
            ],
        ),
        (
            "Lost",
            "What only the node that was followed may have.",
            &[
                ("after", "int", "Records after this one are not in the new era"),
                ("known_seq", "int?", "That node is known to have had records up to this one; null if none is known"),
                ("contact_seconds", "int?", "How long ago it was last heard; null if it never was"),
            ],
        ),
        (
            "Demoted",
            "A node decides no more.",
            &[
                ("role", "text", "`replica`"),
                ("epoch", "text", "The epoch of the history that it left"),
                ("seq", "int", "Its last record"),
                ("chain", "text", "The chain at that record, 32 hexadecimal digits"),
            ],
        ),
    ],
    tags: &[("nodes", "Nodes that follow one another, and who decides")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (json!({"pattern": "^[0-9a-f]{16}$"}), "/v1/log.epoch"),
        (json!({"pattern": "^[0-9a-f]{32}$"}), "/v1/log.chain"),
        (json!({"minimum": 1}), "/v1/log.from"),
    ]
}

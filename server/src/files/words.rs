//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::bounds::{one_of, outside};
use crate::http::document::words::{Bound, DURABLE, NEXT, Words};
use crate::subjects::{export_kinds, file_kinds};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/export/{kind}",
            "Writes a file that `POST /v1/import/{kind}` reads again without changing anything. Files of `orders` and \
             `receipts` are only read. No file has codes, keys, addresses or recipients.",
            &[("200", "text/csv")],
        ),
        (
            "POST /v1/import/{kind}",
            "Reads a file row by row, as it arrives. A rejected row is reported with its line and does not affect others; \
         with `atomic=true`, it rejects all rows. The same file again changes nothing.",
            &[("200", "ImportDone")],
        ),
        ("GET /v1/imports", "How far imports over HTTP are, and what they came to.", &[("200", "ImportPage")]),
        (
            "GET /v1/imports/{import}",
            "How far an import is. `POST /v1/import/{kind}?import=ID` gives it an id that is known before the file is sent.",
            &[("200", "Import")],
        ),
    ],
    records: &[
        (
            "ImportError",
            "A rejected row.",
            &[
                ("line", "int", "Its line in the file"),
                ("field", "text?", "The column"),
                ("reason", "text", "What is wrong, and the remedy"),
            ],
        ),
        (
            "ImportDone",
            "The result of the rows; the three counts add up to all rows.",
            &[
                ("accepted", "int", "Rows that changed something"),
                ("unchanged", "int", "Rows without a change"),
                ("rejected", "int", "Rejected rows"),
                ("errors", "[ImportError]", "The first errors, by row"),
                ("errors_left_out", "int", "Rejected rows that are not in `errors`"),
                ("rejects?", "text", "With `rejects=true`: the rejected rows as a file of the same kind"),
                ("rejects_left_out?", "int", "Rejected rows that did not fit into it"),
                ("seq", "int", DURABLE),
                ("import?", "text", "Its id, if the caller gave one"),
            ],
        ),
        (
            "Import",
            "An import over HTTP, since the start of the server.",
            &[
                ("import", "text", "Its id"),
                ("kind", "text", "Its kind of file"),
                ("state", "receiving|accepted|failed", "`receiving` until its record is durable"),
                ("actor", "text?", "The name of the key that sent it"),
                ("bytes", "int", "Bytes that were read, as they were sent"),
                ("bytes_total", "int?", "Bytes of the file, if the sender announced them"),
                ("rows", "int", "Rows that were read"),
                ("accepted", "int", "Rows that changed something so far"),
                ("unchanged", "int", "Rows without a change so far"),
                ("rejected", "int", "Rejected rows so far"),
                ("received_at", "text", "When it began"),
                ("ended_at", "text?", "When it ended"),
                ("seq", "int?", "The record that ended it"),
                ("reason", "text?", "Why it failed"),
            ],
        ),
        ("ImportPage", "Imports, the newest first.", &[("items", "[Import]", "The imports"), ("next", "text?", NEXT)]),
    ],
    tags: &[("loading", "Imports and exports")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (outside(), "import"),
        (outside(), "/v1/imports.after"),
        (one_of(&file_kinds().map(|kind| kind.kind.as_str())), "/v1/import/{kind}.kind"),
        (one_of(&export_kinds().iter().map(|kind| kind.name).collect::<Vec<_>>()), "/v1/export/{kind}.kind"),
        (one_of(&["comma", "semicolon", "tab", "pipe"]), "delimiter"),
        (one_of(&["point", "comma"]), "decimal"),
        (json!({"pattern": "^[^=]+="}), "map"),
        (json!({"pattern": "^[^=]+=."}), "set"),
    ]
}

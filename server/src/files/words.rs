//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::{DURABLE, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/export/{kind}",
            "Writes a file that `POST /v1/import/{kind}` takes back without changing anything.",
            &[("200", "text/csv")],
        ),
        (
            "POST /v1/import/{kind}",
            "Reads a file row by row, as it arrives. A row that is refused is told by line and spoils no other; with \
         `atomic=true` it spoils them all. The same file again changes nothing.",
            &[("200", "ImportDone")],
        ),
    ],
    examples: &[],
    records: &[
        (
            "ImportError",
            "A row that was refused.",
            &[
                ("line", "int", "Its line in the file"),
                ("field", "text?", "The column"),
                ("reason", "text", "What is wrong, and the remedy"),
            ],
        ),
        (
            "ImportDone",
            "What became of the rows; the three counts add up to them.",
            &[
                ("accepted", "int", "Rows that changed something"),
                ("unchanged", "int", "Rows that said what was known"),
                ("rejected", "int", "Rows that were refused"),
                ("errors", "[ImportError]", "Why, row by row; the first of them"),
                ("errors_left_out", "int", "Refused rows that `errors` does not tell of"),
                ("rejects?", "text", "With `rejects=true`: the refused rows as a file of the same kind"),
                ("rejects_left_out?", "int", "Refused rows that did not fit into it"),
                ("seq", "int", DURABLE),
            ],
        ),
    ],
};

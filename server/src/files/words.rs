//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::{DURABLE, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/export/{kind}",
            "Writes a file that `POST /v1/import/{kind}` reads again without changing anything.",
            &[("200", "text/csv")],
        ),
        (
            "POST /v1/import/{kind}",
            "Reads a file row by row, as it arrives. A rejected row is reported with its line and does not affect others; \
         with `atomic=true`, it rejects all rows. The same file again changes nothing.",
            &[("200", "ImportDone")],
        ),
    ],
    examples: &[],
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
            ],
        ),
    ],
};

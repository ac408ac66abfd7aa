//! Events of imports on the wire.

use anaquel_engine::imports::event::Event;
use serde_json::json;

use super::lookup::Described;
use crate::http::problem::row_error;

pub(super) fn describe(event: &Event) -> Described {
    match event {
        Event::Imported(imported) => (
            "imported",
            json!({
                "import": imported.kind.as_str(),
                "accepted": imported.accepted,
                "unchanged": imported.unchanged,
                "rejected": imported.rejected,
                "errors": imported.errors.iter().map(row_error).collect::<Vec<_>>(),
            }),
        ),
    }
}

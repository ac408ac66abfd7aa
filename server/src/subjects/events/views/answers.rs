//! Kept answers on the wire.

use anaquel_engine::answers::event::Event;
use serde_json::json;

use super::lookup::{Described, Lookup};
use crate::auth::visibility::Visibility;

pub(super) fn describe(of: Lookup<'_>, event: &Event) -> Described {
    match event {
        Event::Told(told) => {
            let answer = crate::subjects::catalogue::views::thing(of.0, &told.thing, &Visibility::everything(of.0));
            ("told", json!({"of": told.seq, "answer": answer}))
        }
    }
}

//! What a subject puts into the OpenAPI document beside what its handlers say of themselves.

/// A call: method and path, what to know before making it, and the record that each success answers with. A record with a
/// slash is a media type.
pub type Call = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// A record: its name, what it is, and its members.
///
/// A member is its name, what it holds, and what that means. A name that ends in `?` may be left out. What it holds is
/// `text`, `int`, `units` (an integer that may be below zero), `number`, `flag`, `time`, `any`, `map` (names to texts), a choice
/// `a|b`, another record, or a list `[…]` of them; with a `?` behind, it may be null.
pub type Record = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

/// The part of one subject, declared in its `words.rs`.
pub struct Words {
    /// Its calls.
    pub calls: &'static [Call],
    /// Bodies that work on the demo's data, by call, so that trying a call out does something sensible.
    pub examples: &'static [(&'static str, &'static str)],
    /// The records of its answers.
    pub records: &'static [Record],
}

/// What `next` of a page says.
pub const NEXT: &str = "`after` of the next page; null at the end";
/// What `tracked` says.
pub const UNCOUNTED: &str = "False where the SKU is not counted, and left out otherwise. Its units come into being with a promise and \
                         are gone with it, and `available` is what one line may be promised";
/// What the `seq` of an answer to a write says.
pub const DURABLE: &str = "The record at which this became durable";
/// The states of a reservation.
pub const STATES: &str = "held|confirmed|ready|collected|cancelled|expired";

//! The texts that a subject adds to the OpenAPI document.

use serde_json::Value;

/// A call: method and path, its description, and the record of each successful answer. A record with a slash is a media
/// type.
pub type Call = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// A record: its name, its description, and its members.
///
/// A member has a name, a type, and a description. A name that ends in `?` is optional. The type is `text`, `int`,
/// `units` (an integer that may be negative), `number`, `flag`, `time`, `any`, `map` (names to texts), a choice
/// `a|b`, another record, or a list `[…]` of them. A type that ends in `?` may be null.
pub type Record = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

/// The bounds of some words, separated by spaces. A word is a name, or an owner and a name: a schema of the document, or
/// a path. `name[]` is a list, and `name` describes its items.
pub type Bound = (Value, &'static str);

/// The texts of one subject, declared in its `words.rs`.
pub struct Words {
    /// The calls.
    pub calls: &'static [Call],
    /// Example bodies by call; each works on the demo data.
    pub examples: &'static [(&'static str, &'static str)],
    /// The records of the answers.
    pub records: &'static [Record],
    /// The tags that its calls are listed under on the API's page, with their descriptions.
    pub tags: &'static [(&'static str, &'static str)],
    /// Example values of parameters from the demo data. Optional parameters have none, so that a trial call is not
    /// narrowed.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The paths of items with a version, which is their `ETag`.
    pub versioned: &'static [&'static str],
    /// The paths whose answers depend on more than the item: their `ETag` is for `If-Match` alone.
    pub tagged: &'static [&'static str],
    /// The bounds of the words that it alone uses.
    pub bounds: fn() -> Vec<Bound>,
}

impl Words {
    /// No texts: for the fields that a subject leaves out.
    pub const NONE: Self = Self {
        calls: &[],
        examples: &[],
        records: &[],
        tags: &[],
        parameters: &[],
        versioned: &[],
        tagged: &[],
        bounds: Vec::new,
    };
}

/// The description of `next` in a page.
pub const NEXT: &str = "`after` of the next page; null at the end";
/// The fields of a step in the life of an order, a return or a transfer.
pub const STEP: &[(&str, &str, &str)] = &[
    ("seq", "int", "The record"),
    ("time", "time", "When"),
    ("kind", "text", "The kind, as in `/v1/events`"),
    ("channel", "text?", "The channel"),
    ("location", "text?", "Where"),
    ("actor", "text?", "Who"),
];

/// The description of `tracked`.
pub const UNCOUNTED: &str = "False if the SKU is untracked, otherwise left out. A promise creates its units and they \
                             vanish with it; `available` is the maximum of one line";
/// The description of `seq` in the answer to a write.
pub const DURABLE: &str = "The record at which this became durable";
/// The states of a reservation.
pub const STATES: &str = "held|confirmed|ready|collected|cancelled|expired";

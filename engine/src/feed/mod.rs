//! The feed: every durable change of stock, to every subscription that selects it, in log order.
//!
//! ```text
//!  journal thread ── hand over ──► feed thread ── match by key ──► what each subscription ── wake ──► its task
//!        │        (what does not fit       │                       was not told yet                 polls
//!        ▼         is read back)           ▼
//!       log ───────────────────────►   history  ──────── resume from a cursor ─────────────────────►
//! ```
//!
//! All messages come from the log alone, after it is durable. A subscription knows cells at a `seq`, and each message
//! takes it to a later one; it then knows exactly what the log grants at that `seq`.
//!
//! A slow reader uses bounded memory: a set of changed cells or a queue of events, each with a limit. At the limit, it
//! starts over ([`Reset::TooFarBehind`]) or ends ([`Message::TooFarBehind`]). The feed waits for no reader, and the
//! journal does not wait for the feed.

mod change;
mod counters;
mod cursor;
mod entry;
mod filter;
mod history;
mod index;
mod publisher;
mod reset;
mod shared;
mod subscription;

pub use change::Change;
pub use counters::Counters;
pub use cursor::{CURSOR_BYTES_MAX, Cursor};
pub use filter::Selection;
pub use index::{Exceeded, Mode, Share, Wake};
pub use publisher::Feed;
pub use reset::Reset;
pub use subscription::{Item, Message, Start, Subscription, TrackError};

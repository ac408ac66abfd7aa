//! A reservation and its lifecycle, as a plain value: no thread, no log, no clock.
//!
//! ```text
//!                confirm          ready           collect
//!     held ───────────────► confirmed ───► ready ─────────► collected
//!      │                        │  └───────────────────────────▲
//!      │ deadline or cancel     │ pickup_by or cancel
//!      └──────► expired, cancelled ◄───────┘
//! ```
//!
//! Every change raises the *version* (the `seq` of its record) and can be undone, which yields the record *as it was*
//! at any version: a repeated request gets its first answer from [`Reservation::as_of`] without stored answers.
//! Consecutive extensions are reported as one change, and so are changes by the engine in a long history, so that a
//! record stays small; the single records are in the log. A line's outstanding units are `quantity − collected`; their
//! sum over all reservations is always the cell's `reserved`, except for inbound units ([`Backorder`]), which are
//! promised, but not reserved.

pub(crate) mod audit;
pub mod bounds;
mod closed;
pub mod command;
pub(crate) mod deadlines;
pub(crate) mod decide;
pub mod event;
pub(crate) mod fold;
pub(crate) mod foresight;
pub(crate) mod frames;
pub mod holds;
pub mod ledger;
mod ordered;
pub mod parent;
pub(crate) mod plan;
pub mod promise;
mod record;
pub(crate) mod shelves;
mod store;
mod v1;
mod wait;

pub use closed::Closed;
pub use record::{
    CHANGES_TOLD_MAX, Change, Line, Moved, Progress, Reservation, ReservationState, Step, Stretch, Verdict,
};
pub use store::{Filter, Keeping, Known, ReservationStore, Walked};
pub use wait::Backorder;

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
//! Every change bumps the *version* (the `seq` of its record) and can be undone, which is how the record *as it was* at
//! any of its versions is told: a repeated request gets its first answer from [`Reservation::as_of`] without anything
//! having been stored for it. Extensions behind one another are told as one change, and so is what the engine does by
//! itself once a history is long, so that a record stays small; the records in between are in the log. What is outstanding in a line is `quantity − collected`; summed over all reservations it
//! is the cell's `reserved`, always, but for units that are still to come ([`Backorder`]): those are promised, not reserved.

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

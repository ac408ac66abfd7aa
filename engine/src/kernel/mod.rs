//! Parts that every subject uses: causes, short lists, cells after events, and events with fixed tags.
//!
//! The kernel knows no subject.

pub(crate) mod asked;
pub mod cause;
pub mod cell_after;
pub mod clock;
pub mod few;
pub(crate) mod frames;
pub mod happened;
pub mod holder;
pub(crate) mod id_set;
pub mod idempotency;
pub(crate) mod maps;
pub mod money;
pub mod name_ref;
pub mod patch;
pub(crate) mod plain;
pub(crate) mod repeat;
pub(crate) mod tagged;
pub mod tender;
pub(crate) mod tight;
pub mod version;

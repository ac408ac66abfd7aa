//! What every subject is built from: causes, short lists, cells as events leave them, and events with given tags.
//!
//! Nothing here knows a subject.

pub(crate) mod asked;
pub mod cause;
pub mod cell_after;
pub mod clock;
pub mod few;
pub(crate) mod frames;
pub mod holder;
pub(crate) mod id_set;
pub mod idempotency;
pub(crate) mod maps;
pub mod name_ref;
pub mod patch;
pub(crate) mod plain;
pub(crate) mod repeat;
pub(crate) mod tagged;
pub mod version;

//! Planning: readers that compute alternatives, and write nothing.

pub mod advice;
pub mod pickup;
pub mod sourcing;
pub mod what_if;

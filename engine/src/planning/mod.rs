//! Planning: readers that answer what would be, and write nothing.

pub mod advice;
pub mod pickup;
pub mod sourcing;
pub mod what_if;

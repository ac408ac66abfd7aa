//! Stock: movements, counts and shortages.

pub mod confirmed;
pub mod event;
pub mod movement;

//! Stock: movements, counts and shortages.

pub(crate) mod audit;
pub mod command;
pub mod confirmed;
pub mod counting;
pub(crate) mod decide;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub(crate) mod lens;
pub(crate) mod load;
pub mod movement;
pub mod movements;
pub mod query;

//! Requests about orders and sales.

pub mod exit;
pub mod later;
pub mod limits;
pub mod money;
pub mod place;
pub mod receipt;
pub mod sale;
pub mod steps;
pub mod teller;

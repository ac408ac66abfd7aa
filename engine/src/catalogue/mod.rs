//! What is sold, where, and through which channel: names, their interned ids, and the details that were set for them.
//!
//! An id is published here only once its definition is durable, so nothing in memory or on the wire ever refers to an
//! id that a crash could give to another name. Names are looked up in a sharded map at the edge; from an id, the name
//! is one load away.

pub(crate) mod audit;
pub mod barcodes;
pub mod business_time;
pub mod command;
pub(crate) mod decide;
pub(crate) mod details;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub mod geo;
pub mod gtin;
pub mod holders;
pub(crate) mod load;
pub mod location_facts;
pub mod names;
mod refusals;
mod registry;
pub(crate) mod release;
pub(crate) mod retire;
mod store;
mod undeclared;

pub use details::{
    BroughtFrom, ChannelDetails, GroupDetails, LocationDetails, LocationHours, LocationKind, ServiceDetails,
    SkuDetails, TradingDetails,
};
pub use registry::{Registry, Versioned};
pub use store::Catalogue;
pub(crate) use undeclared::{RetiredNames, Undeclared};

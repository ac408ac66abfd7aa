//! What every request passes on its way in, and every response on its way out.
//!
//! - [`pipeline`]: the one layer: calls the others in order, catches panics, times and logs
//! - [`admission`]: limits, host, origin, authentication, scopes, the request id
//! - [`cors`]: pages of other origins
//! - [`packing`]: gzip of large responses
//! - [`replication`]: what a node that follows another tells with every answer

pub mod admission;
pub mod cors;
pub mod packing;
pub mod pipeline;
mod replication;

//! HTTP: what every request passes, how requests are read and answered, and the router that lists all routes.
//!
//! - [`router`]: all routes, with the OpenAPI document in front of them and the middleware around them
//! - [`middleware`]: the pipeline that every request passes
//! - [`extract`]: bodies, queries, paths and headers of requests
//! - [`reply`], [`page`], [`pieces`]: answers, pages of lists, streamed bodies
//! - [`problem`]: error responses (RFC 9457)
//! - [`accept`]: which form of an answer a caller takes
//! - [`conditions`], [`encoding`]: conditional requests (RFC 9110), packed bodies
//! - [`document`]: the OpenAPI document, completed with what holds for every call
//! - [`budget`]: what an answer may cost, and which caller pays for it

pub mod accept;
pub mod budget;
pub mod conditions;
pub mod document;
pub mod encoding;
pub mod extract;
pub mod middleware;
pub mod names;
pub mod page;
pub mod pieces;
pub mod problem;
pub mod put;
pub mod reply;
pub mod router;

//! Returns over the socket: what a till does.

use super::act;
use crate::auth::Scope;
use crate::http::extract::body_digest;
use crate::stream::operation::{Method, Operation, as_they_are};

/// The socket operations of returns.
pub const OPERATIONS: &[Operation] = &[Operation {
    name: "order_return",
    label: "order-return",
    scope: Scope::Sell,
    route: Some((Method::Post, "/v1/returns")),
    parse: as_they_are,
    run: |mut asked| {
        Box::pin(async move {
            let digest = body_digest(asked.said());
            act::take_back(asked.app, asked.caller, digest, asked.body()?).await
        })
    },
}];

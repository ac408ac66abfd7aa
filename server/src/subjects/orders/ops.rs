//! Orders over the socket: what a till does.

use super::{act, steps};
use crate::auth::Scope;
use crate::http::extract::body_digest;
use crate::stream::operation::{Method, Operation, as_they_are};

/// The socket operations of orders: what a till does.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "order_sale",
        label: "order-sale",
        scope: Scope::Sell,
        route: Some((Method::Post, "/v1/sales")),
        parse: as_they_are,
        run: |mut asked| {
            Box::pin(async move {
                let digest = body_digest(asked.said());
                act::sell(asked.app, asked.caller, digest, asked.body()?).await
            })
        },
    },
    Operation {
        name: "order_collect",
        label: "order-collect",
        scope: Scope::Fulfil,
        route: Some((Method::Post, "/v1/orders/{order}/fulfilments/{fulfilment}/collect")),
        parse: as_they_are,
        run: |mut asked| {
            Box::pin(async move {
                let of = (asked.id(0), asked.id(1));
                steps::collect(asked.app, asked.caller, of, asked.body()?).await
            })
        },
    },
];

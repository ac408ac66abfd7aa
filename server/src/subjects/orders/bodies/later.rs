//! Fields of the contract that this server does not take yet: each is refused by name, with the reason.

use serde::de::{Deserializer, Error};

/// Readers of fields that refuse them.
macro_rules! refused {
    ($($name:ident: $reason:literal;)*) => {
        $(#[doc = concat!("Refuses the field: ", $reason)]
        ///
        /// # Errors
        /// Always.
        pub fn $name<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
            Err(D::Error::custom($reason))
        })*
    };
}

refused! {
    policy: "is not taken inside an order; ask POST /v1/sourcing for a plan, and name its locations here";
    max_shipments: "is not taken inside an order; ask POST /v1/sourcing for a plan, and name its locations here";
    destination: "is not taken inside an order; ask POST /v1/sourcing for a plan, and name its locations here";
    allow_partial: "is not taken inside an order: it holds all of its units, or none";
    wallet: "is not taken; this server keeps no wallets, so tell the payment with the tender voucher or other";
    conditions: "is not taken; this server keeps no kits, so a line has one condition";
    supersedes: "is not taken; an order replaces nothing, name its cart instead";
}

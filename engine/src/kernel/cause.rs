//! Who asked for a record, from where, and under which idempotency key.

use serde::{Deserialize, Serialize};

use crate::ids::Name;

/// Who asked, from where, and for which request. How it is stored is told by the [journal](crate::journal).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// The channel that asked.
    pub channel: Option<Name>,
    /// Who asked: the name of a key, or of a part of the engine.
    pub actor: Option<String>,
    /// The caller's own document, such as an order or a till receipt.
    pub reference: Option<String>,
    /// `traceparent` of the request.
    pub trace: Option<String>,
    /// The key under which a repeat gets the same answer.
    pub idempotency: Option<IdempotencyKey>,
    /// Where it came from, where callers must say who they are.
    pub origin: Option<Origin>,
    /// A digest of the caller, the same for all its requests: whose share of keys and of open holds this counts
    /// against; 0 where nobody said.
    pub caller: u64,
}

impl Cause {
    /// Whose share a request counts against; 0 where nobody said.
    pub fn caller(cause: Option<&Self>) -> u64 {
        cause.map_or(0, |cause| cause.caller)
    }

    /// What the other records of a request have, beside the one that is its effect: who asked, and from where, if that is
    /// known.
    pub fn of_part(&self) -> Option<Box<Self>> {
        self.origin.as_ref()?;
        Some(Box::new(Self { idempotency: None, caller: 0, ..self.clone() }))
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What let it in: the id of an API key, or of the key that signed a token.
    pub key: String,
    /// The caller's address.
    pub address: String,
    /// The id of the request.
    pub request: String,
}

/// An idempotency key with what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The key as the caller sent it.
    pub key: String,
    /// A digest of caller, method, path and key: what a repeat must agree on to be one.
    pub scope: u128,
    /// A digest of the body: what a repeat must send again.
    pub fingerprint: u128,
}

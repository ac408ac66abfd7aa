//! The cause of a record: the caller, the origin, and the idempotency key.

use serde::{Deserialize, Serialize};

use crate::ids::Name;

/// The caller, the origin, and the request. The [journal](crate::journal) defines how it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// The channel.
    pub channel: Option<Name>,
    /// The actor: the name of a key, or of a part of the engine.
    pub actor: Option<String>,
    /// The caller's own document, such as an order or a till receipt.
    pub reference: Option<String>,
    /// `traceparent` of the request.
    pub trace: Option<String>,
    /// The idempotency key.
    pub idempotency: Option<IdempotencyKey>,
    /// The origin, if callers must authenticate.
    pub origin: Option<Origin>,
    /// A digest of the caller, the same for all its requests: idempotency keys and open holds count against it; 0 if
    /// unknown.
    pub caller: u64,
}

impl Cause {
    /// The digest of the caller; 0 if unknown.
    pub fn caller(cause: Option<&Self>) -> u64 {
        cause.map_or(0, |cause| cause.caller)
    }

    /// The cause of the other records of a request, beside its effect: caller and origin, if known.
    pub fn of_part(&self) -> Option<Box<Self>> {
        self.origin.as_ref()?;
        Some(Box::new(Self { idempotency: None, caller: 0, ..self.clone() }))
    }
}

/// The origin of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The credential: the id of an API key, or of the key that signed a token.
    pub key: String,
    /// The caller's address.
    pub address: String,
    /// The id of the request.
    pub request: String,
}

/// An idempotency key with its scope and body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The key as the caller sent it.
    pub key: String,
    /// A digest of caller, method, path and key, which a repeat must match.
    pub scope: u128,
    /// A digest of the body, which a repeat must match.
    pub fingerprint: u128,
}

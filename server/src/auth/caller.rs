//! The caller of a request: its principal, its idempotency key and its trace.

use std::convert::Infallible;
use std::net::IpAddr;

use anaquel_engine::event::{Cause, IdempotencyKey};
use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;

use crate::auth::network::network;
use crate::auth::principal::Principal;
use crate::auth::{Scope, digest};
use crate::http::budget::{Payer, Who};
use crate::http::problem::Problem;

/// The caller of a request.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The key under which a repeat is answered.
    pub idempotency: Option<IdempotencyKey>,
    /// The `traceparent` of the request.
    pub trace: Option<String>,
    /// The principal; `None` if the server does not authenticate callers.
    pub principal: Option<Principal>,
    /// The digest that idempotency keys count against: of the principal, or of the address if the server does not
    /// authenticate callers.
    pub share: u64,
    /// Who pays for the turns of this caller.
    pub who: Who,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl Caller {
    /// The cause for the record; `None` if there is nothing to record.
    pub fn cause(&self) -> Option<Box<Cause>> {
        let Self { idempotency, trace, principal, share, who: _ } = self;
        if idempotency.is_none() && trace.is_none() && principal.is_none() {
            return None;
        }
        Some(Box::new(Cause {
            idempotency: idempotency.clone(),
            trace: trace.clone(),
            actor: principal.as_ref().map(|principal| principal.identity.name.clone()),
            origin: principal.as_ref().map(Principal::origin),
            caller: *share,
            ..Cause::default()
        }))
    }

    /// A principal, with no idempotency key and no trace.
    pub fn new(principal: Option<Principal>, who: Who) -> Self {
        let share = principal.as_ref().map_or(0, |principal| principal.identity.share);
        Self { principal, share, who, ..Self::default() }
    }

    /// The caller of a request.
    pub fn of(extensions: &Extensions) -> Self {
        Self::new(extensions.get::<Principal>().cloned(), Payer::of(extensions).who)
    }

    /// The same with an idempotency key. If the server does not authenticate callers, its share is that of the
    /// address.
    #[must_use]
    pub fn with_key(self, idempotency: Option<IdempotencyKey>, address: Option<IpAddr>) -> Self {
        let share = match (self.share, &idempotency, address) {
            (0, Some(_), Some(address)) => digest("address", &network(address).to_string()),
            (share, ..) => share,
        };
        Self { idempotency, share, ..self }
    }

    /// Whether the caller is bound to channels or locations.
    pub fn is_bound(&self) -> bool {
        self.principal.as_ref().is_some_and(|principal| principal.identity.is_bound())
    }

    /// Whether the caller has one of these scopes.
    ///
    /// # Errors
    /// `forbidden`, naming the scope that is needed.
    pub fn may(&self, scopes: &[Scope]) -> Result<(), Problem> {
        self.principal.as_ref().map_or(Ok(()), |principal| principal.identity.may(scopes))
    }

    /// Whether the caller is a page of a shop: it gets at a cart or an order by its token alone.
    pub fn needs_token(&self) -> bool {
        self.may(&[Scope::Sell]).is_err()
    }

    /// Whether the caller may act through a channel.
    ///
    /// # Errors
    /// `forbidden`, naming the field.
    pub fn may_use_channel(&self, field: &str, channel: Option<&str>) -> Result<(), Problem> {
        self.principal.as_ref().map_or(Ok(()), |principal| principal.identity.may_use_channel(field, channel))
    }

    /// Whether the caller may act at a location.
    ///
    /// # Errors
    /// `forbidden`, naming the field.
    pub fn may_use_location(&self, field: impl std::fmt::Display, location: Option<&str>) -> Result<(), Problem> {
        self.principal.as_ref().map_or(Ok(()), |principal| principal.identity.may_use_location(field, location))
    }
}

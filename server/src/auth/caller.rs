//! Who asks, and under which key.

use std::convert::Infallible;
use std::net::IpAddr;

use anaquel_engine::event::{Cause, IdempotencyKey};
use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;

use crate::auth::principal::Visitor;
use crate::auth::rates::network;
use crate::auth::{Scope, digest};
use crate::http::budget::{Payer, Who};
use crate::http::problem::Problem;

/// Who asks, and under which key.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    pub idempotency: Option<IdempotencyKey>,
    pub trace: Option<String>,
    /// Who it is; none where the door stands open.
    pub visitor: Option<Visitor>,
    /// Whose share its keys count against: a digest of who it is, or, where the door stands open, of where it is.
    pub share: u64,
    /// Whose turns it takes.
    pub who: Who,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl Caller {
    /// What goes into the record; nothing where there is nothing to tell.
    pub fn cause(&self) -> Option<Box<Cause>> {
        let Self { idempotency, trace, visitor, share, who: _ } = self;
        if idempotency.is_none() && trace.is_none() && visitor.is_none() {
            return None;
        }
        Some(Box::new(Cause {
            idempotency: idempotency.clone(),
            trace: trace.clone(),
            actor: visitor.as_ref().map(|visitor| visitor.identity.name.clone()),
            origin: visitor.as_ref().map(Visitor::origin),
            caller: *share,
            ..Cause::default()
        }))
    }

    /// Who the guard let in, and whose turns that takes, with nothing else said.
    pub fn new(visitor: Option<Visitor>, who: Who) -> Self {
        let share = visitor.as_ref().map_or(0, |visitor| visitor.identity.share);
        Self { visitor, share, who, ..Self::default() }
    }

    /// Who is behind a request.
    pub fn of(extensions: &Extensions) -> Self {
        Self::new(extensions.get::<Visitor>().cloned(), Payer::of(extensions).who)
    }

    /// The same with a key. Where the door stands open, its share is that of its address.
    #[must_use]
    pub fn with_key(self, idempotency: Option<IdempotencyKey>, address: Option<IpAddr>) -> Self {
        let share = match (self.share, &idempotency, address) {
            (0, Some(_), Some(address)) => digest("address", &network(address).to_string()),
            (share, ..) => share,
        };
        Self { idempotency, share, ..self }
    }

    /// Whether it is bound to channels or locations.
    pub fn is_bound(&self) -> bool {
        self.visitor.as_ref().is_some_and(|visitor| visitor.identity.is_bound())
    }

    /// Whether it has one of these scopes.
    ///
    /// # Errors
    /// `forbidden`, naming what is needed.
    pub fn may(&self, scopes: &[Scope]) -> Result<(), Problem> {
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.identity.may(scopes))
    }

    /// Whether it speaks for a channel.
    ///
    /// # Errors
    /// `forbidden`, naming the field.
    pub fn speaks_for(&self, field: &str, channel: Option<&str>) -> Result<(), Problem> {
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.identity.speaks_for(field, channel))
    }

    /// Whether it acts at a location.
    ///
    /// # Errors
    /// `forbidden`, naming the field.
    pub fn acts_at(&self, field: &str, location: Option<&str>) -> Result<(), Problem> {
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.identity.acts_at(field, location))
    }
}

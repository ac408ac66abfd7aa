//! The payer of an answer.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;

use rustc_hash::FxBuildHasher;

use crate::auth::Identity;
use crate::auth::network::network;
use crate::auth::principal::{Peer, Principal};
use crate::http::budget::link::Link;

/// The payer: a key with its successors, a subject of a token issuer, or, without authentication, an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Who(pub(crate) u64);

/// A map by payer. A [`Who`] is a keyed hash already, so that the map needs no second one.
pub type ByWho<T> = HashMap<Who, T, FxBuildHasher>;

impl Who {
    /// The payer with this identity, or at `address` if there is none.
    pub fn new(identity: Option<&Identity>, address: Option<IpAddr>) -> Self {
        static STATE: OnceLock<RandomState> = OnceLock::new();
        let state = STATE.get_or_init(RandomState::new);
        let hash = match (identity, address) {
            (Some(identity), _) => state.hash_one(("key", &identity.issuer, &identity.lineage)),
            (None, Some(address)) => state.hash_one(("address", network(address))),
            (None, None) => 0,
        };
        Self(hash)
    }
}

/// The payer of an answer, and its connection.
#[derive(Debug, Clone, Default)]
pub struct Payer {
    /// The caller.
    pub who: Who,
    /// The connection; `None` if there is none.
    pub link: Option<Arc<Link>>,
}

impl Payer {
    /// The payer of a request.
    pub fn of(extensions: &Extensions) -> Self {
        let peer = extensions.get::<Peer>();
        let identity = extensions.get::<Principal>().map(|principal| principal.identity.as_ref());
        let who = Who::new(identity, peer.map(|Peer(address, _)| address.ip()));
        Self { who, link: peer.map(|Peer(_, link)| Arc::clone(link)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Payer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_different_issuers_are_different_callers() {
        let of = |issuer: Option<&str>| {
            let issuer = issuer.map(str::to_owned);
            Who::new(Some(&Identity { lineage: "sub:till".into(), issuer, ..Identity::default() }), None)
        };
        assert_eq!(of(Some("https://a.test")), of(Some("https://a.test")));
        assert_ne!(of(Some("https://a.test")), of(Some("https://b.test")));
        assert_ne!(of(Some("https://a.test")), of(None));
    }
}

//! What an answer may cost, and who pays for it.
//!
//! - [`link`]: connections, how many an address may have, and which of them goes when there is no room
//! - [`pace`]: callers that crowd the server wait while it is busy with others
//! - [`watched`]: a client that reads nothing while bytes wait for it is let go
//! - [`answers`]: bytes of large answers, from before they are made until they are written
//! - [`aside`]: long reads, a few at a time, off the threads that serve
//!
//! Whatever is shared is shared out: a caller may have as much as it leaves to others, so that two of them leave a third,
//! and one alone never has everything.

pub mod answers;
pub mod aside;
pub mod link;
pub mod pace;
pub mod watched;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use tokio::sync::oneshot;

use crate::door::guard::{Peer, Visitor};
use crate::door::{Identity, network};
use link::Link;

/// What is answered beyond the limit of connections, and whoever crowds.
pub const ALWAYS_ANSWERED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Who pays: a key with all that took its place, a subject of an issuer of tokens, or, where nobody has to say who they are, an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Who(u64);

impl Who {
    /// Whoever that is, or whoever is at `address`.
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

/// Who pays for an answer, and over which connection it goes.
#[derive(Debug, Clone, Default)]
pub struct Payer {
    pub who: Who,
    pub link: Option<Arc<Link>>,
}

impl Payer {
    /// The one behind a request.
    pub fn of(extensions: &Extensions) -> Self {
        let peer = extensions.get::<Peer>();
        let identity = extensions.get::<Visitor>().map(|visitor| visitor.identity.as_ref());
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

/// Something of which there is a number, shared out: who has `mine` of it may have more as long as that is not more than
/// `patience` times what is left for the others. Up to `floor` nobody asks.
pub fn fair(mine: usize, wanted: usize, free: usize, patience: usize, floor: usize) -> bool {
    let (mine, left) = (mine.saturating_add(wanted), free.saturating_sub(wanted));
    mine <= floor || mine <= left.saturating_mul(patience)
}

/// How much of something each of many has; who has nothing takes no room.
#[derive(Debug)]
pub struct Shares<K>(HashMap<K, usize>);

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Copy> Shares<K> {
    pub fn of(&self, who: K) -> usize {
        self.0.get(&who).copied().unwrap_or(0)
    }

    pub fn add(&mut self, who: K, units: usize) {
        *self.0.entry(who).or_default() += units;
    }

    pub fn take(&mut self, who: K, units: usize) {
        if let Some(has) = self.0.get_mut(&who) {
            *has = has.saturating_sub(units);
            if *has == 0 {
                self.0.remove(&who);
            }
        }
    }
}

/// What is handed to somebody who waits for it in `place`; none where it does not come in time.
async fn handed<T, P>(waits: oneshot::Receiver<T>, place: P, wait: Duration) -> Option<T> {
    // Whoever hangs up drops what it waits with first, then its place.
    let place = place;
    let mut waits = waits;
    let got = tokio::time::timeout(wait, &mut waits).await;
    // Closed first, so that nobody hands over anything to a place that is given up.
    waits.close();
    drop(place);
    match got {
        Ok(Ok(got)) => Some(got),
        _ => waits.try_recv().ok(),
    }
}

/// Locks; whatever panicked while it held the lock left nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_never_has_everything() {
        let most = |others: usize, patience: usize| {
            (0..100).take_while(|mine| fair(*mine, 1, 100 - others - mine, patience, 0)).count()
        };
        assert_eq!(most(0, 1), 50, "half");
        assert_eq!(most(50, 1), 25, "half of what is left");
        assert_eq!(most(0, 4), 80);
        assert!(fair(1, 1, 1, 1, 2), "up to the floor, nobody asks");
    }

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

    #[test]
    fn who_has_nothing_takes_no_room() {
        let mut shares = Shares::default();
        shares.add(Who(1), 3);
        shares.take(Who(1), 2);
        assert_eq!((shares.of(Who(1)), shares.of(Who(2))), (1, 0));
        shares.take(Who(1), 1);
        assert!(shares.0.is_empty());
    }
}

//! Cache of verified keys and tokens: verifying a signature for each request costs more than the request.
//!
//! The cache belongs to the files that it was verified against ([`super::Auth`] creates a new one when a file
//! changes), and an entry lasts at most as long as its key or token. Only verified credentials are stored, so
//! strangers take no room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::auth::identity::Identity;
use crate::lock::lock;

/// Shards, each with its own lock.
const PARTS: usize = 16;

/// Entries per shard; a full shard is cleared.
const PART_MAX: usize = 256;

/// A digest of a key or token. The credential itself is neither stored nor compared.
type Digest = [u8; 32];

/// A verified identity, and when it was verified.
struct Entry {
    identity: Arc<Identity>,
    at: u64,
}

/// Identities by credential.
#[derive(Default)]
pub struct Verified([Mutex<HashMap<Digest, Entry>>; PARTS]);

impl Verified {
    /// The identity of `token` at `now`, in seconds since 1970: from the cache, or from `verify`.
    ///
    /// # Errors
    /// The error of `verify`; failures are not cached.
    pub fn identity<E>(
        &self,
        token: &str,
        now: u64,
        verify: impl FnOnce() -> Result<Identity, E>,
    ) -> Result<Arc<Identity>, E> {
        let digest = *blake3::hash(token.as_bytes()).as_bytes();
        let [first, ..] = digest;
        let part = self.0.get(usize::from(first) % PARTS);
        if let Some(identity) = part.and_then(|part| lock(part).get(&digest).and_then(|entry| entry.good_at(now))) {
            return Ok(identity);
        }
        let identity = Arc::new(verify()?);
        if let Some(part) = part {
            let mut part = lock(part);
            if part.len() >= PART_MAX {
                part.clear();
            }
            part.insert(digest, Entry { identity: Arc::clone(&identity), at: now });
        }
        Ok(identity)
    }
}

impl Entry {
    /// The identity, unless it has expired, or the clock is now before its verification: then it may not be valid
    /// yet.
    fn good_at(&self, now: u64) -> Option<Arc<Identity>> {
        let until = self.identity.expires_at.unwrap_or(u64::MAX);
        (self.at..until).contains(&now).then(|| Arc::clone(&self.identity))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_is_verified_once_and_what_is_not_each_time() {
        let (verified, mut times) = (Verified::default(), 0);
        let mut ask = |token: &str, now: u64| {
            let before = times;
            let expires_at = Some(200);
            let found = verified.identity(token, now, || {
                times += 1;
                if now < 200 { Ok(Identity { expires_at, ..Identity::default() }) } else { Err("expired") }
            });
            (found.is_ok(), times > before)
        };
        assert_eq!(ask("a", 100), (true, true));
        assert_eq!(ask("a", 100), (true, false));
        assert_eq!(ask("b", 100), (true, true), "another");
        assert_eq!(ask("a", 199), (true, false));
        assert_eq!(ask("a", 99), (true, true), "before it was verified");
        for _ in 0..2 {
            assert_eq!(ask("a", 200), (false, true), "its end");
        }
    }

    #[test]
    fn no_number_of_tokens_takes_more_room_than_there_is() {
        let verified = Verified::default();
        for n in 0..PARTS * PART_MAX * 3 {
            verified.identity(&n.to_string(), 1, || Ok::<_, ()>(Identity::default())).unwrap();
        }
        let kept: usize = verified.0.iter().map(|part| lock(part).len()).sum();
        assert!((1..=PARTS * PART_MAX).contains(&kept), "{kept}");
    }
}

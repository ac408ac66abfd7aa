//! Keys and tokens that were found to be good: to verify a signature anew for each request costs more than the request.
//!
//! What is kept goes with the files that it was verified by ([`super::Auth`] makes new ones whenever those change), and no
//! longer than the key or the token is good for. Only what was verified is kept, so a stranger takes no room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::auth::identity::Identity;
use crate::lock::lock;

/// Parts, each with a lock of its own.
const PARTS: usize = 16;

/// Of one part; one that is full begins anew.
const PART_MAX: usize = 256;

/// A digest of a key or of a token: themselves they are not kept, and not compared.
type Digest = [u8; 32];

/// What was verified, and when.
struct Entry {
    identity: Arc<Identity>,
    at: u64,
}

/// Who bears what.
#[derive(Default)]
pub struct Verified([Mutex<HashMap<Digest, Entry>>; PARTS]);

impl Verified {
    /// Whose `token` is at `now`, in seconds since 1970: as it is known, or as `verify` says.
    ///
    /// # Errors
    /// Why it is not believed; that is not kept.
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
    /// The same, unless it has expired, or the clock was set back to before it was verified: it may not be good yet.
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

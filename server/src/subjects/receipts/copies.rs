//! How often one address reads customers' copies: 60 times a minute.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::auth::network::network;
use crate::http::problem::{Problem, Slug};

/// Reads of one address in one minute.
pub const A_MINUTE: u32 = 60;

const MINUTE: Duration = Duration::from_secs(60);

/// Addresses that are counted at once; beyond, nobody new is served until some minute is over.
const ADDRESSES_MAX: usize = 100_000;

/// The minute of each address: when it began, and the reads in it.
#[derive(Debug, Default)]
pub struct Copies(Mutex<FxHashMap<IpAddr, (Instant, u32)>>);

impl Copies {
    /// Counts one read.
    ///
    /// # Errors
    /// `too-many-requests`, with the seconds until the next minute.
    pub fn count(&self, address: IpAddr, now: Instant) -> Result<(), Problem> {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if minutes.len() >= ADDRESSES_MAX && !minutes.contains_key(&address) {
            minutes.retain(|_, (began, _)| now.duration_since(*began) < MINUTE);
            if minutes.len() >= ADDRESSES_MAX {
                return Err(too_many(MINUTE.as_secs()));
            }
        }
        let minute = minutes.entry(address).or_insert((now, 0));
        if now.duration_since(minute.0) >= MINUTE {
            *minute = (now, 0);
        }
        if minute.1 >= A_MINUTE {
            let left = MINUTE.saturating_sub(now.duration_since(minute.0));
            return Err(too_many(left.as_secs() + 1));
        }
        minute.1 += 1;
        Ok(())
    }
}

fn too_many(seconds: u64) -> Problem {
    let detail = format!("an address reads {A_MINUTE} receipts a minute; wait for Retry-After seconds");
    Problem::new(Slug::TooManyRequests, detail).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_sixty_a_minute() {
        let (copies, now) = (Copies::default(), Instant::now());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..A_MINUTE {
            assert!(copies.count(one, now).is_ok());
        }
        let later = now + Duration::from_secs(59);
        assert!(copies.count(one, now).is_err() && copies.count(one, later).is_err());
        assert!(copies.count(other, now).is_ok(), "another address");
        let next = now + MINUTE;
        for _ in 0..A_MINUTE {
            assert!(copies.count(one, next).is_ok());
        }
        assert!(copies.count(one, next).is_err());
    }
}

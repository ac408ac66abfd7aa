//! Requests a second, by address and by key. Without a limit, nothing is counted.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::auth::Identity;
use crate::auth::network::network;
use crate::config::LimitsConfig;
use crate::http::problem::{Problem, Slug};

/// Callers that are tracked; if there are more, idle ones are dropped.
const CALLERS_MAX: usize = 100_000;

/// The shortest time between two clean-ups.
const SWEEP: Duration = Duration::from_secs(1);

/// Both limits.
pub(crate) struct Rates {
    clock: DefaultClock,
    /// When idle callers were last dropped.
    swept: Mutex<Instant>,
    by_address: Option<DefaultKeyedRateLimiter<IpAddr>>,
    /// By the identity of an API key or a token: tokens of one signing key have one bucket for each subject.
    by_key: Option<DefaultKeyedRateLimiter<u64>>,
}

impl Rates {
    pub fn new(limits: &LimitsConfig) -> Self {
        Self {
            clock: DefaultClock::default(),
            swept: Mutex::new(Instant::now()),
            by_address: limiter(limits.address_requests_per_second),
            by_key: limiter(limits.key_requests_per_second),
        }
    }

    pub fn check_address(&self, address: IpAddr) -> Result<(), Problem> {
        self.check(self.by_address.as_ref(), &network(address), "limits.address_requests_per_second")
    }

    pub fn check_identity(&self, identity: &Identity) -> Result<(), Problem> {
        let Some(limiter) = &self.by_key else { return Ok(()) };
        self.check(Some(limiter), &identity.share, "limits.key_requests_per_second")
    }

    fn check<K: Hash + Eq + Clone>(
        &self,
        limiter: Option<&DefaultKeyedRateLimiter<K>>,
        key: &K,
        limit: &'static str,
    ) -> Result<(), Problem> {
        let Some(limiter) = limiter else { return Ok(()) };
        if limiter.len() > CALLERS_MAX
            && let Ok(mut swept) = self.swept.try_lock()
            && swept.elapsed() > SWEEP
        {
            *swept = Instant::now();
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|early| {
            let wait = early.wait_time_from(self.clock.now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Problem::new(Slug::TooManyRequests, format!("{limit}: too many requests; wait for Retry-After seconds"))
                .with("limit", limit)
                .retry_after(seconds.max(1))
        })
    }
}

fn limiter<K: Hash + Eq + Clone>(a_second: u32) -> Option<DefaultKeyedRateLimiter<K>> {
    NonZeroU32::new(a_second).map(|a_second| RateLimiter::keyed(Quota::per_second(a_second)))
}

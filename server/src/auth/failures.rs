//! Failed authentications: counted, and logged at a limited rate.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Log lines per interval; further failures are counted and reported with the next line.
const LINES_A_SPAN: u32 = 5;

/// The length of an interval.
const SPAN: Duration = Duration::from_secs(10);

/// Why authentication failed. The values are fixed, not chosen by the caller, so that they can be a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The request has neither a key nor a token.
    NoKey,
    /// The key is unknown, revoked or expired.
    BadKey,
    /// The token is not valid.
    BadToken,
}

impl Reason {
    fn label(self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::BadKey => "bad-key",
            Self::BadToken => "bad-token",
        }
    }
}

/// The log lines of the current interval.
#[derive(Debug, Default)]
pub struct Failures(Mutex<Span>);

#[derive(Debug, Default)]
struct Span {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Span {
    /// Whether one more line may be logged, and how many were suppressed before it.
    fn line(&mut self, now: Instant) -> Option<u64> {
        if self.began.is_none_or(|began| now.duration_since(began) >= SPAN) {
            (self.began, self.lines) = (Some(now), 0);
        }
        if self.lines >= LINES_A_SPAN {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }

    /// The number of suppressed lines, after their interval ended.
    fn over(&mut self, now: Instant) -> Option<u64> {
        let is_over = self.began.is_some_and(|began| now.duration_since(began) >= SPAN);
        (is_over && self.left_out > 0).then(|| std::mem::take(&mut self.left_out))
    }
}

impl Failures {
    /// Describes the counter and sets it to zero.
    pub fn describe() {
        metrics::describe_counter!(
            "anaquel_auth_failures_total",
            "Requests and sockets whose authentication failed, by reason"
        );
        for reason in [Reason::NoKey, Reason::BadKey, Reason::BadToken] {
            metrics::counter!("anaquel_auth_failures_total", "reason" => reason.label()).absolute(0);
        }
    }

    /// Records a failure. `key` is the public part of a known key.
    pub fn note(&self, reason: Reason, address: Option<IpAddr>, route: &str, key: Option<&str>) {
        let reason = reason.label();
        metrics::counter!("anaquel_auth_failures_total", "reason" => reason).increment(1);
        let line = crate::lock::lock(&self.0).line(Instant::now());
        if let Some(left_out) = line {
            let address = address.map(tracing::field::display);
            tracing::warn!(reason, address, route, key, left_out, "authentication failed: no known key or token");
        }
    }

    /// Logs the number of suppressed lines if nothing was logged since.
    pub fn tell_rest(&self) {
        let rest = crate::lock::lock(&self.0).over(Instant::now());
        if let Some(left_out) = rest {
            tracing::warn!(left_out, "more authentications failed; anaquel_auth_failures_total counts all of them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_written_down_and_the_rest_is_told_by_number() {
        let (mut span, now) = (Span::default(), Instant::now());
        let lines: Vec<_> = (0..1000).map(|_| span.line(now)).collect();
        assert_eq!(lines.iter().flatten().count(), 5);
        assert_eq!(span.over(now), None, "its span is not over");
        assert_eq!(span.line(now + SPAN), Some(995));
        assert_eq!(span.line(now + SPAN), Some(0));
        let mut quiet = Span::default();
        assert_eq!((0..8).filter_map(|_| quiet.line(now)).count(), 5);
        assert_eq!((quiet.over(now + SPAN), quiet.over(now + SPAN)), (Some(3), None), "no failure followed");
    }
}

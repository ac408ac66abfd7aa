//! The times at which requests are due. The schedule continues whatever the server does, so that a stall shows in every
//! request that was due meanwhile.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// Requests a second: `5000`, a ramp `1000..20000`, or steps `1000..20000/5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    from: f64,
    to: f64,
    /// `None` for a ramp.
    steps: Option<u32>,
}

impl FromStr for Rate {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let number = |text: &str| {
            let number: f64 = text.parse().with_context(|| format!("{text:?} is not a number"))?;
            ensure!(number > 0.0 && number <= 1e7, "a rate must be more than 0 and at most 10,000,000 a second");
            Ok(number)
        };
        let Some((from, to)) = text.split_once("..") else {
            return number(text).map(|rate| Self { from: rate, to: rate, steps: None });
        };
        let (to, steps) = match to.split_once('/') {
            Some((to, steps)) => (to, Some(steps.parse().ok().filter(|steps| *steps >= 2))),
            None => (to, None),
        };
        if steps == Some(None) {
            bail!("{text:?}: write at least two steps, as in 1000..20000/5");
        }
        Ok(Self { from: number(from)?, to: number(to)?, steps: steps.flatten() })
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.steps {
            Some(steps) => write!(f, "{}..{}/{steps}", self.from, self.to),
            None if self.from == self.to => write!(f, "{}", self.from),
            None => write!(f, "{}..{}", self.from, self.to),
        }
    }
}

/// The times at which requests are due, counted from the start.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Legs, one after the other.
    Rates(Vec<Leg>),
    /// Given moments, in order.
    Times(Vec<Duration>),
}

/// A linear change of the rate.
#[derive(Debug, Clone, Copy)]
pub struct Leg {
    seconds: f64,
    from: f64,
    to: f64,
}

impl Leg {
    fn count(&self) -> f64 {
        self.seconds * (self.from + self.to) / 2.0
    }

    /// Requests due after `seconds` of it.
    fn due(&self, seconds: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        self.from * seconds + slope * seconds * seconds / 2.0
    }

    /// The time at which this many are due: the inverse.
    fn when(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        if slope.abs() < 1e-9 {
            return count / self.from;
        }
        ((self.from * self.from + 2.0 * slope * count).max(0.0).sqrt() - self.from) / slope
    }
}

impl Schedule {
    /// A rate over so many seconds.
    pub fn of(rate: Rate, seconds: u64) -> Self {
        let seconds = seconds as f64;
        let Some(steps) = rate.steps else {
            return Self::Rates(vec![Leg { seconds, from: rate.from, to: rate.to }]);
        };
        let step = |nth: u32| {
            let level = rate.from + (rate.to - rate.from) * f64::from(nth) / f64::from(steps - 1);
            Leg { seconds: seconds / f64::from(steps), from: level, to: level }
        };
        Self::Rates((0..steps).map(step).collect())
    }

    /// The total number of requests.
    pub fn count(&self) -> u64 {
        match self {
            Self::Rates(legs) => legs.iter().map(Leg::count).sum::<f64>() as u64,
            Self::Times(times) => times.len() as u64,
        }
    }

    /// How long it takes.
    pub fn length(&self) -> Duration {
        match self {
            Self::Rates(legs) => Duration::from_secs_f64(legs.iter().map(|leg| leg.seconds).sum()),
            Self::Times(times) => times.last().copied().unwrap_or_default(),
        }
    }

    /// Requests due after so long.
    pub fn due(&self, elapsed: Duration) -> u64 {
        match self {
            Self::Times(times) => times.partition_point(|time| *time <= elapsed) as u64,
            Self::Rates(legs) => {
                let (mut left, mut due) = (elapsed.as_secs_f64(), 0.0);
                for leg in legs {
                    due += leg.due(left.min(leg.seconds));
                    left -= leg.seconds;
                    if left <= 0.0 {
                        break;
                    }
                }
                (due as u64).min(self.count())
            }
        }
    }

    /// When the `nth` request is due, counted from 0.
    pub fn when(&self, nth: u64) -> Duration {
        match self {
            Self::Times(times) => times.get(nth as usize).or(times.last()).copied().unwrap_or_default(),
            Self::Rates(legs) => {
                let (mut left, mut at) = (nth as f64 + 1.0, 0.0);
                for leg in legs {
                    if left <= leg.count() {
                        return Duration::from_secs_f64(at + leg.when(left));
                    }
                    left -= leg.count();
                    at += leg.seconds;
                }
                self.length()
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_shown() {
        for text in ["5000", "0.5", "1000..20000", "20000..1000/4"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "0", "-1", "a", "1..", "..1", "1..2/1", "1..2/x", "1e9", "NaN"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_due_when_is_due_then() {
        for (text, count) in [("100", 1000), ("50..150", 1000), ("150..50", 1000), ("50..150/5", 1000), ("7", 70)] {
            let schedule = Schedule::of(text.parse().unwrap(), 10);
            assert_eq!(schedule.count(), count, "{text}");
            let mut before = Duration::ZERO;
            for nth in 0..count {
                let when = schedule.when(nth);
                assert!(
                    when >= before && when <= schedule.length() + Duration::from_nanos(10),
                    "{text} {nth}: {when:?}"
                );
                before = when;
                assert!(schedule.due(when + Duration::from_micros(1)) > nth, "{text} {nth}");
                assert!(schedule.due(when.saturating_sub(Duration::from_micros(1))) <= nth, "{text} {nth}");
            }
        }
        let schedule = Schedule::Times([1, 1, 4].map(Duration::from_secs).to_vec());
        assert_eq!([0, 1, 3, 4].map(|second| schedule.due(Duration::from_secs(second))), [0, 2, 2, 3]);
    }
}

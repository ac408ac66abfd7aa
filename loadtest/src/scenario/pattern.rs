//! The distribution of demand.

use std::str::FromStr;

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};

/// How demand is spread over cells: `uniform`, `zipf` or `zipf:1.2`, or `hot` for one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pattern {
    /// All cells equally.
    Uniform,
    /// The demand of the nth cell is 1 / n^exponent of the first one's.
    Zipf(f64),
    /// One cell.
    Hot,
}

impl FromStr for Pattern {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("uniform", "") => Ok(Self::Uniform),
            ("hot", "") => Ok(Self::Hot),
            ("zipf", "") => Ok(Self::Zipf(1.0)),
            ("zipf", exponent) => {
                let exponent: f64 = exponent.parse().with_context(|| format!("{exponent:?} is not a number"))?;
                ensure!(exponent > 0.0 && exponent <= 5.0, "an exponent must be more than 0 and at most 5");
                Ok(Self::Zipf(exponent))
            }
            _ => anyhow::bail!("{text:?}: write uniform, zipf, zipf:EXPONENT or hot"),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Self::Hot => f.write_str("hot"),
        }
    }
}

/// Chooses among so many cells.
#[derive(Debug)]
pub(super) struct Chooser {
    cells: u64,
    /// Cumulative shares of the cells, up to 1; empty for a uniform distribution.
    shares: Vec<f64>,
}

impl Chooser {
    pub fn new(pattern: Pattern, cells: u64) -> Self {
        match pattern {
            Pattern::Uniform => Self { cells, shares: Vec::new() },
            Pattern::Hot => Self { cells: 1, shares: Vec::new() },
            Pattern::Zipf(exponent) => {
                let weight = |rank: u64| (rank as f64 + 1.0).powf(-exponent);
                let all: f64 = (0..cells).map(weight).sum();
                let mut sum = 0.0;
                let shares = (0..cells).map(|rank| {
                    sum += weight(rank) / all;
                    sum
                });
                Self { cells, shares: shares.collect() }
            }
        }
    }

    pub fn choose(&self, numbers: &mut Numbers) -> u64 {
        if self.shares.is_empty() {
            return numbers.below(self.cells);
        }
        let at = numbers.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        let rank = (self.shares.partition_point(|share| *share <= at) as u64).min(self.cells - 1);
        // The most popular cells are not adjacent; the factor is prime, so that every cell is hit.
        rank.wrapping_mul(7_368_787) % self.cells
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_and_shown() {
        for text in ["uniform", "zipf:0.9", "hot"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        for text in ["", "zipf:0", "zipf:x", "hot:1", "warm"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn demand_is_as_uneven_as_it_should_be() {
        let counts = |pattern| {
            let (chooser, mut numbers) = (Chooser::new(pattern, 100), Numbers::new(7));
            let mut counts = vec![0_u32; 100];
            (0..100_000).for_each(|_| counts[chooser.choose(&mut numbers) as usize] += 1);
            counts.sort_unstable_by(|a, b| b.cmp(a));
            counts
        };
        let (even, zipf, hot) = (counts(Pattern::Uniform), counts(Pattern::Zipf(1.0)), counts(Pattern::Hot));
        assert!(even[0] < 1300 && even[99] > 700, "{even:?}");
        // 1 / H(100) = 0.193 for the first, and half of that for the second.
        assert!((18_000..21_000).contains(&zipf[0]) && (8_900..10_500).contains(&zipf[1]) && zipf[99] > 0, "{zipf:?}");
        assert_eq!((hot[0], hot[1]), (100_000, 0));
    }
}

//! The arithmetic of documents, as plain values: tax by rate, and what is taken back of it.
//!
//! Amounts are whole minor units, rates hundredths of a percent. Half a unit is rounded up.

use std::collections::BTreeMap;

use crate::kernel::money::tax_in;

/// The tax in an amount that includes it: `round(sum * rate / (10000 + rate))`. What is taken back has the tax of the
/// same amount, negative.
pub fn tax_of(sum: i64, rate: u32) -> i64 {
    let tax = i64::try_from(tax_in(sum.unsigned_abs(), rate)).unwrap_or(i64::MAX);
    if sum < 0 { -tax } else { tax }
}

/// The tax of `taken` less of a document that has `left` at a rate: the tax of what was on it less the tax of what
/// remains. So what is taken back in steps has in the end exactly the tax of the whole.
pub fn tax_taken_back(left: i64, taken: i64, rate: u32) -> i64 {
    tax_of(left, rate) - tax_of(left - taken, rate)
}

/// Sums of amounts by rate, ascending; rates without an amount are left out.
pub fn by_rate(amounts: impl IntoIterator<Item = (u32, i64)>) -> BTreeMap<u32, i64> {
    let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
    for (rate, amount) in amounts {
        let sum = sums.entry(rate).or_default();
        *sum = sum.saturating_add(amount);
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_is_worked_out_once_per_rate_and_half_a_unit_is_rounded_up() {
        let table = [
            // (sum, rate, tax)
            (0, 2100, 0),
            (121, 2100, 21),
            (598, 2100, 104),
            (199, 2100, 35),
            (200, 2100, 35),
            (110, 1000, 10),
            (104, 400, 4),
            (105, 500, 5),
            // 1 at 100 % is half a unit.
            (1, 10_000, 1),
            (3, 10_000, 2),
            // 21 at 5 % is 1.0, 10 is 0.476, 11 is 0.524.
            (21, 500, 1),
            (10, 500, 0),
            (11, 500, 1),
            (1234, 0, 0),
            (-598, 2100, -104),
            (-1, 10_000, -1),
            (1_000_000_000_000, 100_000, 909_090_909_091),
        ];
        for (sum, rate, tax) in table {
            assert_eq!(tax_of(sum, rate), tax, "{sum} at {rate}");
        }
        assert_eq!(tax_of(i64::MAX, 2100), 1_600_750_518_792_977_619, "no overflow");
    }

    #[test]
    fn what_is_taken_back_in_steps_has_the_tax_of_the_whole() {
        // Three for two at 299: 598, of which 104 are tax.
        let mut left = 598;
        let told: Vec<_> = [199, 199, 200]
            .into_iter()
            .map(|taken| {
                let tax = tax_taken_back(left, taken, 2100);
                left -= taken;
                tax
            })
            .collect();
        assert_eq!((told.iter().sum::<i64>(), told), (104, vec![35, 34, 35]));
        for (sum, rate, steps) in [(1001_i64, 1000_u32, 7_i64), (999, 2100, 13), (7, 400, 7), (1, 2100, 1)] {
            let (mut left, mut tax) = (sum, 0);
            for step in 0..steps {
                let taken = (sum * (step + 1)).div_euclid(steps) - (sum * step).div_euclid(steps);
                tax += tax_taken_back(left, taken, rate);
                left -= taken;
            }
            assert_eq!((left, tax), (0, tax_of(sum, rate)), "{sum} at {rate} in {steps}");
        }
    }

    #[test]
    fn amounts_are_summed_by_rate() {
        let sums = by_rate([(2100, 10), (400, 3), (2100, -10), (1000, 5), (400, 4)]);
        assert_eq!(sums.into_iter().collect::<Vec<_>>(), [(400, 7), (1000, 5)]);
    }
}

//! Arithmetic of amounts, as plain values: whole minor units, nothing lost and nothing made up by rounding.

/// What `units` of a line are worth whose `quantity` units come to `amount`: `F(k) = floor(amount × k / quantity)`. A step
/// from `k` to `l` units is worth `F(l) − F(k)`, so all steps together come to `amount`.
pub fn part(amount: u64, units: u32, quantity: u32) -> u64 {
    match quantity {
        0 => 0,
        _ => (u128::from(amount) * u128::from(units.min(quantity)) / u128::from(quantity)) as u64,
    }
}

/// Spreads `total` by weight: each gets its whole part, and what is left goes by the largest remainder, ties to the
/// earlier one. Without any weight all get nothing.
pub fn spread(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let whole = |weight: u64| u128::from(total) * u128::from(weight);
    let mut parts: Vec<u64> = weights.iter().map(|weight| (whole(*weight) / sum) as u64).collect();
    let left = total - parts.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(weights.get(*at).map(|weight| whole(*weight) % sum)), *at));
    for at in order.into_iter().take(left as usize) {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    parts
}

/// The tax inside `sum` at `rate`, in hundredths of a percent: `round(sum × rate / (10000 + rate))`, half a unit up.
pub fn tax_in(sum: u64, rate: u32) -> u64 {
    let (sum, rate) = (u128::from(sum), u128::from(rate));
    let whole = 10_000 + rate;
    ((2 * sum * rate + whole) / (2 * whole)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_line_come_to_its_amount() {
        // Three for two: 598 for three units, one at a time.
        let steps: Vec<u64> = (0..3).map(|k| part(598, k + 1, 3) - part(598, k, 3)).collect();
        assert_eq!(steps, [199, 199, 200]);
        for (amount, quantity) in [(0, 3), (1, 3), (1000, 7), (1_000_000_000_000, 999_999), (5, 1)] {
            assert_eq!(part(amount, quantity, quantity), amount);
            assert_eq!(part(amount, 0, quantity), 0);
            let parts = (0..quantity.min(1000)).map(|k| part(amount, k + 1, quantity) - part(amount, k, quantity));
            assert_eq!(parts.sum::<u64>(), part(amount, quantity.min(1000), quantity));
        }
        assert_eq!(part(598, 9, 3), 598, "never more than the line");
        assert_eq!(part(598, 1, 0), 0);
    }

    #[test]
    fn what_is_spread_goes_by_the_largest_remainder() {
        for (total, weights, parts) in [
            (100, &[333, 333, 333][..], &[34, 33, 33][..]),
            (100, &[1, 2, 3][..], &[17, 33, 50][..]),
            (5, &[0, 0][..], &[0, 0][..]),
            (1, &[1, 1, 2][..], &[0, 0, 1][..]),
            (2, &[1, 1, 1][..], &[1, 1, 0][..]),
            (0, &[7, 7][..], &[0, 0][..]),
            (10, &[0, 5][..], &[0, 10][..]),
            (9, &[][..], &[][..]),
            (5, &[333, 333, 333][..], &[2, 2, 1][..]),
        ] {
            assert_eq!(spread(total, weights), parts, "{total} over {weights:?}");
        }
    }

    #[test]
    fn half_a_unit_of_tax_is_rounded_up() {
        for (sum, rate, tax) in [
            (598, 2100, 104),
            (399, 2100, 69),
            (200, 2100, 35),
            (0, 2100, 0),
            (100, 0, 0),
            (3, 20_000, 2),
            // 105 × 5 % / 105 % = 5; 10 × 1000 / 11000 = 0.909.
            (105, 500, 5),
            (10, 1000, 1),
            // Half: 21 × 500 / 10500 = 1; 1 × 10000 / 20000 = 0.5.
            (21, 500, 1),
            (1, 10_000, 1),
        ] {
            assert_eq!(tax_in(sum, rate), tax, "{sum} at {rate}");
        }
    }
}

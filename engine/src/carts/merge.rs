//! Merges one cart into another, as plain values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::line::{CartLine, LINES_MAX, UNITS_MAX, set_lines};
use crate::ids::SkuId;

/// Which quantity remains of a SKU that both carts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum MergeRule {
    /// The larger one.
    #[default]
    Max,
    /// The sum.
    Sum,
    /// That of the cart that is merged.
    Mine,
    /// That of the cart that stays.
    Theirs,
}

impl MergeRule {
    /// All rules.
    pub const ALL: [Self; 4] = [Self::Max, Self::Sum, Self::Mine, Self::Theirs];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Mine => "mine",
            Self::Theirs => "theirs",
        }
    }

    /// The units that remain, of a SKU that both have.
    fn of(self, mine: u64, theirs: u64) -> u32 {
        let units = match self {
            Self::Max => mine.max(theirs),
            Self::Sum => mine + theirs,
            Self::Mine => mine,
            Self::Theirs => theirs,
        };
        units.min(UNITS_MAX.into()) as u32
    }
}

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merge {
    /// The rows that turn the lines of the cart that stays into the merged ones.
    pub rows: Vec<CartLine>,
    /// The lines of the merged cart that do not fit.
    pub dropped: Vec<CartLine>,
}

/// Merges `mine` into `theirs`. Of a SKU in both, the lines of each are summed, and the units that the rule keeps are on
/// the first line of it that stays. The other lines of `mine` come after; `name_of` is the id of a SKU, for a line whose
/// own id is taken.
pub fn merge(theirs: &[CartLine], mine: &[CartLine], rule: MergeRule, name_of: impl Fn(SkuId) -> String) -> Merge {
    let (of_theirs, of_mine) = (units_by_sku(theirs), units_by_sku(mine));
    let mut merged = Merge::default();
    let mut placed: BTreeMap<SkuId, ()> = BTreeMap::new();
    for line in theirs {
        let (Some(kept), Some(added)) = (of_theirs.get(&line.sku), of_mine.get(&line.sku)) else { continue };
        let quantity = match placed.insert(line.sku, ()) {
            None => rule.of(*added, *kept),
            Some(()) => 0,
        };
        if quantity != line.quantity {
            merged.rows.push(CartLine { quantity, ..line.clone() });
        }
    }
    let mut lines = theirs.to_vec();
    set_lines(&mut lines, &merged.rows);
    for line in mine.iter().filter(|line| !of_theirs.contains_key(&line.sku)) {
        if lines.len() >= LINES_MAX {
            merged.dropped.push(line.clone());
            continue;
        }
        let is_free = |id: &str| !lines.iter().any(|known| *known.line == *id);
        let sku = || name_of(line.sku);
        // Bounded by the lines of the cart that stays: one of LINES_MAX + 1 ids is free.
        let numbered = (2..).map(|nth| format!("{}~{nth}", sku()));
        let mut ids = [line.line.to_string(), sku()].into_iter().chain(numbered);
        let id = ids.find(|id| is_free(id)).unwrap_or_default();
        let row = CartLine { line: id.into(), ..line.clone() };
        lines.push(row.clone());
        merged.rows.push(row);
    }
    merged
}

fn units_by_sku(lines: &[CartLine]) -> BTreeMap<SkuId, u64> {
    let mut units = BTreeMap::new();
    for line in lines {
        *units.entry(line.sku).or_insert(0) += u64::from(line.quantity);
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &str, sku: u32, quantity: u32) -> CartLine {
        CartLine { line: line.into(), sku: SkuId(sku), quantity }
    }

    fn merged(theirs: &[CartLine], mine: &[CartLine], rule: MergeRule) -> (Vec<CartLine>, Vec<CartLine>) {
        let merge = merge(theirs, mine, rule, |sku| format!("S{}", sku.0));
        let mut lines = theirs.to_vec();
        set_lines(&mut lines, &merge.rows);
        (lines, merge.dropped)
    }

    #[test]
    fn a_sku_in_both_keeps_what_the_rule_says_on_their_first_line_of_it() {
        use MergeRule::{Max, Mine, Sum, Theirs};
        // Lines of one SKU: theirs, mine, the rule, and the units that remain on their first line.
        let cases: &[(&[u32], &[u32], MergeRule, u32)] = &[
            (&[2], &[3], Max, 3),
            (&[4], &[3], Max, 4),
            (&[2], &[3], Sum, 5),
            (&[2], &[3], Mine, 3),
            (&[2], &[3], Theirs, 2),
            (&[1, 2], &[4], Max, 4),
            (&[1, 4], &[2, 2], Max, 5),
            (&[1, 2], &[2, 2], Sum, 7),
            (&[1, 2], &[2, 2], Mine, 4),
            (&[1, 2], &[2, 2], Theirs, 3),
            (&[UNITS_MAX], &[UNITS_MAX], Sum, UNITS_MAX),
            (&[UNITS_MAX, UNITS_MAX], &[1], Theirs, UNITS_MAX),
        ];
        for (theirs, mine, rule, units) in cases {
            let lines = |name: &str, units: &[u32]| -> Vec<CartLine> {
                units.iter().enumerate().map(|(at, units)| line(&format!("{name}{at}"), 1, *units)).collect()
            };
            let (after, dropped) = merged(&lines("t", theirs), &lines("m", mine), *rule);
            assert_eq!(after, [line("t0", 1, *units)], "{theirs:?} and {mine:?} by {rule:?}");
            assert_eq!(dropped, []);
        }
    }

    #[test]
    fn lines_of_one_cart_alone_stay_and_come_with_an_id_that_is_free() {
        let theirs = [line("1", 1, 1), line("2", 2, 1), line("2b", 2, 4)];
        let mine = [line("1", 3, 2), line("x", 4, 1), line("2", 5, 1), line("y", 5, 1)];
        let (lines, dropped) = merged(&theirs, &mine, MergeRule::Max);
        assert_eq!(
            lines,
            [
                line("1", 1, 1),
                line("2", 2, 1),
                line("2b", 2, 4),
                line("S3", 3, 2),
                line("x", 4, 1),
                line("S5", 5, 1),
                line("y", 5, 1),
            ]
        );
        assert_eq!(dropped, []);
        let theirs = [line("1", 1, 1), line("S3", 2, 1), line("S3~2", 4, 1)];
        let (lines, _) = merged(&theirs, &[line("1", 3, 2)], MergeRule::Max);
        assert_eq!(lines.last(), Some(&line("S3~3", 3, 2)));
    }

    #[test]
    fn lines_beyond_100_are_left_out_and_told() {
        let theirs: Vec<CartLine> = (0..99).map(|n| line(&format!("t{n}"), n, 1)).collect();
        let mine = [line("a", 0, 5), line("b", 200, 1), line("c", 201, 2), line("d", 202, 3)];
        let (lines, dropped) = merged(&theirs, &mine, MergeRule::Max);
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!((lines.first(), lines.last()), (Some(&line("t0", 0, 5)), Some(&line("b", 200, 1))));
        assert_eq!(dropped, [line("c", 201, 2), line("d", 202, 3)]);
        // Two lines of a SKU become one, which makes room.
        let mut theirs = theirs;
        theirs.push(line("t99", 0, 7));
        let (lines, dropped) = merged(&theirs, &mine, MergeRule::Sum);
        assert_eq!((lines.len(), lines.first()), (LINES_MAX, Some(&line("t0", 0, 13))));
        assert_eq!(dropped, [line("c", 201, 2), line("d", 202, 3)]);
    }

    #[test]
    fn an_empty_cart_merges_into_what_the_other_has() {
        for rule in MergeRule::ALL {
            assert_eq!(merge(&[line("a", 1, 1)], &[], rule, |_| String::new()), Merge::default());
            assert_eq!(merged(&[], &[line("a", 1, 1)], rule).0, [line("a", 1, 1)]);
        }
    }
}

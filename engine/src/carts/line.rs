//! The identity and the lines of a cart.

use serde::{Deserialize, Serialize};

use crate::ids::{Seq, SkuId};
use crate::level::LINE_QUANTITY_MAX;

/// The most lines of a cart.
pub const LINES_MAX: usize = 100;

/// The most codes of a cart.
pub const CODES_MAX: usize = 20;

/// The most units of a line.
pub const UNITS_MAX: u32 = LINE_QUANTITY_MAX;

/// A cart's identity: the `seq` of the record that created it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CartId(pub Seq);

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartLine {
    /// Its id, unique in the cart.
    pub line: Box<str>,
    /// The SKU.
    pub sku: SkuId,
    /// Units. In a change, 0 takes the line out.
    pub quantity: u32,
}

/// Sets lines to absolute quantities: a line of 0 units is taken out, a new one comes last, and the others stay.
pub fn set_lines(lines: &mut Vec<CartLine>, rows: &[CartLine]) {
    for row in rows {
        match lines.iter_mut().find(|line| line.line == row.line) {
            Some(_) if row.quantity == 0 => lines.retain(|line| line.line != row.line),
            Some(line) => line.clone_from(row),
            None if row.quantity == 0 => {}
            None => lines.push(row.clone()),
        }
    }
}

/// Adds codes that are not there yet, compared without regard to case, up to the most that a cart has.
pub fn join_codes(codes: &mut Vec<Box<str>>, more: &[Box<str>]) {
    for code in more {
        let folded = code.to_lowercase();
        if codes.len() < CODES_MAX && !codes.iter().any(|known| known.to_lowercase() == folded) {
            codes.push(code.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &str, sku: u32, quantity: u32) -> CartLine {
        CartLine { line: line.into(), sku: SkuId(sku), quantity }
    }

    #[test]
    fn a_row_sets_an_absolute_quantity_and_0_takes_the_line_out() {
        let mut lines = vec![line("a", 1, 2), line("b", 2, 1)];
        set_lines(&mut lines, &[line("b", 2, 5), line("c", 3, 1), line("x", 9, 0)]);
        assert_eq!(lines, [line("a", 1, 2), line("b", 2, 5), line("c", 3, 1)]);
        set_lines(&mut lines, &[line("a", 1, 0), line("c", 4, 2)]);
        assert_eq!(lines, [line("b", 2, 5), line("c", 4, 2)]);
        let before = lines.clone();
        set_lines(&mut lines, &[line("b", 2, 5), line("c", 4, 2)]);
        assert_eq!(lines, before, "the same again changes nothing");
    }

    #[test]
    fn codes_join_without_regard_to_case_up_to_20() {
        let mut codes: Vec<Box<str>> = vec!["ENERO10".into()];
        join_codes(&mut codes, &["enero10".into(), "Ñu".into(), "ñU".into(), "B".into()]);
        assert_eq!(codes, [Box::from("ENERO10"), "Ñu".into(), "B".into()]);
        let many: Vec<Box<str>> = (0..30).map(|n| format!("c{n}").into()).collect();
        join_codes(&mut codes, &many);
        assert_eq!(codes.len(), CODES_MAX);
    }
}

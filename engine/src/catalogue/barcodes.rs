//! Barcodes that a store prints itself: numbers that begin with 20 to 29, of an item and its weight or its price.
//!
//! A pattern says what the digits of such a number mean: `2IIIIIIWWWWWC` is a 2, six digits of the item, its weight in
//! grams in five digits, and the check digit. Like a [`Gtin`], a number of 8, 12 or 13 digits is the one of 14 without
//! its leading zeros, so a pattern of 12 marks reads what a scanner tells as 13 digits.

use std::fmt;

use super::details::SkuDetails;
use super::gtin::Gtin;

/// The maximum number of patterns of a location.
pub const PATTERNS_MAX: usize = 20;

/// How many marks a pattern may have.
const LENGTHS: [usize; 4] = [8, 12, 13, 14];

/// Marks of the longest pattern.
const MARKS: usize = 14;

/// The form of a store's own barcodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// As it is written.
    text: String,
    /// Its marks, behind zeros.
    marks: [u8; MARKS],
}

/// The forms of a store's own barcodes, in the order in which they are tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

/// What a store's own barcode says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InStore {
    /// The pattern that read it.
    pub pattern: String,
    /// The digits of the item.
    pub item: String,
    /// The number of the item without weight and price: the same code with zeros in their place.
    pub gtin: Gtin,
    /// Its weight or its price.
    pub measure: Measure,
}

/// What a store's own barcode says beside the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The weight in grams.
    Grams(u64),
    /// The price in minor units of the store's currency.
    Amount(u64),
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// What is wrong, and the remedy.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let shown = || text.chars().take(20).collect::<String>();
        if let Some(wrong) = text.chars().find(|mark| !mark.is_ascii_digit() && !"IWPC".contains(*mark)) {
            return Err(PatternError::Mark(shown(), wrong));
        }
        if !LENGTHS.contains(&text.len()) {
            return Err(PatternError::Length(shown(), text.len()));
        }
        let padded = format!("{text:0>MARKS$}");
        // GTIN-13, UPC-A and GTIN-8, in which 2 begins the numbers of stores.
        if !["02", "002", "0000002"].iter().any(|first| padded.starts_with(first)) {
            return Err(PatternError::Prefix(shown()));
        }
        if text.find('C').is_none_or(|at| at + 1 != text.len()) {
            return Err(PatternError::CheckDigit(shown()));
        }
        let is_together = |mark: char| {
            let run = text.trim_start_matches(|other| other != mark).trim_start_matches(mark);
            text.contains(mark) && !run.contains(mark)
        };
        if !is_together('I') {
            return Err(PatternError::Item(shown()));
        }
        match (text.contains('W'), text.contains('P')) {
            (true, false) if is_together('W') => {}
            (false, true) if is_together('P') => {}
            _ => return Err(PatternError::Measure(shown())),
        }
        let marks = padded.as_bytes().try_into().map_err(|_| PatternError::Length(shown(), text.len()))?;
        Ok(Self { text: text.to_owned(), marks })
    }

    /// Reads a code with a valid check digit; `None` if it has another form.
    pub fn read(&self, code: &str) -> Option<InStore> {
        let digits = Gtin::parse(code).ok()?.to_string();
        let (mut item, mut base, mut value) = (String::new(), String::new(), 0_u64);
        for (mark, digit) in self.marks.iter().zip(digits.bytes()) {
            match mark {
                b'I' => item.push(digit.into()),
                b'W' | b'P' => value = value * 10 + u64::from(digit - b'0'),
                b'C' => break,
                fixed if *fixed == digit => {}
                _ => return None,
            }
            base.push(if matches!(mark, b'W' | b'P') { '0' } else { digit.into() });
        }
        let is_weight = self.marks.contains(&b'W');
        let measure = if is_weight { Measure::Grams(value) } else { Measure::Amount(value) };
        Some(InStore { pattern: self.text.clone(), item, gtin: Gtin::complete(&base)?, measure })
    }

    /// Whether it reads every code that another one reads.
    fn covers(&self, other: &Self) -> bool {
        self.marks.iter().zip(&other.marks).all(|(mine, theirs)| !mine.is_ascii_digit() || mine == theirs)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Patterns {
    /// Parses the patterns of a location.
    ///
    /// # Errors
    /// The position of the first wrong one, and what is wrong.
    pub fn parse(texts: &[String]) -> Result<Self, (usize, PatternError)> {
        let mut patterns: Vec<Pattern> = Vec::with_capacity(texts.len().min(PATTERNS_MAX));
        for (at, text) in texts.iter().enumerate() {
            if at == PATTERNS_MAX {
                return Err((at, PatternError::TooMany));
            }
            let pattern = Pattern::parse(text).map_err(|error| (at, error))?;
            if let Some(earlier) = patterns.iter().find(|earlier| earlier.covers(&pattern)) {
                return Err((at, PatternError::Covered(pattern.text, earlier.text.clone())));
            }
            patterns.push(pattern);
        }
        Ok(Self(patterns))
    }

    /// The patterns in a record of the log; one that this build cannot parse reads nothing.
    pub fn of_details(texts: &[String]) -> Self {
        Self(texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect())
    }

    /// Reads a code by the first pattern that it fits.
    pub fn read(&self, code: &str) -> Option<InStore> {
        self.0.iter().find_map(|pattern| pattern.read(code))
    }

    /// The patterns as they are written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(|pattern| pattern.text.clone()).collect()
    }
}

impl SkuDetails {
    /// The units of the SKU that weigh so many grams, to the nearest one and at least one; `None` for no weight, or if
    /// the SKU is not counted by weight. A SKU with decimals and without a unit counts as one in kg.
    pub fn units_of_grams(&self, grams: u64) -> Option<u32> {
        let scale = 10_u64.pow(u32::from(self.decimals.min(9)));
        let per_unit = match self.unit.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("kg" | "kgm") => 1000,
            Some("g" | "grm") => 1,
            None if self.decimals > 0 => 1000,
            Some(_) | None => return None,
        };
        nearest(grams.saturating_mul(scale), per_unit)
    }
}

/// The units that a price is the price of, to the nearest one and at least one; `None` without a price.
pub fn units_of_amount(amount: u64, unit_amount: u64) -> Option<u32> {
    nearest(amount, unit_amount)
}

fn nearest(of: u64, by: u64) -> Option<u32> {
    if of == 0 || by == 0 {
        return None;
    }
    u32::try_from(of.saturating_add(by / 2) / by).ok().map(|units| units.max(1))
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It has a mark that means nothing.
    #[error(
        "{0:?} contains {1:?}; write digits for themselves, and in capitals I for the item, W for grams or P for the \
         price, and C for the check digit, such as 2IIIIIIWWWWWC"
    )]
    Mark(String, char),
    /// It has a length that no code has.
    #[error("{0:?} has {1} marks; write one for each digit of a code of 8, 12, 13 or 14 digits, such as 2IIIIIIWWWWWC")]
    Length(String, usize),
    /// It begins like the number of a manufacturer.
    #[error("{0:?} does not begin with the digit 2; only numbers from 20 to 29 are the store's own: write 2 first")]
    Prefix(String),
    /// It does not end in the check digit.
    #[error("{0:?} must have C, the check digit, once and at the end, such as 2IIIIIIWWWWWC")]
    CheckDigit(String),
    /// It names no item.
    #[error("{0:?} must have the digits of the item, I, side by side, such as 2IIIIIIWWWWWC")]
    Item(String),
    /// It has no weight and no price, or more than one.
    #[error("{0:?} must have either W, grams, or P, the price in minor units, side by side, such as 2IIIIIIWWWWWC")]
    Measure(String),
    /// An earlier one reads all of its codes.
    #[error(
        "{0:?} would never be used, because {1:?} before it reads the same codes; write it before that one, or leave it out"
    )]
    Covered(String, String),
    /// There are too many.
    #[error("is one pattern too many; a location has at most {PATTERNS_MAX}")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect(text)
    }

    fn code(digits: &str) -> String {
        let padded = Gtin::complete(&format!("{digits:0>13}")).expect(digits).to_string();
        padded.get(13 - digits.len()..).expect(digits).to_owned()
    }

    #[test]
    fn a_pattern_says_item_and_weight_or_price() {
        let weighed = code("200001700350");
        let read = pattern("2IIIIIIWWWWWC").read(&weighed).expect("it fits");
        assert_eq!((read.item.as_str(), read.measure), ("000017", Measure::Grams(350)));
        assert_eq!(read.gtin, Gtin::parse(&code("200001700000")).expect("a GTIN"));
        let priced = pattern("20IIIIIPPPPPC").read(&weighed).expect("it fits");
        assert_eq!((priced.item.as_str(), priced.measure), ("00017", Measure::Amount(350)));
        assert_eq!(pattern("21IIIIIWWWWWC").read(&weighed), None, "another fixed digit");
        assert_eq!(pattern("2IIIIIIWWWWWC").read("2000017003500"), None, "a wrong check digit");
        assert_eq!(pattern("2IIIIIIWWWWWC").read("4006381333931"), None, "the number of a manufacturer");
        assert_eq!(pattern("2IIIIIIWWWWWC").read("TSHIRT"), None);
    }

    #[test]
    fn leading_zeros_make_no_difference() {
        let of_12 = code("20001700350");
        assert_eq!(of_12.len(), 12);
        for pattern in ["2IIIIIWWWWWC", "02IIIIIWWWWWC", "002IIIIIWWWWWC"].map(pattern) {
            for code in [of_12.clone(), format!("0{of_12}"), format!("00{of_12}")] {
                let read = pattern.read(&code).expect("it fits");
                assert_eq!((read.item.as_str(), read.measure), ("00017", Measure::Grams(350)), "{pattern} {code}");
            }
        }
        let short = pattern("2IIIWWWC").read(&code("2017350")).expect("it fits");
        assert_eq!((short.item.as_str(), short.measure), ("017", Measure::Grams(350)));
    }

    #[test]
    fn what_is_no_pattern_is_told_with_a_remedy() {
        for (text, words) in [
            ("2iiiiiiwwwwwc", "in capitals"),
            ("2IIIIIIVWWWWC", "contains 'V'"),
            ("2IIIIIIWWWWW", "the check digit"),
            ("2IIIIIIWWWWWWC", "begin with the digit 2"),
            ("", "has 0 marks"),
            ("2IIIIIWWWWC", "has 11 marks"),
            ("IIIIIIIWWWWWC", "begin with the digit 2"),
            ("8IIIIIIWWWWWC", "begin with the digit 2"),
            ("02IIIIWWWWWC", "begin with the digit 2"),
            ("2IIIIIICWWWWC", "once and at the end"),
            ("2000000WWWWWC", "of the item"),
            ("2IIIWWWWWIIIC", "side by side"),
            ("2IIIIIIIIIIIC", "either W"),
            ("2IIIIIWWWPPPC", "either W"),
            ("2IIIIIW00WWWC", "either W"),
        ] {
            assert!(Pattern::parse(text).is_err_and(|error| error.to_string().contains(words)), "{text}");
        }
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let read = Patterns::parse(&texts(&["21IIIIIPPPPPC", "2IIIIIIWWWWWC"])).expect("the narrow one first");
        assert_eq!(read.read(&code("210001700350")).expect("it fits").measure, Measure::Amount(350));
        assert_eq!(read.read(&code("220001700350")).expect("it fits").measure, Measure::Grams(350));
        assert_eq!(read.texts(), ["21IIIIIPPPPPC", "2IIIIIIWWWWWC"]);
        for covered in [["2IIIIIIWWWWWC", "21IIIIIPPPPPC"], ["2IIIIIWWWWWC", "02IIIIIWWWWWC"]] {
            let (at, error) = Patterns::parse(&texts(&covered)).expect_err("never used");
            assert!(at == 1 && error.to_string().contains("would never be used"), "{error}");
        }
        let many: Vec<String> = (0..=PATTERNS_MAX).map(|n| format!("2{n:03}IIIWWWWWC")).collect();
        assert_eq!(Patterns::parse(&many), Err((PATTERNS_MAX, PatternError::TooMany)));
        assert_eq!(Patterns::of_details(&texts(&["no pattern"])), Patterns::default());
    }

    #[test]
    fn a_weight_is_units_of_the_sku() {
        let sku = |unit: Option<&str>, decimals| SkuDetails {
            unit: unit.map(str::to_owned),
            decimals,
            ..SkuDetails::default()
        };
        for (unit, decimals, grams, units) in [
            (Some("kg"), 3, 350, Some(350)),
            (Some("KG"), 2, 355, Some(36)),
            (Some("kg"), 0, 1499, Some(1)),
            (Some("kg"), 0, 400, Some(1)),
            (Some("g"), 0, 350, Some(350)),
            (Some("g"), 1, 350, Some(3500)),
            (None, 3, 350, Some(350)),
            (None, 0, 350, None),
            (Some("piece"), 0, 350, None),
            (Some("kg"), 3, 0, None),
            (Some("g"), 9, 99_999, None),
        ] {
            assert_eq!(sku(unit, decimals).units_of_grams(grams), units, "{unit:?} {decimals} {grams}");
        }
        assert_eq!(units_of_amount(700, 2), Some(350));
        assert_eq!(units_of_amount(701, 2), Some(351));
        assert_eq!(units_of_amount(1, 1000), Some(1));
        assert_eq!((units_of_amount(0, 2), units_of_amount(700, 0)), (None, None));
    }
}

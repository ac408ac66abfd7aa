//! Global Trade Item Numbers: the numbers in barcodes.
//!
//! GTIN-8 (EAN-8), GTIN-12 (UPC-A), GTIN-13 (EAN-13) and GTIN-14 are one number space: the shorter ones are the longer
//! ones without leading zeros. So a code that a scanner reads as UPC-A finds a SKU whose file has the EAN-13. A SKU may
//! have several, separated by semicolons: the article, its multipack, the same article from another factory.

use std::fmt;

/// A GTIN with a valid check digit, in any form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gtin(u64);

impl Gtin {
    /// Parses a code of 8, 12, 13 or 14 digits.
    ///
    /// # Errors
    /// What is wrong, and the remedy.
    pub fn parse(text: &str) -> Result<Self, GtinError> {
        let shown = || text.chars().take(20).collect::<String>();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let is_shortened = text.parse::<f64>().is_ok() && text.contains(['e', 'E']);
            return Err(if is_shortened { GtinError::Shortened(shown()) } else { GtinError::Digits(shown()) });
        }
        if !matches!(text.len(), 8 | 12 | 13 | 14) {
            let padded =
                [8, 12, 13, 14].into_iter().filter(|length| *length > text.len()).map(|n| format!("{text:0>n$}"));
            return Err(match padded.into_iter().find(|code| check_digit(code) == code.bytes().last()) {
                Some(padded) => GtinError::ZerosLost(shown(), text.len(), padded),
                None => GtinError::Length(shown(), text.len()),
            });
        }
        match (check_digit(text), text.bytes().last()) {
            (Some(right), Some(found)) if right == found => {}
            (Some(right), Some(found)) => {
                return Err(GtinError::CheckDigit { code: shown(), found: found.into(), right: right.into() });
            }
            _ => return Err(GtinError::Digits(shown())),
        }
        match text.parse() {
            Ok(0) | Err(_) => Err(GtinError::Zero),
            Ok(number) => Ok(Self(number)),
        }
    }

    /// Adds the check digit to 13 digits.
    pub(crate) fn complete(digits: &str) -> Option<Self> {
        let digit = check_digit(&format!("{digits}0"))?;
        Self::parse(&format!("{digits}{}", char::from(digit))).ok()
    }

    /// Parses all codes of a SKU, separated by semicolons.
    ///
    /// # Errors
    /// The first invalid code.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, GtinError> {
        text.split(';').map(|code| Self::parse(code.trim())).collect()
    }

    /// The codes of a SKU; invalid ones are ignored, as in logs of earlier builds.
    pub(crate) fn of_details(text: Option<&str>) -> impl Iterator<Item = Self> {
        text.into_iter().flat_map(|text| text.split(';')).filter_map(|code| Self::parse(code.trim()).ok())
    }
}

/// The number with 14 digits, as in trade records.
impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

/// The correct check digit, as ASCII.
fn check_digit(code: &str) -> Option<u8> {
    let (_, digits) = code.as_bytes().split_last()?;
    let weighted = digits.iter().rev().zip([3u32, 1].into_iter().cycle()).map(|(d, w)| u32::from(d - b'0') * w);
    let rest = weighted.sum::<u32>() % 10;
    u8::try_from((10 - rest) % 10).ok().map(|digit| b'0' + digit)
}

/// Why a text is not a GTIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GtinError {
    /// It contains other characters than digits.
    #[error("{0:?} is not a GTIN; write 8, 12, 13 or 14 digits and nothing else, several of them between semicolons")]
    Digits(String),
    /// A spreadsheet converted it to a number.
    #[error("{0:?} is a GTIN that a spreadsheet shortened; format the column as text and write the digits again")]
    Shortened(String),
    /// It has a length that no GTIN has.
    #[error("{0:?} has {1} digits; write a GTIN of 8 (EAN-8), 12 (UPC-A), 13 (EAN-13) or 14 digits")]
    Length(String, usize),
    /// A spreadsheet removed its leading zeros.
    #[error("{0:?} has {1} digits; a spreadsheet removes leading zeros: write {2}, and format the column as text")]
    ZerosLost(String, usize, String),
    /// The check digit is wrong.
    #[error(
        "{code:?} has the check digit {found}, and {right} would be right; correct the wrong digit or the swapped \
             digits"
    )]
    CheckDigit {
        /// The code.
        code: String,
        /// The given check digit.
        found: char,
        /// The correct check digit.
        right: char,
    },
    /// It consists of zeros.
    #[error("contains only zeros, which is not a GTIN; leave it empty")]
    Zero,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtin_needs_its_check_digit_in_every_form() {
        for good in ["4006381333931", "036000291452", "96385074", "10614141000415", "0036000291452", "00036000291452"] {
            assert!(Gtin::parse(good).is_ok(), "{good}");
        }
        let told = |text: &str| Gtin::parse(text).map_err(|error| error.to_string()).expect_err(text);
        assert!(told("4006381333932").contains("has the check digit 2, and 1 would be right"));
        assert!(told("4006381339331").contains("swapped"));
        assert!(told("36000291452").contains("write 036000291452"));
        assert!(told("400638133393").contains("check digit"));
        assert!(told("4.00638E+12").contains("format the column as text"));
        assert!(told("123").contains("3 digits"));
        assert!(told("abcdefgh").contains("digits and nothing else"));
        for bad in ["", "40063813339310000", "４００６３８１３３３９３１", "-4006381333931"] {
            assert!(Gtin::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Gtin::parse("0000000000000"), Err(GtinError::Zero));
    }

    #[test]
    fn the_forms_of_one_number_are_one() {
        let forms = ["036000291452", "0036000291452", "00036000291452"].map(|text| Gtin::parse(text).ok());
        assert!(forms.iter().all(|form| form.is_some() && *form == forms[0]));
        assert_eq!(forms[0].map(|gtin| gtin.to_string()).as_deref(), Some("00036000291452"));
        assert_eq!(Gtin::parse_all("4006381333931; 036000291452").map(|all| all.len()), Ok(2));
        assert!(Gtin::parse_all("4006381333931;").is_err());
    }
}

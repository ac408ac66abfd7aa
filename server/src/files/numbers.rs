//! Numbers as spreadsheets write them: unambiguous numbers are parsed; others are refused with advice.

/// The decimal separator of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    /// Not given. A point is the decimal separator; a number with a comma, or one that may have a thousands separator,
    /// is refused.
    Unsaid,
    /// Not given, in a file whose separator is not a comma. That is usual where the comma is the decimal separator, so
    /// `1.000` may be a thousand.
    UnsaidWithoutCommas,
    /// A point; commas may separate thousands.
    Point,
    /// A comma; points, spaces and apostrophes may separate thousands.
    Comma,
}

/// A parsed number: sign, integer digits, fraction digits.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    negative: bool,
    whole: String,
    fraction: String,
}

/// The beginning of advice on a number's form.
type Hint = String;

/// Parses a number.
///
/// # Errors
/// What is wrong, to follow the number in a message; `say` formats an option of the surface.
pub fn parts(text: &str, decimal: Decimal, say: impl Fn(&str, &str) -> String) -> Result<Parts, Hint> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number =
        |whole: &str, fraction: &str| Parts { negative, whole: whole.to_owned(), fraction: fraction.to_owned() };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits(digits) {
        return Ok(number(digits, ""));
    }
    let comma = || say("decimal", "comma");
    let point = || say("decimal", "point");
    let looks_like_one = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '\u{2019}' | ' ' | '\u{a0}' | '\u{202f}'));
    match decimal {
        Decimal::Unsaid | Decimal::UnsaidWithoutCommas => match digits.split_once('.') {
            Some((whole, fraction)) if are_digits(whole) && are_digits(fraction) => {
                if decimal == Decimal::UnsaidWithoutCommas && fraction.len() == 3 && whole.len() <= 3 && whole != "0" {
                    let reason = format!(
                        "may be {whole} with a fraction, or {whole}{fraction}; decide with {} or {}",
                        point(),
                        comma()
                    );
                    return Err(reason);
                }
                Ok(number(whole, fraction))
            }
            _ if looks_like_one => Err(format!(
                "is not written with digits and one point; if the decimal separator is a comma, set {}; if commas \
                 separate thousands, set {}",
                comma(),
                point()
            )),
            _ => Err("is not a number; write digits".to_owned()),
        },
        Decimal::Point | Decimal::Comma => {
            let (before, between): (char, &[char]) = match decimal {
                Decimal::Comma => (',', &['.', ' ', '\u{a0}', '\u{202f}', '\'', '\u{2019}']),
                _ => ('.', &[',', ' ', '\u{a0}', '\u{202f}', '\'', '\u{2019}']),
            };
            let (whole, fraction) = match digits.split_once(before) {
                Some((whole, fraction)) if are_digits(fraction) => (whole, fraction),
                Some(_) => return Err(format!("has no digits after its {before:?}; write digits")),
                None => (digits, ""),
            };
            let groups: Vec<&str> = whole.split(between).collect();
            let is_grouped = groups.len() == 1
                || groups.iter().skip(1).all(|group| group.len() == 3)
                    && groups.first().is_some_and(|first| first.len() <= 3);
            if is_grouped && groups.iter().all(|group| are_digits(group)) {
                return Ok(number(&groups.concat(), fraction));
            }
            let other = if decimal == Decimal::Comma { point() } else { comma() };
            Err(match looks_like_one {
                true => format!("is not a number with the decimal separator {before:?}; it may be one with {other}"),
                false => "is not a number; write digits".to_owned(),
            })
        }
    }
}

impl Parts {
    /// The whole number of this value: the fraction must be zeros.
    ///
    /// # Errors
    /// What is wrong, to follow the number in a message.
    pub fn whole(&self) -> Result<i64, String> {
        if self.fraction.bytes().any(|digit| digit != b'0') {
            return Err(
                "is not a whole number; quantities count the smallest unit of a SKU: 0.350 kg with 3 decimals \
                        is 350"
                    .to_owned(),
            );
        }
        self.text().parse().map_err(|_| "is out of range".to_owned())
    }

    /// The amount in minor units of a currency with `digits` decimals.
    ///
    /// # Errors
    /// What is wrong, to follow the number in a message.
    pub fn minor_units(&self, digits: u8) -> Result<i64, String> {
        let digits = usize::from(digits);
        let (kept, rest) = self.fraction.split_at_checked(digits).unwrap_or((&self.fraction, ""));
        if rest.bytes().any(|digit| digit != b'0') {
            return Err(format!("has more decimals than the {digits} of its currency"));
        }
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{kept:0<digits$}", self.whole).parse().map_err(|_| "is out of range".to_owned())
    }

    /// The number in the notation of programs.
    pub fn float(&self) -> f64 {
        format!("{}.{}", self.text(), self.fraction).parse().unwrap_or(f64::NAN)
    }

    fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}", self.whole)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use Decimal::{Comma, Point, Unsaid, UnsaidWithoutCommas};

    fn read(text: &str, decimal: Decimal) -> Result<Parts, String> {
        parts(text, decimal, |name, value| format!("{name}={value}"))
    }

    fn whole(text: &str, decimal: Decimal) -> Result<i64, String> {
        read(text, decimal).and_then(|parts| parts.whole())
    }

    #[test]
    fn what_is_certain_is_read() {
        for (text, value) in
            [("7", 7), ("-7", -7), ("+7", 7), ("\u{2212}7", -7), ("100.0000", 100), (" 5 ", 5), ("007", 7), ("0.0", 0)]
        {
            assert_eq!(whole(text, Unsaid), Ok(value), "{text}");
            assert_eq!(whole(text, UnsaidWithoutCommas), Ok(value), "{text}");
            assert_eq!(whole(text, Point), Ok(value), "{text}");
        }
        assert_eq!(whole("1.000", Unsaid), Ok(1));
        for (text, value) in
            [("1.234,00", 1234), ("1234", 1234), ("1 234 567", 1_234_567), ("12.345.678,0", 12_345_678)]
        {
            assert_eq!(whole(text, Comma), Ok(value), "{text}");
        }
        for (text, value) in [("1,234.00", 1234), ("1'234", 1234), ("1,234,567", 1_234_567), ("1.000", 1)] {
            assert_eq!(whole(text, Point), Ok(value), "{text}");
        }
        assert_eq!(whole("9223372036854775807", Unsaid), Ok(i64::MAX));
        assert_eq!(whole("-9223372036854775808", Unsaid), Ok(i64::MIN));
    }

    #[test]
    fn what_is_not_is_refused_with_what_to_say() {
        let told = |text, decimal, words: &str| {
            let reason = whole(text, decimal).unwrap_err();
            assert!(reason.contains(words), "{text}: {reason}");
        };
        told("1.234,00", Unsaid, "decimal=comma");
        told("1,234.00", Unsaid, "decimal=point");
        told("1,5", UnsaidWithoutCommas, "decimal=comma");
        told("1.000", UnsaidWithoutCommas, "decimal=comma");
        told("0.350", Unsaid, "smallest unit");
        told("1,234", Comma, "not a whole number");
        told("1.5", Comma, "decimal=point");
        told("1,23", Point, "decimal=comma");
        told("12,34,56", Point, "decimal=comma");
        told("some", Unsaid, "write digits");
        for bad in ["", "-", "1e3", "0x10", "1.", ".5", "١٢", "NaN", "inf", "--1", "1..0", "99999999999999999999"] {
            for decimal in [Unsaid, UnsaidWithoutCommas, Point, Comma] {
                assert!(whole(bad, decimal).is_err(), "{bad} {decimal:?}");
            }
        }
    }

    #[test]
    fn money_is_counted_in_minor_units_exactly() {
        let minor = |text, digits| read(text, Unsaid).and_then(|parts| parts.minor_units(digits));
        assert_eq!(minor("879.99", 2), Ok(87_999));
        assert_eq!(minor("45.3", 2), Ok(4530));
        assert_eq!(minor("45.3000", 2), Ok(4530));
        assert_eq!(minor("1499", 0), Ok(1499));
        assert_eq!(minor("1.234", 3), Ok(1234));
        assert_eq!(minor("-0.05", 2), Ok(-5));
        assert!(minor("0.305", 2).unwrap_err().contains("more decimals"));
        assert!(minor("99999999999999999.99", 3).is_err());
    }

    #[test]
    fn places_are_read_as_they_are() {
        assert_eq!(read("-3.7038", Unsaid).unwrap().float(), -3.7038);
        assert_eq!(read("40,4168", Comma).unwrap().float(), 40.4168);
        assert_eq!(read("-0.5", UnsaidWithoutCommas).unwrap().float(), -0.5);
        assert_eq!(read("-0.003", UnsaidWithoutCommas).unwrap().float(), -0.003);
    }
}

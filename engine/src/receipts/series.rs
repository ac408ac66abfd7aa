//! A series: a row of numbers of one issuer, without gaps.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use crate::ids::{Name, Seq};
use crate::refusal::Refusal;

/// The longest number, in characters.
pub const NUMBER_CHARACTERS_MAX: usize = 60;

/// The most digits that a series pads its numbers to.
pub const DIGITS_MAX: u8 = 18;

/// The largest number of a series.
pub const NUMBER_MAX: u64 = 999_999_999_999_999_999;

/// The largest first number of a series.
pub const FIRST_MAX: u64 = 1_000_000_000_000;

/// What a receipt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReceiptKind {
    /// A simplified one.
    Receipt,
    /// A full one, which names its recipient.
    Invoice,
    /// One that takes back.
    CreditNote,
}

impl ReceiptKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Receipt, Self::Invoice, Self::CreditNote];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
        }
    }
}

/// The content of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Its issuer.
    pub issuer: Name,
    /// What its receipts are.
    pub kind: ReceiptKind,
    /// What its numbers begin with.
    pub prefix: String,
    /// The digits that they have at least.
    pub digits: u8,
    /// Its first number.
    pub first: u64,
    /// Only at these locations; at all, if there are none.
    pub locations: Vec<Name>,
    /// Only through these channels.
    pub channels: Vec<Name>,
    /// Whether it issues no more.
    pub closed: bool,
}

impl Series {
    /// What it prints for a number.
    pub fn number(&self, n: u64) -> String {
        print(&self.prefix, self.digits, n)
    }

    /// Whether two contents differ only in what may change after the first number.
    pub(super) fn numbers_like(&self, other: &Self) -> bool {
        (&self.issuer, self.kind, &self.prefix, self.digits, self.first)
            == (&other.issuer, other.kind, &other.prefix, other.digits, other.first)
    }

    /// Something that two series of one issuer could both print, if there is anything.
    pub(super) fn clash(&self, other: &Self) -> Option<String> {
        let (short, long) = if self.prefix.len() <= other.prefix.len() { (self, other) } else { (other, self) };
        let rest = long.prefix.strip_prefix(short.prefix.as_str())?;
        if rest.is_empty() {
            // From the first number on that both print without padding, they print the same.
            let wide = short.digits.max(long.digits);
            let both = if short.digits == long.digits { 0 } else { 10_u64.saturating_pow(u32::from(wide) - 1) };
            return Some(short.number(both.max(short.first).max(long.first)));
        }
        if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (padded, least) = (usize::from(short.digits), rest.len() + usize::from(long.digits));
        if least <= padded {
            // The shorter prefix is followed by exactly as many digits as it pads to, whatever they are.
            let tail = padded - rest.len();
            return Some(format!("{}{:0<tail$}", long.prefix, 1));
        }
        // More digits than it pads to: a number that begins with its first digit, which is not 0.
        (!rest.starts_with('0')).then(|| long.number(long.first))
    }
}

/// What a series is asked to issue, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesUse<'a> {
    /// The field that names the series, as a path.
    pub field: &'a str,
    /// The series.
    pub name: &'a Name,
    /// The kinds of receipts that do.
    pub kinds: &'a [ReceiptKind],
    /// Through which channel.
    pub channel: &'a Name,
    /// Where.
    pub location: Option<&'a Name>,
}

impl SeriesUse<'_> {
    /// The refusal of a series that there is not.
    pub fn unknown(&self) -> Refusal {
        let name = self.name;
        Refusal::invalid(self.field, format!("there is no series {name}; set it first with PUT /v1/series/{name}"))
    }

    /// Checks that a series may issue it.
    ///
    /// # Errors
    /// It is closed, of another kind, or of other places or channels.
    pub fn check(&self, series: &Series) -> Result<(), Refusal> {
        let Self { field, name, kinds, channel, location } = *self;
        let elsewhere = |reason: String| Err(Refusal::SeriesElsewhere { field: field.to_owned(), reason });
        if series.closed {
            return Err(Refusal::InState { kind: "series", name: name.clone(), state: "closed" });
        }
        if !kinds.contains(&series.kind) {
            let wanted: Vec<&str> = kinds.iter().copied().map(ReceiptKind::as_str).collect();
            let (kind, wanted) = (series.kind.as_str(), wanted.join(" or "));
            let reason = format!("{name} is a series of the kind {kind}; name one of the kind {wanted}");
            return Err(Refusal::invalid(field, reason));
        }
        if !series.channels.is_empty() && !series.channels.contains(channel) {
            return elsewhere(format!("{name} is not a series of the channel {channel}; name one that is"));
        }
        if !series.locations.is_empty() && !location.is_some_and(|at| series.locations.contains(at)) {
            return elsewhere(match location {
                Some(location) => format!("{name} is not a series of the location {location}; name one that is"),
                None => format!("{name} is a series of certain locations, and this is at none; name another"),
            });
        }
        Ok(())
    }
}

/// A number as it is printed.
fn print(prefix: &str, digits: u8, n: u64) -> String {
    format!("{prefix}{n:0width$}", width = usize::from(digits))
}

/// The last receipt of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastOf {
    /// Its number.
    pub n: u64,
    /// Its hash.
    pub hash: Digest,
}

/// A series as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesStanding {
    /// Its id.
    pub name: Name,
    /// The `seq` of its last change; numbers that it gives are none.
    pub version: Seq,
    /// What it says; `None` if it was removed.
    pub series: Option<Arc<Series>>,
    /// The number that its next receipt gets.
    pub next: u64,
    /// Its last receipt.
    pub last: Option<LastOf>,
}

impl SeriesStanding {
    /// A new one, of which nothing is said yet.
    pub(super) fn new(name: Name) -> Self {
        Self { name, version: 0, series: None, next: 0, last: None }
    }

    /// Its content is this from a record on.
    pub(super) fn set(&mut self, seq: Seq, series: Option<Series>) {
        if self.version >= seq {
            return;
        }
        self.version = seq;
        if let Some(series) = series.as_ref().filter(|_| self.last.is_none()) {
            self.next = series.first;
        }
        self.series = series.map(Arc::new);
    }

    /// It gave a number; one that it gave already changes nothing.
    pub(super) fn issued(&mut self, n: u64, hash: Digest) {
        if self.last.is_none_or(|last| last.n < n) {
            (self.next, self.last) = (n + 1, Some(LastOf { n, hash }));
        }
    }

    /// The numbers that it gave.
    pub fn count(&self) -> u64 {
        match (&self.series, self.last) {
            (Some(series), Some(last)) => (last.n + 1).saturating_sub(series.first),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(prefix: &str, digits: u8, first: u64) -> Series {
        let issuer = Name::parse("es").expect("a name");
        let (locations, channels, kind) = (Vec::new(), Vec::new(), ReceiptKind::Receipt);
        Series { issuer, kind, prefix: prefix.to_owned(), digits, first, locations, channels, closed: false }
    }

    /// Whether a series prints a text.
    fn prints(series: &Series, text: &str) -> bool {
        let digits = text.strip_prefix(series.prefix.as_str());
        digits.and_then(|digits| digits.parse().ok()).is_some_and(|n| series.number(n) == text)
    }

    #[test]
    fn series_that_could_print_the_same_clash_and_no_others_do() {
        let texts = ["", "A", "A-", "A1", "A10", "A0", "A01", "B1", "A1-"];
        let all: Vec<_> = texts.iter().flat_map(|text| [1, 2, 3, 5].map(|digits| series(text, digits, 1))).collect();
        let mut clashes = 0;
        for one in &all {
            for other in &all {
                let told = one.clash(other);
                assert_eq!(told.is_some(), other.clash(one).is_some(), "{one:?} {other:?}");
                // Small numbers, and some large ones: enough to meet wherever two can.
                let numbers = (0..2000).chain([10_000, 10_001, 100_000, 110_001, 1_000_000]);
                let met = numbers.map(|n| one.number(n)).find(|text| prints(other, text));
                if let Some(text) = &told {
                    assert!(prints(one, text) && prints(other, text), "{text} of {one:?} {other:?}");
                    clashes += 1;
                }
                assert!(met.is_none() || told.is_some(), "{met:?} of {one:?} {other:?}");
            }
        }
        assert!(clashes > 100 && clashes < all.len() * all.len());
    }

    #[test]
    fn numbers_are_padded_and_go_on_beyond_their_digits() {
        let of = series("T-", 3, 1);
        assert_eq!([of.number(1), of.number(999), of.number(1000)], ["T-001", "T-999", "T-1000"]);
        assert_eq!(of.number(NUMBER_MAX).len(), 20);
    }
}

//! A receipt: a numbered document that is never changed and never deleted.

use std::sync::Arc;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::amounts;
use super::digest::Digest;
use super::series::ReceiptKind;
use super::version::ReceiptVersion;
use crate::ids::{Name, Seq, Timestamp};
use crate::kernel::tender::Tender;
use crate::prices::list::Currency;

/// The most receipts that one invoice replaces.
pub const REPLACES_MAX: usize = 100;

/// The identity of a receipt: its series, and its number there. Written `<series>:<n>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReceiptId {
    /// The series.
    pub series: Name,
    /// The number.
    pub n: u64,
}

impl ReceiptId {
    /// Reads an id as it is written; `None` if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (series, digits) = text.rsplit_once(':')?;
        let n = digits.parse().ok()?;
        let id = Self { series: Name::parse(series).ok()?, n };
        // One receipt has one id: no sign, and no zeros in front.
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.series, self.n)
    }
}

/// To whom a receipt is made out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The number under which the tax authority knows them.
    pub tax_id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub address: String,
    /// Their postcode.
    pub postcode: Option<String>,
    /// ISO 3166 code of their country.
    pub country: [u8; 2],
}

impl Recipient {
    /// The code of their country.
    pub fn country(&self) -> &str {
        std::str::from_utf8(&self.country).unwrap_or_default()
    }
}

/// How a receipt was paid, or what it takes back was repaid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tendered {
    /// In which form.
    pub tender: Tender,
    /// How much; negative on a credit note.
    pub amount: i64,
    /// What was handed over in cash, if it was told.
    pub given: Option<i64>,
}

/// One line of a receipt; quantity, discount and amount are negative on a credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// The line of the order.
    pub line: Box<str>,
    /// The SKU.
    pub sku: Name,
    /// What it is called.
    pub name: Option<Box<str>>,
    /// Units.
    pub quantity: i64,
    /// What one costs.
    pub unit_amount: i64,
    /// What is off.
    pub discount: i64,
    /// What they are worth: `unit_amount * quantity - discount`.
    pub amount: i64,
    /// In hundredths of a percent.
    pub tax_rate: u32,
    /// On a credit note, the place in `corrects` of the receipt on which the units stand.
    pub of: u16,
}

/// One charge of a receipt; the amount is negative on a credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptCharge {
    /// The charge of the order.
    pub charge: Box<str>,
    /// How much.
    pub amount: i64,
    /// In hundredths of a percent.
    pub tax_rate: u32,
    /// On a credit note, the place in `corrects` of the receipt on which it stands.
    pub of: u16,
}

/// The tax at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    /// In hundredths of a percent.
    pub rate: u32,
    /// The sum at this rate, without the tax.
    pub base: i64,
    /// The tax.
    pub tax: i64,
}

/// The place of a receipt in the chain of its issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// 1, 2, 3 and so on.
    pub position: u64,
    /// The hash of the receipt before; `None` for the first.
    pub previous: Option<Digest>,
    /// The hash of this one.
    pub hash: Digest,
}

/// What an invoice is to the Spanish tax authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FiscalType {
    /// A full invoice, or a simplified one with a recipient.
    F1,
    /// A simplified invoice.
    F2,
    /// An invoice in place of simplified ones.
    F3,
    /// A credit note of anything but simplified invoices.
    R1,
    /// A credit note of simplified invoices.
    R5,
}

impl FiscalType {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F1 => "F1",
            Self::F2 => "F2",
            Self::F3 => "F3",
            Self::R1 => "R1",
            Self::R5 => "R5",
        }
    }
}

/// What a receipt says: everything that is known when it is issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Its identity.
    pub id: ReceiptId,
    /// What it is.
    pub kind: ReceiptKind,
    /// The number as it is printed.
    pub number: Box<str>,
    /// The issuer.
    pub issuer: Name,
    /// The record that issues it.
    pub seq: Seq,
    /// The time of that record, in whole seconds.
    pub issued_at: Timestamp,
    /// When the operation was.
    pub occurred_at: Timestamp,
    /// The order, by its `seq` and its id.
    pub order: Option<(Seq, Name)>,
    /// The return.
    pub returned: Option<Name>,
    /// Simplified receipts that it replaces.
    pub replaces: Vec<ReceiptId>,
    /// Receipts that it corrects.
    pub corrects: Vec<ReceiptId>,
    /// The customer.
    pub customer: Option<Name>,
    /// To whom it is made out.
    pub recipient: Option<Recipient>,
    /// The channel.
    pub channel: Name,
    /// The location.
    pub location: Option<Name>,
    /// The till.
    pub till: Option<Box<str>>,
    /// Its lines.
    pub lines: Vec<ReceiptLine>,
    /// Its charges.
    pub charges: Vec<ReceiptCharge>,
    /// The tax, by rate.
    pub taxes: Vec<Tax>,
    /// The sum of its lines and charges.
    pub total: i64,
    /// The currency.
    pub currency: Currency,
    /// How it was paid.
    pub tenders: Vec<Tendered>,
    /// Its place in the chain of its issuer.
    pub chain: Chain,
    /// What it is to the authority, if its issuer has one.
    pub fiscal_type: Option<FiscalType>,
    /// Random bits by which the customer's copy is read.
    pub key: [u8; 16],
}

impl Issued {
    /// Amounts of lines and charges, with their rates and the receipts that they correct.
    pub(super) fn amounts(&self) -> impl Iterator<Item = (u16, u32, i64)> + '_ {
        let lines = self.lines.iter().map(|line| (line.of, line.tax_rate, line.amount));
        lines.chain(self.charges.iter().map(|charge| (charge.of, charge.tax_rate, charge.amount)))
    }

    /// Sums by rate of what is on it.
    pub(super) fn sums(&self) -> std::collections::BTreeMap<u32, i64> {
        amounts::by_rate(self.amounts().map(|(_, rate, amount)| (rate, amount)))
    }
}

/// How a receipt stands with the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FiscalState {
    /// Nothing is asked for.
    None,
    /// Nothing was said yet.
    Pending,
    /// It was accepted.
    Accepted,
    /// It was rejected.
    Rejected,
}

impl FiscalState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::None, Self::Pending, Self::Accepted, Self::Rejected];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// What an authority, or the software that signs for it, said of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiscalAnswer {
    /// Accepted or rejected.
    pub state: FiscalState,
    /// The authority's id of it.
    pub authority_id: Option<String>,
    /// A signature.
    pub signature: Option<String>,
    /// What its QR code says, in place of what the engine worked out.
    pub qr: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
}

/// What of a receipt may still change after it was issued.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// What was last said of it, with its record and time.
    pub fiscal: Option<(Seq, Timestamp, FiscalAnswer)>,
    /// The invoice that replaced it.
    pub replaced_by: Option<ReceiptId>,
    /// What credit notes took back of each line: units and amount, both positive.
    pub taken_back: Vec<(i64, i64)>,
    /// What they took back of each charge.
    pub charges_taken_back: Vec<i64>,
    /// What they took back by rate.
    pub taken_back_at: Vec<(u32, i64)>,
    /// The position in the issuer's chain of the last receipt that replaced or corrected it.
    pub touched: u64,
}

/// A receipt as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What it says.
    pub issued: Arc<Issued>,
    /// What happened to it since.
    pub after: After,
}

impl Receipt {
    /// The receipt that a record issued.
    pub(super) fn new(issued: Arc<Issued>) -> Self {
        let after = After {
            taken_back: vec![(0, 0); issued.lines.len()],
            charges_taken_back: vec![0; issued.charges.len()],
            ..After::default()
        };
        Self { issued, after }
    }

    /// What happened to it since it was issued, as numbers that never fall.
    pub fn version(&self) -> ReceiptVersion {
        let told = self.after.fiscal.as_ref().map_or(0, |(seq, ..)| *seq);
        ReceiptVersion { told, touched: self.after.touched }
    }

    /// How it stands with the authority.
    pub fn fiscal_state(&self) -> FiscalState {
        match (&self.after.fiscal, self.issued.fiscal_type) {
            (Some((_, _, told)), _) => told.state,
            (None, Some(_)) => FiscalState::Pending,
            (None, None) => FiscalState::None,
        }
    }

    /// What is left at a rate after what credit notes took back.
    pub(super) fn left_at(&self, rate: u32) -> i64 {
        let on_it = self.issued.sums().get(&rate).copied().unwrap_or_default();
        let taken = self.after.taken_back_at.iter().find(|(of, _)| *of == rate);
        on_it - taken.map_or(0, |(_, taken)| *taken)
    }

    /// What is left of its lines, by place: units and amount.
    pub(super) fn lines_left(&self) -> impl Iterator<Item = (usize, &ReceiptLine, i64, i64)> {
        self.issued.lines.iter().zip(&self.after.taken_back).enumerate().filter_map(|(at, (line, (units, amount)))| {
            let left = (line.quantity - units, line.amount - amount);
            (left.0 != 0 || left.1 != 0).then_some((at, line, left.0, left.1))
        })
    }

    /// What is left of its charges, by place.
    pub(super) fn charges_left(&self) -> impl Iterator<Item = (usize, &ReceiptCharge, i64)> {
        let charges = self.issued.charges.iter().zip(&self.after.charges_taken_back).enumerate();
        charges.filter_map(|(at, (charge, taken))| {
            let left = charge.amount - taken;
            (left != 0).then_some((at, charge, left))
        })
    }

    /// A later receipt of its issuer replaced or corrects it; one that is known already changes nothing.
    pub(super) fn touched_by(&mut self, later: &Issued) {
        if later.chain.position <= self.after.touched {
            return;
        }
        if later.replaces.contains(&self.issued.id) {
            self.after.touched = later.chain.position;
            self.after.replaced_by = Some(later.id.clone());
        }
        if let Some(of) = later.corrects.iter().position(|id| *id == self.issued.id) {
            self.after.touched = later.chain.position;
            let is_of = |place: u16| usize::from(place) == of;
            for line in later.lines.iter().filter(|line| is_of(line.of)) {
                self.take_back(line);
            }
            for charge in later.charges.iter().filter(|charge| is_of(charge.of)) {
                self.take_back_charge(charge);
            }
        }
    }

    fn take_back(&mut self, credit: &ReceiptLine) {
        self.take_back_at(credit.tax_rate, -credit.amount);
        // Bounded by the lines of a receipt: first the place where all of it fits, then wherever some of it does.
        let (mut units, mut amount) = (-credit.quantity, -credit.amount);
        let fits = self.lines_left().find(|(_, line, left, worth)| {
            line.line == credit.line && line.sku == credit.sku && *left >= units && *worth >= amount
        });
        let first = fits.map(|(at, ..)| at);
        let lines = self.issued.lines.iter().zip(&mut self.after.taken_back).enumerate();
        for (at, (line, taken)) in lines {
            if line.line != credit.line || line.sku != credit.sku || first.is_some_and(|first| first != at) {
                continue;
            }
            let (of_units, of_amount) = (units.min(line.quantity - taken.0), amount.min(line.amount - taken.1));
            (taken.0, taken.1) = (taken.0 + of_units, taken.1 + of_amount);
            (units, amount) = (units - of_units, amount - of_amount);
        }
    }

    fn take_back_charge(&mut self, credit: &ReceiptCharge) {
        self.take_back_at(credit.tax_rate, -credit.amount);
        let mut amount = -credit.amount;
        let charges = self.issued.charges.iter().zip(&mut self.after.charges_taken_back);
        for (charge, taken) in charges.filter(|(charge, _)| charge.charge == credit.charge) {
            let of = amount.min(charge.amount - *taken);
            *taken += of;
            amount -= of;
        }
    }

    fn take_back_at(&mut self, rate: u32, amount: i64) {
        let all = &mut self.after.taken_back_at;
        match all.iter_mut().find(|(of, _)| *of == rate) {
            Some((_, taken)) => *taken += amount,
            None => all.push((rate, amount)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = ReceiptId::parse("ES:WEB-27:15").expect("an id");
        assert_eq!((id.series.as_str(), id.n, id.to_string().as_str()), ("ES:WEB-27", 15, "ES:WEB-27:15"));
        for text in ["", ":", "A", "A:", ":1", "A:01", "A:+1", "A:-1", "A: 1", "A:1 ", "A:18446744073709551616"] {
            assert_eq!(ReceiptId::parse(text), None, "{text}");
        }
    }
}

//! The commands of returns.

use super::returned::Condition;
use crate::ids::{Name, Seq, SkuId};
use crate::kernel::asked::Asked;
use crate::orders::OrderLine;
use crate::orders::command::{Pricing, ReceiptFields, RefundFields, Sell, Teller};
use crate::prices::list::Currency;
use crate::receipts::receipt::ReceiptId;
use crate::state::DurableState;

/// A command of returns.
#[derive(Debug)]
pub enum Command {
    /// Take goods back, or announce that they will come.
    TakeBack(Box<TakeBack>),
    /// Take announced goods back.
    Receive(Box<Receive>),
    /// Book what became of goods that somebody looked at.
    Inspect(Box<Inspect>),
    /// Report refunds.
    Refunds(Box<Refunds>),
    /// Cancel an announced return.
    Cancel(Box<Cancel>),
    /// The same, of a caller that looked for what memory does not have in the archive, after this *archived* record.
    After(Seq, Box<Command>),
}

impl Command {
    /// The return that it makes or changes.
    pub fn name(&self) -> &Name {
        match self {
            Self::TakeBack(asked) => &asked.name,
            Self::Receive(asked) => &asked.name,
            Self::Inspect(asked) => &asked.name,
            Self::Refunds(asked) => &asked.name,
            Self::Cancel(asked) => &asked.name,
            Self::After(_, command) => command.name(),
        }
    }
}

/// Where the goods come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// An order.
    Order(Name),
    /// The order of a receipt.
    Receipt(ReceiptId),
    /// No known sale: what a unit is worth rests on prices that the caller's side read.
    NoSale(Currency, Pricing),
}

/// What a unit without a sale is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitWorth {
    /// In minor units; none where nothing was in force.
    pub amount: Option<u64>,
    /// The tax rate, in hundredths of a percent.
    pub tax_rate: Option<u32>,
}

/// Units that come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFields {
    /// The line of the order; of a return without a sale, its id within the return.
    pub line: Option<Box<str>>,
    /// The SKU, in place of the line: the lines of the order with this SKU, oldest first.
    pub sku: Option<Name>,
    /// Units, at least 1.
    pub quantity: u32,
    /// In which condition; may be left out of an announcement.
    pub condition: Option<Condition>,
    /// Why.
    pub reason: Option<Box<str>>,
    /// What a unit is worth, of a return without a sale.
    pub worth: Option<UnitWorth>,
}

/// What of a charge comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeFields {
    /// The charge.
    pub charge: Box<str>,
    /// In minor units.
    pub amount: u64,
}

/// What is paid back with the goods.
#[derive(Debug, Clone)]
pub struct Money {
    /// The refunds; the plan, if they are left out.
    pub refunds: Option<Vec<RefundFields>>,
    /// Whether the caller may divide them in another way than the plan.
    pub may_divide: bool,
    /// The sale that is taken in exchange.
    pub exchange: Option<Box<Sell>>,
    /// The credit note that is requested.
    pub receipt: Option<ReceiptFields>,
}

/// Goods that come back.
#[derive(Debug, Clone)]
pub struct TakeBack {
    /// The name of the return.
    pub name: Name,
    /// A digest of the request.
    pub digest: u64,
    /// Where it is reported; the goods come to its location.
    pub teller: Teller,
    /// Where they come from.
    pub of: Of,
    /// The customer, where the order does not say.
    pub customer: Option<Box<str>>,
    /// The currency, where the order does not say.
    pub currency: Option<Currency>,
    /// Its lines, at least one.
    pub lines: Vec<LineFields>,
    /// Its charges.
    pub charges: Vec<ChargeFields>,
    /// What is paid back.
    pub money: Money,
    /// Whether the goods are still with the customer.
    pub is_announced: bool,
}

/// Announced goods that come.
#[derive(Debug, Clone)]
pub struct Receive {
    /// The return.
    pub name: Name,
    /// Where it is reported.
    pub teller: Teller,
    /// The lines of the return that come.
    pub lines: Vec<LineFields>,
    /// Its charges; those that were announced, if they are left out.
    pub charges: Option<Vec<ChargeFields>>,
    /// What is paid back.
    pub money: Money,
}

/// Units that somebody looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedLine {
    /// The line of the return.
    pub line: Box<str>,
    /// Units, at least 1.
    pub quantity: u32,
    /// Whether they may be sold; otherwise they are written off.
    pub is_sellable: bool,
}

/// Goods that somebody looked at.
#[derive(Debug, Clone)]
pub struct Inspect {
    /// The return.
    pub name: Name,
    /// Where it is reported.
    pub teller: Teller,
    /// The units.
    pub lines: Vec<InspectedLine>,
}

/// Refunds of a return.
#[derive(Debug, Clone)]
pub struct Refunds {
    /// The return.
    pub name: Name,
    /// Where it is reported.
    pub teller: Teller,
    /// The refunds.
    pub refunds: Vec<RefundFields>,
    /// Whether the caller may divide them in another way than the plan.
    pub may_divide: bool,
}

/// The end of an announced return.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The return.
    pub name: Name,
    /// Where it is reported.
    pub teller: Teller,
    /// The reason.
    pub reason: Option<Box<str>>,
}

/// A line with its SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLine {
    /// What is requested.
    pub fields: LineFields,
    /// The SKU that it names.
    pub sku: Option<SkuId>,
}

impl KnownLine {
    /// Whether it means a line of an order: the one that it names, or any with its SKU.
    pub fn means(&self, of: &OrderLine) -> bool {
        match &self.fields.line {
            Some(name) => of.name == *name && self.sku.is_none_or(|sku| sku == of.sku),
            None => self.sku == Some(of.sku),
        }
    }
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::TakeBack(_) => "return",
            Self::Receive(_) => "return receive",
            Self::Inspect(_) => "return inspect",
            Self::Refunds(_) => "return refunds",
            Self::Cancel(_) => "return cancel",
            Self::After(_, command) => command.kind(),
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::TakeBack(asked) => {
                asked.lines.len() + asked.money.exchange.as_ref().map_or(0, |exchange| exchange.lines.len())
            }
            Self::Receive(asked) => asked.lines.len(),
            Self::Inspect(asked) => asked.lines.len(),
            Self::Refunds(asked) => asked.refunds.len(),
            Self::Cancel(_) => 1,
            Self::After(_, command) => command.lines(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        match self {
            // Goods that a customer brought, and money that was paid back, are always recorded.
            Self::TakeBack(asked) => asked.is_announced,
            Self::Receive(_) | Self::Inspect(_) | Self::Refunds(_) => false,
            Self::Cancel(_) => true,
            Self::After(_, command) => command.may_be_dropped(),
        }
    }
}

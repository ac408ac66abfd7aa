//! The commands of orders.

use super::line::Source;
use super::payment::{PaymentState, RefundState};
use crate::ids::{LocationId, Name, Seq, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::tender::Tender;
use crate::prices::list::Currency;
use crate::receipts::receipt::Recipient;
use crate::refusal::Refusal;
use crate::reservations::bounds::Bounds;
use crate::reservations::promise::Purpose;
use crate::state::DurableState;

/// A command of orders.
#[derive(Debug)]
pub enum Command {
    /// Make an order, and hold its units.
    Place(Box<Place>),
    /// Sell: make an order, hand it over and take its money, in one step.
    Sell(Box<Sell>),
    /// Take an order one step further.
    Step(Box<OrderStep>),
    /// The same, of a caller that looked for what memory does not have in the archive, after this *archived* record.
    After(Seq, Box<Command>),
}

impl Command {
    /// The order that it makes or changes.
    pub fn order(&self) -> &Name {
        match self {
            Self::Place(place) => &place.name,
            Self::Sell(sell) => &sell.name,
            Self::Step(step) => &step.order,
            Self::After(_, command) => command.order(),
        }
    }
}

/// The prices of a request, worked out by the caller's side from one exact read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pricing {
    /// The `seq` of the read.
    pub seq: Seq,
    /// From when on lines may cost something else, without a record that says so.
    pub until: Timestamp,
}

/// The price of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTerms {
    /// The price of a unit; none if no price is in force, and none was given.
    pub unit_amount: Option<u64>,
    /// The list that says so.
    pub price_list: Option<Name>,
    /// What is taken off the whole line.
    pub discount: u64,
    /// The tax rate, in hundredths of a percent.
    pub tax_rate: Option<u32>,
    /// Whether the price or the discount was given by hand.
    pub by_hand: bool,
    /// Whether it is not the price that was in force when it was sold.
    pub price_differs: bool,
}

/// A line of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFields {
    /// Its id within the order.
    pub name: Box<str>,
    /// The SKU.
    pub sku: Name,
    /// Units, at least 1.
    pub quantity: u32,
    /// Inbound units that arrive by then are accepted.
    pub latest: Option<Timestamp>,
    /// Its price.
    pub terms: LineTerms,
}

/// A fulfilment of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfilmentFields {
    /// Its id within the order.
    pub name: Box<str>,
    /// In which way.
    pub purpose: Purpose,
    /// From where.
    pub source: Source,
    /// Its lines.
    pub lines: Vec<LineFields>,
    /// The address: a JSON object.
    pub address: Option<Box<str>>,
    /// Until when it can be picked up, once it is confirmed.
    pub pickup_by: Option<Timestamp>,
    /// For when it is promised.
    pub promised_for: Option<Timestamp>,
}

/// A charge of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeFields {
    /// Its id within the order.
    pub name: Box<str>,
    /// In minor units.
    pub amount: u64,
    /// The tax rate, in hundredths of a percent.
    pub tax_rate: Option<u32>,
}

/// A payment of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFields {
    /// Its id within the order; the next free number if it is left out.
    pub name: Option<Box<str>>,
    /// Its form.
    pub tender: Tender,
    /// In minor units.
    pub amount: u64,
    /// Its state.
    pub state: PaymentState,
    /// The document of who processed it.
    pub reference: Option<Box<str>>,
    /// Cash that was handed over, before change.
    pub given: Option<u64>,
}

/// A refund of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFields {
    /// Its id within the order; the next free number if it is left out.
    pub name: Option<Box<str>>,
    /// Its form.
    pub tender: Tender,
    /// In minor units.
    pub amount: u64,
    /// Its state.
    pub state: RefundState,
    /// The payment that it takes back.
    pub payment: Option<Box<str>>,
    /// The document of who processed it.
    pub reference: Option<Box<str>>,
}

/// Where a step is told: its channel, its location, its till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Teller {
    /// The channel.
    pub channel: Name,
    /// The location.
    pub location: Option<LocationId>,
    /// The till.
    pub till: Option<Box<str>>,
    /// When it happened, if it is told late.
    pub occurred_at: Option<Timestamp>,
}

/// A receipt that a step asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptFields {
    /// The series; `None` if none was named, and no single one fits.
    pub series: Option<Name>,
    /// To whom it is made out.
    pub recipient: Option<Recipient>,
    /// Random bits for its key.
    pub entropy: [u8; 16],
}

impl ReceiptFields {
    /// The series; `prefix` is what stands before its name in the body.
    ///
    /// # Errors
    /// None was named, and no single one fits.
    pub(crate) fn named(&self, prefix: &str) -> Result<&Name, Refusal> {
        let reason =
            "is left out, and there is none, or more than one, of this kind for this place and channel; name it";
        self.series.as_ref().ok_or_else(|| Refusal::invalid(format!("{prefix}series"), reason))
    }
}

/// The cart that an order comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromCart {
    /// The cart.
    pub name: Name,
    /// The version whose lines the order has: another one is stale.
    pub version: Seq,
    /// Whether the caller named the version; otherwise the order is worked out anew from the cart as it is.
    pub is_named: bool,
}

/// An order to make.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name.
    pub name: Name,
    /// A digest of the request.
    pub digest: u64,
    /// Where it is told.
    pub teller: Teller,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The currency.
    pub currency: Currency,
    /// The cart that it comes from.
    pub cart: Option<FromCart>,
    /// The order that it adds to.
    pub reference: Option<Box<str>>,
    /// Its fulfilments, at least one, each with at least one line.
    pub fulfilments: Vec<FulfilmentFields>,
    /// Its charges.
    pub charges: Vec<ChargeFields>,
    /// Its payments.
    pub payments: Vec<PaymentFields>,
    /// The codes that the customer gave.
    pub codes: Vec<Box<str>>,
    /// The total that the customer saw.
    pub expected_total: Option<u64>,
    /// The time to live of its holds.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether it is paid when it is handed over.
    pub pay_at_handover: bool,
    /// What its prices rest on.
    pub pricing: Pricing,
    /// Limits on the open reservations of its channel and its caller.
    pub bounds: Bounds,
    /// The receipt that is asked for.
    pub receipt: Option<ReceiptFields>,
}

/// A sale.
#[derive(Debug, Clone)]
pub struct Sell {
    /// The name of its order.
    pub name: Name,
    /// A digest of the request.
    pub digest: u64,
    /// Where it is told; a sale has a location.
    pub teller: Teller,
    /// The number that the till printed.
    pub till_reference: Option<Box<str>>,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The currency.
    pub currency: Currency,
    /// The cart that it comes from.
    pub cart: Option<FromCart>,
    /// Its lines, at least one.
    pub lines: Vec<LineFields>,
    /// Its charges.
    pub charges: Vec<ChargeFields>,
    /// Its payments.
    pub payments: Vec<PaymentFields>,
    /// The codes that the customer gave.
    pub codes: Vec<Box<str>>,
    /// What its prices rest on; nothing if it is told late.
    pub pricing: Option<Pricing>,
    /// The total that the customer saw; not checked if the sale is reported late.
    pub expected_total: Option<u64>,
    /// Whether the customer checked out without a till.
    pub self_checkout: Option<SelfCheckout>,
    /// The receipt that is asked for.
    pub receipt: Option<ReceiptFields>,
}

impl Sell {
    /// What it comes to.
    pub fn total(&self) -> u64 {
        let line = |line: &LineFields| {
            let full = line.terms.unit_amount.unwrap_or(0) * u64::from(line.quantity);
            full.saturating_sub(line.terms.discount)
        };
        self.lines.iter().map(line).sum::<u64>() + self.charges.iter().map(|charge| charge.amount).sum::<u64>()
    }
}

/// What a self check-out rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelfCheckout {
    /// Random bits for the code of its exit.
    pub entropy: u64,
    /// Whether the bag is one of the sample that is looked into.
    pub is_sampled: bool,
}

/// Units of a line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineQuantity {
    /// The line.
    pub line: Box<str>,
    /// Units, at least 1.
    pub quantity: u32,
    /// What is left on the shelf, if it was counted in the same step.
    pub shelf: Option<Shelf>,
}

/// The shelf of a SKU, counted while units of a line were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shelf {
    /// The location.
    pub location: LocationId,
    /// Units on the shelf.
    pub left: u32,
    /// Units that are set aside there for other reservations.
    pub put_aside: u32,
}

/// Units of a SKU that are handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuQuantity {
    /// The SKU.
    pub sku: Name,
    /// The location; may be left out if all its units are at one.
    pub location: Option<LocationId>,
    /// Units, at least 1.
    pub quantity: u32,
}

/// Units of a SKU that get a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding(pub crate::reservations::command::Reallocation);

/// A step of an order.
#[derive(Debug, Clone)]
pub struct OrderStep {
    /// The order.
    pub order: Name,
    /// Where it is told.
    pub teller: Teller,
    /// The step.
    pub what: StepFields,
}

/// What a step asks for.
#[derive(Debug, Clone)]
pub enum StepFields {
    /// Confirm it.
    Confirm {
        /// Payments that are told with it.
        payments: Vec<PaymentFields>,
        /// Whether it is paid when it is handed over.
        pay_at_handover: bool,
        /// Until when its pickups can be picked up.
        pickup_by: Option<Timestamp>,
        /// The receipt that is asked for.
        receipt: Option<ReceiptFields>,
    },
    /// Extend its holds.
    Extend {
        /// Seconds from now.
        ttl_seconds: u32,
    },
    /// Plan its fulfilments anew, while it is open.
    Replan {
        /// The new fulfilments.
        fulfilments: Vec<FulfilmentFields>,
        /// The total that the customer saw.
        expected_total: Option<u64>,
        /// What the prices of new units rest on.
        pricing: Pricing,
        /// Limits on open reservations.
        bounds: Bounds,
    },
    /// Change a fulfilment before any unit of it is handed over.
    SetFulfilment {
        /// The fulfilment.
        fulfilment: Box<str>,
        /// Until when it can be picked up; unchanged if left out, none if null.
        pickup_by: Option<Option<Timestamp>>,
        /// For when it is promised; unchanged if left out, none if null.
        promised_for: Option<Option<Timestamp>>,
        /// The address; unchanged if left out, none if null.
        address: Option<Option<Box<str>>>,
        /// Another location, which takes the whole of it.
        location: Option<LocationId>,
    },
    /// Tell payments.
    Payments(Vec<PaymentFields>),
    /// Tell refunds, and a credit note that takes back what is cancelled.
    Refunds(Vec<RefundFields>, Option<ReceiptFields>),
    /// Issue a receipt.
    Receipt {
        /// Only of this fulfilment.
        fulfilment: Option<Box<str>>,
        /// The receipt.
        receipt: ReceiptFields,
    },
    /// Make a fulfilment ready.
    Ready {
        /// The fulfilment.
        fulfilment: Box<str>,
        /// Random bits for the pickup code.
        entropy: u64,
    },
    /// Make the location of units public and final.
    Bind {
        /// The fulfilment.
        fulfilment: Box<str>,
        /// Only these; all, at their locations, if left out.
        lines: Option<Vec<Binding>>,
    },
    /// Hand over.
    Collect {
        /// The fulfilment.
        fulfilment: Box<str>,
        /// Only these units.
        lines: Option<Vec<SkuQuantity>>,
        /// The code that the customer shows.
        pickup_code: Option<String>,
        /// Payments that are told with it.
        payments: Vec<PaymentFields>,
        /// The carrier's tracking number.
        tracking: Option<Box<str>>,
        /// The receipt that is asked for.
        receipt: Option<ReceiptFields>,
    },
    /// Let the customer of a self check-out pass.
    Exit {
        /// The code that the customer shows.
        code: String,
        /// What is in the bag, if somebody looked.
        checked: Option<Vec<(Name, u32)>>,
        /// Who looked.
        actor: Option<Box<str>>,
    },
    /// Give back what is not handed over.
    Cancel {
        /// Only these units.
        lines: Option<Vec<LineQuantity>>,
        /// Only these charges, and what of each.
        charges: Vec<(Box<str>, u64)>,
        /// Refunds that are told with it.
        refunds: Vec<RefundFields>,
        /// The reason.
        reason: Option<Box<str>>,
        /// The credit note that is asked for.
        receipt: Option<ReceiptFields>,
    },
}

impl StepFields {
    /// Its name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Confirm { .. } => "order confirm",
            Self::Extend { .. } => "order extend",
            Self::Replan { .. } => "order replan",
            Self::SetFulfilment { .. } => "order fulfilment",
            Self::Payments(_) => "order payments",
            Self::Refunds(..) => "order refunds",
            Self::Receipt { .. } => "order receipt",
            Self::Ready { .. } => "order ready",
            Self::Bind { .. } => "order bind",
            Self::Collect { .. } => "order collect",
            Self::Exit { .. } => "order exit",
            Self::Cancel { .. } => "order cancel",
        }
    }
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Place(_) => "order",
            Self::Sell(_) => "sale",
            Self::Step(step) => step.what.kind(),
            Self::After(_, command) => command.kind(),
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Place(place) => place.fulfilments.iter().map(|fulfilment| fulfilment.lines.len()).sum(),
            Self::Sell(sell) => sell.lines.len(),
            Self::Step(step) => match &step.what {
                StepFields::Replan { fulfilments, .. } => fulfilments.iter().map(|one| one.lines.len()).sum(),
                StepFields::Payments(payments) => payments.len(),
                StepFields::Refunds(refunds, _) => refunds.len(),
                StepFields::Collect { lines, .. } => lines.as_ref().map_or(0, Vec::len),
                StepFields::Cancel { lines, .. } => lines.as_ref().map_or(0, Vec::len),
                StepFields::Bind { lines, .. } => lines.as_ref().map_or(0, Vec::len),
                StepFields::Exit { checked, .. } => checked.as_ref().map_or(1, Vec::len),
                StepFields::Confirm { .. }
                | StepFields::Extend { .. }
                | StepFields::SetFulfilment { .. }
                | StepFields::Ready { .. }
                | StepFields::Receipt { .. } => 1,
            },
            Self::After(_, command) => command.lines(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        match self {
            // Goods that a customer took along, and money that was told, are always recorded.
            Self::Sell(_) => false,
            Self::Place(_) => true,
            Self::Step(step) => match &step.what {
                StepFields::Payments(_) | StepFields::Refunds(..) | StepFields::Collect { .. } => false,
                StepFields::Confirm { .. }
                | StepFields::Extend { .. }
                | StepFields::Replan { .. }
                | StepFields::SetFulfilment { .. }
                | StepFields::Ready { .. }
                | StepFields::Bind { .. }
                | StepFields::Receipt { .. }
                | StepFields::Exit { .. }
                | StepFields::Cancel { .. } => true,
            },
            Self::After(_, command) => command.may_be_dropped(),
        }
    }
}

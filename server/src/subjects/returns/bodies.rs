//! Returns on the wire.

use anaquel_engine::orders::command::{ReceiptFields, RefundFields};
use anaquel_engine::receipts::receipt::ReceiptId;
use anaquel_engine::returns::Condition;
use anaquel_engine::returns::command::{ChargeFields, InspectedLine, LineFields};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::subjects::orders::bodies::limits::{self, CHARGES_MAX, LINES_MAX};
use crate::subjects::orders::bodies::money::{self, PaymentBody, RefundBody, one_of};
use crate::subjects::orders::bodies::receipt::{self, ReceiptOfStepBody};
use crate::subjects::orders::bodies::sale::SaleLineBody;
use crate::subjects::orders::bodies::steps::CancelChargeBody;
use crate::wire::{optional_name, outside_name, quantity, sku_name};

/// Goods that come back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnBody {
    /// Its id; made by the server if left out, and then an idempotency key is required.
    #[serde(rename = "return")]
    #[schema(example = "R-1007")]
    pub name: Option<String>,
    /// The channel of the caller.
    #[schema(example = "pos")]
    pub channel: String,
    /// Where the goods come; may be left out of an announcement.
    #[schema(example = "es-001")]
    pub location: Option<String>,
    /// The till.
    pub till: Option<String>,
    /// The order that they come from.
    #[schema(example = "W-1007")]
    pub order: Option<String>,
    /// A text is the receipt that they stand on, in place of `order`; an object requests a credit note.
    #[serde(default, deserialize_with = "receipt_member")]
    pub receipt: Option<ReceiptMember>,
    /// The receipt that they stand on, in place of `order`, where `receipt` requests a credit note.
    pub bought_on: Option<String>,
    /// The customer, of goods without a sale, or of an order that is not known yet.
    pub customer: Option<String>,
    /// The currency, of goods without a sale, or of an order that is not known yet; that of their prices if left out.
    pub currency: Option<String>,
    /// 1 to 100 lines.
    #[serde(default)]
    pub lines: Vec<ReturnLineBody>,
    /// What of which charges comes back, too.
    #[serde(default)]
    pub charges: Vec<CancelChargeBody>,
    /// What is paid back; the plan if left out. Any other division needs the scope `refund`.
    pub refunds: Option<Vec<RefundBody>>,
    /// What the customer takes in exchange.
    pub exchange: Option<ExchangeBody>,
    /// Whether the goods are still with the customer.
    #[serde(default)]
    pub announced: bool,
    /// When they came, if it is told late: then with a `return` of its own, and the scope `stock`.
    pub occurred_at: Option<String>,
    /// Whether it is only worked out; nothing is written.
    #[serde(default)]
    pub dry_run: bool,
}

/// The two meanings of `receipt` in a return.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ReceiptMember {
    /// The receipt that the goods stand on.
    On(String),
    /// The credit note that is requested.
    Note(ReceiptOfStepBody),
}

/// Reads `receipt`: a text or an object, each with its own refusal.
fn receipt_member<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ReceiptMember>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(ReceiptMember::On(text))),
        value @ Value::Object(_) => {
            let note = ReceiptOfStepBody::deserialize(value).map_err(D::Error::custom)?;
            Ok(Some(ReceiptMember::Note(note)))
        }
        _ => Err(D::Error::custom("is neither a receipt's id nor an object with a series")),
    }
}

/// Units that come back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnLineBody {
    /// The line of the order.
    #[schema(example = "1")]
    pub line: Option<String>,
    /// The SKU, in place of the line: the lines of the order with it, oldest first.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: Option<String>,
    /// Units, at least 1.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// `sellable`, `inspect` or `damaged`; may be left out of an announcement.
    #[schema(example = "sellable")]
    pub condition: Option<String>,
    /// Why; `undelivered` of a parcel that came back.
    #[schema(example = "too small")]
    pub reason: Option<String>,
    /// Comes with kits.
    #[serde(default, deserialize_with = "crate::subjects::orders::bodies::later::conditions")]
    #[schema(ignore)]
    pub conditions: (),
}

/// What the customer takes in exchange, at the same place.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeBody {
    /// 1 to 100 lines.
    pub lines: Vec<SaleLineBody>,
    /// What is paid besides.
    #[serde(default)]
    pub payments: Vec<PaymentBody>,
    /// The receipt of what is taken.
    pub receipt: Option<ReceiptOfStepBody>,
}

/// Announced goods that come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiveBody {
    /// The channel of the caller.
    #[schema(example = "pos")]
    pub channel: String,
    /// Where they come.
    #[schema(example = "es-001")]
    pub location: String,
    /// The till.
    pub till: Option<String>,
    /// What comes: fewer units than announced, or none of a line.
    pub lines: Vec<ReceivedLineBody>,
    /// What of which charges comes back, too; as announced if left out.
    pub charges: Option<Vec<CancelChargeBody>>,
    /// What is paid back; the plan if left out. Any other division needs the scope `refund`.
    pub refunds: Option<Vec<RefundBody>>,
    /// The credit note that is requested.
    pub receipt: Option<ReceiptOfStepBody>,
    /// When they came, if it is told late; needs the scope `stock`.
    pub occurred_at: Option<String>,
}

/// Units of an announced line that come.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceivedLineBody {
    /// The line.
    #[schema(example = "1")]
    pub line: String,
    /// Units; 0 if none came.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// `sellable`, `inspect` or `damaged`; as announced if left out.
    #[schema(example = "inspect")]
    pub condition: Option<String>,
}

/// Goods that somebody looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectBody {
    /// 1 to 100 lines.
    pub lines: Vec<InspectedLineBody>,
    /// When, if it is told late; needs the scope `stock`.
    pub occurred_at: Option<String>,
}

/// Units that somebody looked at.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectedLineBody {
    /// The line of the return.
    #[schema(example = "1")]
    pub line: String,
    /// Units, at least 1.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// `sellable`: to the shelf; `damaged`: written off.
    #[schema(example = "sellable")]
    pub condition: String,
}

/// What became of the refunds of a return.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnRefundsBody {
    /// 1 to 50 refunds.
    pub refunds: Vec<RefundBody>,
    /// The channel of the caller; that of the return if left out.
    pub channel: Option<String>,
    /// The till.
    pub till: Option<String>,
    /// The location.
    pub location: Option<String>,
    /// When it happened, if it is told late; needs the scope `stock`.
    pub occurred_at: Option<String>,
}

/// The end of an announced return.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReturnCancelBody {
    /// Why.
    #[schema(example = "kept it")]
    pub reason: Option<String>,
}

fn condition(field: &str, text: &str) -> Result<Condition, Problem> {
    one_of(field, text, &Condition::ALL, Condition::as_str)
}

impl ReturnBody {
    /// The receipt that the goods stand on.
    ///
    /// # Errors
    /// It is no receipt, or is given twice.
    pub fn on_receipt(&self) -> Result<Option<ReceiptId>, Problem> {
        let (field, text) = match (&self.receipt, &self.bought_on) {
            (Some(ReceiptMember::On(_)), Some(_)) => {
                return Err(Problem::invalid("bought_on", "is given beside a receipt; send one of both"));
            }
            (Some(ReceiptMember::On(text)), None) => ("receipt", text),
            (_, Some(text)) => ("bought_on", text),
            (_, None) => return Ok(None),
        };
        let id = ReceiptId::parse(text);
        id.map(Some).ok_or_else(|| Problem::invalid(field, format!("{text:?} is no receipt; it is <series>:<number>")))
    }

    /// The credit note that is requested.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn note(&self) -> Result<Option<ReceiptFields>, Problem> {
        match &self.receipt {
            Some(ReceiptMember::Note(note)) => receipt::of_step(Some(note.clone())),
            Some(ReceiptMember::On(_)) | None => Ok(None),
        }
    }
}

/// Reads the lines of a return; `is_announced` lets their condition out.
///
/// # Errors
/// What is wrong with one.
pub fn lines(given: &[ReturnLineBody], is_announced: bool) -> Result<Vec<LineFields>, Problem> {
    limits::count("lines", given.len(), 1, LINES_MAX)?;
    let read = |(at, body): (usize, &ReturnLineBody)| {
        let field = |name: &str| format!("lines[{at}].{name}");
        if body.line.is_none() && body.sku.is_none() {
            return Err(Problem::invalid(&field("line"), "is required, or the sku"));
        }
        if body.condition.is_none() && !is_announced {
            return Err(Problem::invalid(&field("condition"), "is required: sellable, inspect or damaged"));
        }
        Ok(LineFields {
            line: optional_name(field("line"), body.line.as_deref())?,
            sku: body.sku.as_deref().map(|text| sku_name(field("sku"), text)).transpose()?,
            quantity: quantity(field("quantity"), body.quantity)?,
            condition: body.condition.as_deref().map(|text| condition(&field("condition"), text)).transpose()?,
            reason: reason(&field("reason"), body.reason.as_deref())?,
            worth: None,
        })
    };
    given.iter().enumerate().map(read).collect()
}

fn reason(field: &str, text: Option<&str>) -> Result<Option<Box<str>>, Problem> {
    limits::reason(text.map(ToOwned::to_owned))
        .map_err(|_| Problem::invalid(field, format!("is longer than {} bytes; shorten it", limits::REASON_BYTES_MAX)))
}

/// Reads announced lines that come.
///
/// # Errors
/// What is wrong with one.
pub fn received(given: Vec<ReceivedLineBody>) -> Result<Vec<LineFields>, Problem> {
    limits::count("lines", given.len(), 0, LINES_MAX)?;
    let read = |(at, body): (usize, ReceivedLineBody)| {
        let field = |name: &str| format!("lines[{at}].{name}");
        let units = match body.quantity {
            0 => 0,
            units => quantity(field("quantity"), units)?,
        };
        Ok(LineFields {
            line: Some(outside_name(field("line"), &body.line)?.as_str().into()),
            sku: None,
            quantity: units,
            condition: body.condition.as_deref().map(|text| condition(&field("condition"), text)).transpose()?,
            reason: None,
            worth: None,
        })
    };
    given.into_iter().enumerate().map(read).collect()
}

/// Reads units that somebody looked at.
///
/// # Errors
/// What is wrong with one.
pub fn inspected(given: &[InspectedLineBody]) -> Result<Vec<InspectedLine>, Problem> {
    limits::count("lines", given.len(), 1, LINES_MAX)?;
    let read = |(at, body): (usize, &InspectedLineBody)| {
        let field = |name: &str| format!("lines[{at}].{name}");
        let found = condition(&field("condition"), &body.condition)?;
        if found == Condition::Inspect {
            let reason = "is what they were; say sellable or damaged";
            return Err(Problem::invalid(&field("condition"), reason));
        }
        Ok(InspectedLine {
            line: outside_name(field("line"), &body.line)?.as_str().into(),
            quantity: quantity(field("quantity"), body.quantity)?,
            is_sellable: found == Condition::Sellable,
        })
    };
    given.iter().enumerate().map(read).collect()
}

/// Reads what of charges comes back.
///
/// # Errors
/// What is wrong with one.
pub fn charges(given: Vec<CancelChargeBody>) -> Result<Vec<ChargeFields>, Problem> {
    limits::count("charges", given.len(), 0, CHARGES_MAX)?;
    let read = |(at, body): (usize, CancelChargeBody)| {
        let field = |name: &str| format!("charges[{at}].{name}");
        let charge = outside_name(field("charge"), &body.charge)?.as_str().into();
        Ok(ChargeFields { charge, amount: limits::amount(field("amount"), body.amount)? })
    };
    let read: Vec<ChargeFields> = given.into_iter().enumerate().map(read).collect::<Result<_, Problem>>()?;
    limits::unique(read.iter().map(|one| &*one.charge), |at| format!("charges[{at}].charge"), "charge")?;
    Ok(read)
}

/// Reads refunds that may be left out.
///
/// # Errors
/// What is wrong with one.
pub fn refunds(given: Option<Vec<RefundBody>>) -> Result<Option<Vec<RefundFields>>, Problem> {
    given.map(money::refunds).transpose()
}

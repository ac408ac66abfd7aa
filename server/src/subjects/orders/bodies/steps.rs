//! Steps of an order.

use anaquel_engine::Engine;
use anaquel_engine::orders::command::{LineQuantity, SkuQuantity};
use anaquel_engine::reservation::ReservationState;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::limits::{self, CHARGES_MAX, LINES_MAX};
use super::money::{PaymentBody, RefundBody};
use super::place::FulfilmentBody;
use super::receipt::ReceiptOfStepBody;
use crate::http::problem::Problem;
use crate::subjects::reservations::bodies::UnitsBody;
use crate::subjects::stock::bodies::counted;
use crate::wire::patch::{self, Said};
use crate::wire::{name, outside_name, quantity, sku_name};

/// Confirms an order: everything that it holds becomes final.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderConfirmBody {
    /// The channel of the caller.
    #[schema(example = "web")]
    pub channel: String,
    /// Payments that are told with it.
    #[serde(default)]
    pub payments: Vec<PaymentBody>,
    /// Whether it is paid when it is handed over; needs the scope `fulfil`.
    #[serde(default)]
    pub pay_at_handover: bool,
    /// When its pickups expire if they are not collected.
    pub pickup_by: Option<String>,
    /// The receipt that is issued in the same step.
    pub receipt: Option<ReceiptOfStepBody>,
    /// The till.
    pub till: Option<String>,
    /// The location.
    pub location: Option<String>,
}

/// Extends the holds of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderExtendBody {
    /// Seconds from now, 1 to 2,678,400.
    #[schema(example = 900)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub ttl_seconds: i64,
}

/// Plans the fulfilments of an open order anew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplanBody {
    /// The channel of the caller.
    #[schema(example = "web")]
    pub channel: String,
    /// All of its fulfilments from now on. A line that stays has the id that it had.
    pub fulfilments: Vec<FulfilmentBody>,
    /// The total that the customer saw; another total is 409.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub expected_total: Option<i64>,
}

/// Changes a fulfilment before any unit of it is handed over. A field that is left out stays as it is; `null` takes it
/// out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FulfilmentChangeBody {
    /// The channel of the caller.
    #[schema(example = "contact-centre")]
    pub channel: String,
    /// When it expires if it is not collected.
    #[serde(default, deserialize_with = "patch::said")]
    #[schema(value_type = Option<String>)]
    pub pickup_by: Said<String>,
    /// For when it is promised.
    #[serde(default, deserialize_with = "patch::said")]
    #[schema(value_type = Option<String>)]
    pub promised_for: Said<String>,
    /// The address: a JSON object.
    #[serde(default, deserialize_with = "patch::said")]
    #[schema(value_type = Option<Object>)]
    pub address: Said<Map<String, Value>>,
    /// Another location, which takes all of it.
    #[schema(example = "es-002")]
    pub location: Option<String>,
}

/// Tells payments.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentsBody {
    /// The channel of the caller; the order's if left out.
    pub channel: Option<String>,
    /// New payments, and what became of known ones: 1 to 50.
    pub payments: Vec<PaymentBody>,
    /// The till.
    pub till: Option<String>,
    /// The location.
    pub location: Option<String>,
    /// When it happened, if it is told late.
    pub occurred_at: Option<String>,
}

/// Tells refunds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundsBody {
    /// The channel of the caller; the order's if left out.
    pub channel: Option<String>,
    /// New refunds, and what became of known ones: 1 to 50.
    pub refunds: Vec<RefundBody>,
    /// The credit note that is issued in the same step.
    pub receipt: Option<ReceiptOfStepBody>,
    /// The till.
    pub till: Option<String>,
    /// The location.
    pub location: Option<String>,
    /// When it happened, if it is told late.
    pub occurred_at: Option<String>,
}

/// Hands over units of a fulfilment.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOverBody {
    /// The channel of the caller; the order's if left out.
    pub channel: Option<String>,
    /// Only these units. Needs an idempotency key.
    pub lines: Option<Vec<UnitsBody>>,
    /// The code that the customer shows.
    pub pickup_code: Option<String>,
    /// Payments that are told with it.
    #[serde(default)]
    pub payments: Vec<PaymentBody>,
    /// The carrier's tracking number.
    #[schema(example = "1Z-88")]
    pub tracking: Option<String>,
    /// The receipt that is issued in the same step.
    pub receipt: Option<ReceiptOfStepBody>,
    /// The till.
    pub till: Option<String>,
    /// The location.
    pub location: Option<String>,
    /// When it happened, if it is told late.
    pub occurred_at: Option<String>,
}

/// Gives back what is not handed over: all of it, or the lines and charges that are named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCancelBody {
    /// The channel of the caller.
    #[schema(example = "contact-centre")]
    pub channel: String,
    /// Only these units. Needs an idempotency key.
    pub lines: Option<Vec<CancelLineBody>>,
    /// Only these charges, and what of each. Needs an idempotency key.
    #[serde(default)]
    pub charges: Vec<CancelChargeBody>,
    /// Why.
    #[schema(example = "changed her mind")]
    pub reason: Option<String>,
    /// Refunds that are told with it; to the payments, latest first and cash last, if left out.
    #[serde(default)]
    pub refunds: Vec<RefundBody>,
    /// The credit note that is issued in the same step.
    pub receipt: Option<ReceiptOfStepBody>,
    /// The till.
    pub till: Option<String>,
    /// The location.
    pub location: Option<String>,
}

/// Units of a line to cancel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelLineBody {
    /// The line of the order.
    #[schema(example = "1")]
    pub line: String,
    /// Units, at least 1.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// What is left on the shelf, which is counted in the same step: without what is set aside for ready reservations, and
    /// without the units of this line that were found.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub shelf: Option<i64>,
    /// Where the shelf is; may be left out if all units of the line are at one location.
    pub location: Option<String>,
}

/// Units of a line to cancel, and what is left on its shelf.
#[derive(Debug)]
pub struct CancelledLine {
    /// The line and its units.
    pub units: LineQuantity,
    /// What is left on the shelf, and where, if it is named.
    pub shelf: Option<(u32, Option<String>)>,
}

/// What of a charge is cancelled, or comes back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelChargeBody {
    /// The charge.
    #[schema(example = "shipping")]
    pub charge: String,
    /// In minor units.
    #[schema(example = 395)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub amount: i64,
}

/// Reads the units that are handed over.
///
/// # Errors
/// What is wrong with one.
pub fn handed_over(engine: &Engine, lines: Vec<UnitsBody>) -> Result<Vec<SkuQuantity>, Problem> {
    limits::count("lines", lines.len(), 1, LINES_MAX)?;
    let read = |(at, body): (usize, UnitsBody)| {
        let field = |name: &str| format!("lines[{at}].{name}");
        let location = match body.location {
            None => None,
            Some(text) => {
                let id = engine.state().catalogue.locations.id(name(field("location"), &text)?.as_str());
                Some(id.ok_or_else(|| Problem::invalid(&field("location"), "is unknown"))?)
            }
        };
        Ok(SkuQuantity {
            sku: sku_name(field("sku"), &body.sku)?,
            location,
            quantity: quantity(field("quantity"), body.quantity)?,
        })
    };
    lines.into_iter().enumerate().map(read).collect()
}

impl OrderCancelBody {
    /// The units and the charges that are cancelled; all, if neither is named.
    ///
    /// # Errors
    /// What is wrong with one.
    #[allow(clippy::type_complexity, reason = "lines or all, and charges with amounts")]
    pub fn parts(&mut self) -> Result<(Option<Vec<CancelledLine>>, Vec<(Box<str>, u64)>), Problem> {
        let lines = self.lines.take();
        if let Some(lines) = &lines {
            limits::count("lines", lines.len(), 1, LINES_MAX)?;
        }
        let line = |(at, body): (usize, CancelLineBody)| {
            let field = |name: &str| format!("lines[{at}].{name}");
            let line = outside_name(field("line"), &body.line)?.as_str().into();
            let units = LineQuantity { line, quantity: quantity(field("quantity"), body.quantity)?, shelf: None };
            let shelf = match body.shelf {
                Some(left) => {
                    let left = counted(left).map_err(|reason| Problem::invalid(&field("shelf"), reason))?;
                    Some((left.unsigned_abs(), body.location))
                }
                None if body.location.is_some() => {
                    let reason = "is where the shelf is, and is taken only beside shelf; leave it out, or count";
                    return Err(Problem::invalid(&field("location"), reason));
                }
                None => None,
            };
            Ok(CancelledLine { units, shelf })
        };
        let lines = lines.map(|lines| lines.into_iter().enumerate().map(line).collect::<Result<Vec<_>, Problem>>());
        let charges = std::mem::take(&mut self.charges);
        limits::count("charges", charges.len(), 0, CHARGES_MAX)?;
        let charge = |(at, body): (usize, CancelChargeBody)| {
            let field = |name: &str| format!("charges[{at}].{name}");
            let name = outside_name(field("charge"), &body.charge)?.as_str().into();
            Ok((name, limits::amount(field("amount"), body.amount)?))
        };
        let charges: Vec<(Box<str>, u64)> =
            charges.into_iter().enumerate().map(charge).collect::<Result<_, Problem>>()?;
        limits::unique(charges.iter().map(|(name, _)| &**name), |at| format!("charges[{at}].charge"), "charge")?;
        // Charges alone leave the lines as they are.
        let lines = match lines.transpose()? {
            None if !charges.is_empty() => Some(Vec::new()),
            lines => lines,
        };
        Ok((lines, charges))
    }
}

/// Reads the state of a fulfilment.
///
/// # Errors
/// It is none.
pub fn fulfilment_state(text: &str) -> Result<ReservationState, Problem> {
    crate::subjects::reservations::bodies::parse_state(text).map_err(|problem| {
        let (_, reason) = problem.into_field_and_reason();
        Problem::invalid("fulfilment_state", reason)
    })
}

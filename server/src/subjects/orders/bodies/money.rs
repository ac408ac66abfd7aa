//! Charges, payments and refunds of requests.

use std::fmt::Display;

use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::command::{PaymentFields, RefundFields};
use anaquel_engine::orders::payment::{PaymentState, RefundState};
use serde::Deserialize;
use utoipa::ToSchema;

use super::later;
use super::limits::{self, CHARGES_MAX, PAYMENTS_MAX, REFUNDS_MAX};
use crate::http::problem::Problem;
use crate::wire::{name, optional_name, outside_name};

/// A charge, such as shipping.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChargeBody {
    /// Its id within the order.
    #[schema(example = "shipping")]
    pub charge: String,
    /// In minor units of the currency.
    #[schema(example = 395)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub amount: i64,
    /// Its tax class; `standard` if left out.
    #[schema(example = "standard")]
    pub tax_class: Option<String>,
}

/// A charge of a request, validated; its rate depends on the place.
#[derive(Debug, Clone)]
pub struct AskedCharge {
    /// Its id.
    pub name: Box<str>,
    /// In minor units.
    pub amount: u64,
    /// Its tax class.
    pub tax_class: Option<String>,
}

/// Money that came, or what became of it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentBody {
    /// Its id within the order; `p1`, `p2` and on if left out.
    #[schema(example = "1")]
    pub payment: Option<String>,
    /// `cash`, `card`, `bank`, `voucher`, `on_account` or `other`.
    #[schema(example = "card")]
    pub tender: String,
    /// In minor units of the currency.
    #[schema(example = 4390)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub amount: i64,
    /// `authorized`, `captured`, `voided` or `failed`; cash is captured at once, and so is what a sale leaves out.
    #[schema(example = "captured")]
    pub state: Option<String>,
    /// The document of who processed it.
    #[schema(example = "psp-9")]
    pub reference: Option<String>,
    /// Cash that was handed over, before change.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub given: Option<i64>,
    /// Comes with wallets.
    #[serde(default, deserialize_with = "later::wallet")]
    #[schema(ignore)]
    pub wallet: (),
}

/// Money that goes back, or what became of it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundBody {
    /// Its id within the order; `r1`, `r2` and on if left out.
    #[schema(example = "1")]
    pub refund: Option<String>,
    /// `cash`, `card`, `bank`, `voucher`, `on_account` or `other`.
    #[schema(example = "card")]
    pub tender: String,
    /// In minor units of the currency.
    #[schema(example = 395)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub amount: i64,
    /// `pending`, `done` or `failed`; `pending` if left out.
    #[schema(example = "done")]
    pub state: Option<String>,
    /// The payment that it takes back.
    pub payment: Option<String>,
    /// The document of who processed it.
    pub reference: Option<String>,
    /// Comes with wallets.
    #[serde(default, deserialize_with = "later::wallet")]
    #[schema(ignore)]
    pub wallet: (),
}

/// The one of `all` with this name.
///
/// # Errors
/// None has; the refusal lists them.
pub fn one_of<T: Copy>(
    field: impl Display,
    text: &str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<T, Problem> {
    let names = || all.iter().map(|one| as_str(*one)).collect::<Vec<_>>().join(", ");
    let found = all.iter().copied().find(|one| as_str(*one) == text);
    found.ok_or_else(|| Problem::invalid(&field.to_string(), format!("{text:?} is not one of {}", names())))
}

/// Tenders that a caller may tell.
pub const TOLD_TENDERS: [Tender; 6] =
    [Tender::Cash, Tender::Card, Tender::Bank, Tender::Voucher, Tender::OnAccount, Tender::Other];

fn tender(field: impl Display, text: &str) -> Result<Tender, Problem> {
    let refused = match text {
        "wallet" | "points" => "is not taken; this server keeps no wallets and no points",
        "exchange" => "is not told; it stands for goods that come back in the same step",
        _ => return one_of(field, text, &TOLD_TENDERS, Tender::as_str),
    };
    Err(Problem::invalid(&field.to_string(), format!("{text:?} {refused}")))
}

/// Reads charges.
///
/// # Errors
/// There are too many, or one is wrong.
pub fn charges(given: Vec<ChargeBody>) -> Result<Vec<AskedCharge>, Problem> {
    limits::count("charges", given.len(), 0, CHARGES_MAX)?;
    let read = |(at, body): (usize, ChargeBody)| {
        let tax_class = body
            .tax_class
            .map(|text| name(format_args!("charges[{at}].tax_class"), &text).map(|_| text))
            .transpose()?;
        Ok(AskedCharge {
            name: outside_name(format_args!("charges[{at}].charge"), &body.charge)?.as_str().into(),
            amount: limits::amount(format_args!("charges[{at}].amount"), body.amount)?,
            tax_class,
        })
    };
    let read: Vec<AskedCharge> = given.into_iter().enumerate().map(read).collect::<Result<_, Problem>>()?;
    limits::unique(read.iter().map(|one| &*one.name), |at| format!("charges[{at}].charge"), "charge")?;
    Ok(read)
}

/// Reads payments. `unsaid` is the state of money that does not say its own; cash is always captured.
///
/// # Errors
/// There are too many, or one is wrong.
pub fn payments(given: Vec<PaymentBody>, unsaid: Option<PaymentState>) -> Result<Vec<PaymentFields>, Problem> {
    limits::count("payments", given.len(), 0, PAYMENTS_MAX)?;
    let read = |(at, body): (usize, PaymentBody)| {
        let tender = tender(format_args!("payments[{at}].tender"), &body.tender)?;
        let amount = limits::amount(format_args!("payments[{at}].amount"), body.amount)?;
        let said = body.state.as_deref();
        let said = said
            .map(|text| one_of(format_args!("payments[{at}].state"), text, &PaymentState::ALL, PaymentState::as_str));
        let state = match (tender, said.transpose()?) {
            (Tender::Cash, None | Some(PaymentState::Captured)) => PaymentState::Captured,
            (Tender::Cash, Some(_)) => {
                return Err(Problem::invalid(&format!("payments[{at}].state"), "of cash is captured; leave it out"));
            }
            (_, Some(state)) => state,
            (_, None) => unsaid.ok_or_else(|| {
                Problem::invalid(
                    &format!("payments[{at}].state"),
                    "is required: authorized, captured, voided or failed",
                )
            })?,
        };
        let given = body.given.map(|given| limits::amount(format_args!("payments[{at}].given"), given)).transpose()?;
        match given {
            Some(_) if tender != Tender::Cash => {
                return Err(Problem::invalid(&format!("payments[{at}].given"), "is of cash only; leave it out"));
            }
            Some(given) if given < amount => {
                let reason = format!("is less than amount, which is {amount}");
                return Err(Problem::invalid(&format!("payments[{at}].given"), reason));
            }
            _ => {}
        }
        Ok(PaymentFields {
            name: optional_name(format_args!("payments[{at}].payment"), body.payment.as_deref())?,
            tender,
            amount,
            state,
            reference: optional_name(format_args!("payments[{at}].reference"), body.reference.as_deref())?,
            given,
        })
    };
    let read: Vec<PaymentFields> = given.into_iter().enumerate().map(read).collect::<Result<_, Problem>>()?;
    let named = read.iter().enumerate().filter_map(|(at, one)| Some((at, one.name.as_deref()?)));
    let named: Vec<_> = named.collect();
    let at = |nth: usize| format!("payments[{}].payment", named.get(nth).map_or(0, |(at, _)| *at));
    limits::unique(named.iter().map(|(_, name)| *name), at, "payment")?;
    Ok(read)
}

/// Reads refunds.
///
/// # Errors
/// There are too many, or one is wrong.
pub fn refunds(given: Vec<RefundBody>) -> Result<Vec<RefundFields>, Problem> {
    limits::count("refunds", given.len(), 0, REFUNDS_MAX)?;
    let read = |(at, body): (usize, RefundBody)| {
        let said = body.state.as_deref();
        let state = said.map_or(Ok(RefundState::Pending), |text| {
            one_of(format_args!("refunds[{at}].state"), text, &RefundState::ALL, RefundState::as_str)
        })?;
        Ok(RefundFields {
            name: optional_name(format_args!("refunds[{at}].refund"), body.refund.as_deref())?,
            tender: tender(format_args!("refunds[{at}].tender"), &body.tender)?,
            amount: limits::amount(format_args!("refunds[{at}].amount"), body.amount)?,
            state,
            payment: optional_name(format_args!("refunds[{at}].payment"), body.payment.as_deref())?,
            reference: optional_name(format_args!("refunds[{at}].reference"), body.reference.as_deref())?,
        })
    };
    let read: Vec<RefundFields> = given.into_iter().enumerate().map(read).collect::<Result<_, Problem>>()?;
    let named = read.iter().enumerate().filter_map(|(at, one)| Some((at, one.name.as_deref()?)));
    let named: Vec<_> = named.collect();
    let at = |nth: usize| format!("refunds[{}].refund", named.get(nth).map_or(0, |(at, _)| *at));
    limits::unique(named.iter().map(|(_, name)| *name), at, "refund")?;
    Ok(read)
}

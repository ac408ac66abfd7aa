//! A sale: an order that is made, paid and handed over in one step.

use anaquel_engine::ids::Seq;
use anaquel_engine::orders::command::{PaymentFields, ReceiptFields, SelfCheckout};
use anaquel_engine::orders::payment::PaymentState;
use anaquel_engine::prices::list::Currency;
use serde::Deserialize;
use utoipa::ToSchema;

use super::limits::{self, LINES_MAX};
use super::money::{self, AskedCharge, ChargeBody, PaymentBody};
use super::place::{self, AskedCart, AskedLine, LinePlace, OrderLineBody};
use super::receipt::{self, ReceiptOfStepBody};
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::wire::{currency, optional_name};

/// A sale.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaleBody {
    /// The id of its order; made by the server if left out, and then an idempotency key is required.
    #[schema(example = "T-es-001-7-118")]
    pub order: Option<String>,
    /// The channel of the caller.
    #[schema(example = "pos")]
    pub channel: String,
    /// Where the units leave.
    #[schema(example = "es-001")]
    pub location: String,
    /// The till.
    #[schema(example = "7")]
    pub till: Option<String>,
    /// The number that the till printed; unique for location and till.
    #[schema(example = "7-000118")]
    pub till_reference: Option<String>,
    /// The customer.
    pub customer: Option<String>,
    /// The currency of all its amounts.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The cart that it comes from; without lines, its lines are sold.
    pub cart: Option<String>,
    /// The version of the cart that the customer saw; another one is 412.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub cart_version: Option<Seq>,
    /// The token of the cart, for a key that is bound to other channels.
    pub token: Option<String>,
    /// 1 to 100 lines; left out, those of the cart.
    #[serde(default)]
    pub lines: Vec<SaleLineBody>,
    /// Up to 20 charges.
    #[serde(default)]
    pub charges: Vec<ChargeBody>,
    /// Up to 50 payments.
    #[serde(default)]
    pub payments: Vec<PaymentBody>,
    /// Up to 20 codes that the customer gave.
    #[serde(default)]
    pub codes: Vec<String>,
    /// The receipt that is issued in the same step.
    pub receipt: Option<ReceiptOfStepBody>,
    /// When it happened, if it is told late: then with an `order` of its own, and the scope `stock`.
    pub occurred_at: Option<String>,
    /// Whether the till was offline at `occurred_at`: the sale is told late, however soon, and its prices are kept.
    #[serde(default)]
    pub offline: bool,
    /// The total that the customer saw; another total is 409. Not checked if the sale is reported late.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub expected_total: Option<i64>,
    /// Whether only to price it: nothing is written.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether the customer scanned and paid without a till: the answer has an `exit`.
    #[serde(default)]
    pub self_checkout: bool,
}

/// A line of a sale.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaleLineBody {
    /// Its id within the order; `1`, `2` and on if left out.
    #[schema(example = "1")]
    pub line: Option<String>,
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units, at least 1.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// The price of a unit: of an offline till what it asked for; otherwise given by hand, with the scope `refund`.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub unit_amount: Option<i64>,
    /// What is taken off the whole line, as `unit_amount`.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub discount: Option<i64>,
}

/// A sale, validated; its lines have no prices yet.
#[derive(Debug, Clone)]
pub struct AskedSale {
    /// The number that the till printed.
    pub till_reference: Option<Box<str>>,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The currency.
    pub currency: Currency,
    /// The cart.
    pub cart: Option<AskedCart>,
    /// Its lines; none if they are those of the cart.
    pub lines: Vec<AskedLine>,
    /// Its charges.
    pub charges: Vec<AskedCharge>,
    /// Its payments.
    pub payments: Vec<PaymentFields>,
    /// The codes.
    pub codes: Vec<Box<str>>,
    /// The total that the customer saw.
    pub expected_total: Option<u64>,
    /// The receipt that is asked for.
    pub receipt: Option<ReceiptFields>,
    /// What the exit of a self check-out rests on.
    pub self_checkout: Option<SelfCheckout>,
}

impl SaleLineBody {
    /// The line `at` this place of a request.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(self, place: LinePlace, at: usize) -> Result<AskedLine, Problem> {
        let Self { line, sku, quantity, unit_amount, discount } = self;
        let body = OrderLineBody { line, sku, quantity, unit_amount, discount, latest: None };
        place::line(None, place, at, &body)
    }
}

impl SaleBody {
    /// The sale, validated.
    ///
    /// # Errors
    /// What is wrong.
    pub fn read(self) -> Result<AskedSale, Problem> {
        let cart = place::cart(self.cart.as_deref(), self.cart_version, self.token.as_deref())?;
        let least = usize::from(cart.is_none());
        limits::count("lines", self.lines.len(), least, LINES_MAX)?;
        let lines = self.lines.into_iter().enumerate().map(|(at, line)| line.read(LinePlace::Sale(at), at));
        let lines: Vec<_> = lines.collect::<Result<_, Problem>>()?;
        place::unique_lines(lines.iter())?;
        if self.till_reference.is_some() && self.till.is_none() {
            return Err(Problem::invalid("till_reference", "is given without a till; name the till that printed it"));
        }
        Ok(AskedSale {
            till_reference: optional_name("till_reference", self.till_reference.as_deref())?,
            customer: limits::customer(self.customer.as_deref())?,
            currency: Currency(currency::read("currency", &self.currency)?),
            cart,
            lines,
            charges: money::charges(self.charges)?,
            payments: money::payments(self.payments, Some(PaymentState::Captured))?,
            codes: limits::codes(&self.codes)?,
            expected_total: place::expected_total(self.expected_total)?,
            receipt: receipt::of_step(self.receipt)?,
            self_checkout: None,
        })
    }
}

impl AskedSale {
    /// Checks that a caller may give the prices that it gives: by hand, for a sale that is told when it happens.
    ///
    /// # Errors
    /// It may not.
    pub fn may_price(&self, caller: &Caller) -> Result<(), Problem> {
        self.lines.iter().try_for_each(|line| line.may_price(caller))
    }
}

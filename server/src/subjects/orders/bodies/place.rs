//! An order to make, and its fulfilments.

use std::collections::HashMap;
use std::fmt::{self, Display};

use anaquel_engine::Engine;
use anaquel_engine::ids::{Name, Seq, Timestamp};
use anaquel_engine::orders::Source;
use anaquel_engine::orders::command::{PaymentFields, ReceiptFields};
use anaquel_engine::prices::book::PriceTarget;
use anaquel_engine::prices::list::Currency;
use anaquel_engine::reservations::promise::Purpose;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::later;
use super::limits::{self, FULFILMENTS_MAX, LINES_MAX, date};
use super::money::{self, AskedCharge, ChargeBody, PaymentBody};
use super::receipt::{self, ReceiptOfStepBody};
use super::teller::location;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::subjects::carts::bodies::parse_token;
use crate::subjects::reservations::bodies::{TTL_SECONDS_DEFAULT, ttl};
use crate::wire::declared::unknown;
use crate::wire::{currency, name, optional_name, outside_name, quantity, sku_name};

/// An order to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    /// Its id; made by the server if left out, and then an idempotency key is required.
    #[schema(example = "W-1007")]
    pub order: Option<String>,
    /// The channel of the caller.
    #[schema(example = "web")]
    pub channel: String,
    /// The customer.
    #[schema(example = "c-81")]
    pub customer: Option<String>,
    /// The currency of all its amounts.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The cart that it comes from; its lines go into the one fulfilment that has none.
    pub cart: Option<String>,
    /// The version of the cart that the customer saw; another one is 412.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub cart_version: Option<Seq>,
    /// The token of the cart, for a key that is bound to other channels.
    pub token: Option<String>,
    /// The order that this one adds to.
    pub reference: Option<String>,
    /// 1 to 20 fulfilments: what leaves one location, or one group, in one way.
    pub fulfilments: Vec<FulfilmentBody>,
    /// Up to 20 charges, such as shipping.
    #[serde(default)]
    pub charges: Vec<ChargeBody>,
    /// Up to 50 payments.
    #[serde(default)]
    pub payments: Vec<PaymentBody>,
    /// Up to 20 codes that the customer gave.
    #[serde(default)]
    pub codes: Vec<String>,
    /// The total that the customer saw; another total is 409.
    #[schema(example = 4890)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub expected_total: Option<i64>,
    /// The time to live of its holds, 1 to 2,678,400; 900 if left out.
    #[schema(example = 900)]
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub ttl_seconds: Option<i64>,
    /// Whether it is confirmed in the same step.
    #[serde(default)]
    pub confirm: bool,
    /// Whether it is paid when it is handed over; needs the scope `fulfil`.
    #[serde(default)]
    pub pay_at_handover: bool,
    /// Whether it is only priced and planned; nothing is written.
    #[serde(default)]
    pub dry_run: bool,
    /// The receipt that is issued in the same step; with `confirm` only.
    pub receipt: Option<ReceiptOfStepBody>,
    /// The till that the order is told at.
    pub till: Option<String>,
    /// The location that the order is told at.
    pub location: Option<String>,
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::policy")]
    #[schema(ignore)]
    pub policy: (),
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::max_shipments")]
    #[schema(ignore)]
    pub max_shipments: (),
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::destination")]
    #[schema(ignore)]
    pub destination: (),
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::allow_partial")]
    #[schema(ignore)]
    pub allow_partial: (),
    /// Not of an order.
    #[serde(default, deserialize_with = "later::supersedes")]
    #[schema(ignore)]
    pub supersedes: (),
}

/// What leaves one location, or one group, in one way.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FulfilmentBody {
    /// Its id within the order; `1`, `2` and on, in the order of the request, if left out.
    #[schema(example = "a")]
    pub fulfilment: Option<String>,
    /// `pickup`, `delivery` or `carry_out`.
    #[schema(example = "pickup")]
    pub purpose: String,
    /// The location. Give this or `group`.
    #[schema(example = "es-001")]
    pub location: Option<String>,
    /// Any location of this group; `bind` makes the location final later.
    pub group: Option<String>,
    /// Its lines; with a cart, one fulfilment leaves them out.
    #[serde(default)]
    pub lines: Vec<OrderLineBody>,
    /// Inbound units that arrive by this time are accepted, in lines that say nothing else.
    pub latest: Option<String>,
    /// The address: a JSON object.
    pub address: Option<Map<String, Value>>,
    /// When it expires, once it is confirmed, if it is not collected.
    pub pickup_by: Option<String>,
    /// For when it is promised.
    pub promised_for: Option<String>,
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::policy")]
    #[schema(ignore)]
    pub policy: (),
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::max_shipments")]
    #[schema(ignore)]
    pub max_shipments: (),
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::destination")]
    #[schema(ignore)]
    pub destination: (),
    /// Not inside an order.
    #[serde(default, deserialize_with = "later::allow_partial")]
    #[schema(ignore)]
    pub allow_partial: (),
}

/// A line of an order.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLineBody {
    /// Its id within the order; `1`, `2` and on, in the order of the request over all fulfilments, if left out.
    #[schema(example = "1")]
    pub line: Option<String>,
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units, at least 1.
    #[schema(example = 2)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// The price of a unit, given by hand; needs the scope `refund`.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub unit_amount: Option<i64>,
    /// What is taken off the whole line, given by hand; needs the scope `refund`.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    #[schema(value_type = Option<i64>)]
    pub discount: Option<i64>,
    /// Inbound units that arrive by this time are accepted.
    pub latest: Option<String>,
}

/// A line of a request, validated.
#[derive(Debug, Clone)]
pub struct AskedLine {
    /// Its id.
    pub name: Box<str>,
    /// Where it stands in the request.
    pub place: LinePlace,
    /// The SKU.
    pub sku: Name,
    /// Units.
    pub quantity: u32,
    /// Inbound units that arrive by then are accepted.
    pub latest: Option<Timestamp>,
    /// The price of a unit, given by hand.
    pub unit_amount: Option<u64>,
    /// What is taken off, given by hand.
    pub discount: Option<u64>,
}

/// The path of a line in a request; only what is wrong needs it as a text.
#[derive(Debug, Clone, Copy)]
pub enum LinePlace {
    /// A line of a fulfilment.
    Fulfilment(usize, usize),
    /// A line of a sale.
    Sale(usize),
    /// A line of what is bought with a return.
    Exchange(usize),
    /// A line of the cart.
    Cart(usize),
}

impl Display for LinePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fulfilment(fulfilment, line) => write!(f, "fulfilments[{fulfilment}].lines[{line}]"),
            Self::Sale(line) => write!(f, "lines[{line}]"),
            Self::Exchange(line) => write!(f, "exchange.lines[{line}]"),
            Self::Cart(line) => write!(f, "cart.lines[{line}]"),
        }
    }
}

impl AskedLine {
    /// Whether something of its price is given by hand.
    pub fn is_by_hand(&self) -> bool {
        self.unit_amount.is_some() || self.discount.is_some()
    }

    /// Checks that a caller may give the price that it gives by hand.
    ///
    /// # Errors
    /// It may not; the field is named.
    pub fn may_price(&self, caller: &Caller) -> Result<(), Problem> {
        let given = [("unit_amount", self.unit_amount), ("discount", self.discount)];
        for (name, _) in given.into_iter().filter(|(_, value)| value.is_some()) {
            let field = format!("{}.{name}", self.place);
            caller.may(&[Scope::Refund]).map_err(|problem| problem.with("field", field))?;
        }
        Ok(())
    }
}

/// A fulfilment of a request, validated.
#[derive(Debug, Clone)]
pub struct AskedFulfilment {
    /// Its id.
    pub name: Box<str>,
    /// In which way.
    pub purpose: Purpose,
    /// From where.
    pub source: Source,
    /// The same, as prices ask for it.
    pub target: PriceTarget,
    /// Its lines; none if they come from a cart.
    pub lines: Vec<AskedLine>,
    /// Of lines that come from a cart.
    pub latest: Option<Timestamp>,
    /// The address.
    pub address: Option<Box<str>>,
    /// Until when it can be picked up.
    pub pickup_by: Option<Timestamp>,
    /// For when it is promised.
    pub promised_for: Option<Timestamp>,
}

/// The cart of a request.
#[derive(Debug, Clone)]
pub struct AskedCart {
    /// The cart.
    pub name: Name,
    /// The version that the customer saw.
    pub version: Option<Seq>,
    /// Its token.
    pub token: Option<u128>,
}

/// An order to make, validated; its lines have no prices yet.
#[derive(Debug, Clone)]
pub struct AskedOrder {
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The currency.
    pub currency: Currency,
    /// The cart.
    pub cart: Option<AskedCart>,
    /// The order that it adds to.
    pub reference: Option<Box<str>>,
    /// Its fulfilments.
    pub fulfilments: Vec<AskedFulfilment>,
    /// Its charges.
    pub charges: Vec<AskedCharge>,
    /// Its payments.
    pub payments: Vec<PaymentFields>,
    /// The codes.
    pub codes: Vec<Box<str>>,
    /// What the customer was told.
    pub expected_total: Option<u64>,
    /// The time to live of its holds.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether it is paid when it is handed over.
    pub pay_at_handover: bool,
    /// The receipt that is asked for.
    pub receipt: Option<ReceiptFields>,
}

/// Reads the cart of a request.
///
/// # Errors
/// It is no id, or its version or its token comes without it.
pub fn cart(name: Option<&str>, version: Option<Seq>, token: Option<&str>) -> Result<Option<AskedCart>, Problem> {
    let token = token.map(parse_token).transpose()?;
    match (name, version, token) {
        (Some(text), version, token) => Ok(Some(AskedCart { name: outside_name("cart", text)?, version, token })),
        (None, Some(_), _) => Err(Problem::invalid("cart_version", "is given without a cart; name the cart")),
        (None, None, Some(_)) => Err(Problem::invalid("token", "is given without a cart; name the cart")),
        (None, None, None) => Ok(None),
    }
}

/// Reads what an order comes to.
///
/// # Errors
/// It is no amount.
pub fn expected_total(value: Option<i64>) -> Result<Option<u64>, Problem> {
    value.map(|value| limits::amount("expected_total", value)).transpose()
}

/// In which ways a fulfilment of an order leaves.
pub const PURPOSES: [Purpose; 3] = [Purpose::CarryOut, Purpose::Pickup, Purpose::Delivery];

fn purpose(field: impl Display, text: &str) -> Result<Purpose, Problem> {
    money::one_of(field, text, &PURPOSES, Purpose::as_str)
}

/// Reads one line. `nth` is its number in the request, over all fulfilments. `by` gives its price by hand; no one does
/// for a till that was offline, which tells what it asked for.
///
/// # Errors
/// What is wrong with it, or that the caller gives no prices by hand.
pub fn line(by: Option<&Caller>, place: LinePlace, nth: usize, body: &OrderLineBody) -> Result<AskedLine, Problem> {
    let quantity = quantity(format_args!("{place}.quantity"), body.quantity)?;
    let unit_amount = body
        .unit_amount
        .map(|value| limits::unit_amount(format_args!("{place}.unit_amount"), value, quantity))
        .transpose()?;
    let discount = body.discount.map(|value| limits::amount(format_args!("{place}.discount"), value)).transpose()?;
    let line = AskedLine {
        name: limits::part_name(format_args!("{place}.line"), body.line.as_deref(), || (nth + 1).to_string())?,
        sku: sku_name(format_args!("{place}.sku"), &body.sku)?,
        quantity,
        latest: date(format_args!("{place}.latest"), body.latest.as_deref())?,
        unit_amount,
        discount,
        place,
    };
    by.map_or(Ok(()), |caller| line.may_price(caller))?;
    Ok(line)
}

/// Checks the ids of lines, which are unique in their order.
///
/// # Errors
/// One comes twice.
pub fn unique_lines<'a>(lines: impl Iterator<Item = &'a AskedLine>) -> Result<(), Problem> {
    let mut first: HashMap<&str, &AskedLine> = HashMap::new();
    for line in lines {
        if first.insert(&line.name, line).is_some() {
            let reason = format!("{:?} is the id of another line of this order; each needs its own", line.name);
            return Err(Problem::invalid(&format!("{}.line", line.place), reason));
        }
    }
    Ok(())
}

/// Reads fulfilments. `from_cart` is whether one of them gets the lines of a cart.
///
/// # Errors
/// What is wrong with one, or what the caller may not do.
pub fn fulfilments(
    engine: &Engine,
    caller: &Caller,
    given: &[FulfilmentBody],
    from_cart: bool,
) -> Result<Vec<AskedFulfilment>, Problem> {
    limits::count("fulfilments", given.len(), 1, FULFILMENTS_MAX)?;
    let all: usize = given.iter().map(|fulfilment| fulfilment.lines.len()).sum();
    if all > LINES_MAX {
        let reason = format!("have {all} lines; an order has at most {LINES_MAX}");
        return Err(Problem::invalid("fulfilments", reason));
    }
    let mut empty = given.iter().enumerate().filter(|(_, fulfilment)| fulfilment.lines.is_empty());
    let without_lines = match from_cart {
        true => empty.nth(1),
        false => empty.next(),
    };
    if let Some((at, _)) = without_lines {
        let reason = match from_cart {
            true => "is empty, and another fulfilment gets the lines of the cart already; name its lines",
            false => "is empty; name its lines, or a cart that has them",
        };
        return Err(Problem::invalid(&format!("fulfilments[{at}].lines"), reason));
    }
    let mut nth = 0;
    let mut read = Vec::with_capacity(given.len());
    for (at, body) in given.iter().enumerate() {
        read.push(body.read(engine, caller, at, &mut nth)?);
    }
    limits::unique(
        read.iter().map(|one: &AskedFulfilment| &*one.name),
        |at| format!("fulfilments[{at}].fulfilment"),
        "fulfilment",
    )?;
    unique_lines(read.iter().flat_map(|one| &one.lines))?;
    Ok(read)
}

impl FulfilmentBody {
    fn read(&self, engine: &Engine, caller: &Caller, at: usize, nth: &mut usize) -> Result<AskedFulfilment, Problem> {
        let (source, target) = match (&self.location, &self.group) {
            (Some(text), None) => {
                let id = location(engine, caller, format_args!("fulfilments[{at}].location"), text)?;
                (
                    Source::Location(id),
                    PriceTarget::Location(id, name(format_args!("fulfilments[{at}].location"), text)?),
                )
            }
            (None, Some(text)) => {
                name(format_args!("fulfilments[{at}].group"), text)?;
                caller.may_use_location(format_args!("fulfilments[{at}].location"), None)?;
                let id = engine.state().catalogue.groups.id(text);
                let id = id.ok_or_else(|| unknown(format_args!("fulfilments[{at}].group"), text))?;
                (Source::Group(id), PriceTarget::Group(id))
            }
            (None, None) => {
                return Err(Problem::invalid(
                    &format!("fulfilments[{at}].location"),
                    "is required, or a group in its place",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(
                    &format!("fulfilments[{at}].group"),
                    "is given beside location; send one of both",
                ));
            }
        };
        let latest = date(format_args!("fulfilments[{at}].latest"), self.latest.as_deref())?;
        let mut lines = Vec::with_capacity(self.lines.len());
        for (of, body) in self.lines.iter().enumerate() {
            let asked = line(Some(caller), LinePlace::Fulfilment(at, of), *nth, body)?;
            lines.push(AskedLine { latest: asked.latest.or(latest), ..asked });
            *nth += 1;
        }
        let address = self.address.as_ref();
        Ok(AskedFulfilment {
            name: limits::part_name(format_args!("fulfilments[{at}].fulfilment"), self.fulfilment.as_deref(), || {
                (at + 1).to_string()
            })?,
            purpose: purpose(format_args!("fulfilments[{at}].purpose"), &self.purpose)?,
            source,
            target,
            lines,
            latest,
            address: address
                .map(|given| limits::address(format_args!("fulfilments[{at}].address"), given))
                .transpose()?,
            pickup_by: date(format_args!("fulfilments[{at}].pickup_by"), self.pickup_by.as_deref())?,
            promised_for: date(format_args!("fulfilments[{at}].promised_for"), self.promised_for.as_deref())?,
        })
    }
}

impl OrderBody {
    /// The order, validated.
    ///
    /// # Errors
    /// What is wrong, or what the caller may not do.
    pub fn read(self, engine: &Engine, caller: &Caller) -> Result<AskedOrder, Problem> {
        if self.pay_at_handover {
            caller.may(&[Scope::Fulfil]).map_err(|problem| problem.with("field", "pay_at_handover"))?;
        }
        let cart = cart(self.cart.as_deref(), self.cart_version, self.token.as_deref())?;
        if self.receipt.is_some() && !self.confirm {
            return Err(Problem::invalid("receipt", "is issued with confirm; leave it out, or confirm the order"));
        }
        Ok(AskedOrder {
            receipt: receipt::of_step(self.receipt)?,
            customer: limits::customer(self.customer.as_deref())?,
            currency: Currency(currency::read("currency", &self.currency)?),
            reference: optional_name("reference", self.reference.as_deref())?,
            fulfilments: fulfilments(engine, caller, &self.fulfilments, cart.is_some())?,
            cart,
            charges: money::charges(self.charges)?,
            payments: money::payments(self.payments, None)?,
            codes: limits::codes(&self.codes)?,
            expected_total: expected_total(self.expected_total)?,
            ttl_seconds: ttl(self.ttl_seconds.unwrap_or(TTL_SECONDS_DEFAULT))?,
            confirm: self.confirm,
            pay_at_handover: self.pay_at_handover,
        })
    }
}

//! From a request to a command: its lines get their prices, all from one exact read.

use std::borrow::Cow;

use anaquel_engine::Engine;
use anaquel_engine::bounds::Bounds;
use anaquel_engine::carts::line::join_codes;
use anaquel_engine::ids::{Name, Timestamp};
use anaquel_engine::orders::command::{
    ChargeFields, FulfilmentFields, LineFields, LineTerms, Place, Pricing, Sell, StepFields, Teller,
};
use anaquel_engine::orders::pricing::{PricedLine, TaxedCharge};
use anaquel_engine::orders::{Order, Source};
use anaquel_engine::prices::book::PriceTarget;
use anaquel_engine::prices::list::Currency;
use anaquel_engine::prices::row::AMOUNT_MAX;
use anaquel_engine::prices::tax::STANDARD;

use super::bodies::money::AskedCharge;
use super::bodies::place::{AskedCart, AskedFulfilment, AskedLine, AskedOrder, LinePlace};
use super::bodies::sale::AskedSale;
use super::carts::{self, CartContent};
use crate::auth::caller::Caller;
use crate::http::problem::Problem;

/// Rests on no prices yet: they are read when the command is composed.
pub const NO_PRICES: Pricing = Pricing { seq: 0, until: Timestamp(0) };

/// What one command is composed for.
pub struct Request<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// The name of the order.
    pub name: &'a Name,
    /// A digest of the body.
    pub digest: u64,
    /// Where it is told.
    pub teller: &'a Teller,
    /// The caller.
    pub caller: &'a Caller,
}

impl Request<'_> {
    /// Whether the same request made its order already.
    pub fn is_made(&self) -> bool {
        let known = self.engine.state().own.orders.named(self.name.as_str());
        known.is_some_and(|known| known.digest == self.digest)
    }

    /// The content of the cart that an order comes from. An order that is made already is not made from it again.
    fn cart(
        &self,
        asked: Option<&AskedCart>,
        customer: Option<&str>,
        currency: Currency,
    ) -> Result<Option<CartContent>, Problem> {
        let asked = asked.filter(|_| !self.is_made());
        asked.map(|cart| carts::content(self.engine, self.caller, cart, customer, currency)).transpose()
    }
}

/// The codes of a request, and those of its cart.
fn codes(asked: &[Box<str>], cart: Option<&CartContent>) -> Vec<Box<str>> {
    let mut codes = asked.to_vec();
    cart.into_iter().for_each(|cart| join_codes(&mut codes, &cart.codes));
    codes
}

/// Whether prices that a caller gives are by hand, or what a till asked for while it was offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    ByHand,
    Offline,
}

/// A line with its price: what the caller gives counts before what is in force.
fn terms(line: &AskedLine, in_force: LineTerms, given: Given) -> Result<LineTerms, Problem> {
    let field = |name: &str| format!("{}.{name}", line.place);
    let unit_amount = line.unit_amount.or(in_force.unit_amount);
    let discount = line.discount.unwrap_or(in_force.discount);
    let differs = unit_amount != in_force.unit_amount || discount != in_force.discount;
    let amount = unit_amount.unwrap_or(0).checked_mul(line.quantity.into());
    let amount = amount.filter(|amount| *amount <= AMOUNT_MAX).ok_or_else(|| {
        let reason = format!("comes to more than {AMOUNT_MAX} minor units; ask for fewer");
        Problem::invalid(&field("quantity"), reason)
    })?;
    if discount > amount {
        let reason = format!("{discount} is more than the line comes to, which is {amount}");
        return Err(Problem::invalid(&field("discount"), reason));
    }
    Ok(LineTerms {
        unit_amount,
        price_list: in_force.price_list.filter(|_| unit_amount == in_force.unit_amount),
        discount,
        tax_rate: in_force.tax_rate,
        by_hand: given == Given::ByHand && line.is_by_hand(),
        price_differs: given == Given::Offline && differs,
    })
}

/// Fulfilments and charges with prices and rates.
struct PricedParts {
    pricing: Pricing,
    fulfilments: Vec<FulfilmentFields>,
    charges: Vec<ChargeFields>,
}

/// Prices fulfilments and charges at one moment. A charge is owed where the first fulfilment leaves.
fn priced(
    engine: &Engine,
    channel: &Name,
    currency: Currency,
    at: Option<Timestamp>,
    fulfilments: &[AskedFulfilment],
    charges: &[AskedCharge],
) -> Result<PricedParts, Problem> {
    let now = engine.now();
    let lines: Vec<PricedLine> = fulfilments
        .iter()
        .flat_map(|fulfilment| fulfilment.lines.iter().map(move |line| (fulfilment, line)))
        .map(|(fulfilment, line)| PricedLine {
            place: fulfilment.target.clone(),
            sku: line.sku.clone(),
            quantity: line.quantity,
        })
        .collect();
    let owed_at = fulfilments.first().map(|fulfilment| &fulfilment.target);
    let taxed: Vec<TaxedCharge> = owed_at
        .into_iter()
        .flat_map(|place| charges.iter().map(move |charge| (place, charge)))
        .map(|(place, charge)| TaxedCharge {
            place: place.clone(),
            tax_class: charge.tax_class.clone().unwrap_or_else(|| STANDARD.to_owned()),
        })
        .collect();
    let told = engine.state().price_request(channel, currency, (at.unwrap_or(now), now), &lines, &taxed);
    let given = if at.is_some() { Given::Offline } else { Given::ByHand };
    let mut in_force = told.lines.into_iter();
    let mut parts = Vec::with_capacity(fulfilments.len());
    for asked in fulfilments {
        let mut lines = Vec::with_capacity(asked.lines.len());
        for line in &asked.lines {
            let Some(in_force) = in_force.next() else { break };
            lines.push(LineFields {
                name: line.name.clone(),
                sku: line.sku.clone(),
                quantity: line.quantity,
                latest: line.latest,
                terms: terms(line, in_force, given)?,
            });
        }
        parts.push(FulfilmentFields {
            name: asked.name.clone(),
            purpose: asked.purpose,
            source: asked.source,
            lines,
            address: asked.address.clone(),
            pickup_by: asked.pickup_by,
            promised_for: asked.promised_for,
        });
    }
    let charge = |(charge, tax_rate): (&AskedCharge, Option<u32>)| ChargeFields {
        name: charge.name.clone(),
        amount: charge.amount,
        tax_rate,
    };
    let charges = charges.iter().zip(told.charges).map(charge).collect();
    Ok(PricedParts { pricing: told.pricing, fulfilments: parts, charges })
}

/// The lines of a cart, with ids that no line of the request has.
fn lines_of(cart: &CartContent, others: &[AskedFulfilment], latest: Option<Timestamp>) -> Vec<AskedLine> {
    let taken = |name: &str| others.iter().flat_map(|other| &other.lines).any(|line| &*line.name == name);
    let line = |(nth, (name, sku, quantity)): (usize, &(Box<str>, Name, u32))| {
        let mut free = name.clone();
        while taken(&free) {
            free = format!("{free}'").into();
        }
        AskedLine {
            name: free,
            place: LinePlace::Cart(nth),
            sku: sku.clone(),
            quantity: *quantity,
            latest,
            unit_amount: None,
            discount: None,
        }
    };
    cart.lines.iter().enumerate().map(line).collect()
}

/// Fulfilments as they are asked for, some with the lines of a cart.
pub type Parts<'a> = Cow<'a, [AskedFulfilment]>;

/// The command that makes an order, and its fulfilments with the lines of its cart.
///
/// # Errors
/// What is wrong with it.
pub fn place<'a>(of: &Request<'_>, asked: &'a AskedOrder, bounds: &Bounds) -> Result<(Place, Parts<'a>), Problem> {
    let Request { engine, name, digest, teller, .. } = *of;
    let mut fulfilments = Parts::from(&asked.fulfilments);
    let cart = of.cart(asked.cart.as_ref(), asked.customer.as_deref(), asked.currency)?;
    let empty = fulfilments.iter().position(|fulfilment| fulfilment.lines.is_empty());
    if let Some((cart, empty)) = cart.as_ref().zip(empty) {
        let latest = fulfilments.get(empty).and_then(|fulfilment| fulfilment.latest);
        let lines = lines_of(cart, &fulfilments, latest);
        if lines.is_empty() {
            return Err(Problem::invalid("cart", "has no lines; put some in, or name the lines of the order"));
        }
        let all = lines.len() + fulfilments.iter().map(|fulfilment| fulfilment.lines.len()).sum::<usize>();
        super::bodies::limits::count("fulfilments", all, 1, super::bodies::limits::LINES_MAX)?;
        fulfilments.to_mut().iter_mut().skip(empty).take(1).for_each(|fulfilment| fulfilment.lines.clone_from(&lines));
    }
    let parts = priced(engine, &teller.channel, asked.currency, None, &fulfilments, &asked.charges)?;
    let customer = asked.customer.clone().or_else(|| cart.as_ref().and_then(|cart| cart.customer.clone()));
    let place = Place {
        name: name.clone(),
        digest,
        teller: teller.clone(),
        customer,
        currency: asked.currency,
        cart: cart.as_ref().map(|cart| cart.from.clone()),
        reference: asked.reference.clone(),
        fulfilments: parts.fulfilments,
        charges: parts.charges,
        payments: asked.payments.clone(),
        codes: codes(&asked.codes, cart.as_ref()),
        expected_total: asked.expected_total,
        ttl_seconds: asked.ttl_seconds,
        confirm: asked.confirm,
        pay_at_handover: asked.pay_at_handover,
        pricing: parts.pricing,
        bounds: bounds.clone(),
        receipt: asked.receipt.clone(),
    };
    Ok((place, fulfilments))
}

/// The command of a sale.
///
/// # Errors
/// What is wrong with it.
pub fn sell(of: &Request<'_>, asked: &AskedSale) -> Result<Sell, Problem> {
    let Request { engine, name, digest, teller, .. } = *of;
    let Some(location) = teller.location else { return Err(Problem::invalid("location", "is required")) };
    let cart = of.cart(asked.cart.as_ref(), asked.customer.as_deref(), asked.currency)?;
    let mut lines = asked.lines.clone();
    if let Some(cart) = cart.as_ref().filter(|_| lines.is_empty()) {
        lines = lines_of(cart, &[], None);
        super::bodies::limits::count("cart.lines", lines.len(), 1, super::bodies::limits::LINES_MAX)?;
    }
    let target = PriceTarget::Location(location, engine.state().catalogue.locations.name(location).clone());
    let fulfilment = AskedFulfilment {
        name: "1".into(),
        purpose: anaquel_engine::event::Purpose::CarryOut,
        source: Source::Location(location),
        target,
        lines,
        latest: None,
        address: None,
        pickup_by: None,
        promised_for: None,
    };
    let (channel, at) = (&teller.channel, teller.occurred_at);
    let parts = priced(engine, channel, asked.currency, at, std::slice::from_ref(&fulfilment), &asked.charges)?;
    let customer = asked.customer.clone().or_else(|| cart.as_ref().and_then(|cart| cart.customer.clone()));
    Ok(Sell {
        name: name.clone(),
        digest,
        teller: teller.clone(),
        till_reference: asked.till_reference.clone(),
        customer,
        currency: asked.currency,
        cart: cart.as_ref().map(|cart| cart.from.clone()),
        lines: parts.fulfilments.into_iter().flat_map(|fulfilment| fulfilment.lines).collect(),
        charges: parts.charges,
        payments: asked.payments.clone(),
        codes: codes(&asked.codes, cart.as_ref()),
        pricing: at.is_none().then_some(parts.pricing),
        expected_total: asked.expected_total,
        self_checkout: asked.self_checkout,
        receipt: asked.receipt.clone(),
    })
}

/// The step that plans the fulfilments of an order anew.
///
/// # Errors
/// What is wrong with them.
pub fn replan(
    engine: &Engine,
    order: &Order,
    channel: &Name,
    fulfilments: &[AskedFulfilment],
    expected_total: Option<u64>,
    bounds: &Bounds,
) -> Result<StepFields, Problem> {
    let parts = priced(engine, channel, order.currency, None, fulfilments, &[])?;
    Ok(StepFields::Replan {
        fulfilments: parts.fulfilments,
        expected_total,
        pricing: parts.pricing,
        bounds: bounds.clone(),
    })
}

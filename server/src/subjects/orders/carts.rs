//! The cart that an order comes from.

use anaquel_engine::Engine;
use anaquel_engine::carts::Cart;
use anaquel_engine::command::Refusal;
use anaquel_engine::ids::{Name, ReservationId};
use anaquel_engine::orders::command::FromCart;
use anaquel_engine::prices::list::Currency;

use super::bodies::place::AskedCart;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;

/// What an order takes from a cart.
#[derive(Debug, Clone)]
pub struct CartContent {
    /// The cart, at the version that is read.
    pub from: FromCart,
    /// Its customer.
    pub customer: Option<Box<str>>,
    /// Its codes.
    pub codes: Vec<Box<str>>,
    /// Its lines: id, SKU, units.
    pub lines: Vec<(Box<str>, Name, u32)>,
}

/// Whether a caller gets at a cart: it was begun in a channel of theirs, or they name its token or its customer.
fn opens(caller: &Caller, asked: &AskedCart, customer: Option<&str>, cart: &Cart) -> bool {
    if caller.needs_token() {
        return asked.token == Some(cart.token);
    }
    caller.may_use_channel("channel", Some(cart.channel.as_str())).is_ok()
        || asked.token == Some(cart.token)
        || (customer.is_some() && customer == cart.customer.as_ref().map(Name::as_str))
}

/// The content of a cart, at the version that the customer saw if one is named.
///
/// # Errors
/// There is no such cart for this caller, it has another currency, or it changed since it was seen.
pub fn content(
    engine: &Engine,
    caller: &Caller,
    asked: &AskedCart,
    customer: Option<&str>,
    currency: Currency,
) -> Result<CartContent, Problem> {
    let found = engine.state().own.carts.named(asked.name.as_str());
    let found = found.filter(|cart| opens(caller, asked, customer, cart));
    let cart = found.ok_or_else(|| Problem::not_found("cart"))?;
    if cart.currency != currency {
        let reason = format!("is {}, and the cart is in {}", currency.as_str(), cart.currency.as_str());
        return Err(Problem::invalid("currency", reason));
    }
    if asked.version.is_some_and(|version| version != cart.version) {
        return Err(Refusal::StaleVersion { actual: cart.version }.into());
    }
    let skus = &engine.state().catalogue.skus;
    let line =
        |line: &anaquel_engine::carts::line::CartLine| (line.line.clone(), skus.name(line.sku).clone(), line.quantity);
    Ok(CartContent {
        from: FromCart { name: cart.name.clone(), version: cart.version, is_named: asked.version.is_some() },
        customer: cart.customer.as_ref().map(|name| name.as_str().into()),
        codes: cart.codes.clone(),
        lines: cart.lines.iter().map(line).collect(),
    })
}

/// The promises that a cart holds: an order from it takes their place.
pub fn holds(engine: &Engine, cart: Option<&AskedCart>) -> Vec<ReservationId> {
    let cart = cart.and_then(|asked| engine.state().own.carts.named(asked.name.as_str()));
    cart.map(|cart| cart.holds().to_vec()).unwrap_or_default()
}

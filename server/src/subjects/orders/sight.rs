//! Who sees an order, and who may change which part of it.

use anaquel_engine::ids::{LocationId, ReservationId};
use anaquel_engine::orders::{Fulfilment, Order, Source};

use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;

/// Whether all units of a fulfilment are at locations of the caller's.
fn is_own(app: &App, caller: &Caller, fulfilment: &Fulfilment) -> bool {
    if caller.may_use_location("location", None).is_ok() {
        return true;
    }
    let catalogue = &app.engine.state().catalogue;
    let may_use = |location: LocationId| {
        let name = catalogue.locations.name(location);
        caller.may_use_location("location", Some(name.as_str())).is_ok()
    };
    match (fulfilment.source, fulfilment.reservation) {
        (Source::Location(location), _) => may_use(location),
        (Source::Group(_), Some(id)) => has_own_lines(app, id, may_use),
        (Source::Group(_), None) => false,
    }
}

/// Whether all units of a reservation are where `may_use` holds. What is no longer in memory is nobody's.
fn has_own_lines(app: &App, id: ReservationId, may_use: impl Fn(LocationId) -> bool) -> bool {
    let Some(reservation) = app.engine.reservation_in_memory(id) else { return false };
    reservation
        .lines
        .iter()
        .filter(|line| line.outstanding() > 0 || line.collected > 0)
        .all(|line| may_use(line.location))
}

/// Whether an order concerns a caller: for a caller bound to locations, by its fulfilments; for one bound only to channels,
/// by the channel that made it or its cart.
///
/// # Errors
/// `not-found`, with the same text as for an unknown order.
pub fn sees(app: &App, caller: &Caller, order: &Order) -> Result<(), Problem> {
    let Some(principal) = &caller.principal else { return Ok(()) };
    let is_seen = match principal.identity.locations.is_empty() {
        true => [&order.channel, &order.begun_in]
            .into_iter()
            .any(|channel| caller.may_use_channel("channel", Some(channel.as_str())).is_ok()),
        false => order.fulfilments.iter().any(|fulfilment| is_own(app, caller, fulfilment)),
    };
    if is_seen { Ok(()) } else { Err(Problem::not_found("order")) }
}

/// Whether a caller may change fulfilments of an order: all of them, or the one that is named.
///
/// # Errors
/// `forbidden`, naming the first that is elsewhere.
pub fn may_change(app: &App, caller: &Caller, order: &Order, only: Option<&str>) -> Result<(), Problem> {
    let asked = order.fulfilments.iter().filter(|fulfilment| only.is_none_or(|only| &*fulfilment.name == only));
    for fulfilment in asked {
        if !is_own(app, caller, fulfilment) {
            let field = format!("fulfilments.{}", fulfilment.name);
            let problem = caller.may_use_location(&field, None);
            return problem.and_then(|()| Err(Problem::not_found("fulfilment")));
        }
    }
    Ok(())
}

/// Whether a caller sees the secrets of an order: its pickup codes, in the one record.
pub fn sees_codes(caller: &Caller, order: &Order) -> bool {
    caller.may(&[Scope::Sell]).is_ok() && caller.may_use_channel("channel", Some(order.channel.as_str())).is_ok()
}

/// Whether a caller sees the address of a fulfilment: who sells, and who hands over there.
pub fn sees_address(app: &App, caller: &Caller, fulfilment: &Fulfilment) -> bool {
    caller.may(&[Scope::Sell]).is_ok() || is_own(app, caller, fulfilment)
}

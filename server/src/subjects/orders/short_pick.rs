//! A short pick: units of an order that were not found are cancelled, and their shelf is counted, in one step.

use anaquel_engine::ids::{LocationId, ReservationId};
use anaquel_engine::orders::command::{LineQuantity, Shelf};
use anaquel_engine::orders::{Order, Source};

use super::bodies::steps::{CancelledLine, OrderCancelBody};
use super::sight;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::wire::known_location;

/// Whether a cancel is nothing but a short pick: each line counts its shelf, and no money is told. Who hands over may do so.
pub fn is_one(lines: Option<&[CancelledLine]>, body: &OrderCancelBody) -> bool {
    let counts_all = lines.is_some_and(|lines| !lines.is_empty() && lines.iter().all(|line| line.shelf.is_some()));
    counts_all && body.charges.is_empty() && body.refunds.is_empty() && body.receipt.is_none()
}

/// Whether a caller may cancel: all of an order or, of a short pick, the fulfilments of its lines.
///
/// # Errors
/// `forbidden`, naming the first fulfilment that is elsewhere.
pub fn may_cancel(
    app: &App,
    caller: &Caller,
    order: &Order,
    short_pick: Option<&[CancelledLine]>,
) -> Result<(), Problem> {
    let Some(lines) = short_pick else { return sight::may_change(app, caller, order, None) };
    for line in lines {
        for (fulfilment, _) in parts_of(order, &line.units.line) {
            sight::may_change(app, caller, order, Some(fulfilment))?;
        }
    }
    Ok(())
}

/// The fulfilments of a line, and their reservations.
fn parts_of<'a>(order: &'a Order, line: &str) -> impl Iterator<Item = (&'a str, Option<ReservationId>)> + use<'a> {
    let number = order.lines.iter().position(|known| &*known.name == line);
    let of_line = move |one: &&anaquel_engine::orders::Fulfilment| {
        one.lines.iter().any(|part| Some(usize::from(part.line)) == number)
    };
    order.fulfilments.iter().filter(of_line).map(|one| (&*one.name, one.reservation))
}

/// The lines with their shelves: where each is, and what is set aside there.
///
/// # Errors
/// A line is at no location, or at several, and none of them is named.
pub fn with_shelves(
    app: &App,
    caller: &Caller,
    order: &Order,
    lines: Vec<CancelledLine>,
) -> Result<Vec<LineQuantity>, Problem> {
    let read = |(at, line): (usize, CancelledLine)| {
        let CancelledLine { units, shelf } = line;
        let Some((left, named)) = shelf else { return Ok(units) };
        let location = location(app, order, at, &units.line, named.as_deref())?;
        let name = app.engine.state().catalogue.locations.name(location);
        caller.may_use_location(format!("lines[{at}].location"), Some(name.as_str()))?;
        let put_aside = put_aside(app, order, &units.line, location);
        Ok(LineQuantity { shelf: Some(Shelf { location, left, put_aside }), ..units })
    };
    lines.into_iter().enumerate().map(read).collect()
}

fn location(app: &App, order: &Order, at: usize, line: &str, named: Option<&str>) -> Result<LocationId, Problem> {
    let invalid = |field: &str, reason: &str| Problem::invalid(&format!("lines[{at}].{field}"), reason);
    let sku = order.lines.iter().find(|known| &*known.name == line).map(|known| known.sku);
    let mut places: Vec<LocationId> = Vec::new();
    for (name, reservation) in parts_of(order, line) {
        let source = order.fulfilment(name).map(|(_, one)| one.source);
        match (source, reservation.and_then(|id| app.engine.reservation_in_memory(id))) {
            (Some(Source::Location(location)), _) => places.push(location),
            (_, Some(reservation)) => {
                let here = reservation.lines.iter().filter(|one| Some(one.sku) == sku && one.outstanding() > 0);
                places.extend(here.filter(|one| one.unallocated().is_none()).map(|one| one.location));
            }
            _ => {}
        }
    }
    places.sort_unstable();
    places.dedup();
    match (named, places.as_slice()) {
        (Some(text), _) => {
            let location = known_location(&app.engine.state().catalogue, text)?;
            match places.contains(&location) {
                true => Ok(location),
                false => Err(invalid("location", "is no location of this line")),
            }
        }
        (None, [only]) => Ok(*only),
        (None, []) => Err(invalid("line", "is not a line with a location; bind its fulfilment first")),
        (None, _) => Err(invalid("location", "is missing: units of the line are at several locations; name one")),
    }
}

/// Units of the SKU that are set aside there for reservations of others.
fn put_aside(app: &App, order: &Order, line: &str, location: LocationId) -> u32 {
    let Some(sku) = order.lines.iter().find(|known| &*known.name == line).map(|known| known.sku) else { return 0 };
    let own: Vec<ReservationId> = order.fulfilments.iter().filter_map(|one| one.reservation).collect();
    app.engine.state().put_aside(sku, location, None, &own)
}

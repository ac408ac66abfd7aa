//! Steps that are asked of a reservation and count for its order: `ready`, `collect` and `bind`.

use std::sync::Arc;

use anaquel_engine::command::StepRequest;
use anaquel_engine::ids::{Name, ReservationId};
use anaquel_engine::orders::Order;
use anaquel_engine::orders::command::{Binding, SkuQuantity, StepFields};
use anaquel_engine::reservation::{Reservation, ReservationState};
use anaquel_engine::reservations::parent::ParentKind;

use super::act::{CodeStep, code_step};
use super::bodies::teller::Told;
use super::parts;
use crate::app::App;
use crate::archived;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;

/// A reservation after a step of its order.
pub struct StepOfPart {
    /// The reservation.
    pub reservation: Arc<Reservation>,
    /// Whether the caller made the pickup code that it has.
    pub makes_code: bool,
    /// Whether it was done before.
    pub replayed: bool,
}

/// The name of the order that a reservation is a fulfilment of.
fn parent_of(app: &App, id: ReservationId) -> Option<Name> {
    let reservation = app.engine.reservation_in_memory(id)?;
    let parent = reservation.parent.as_deref().filter(|parent| parent.kind == ParentKind::Order)?;
    Some(parent.name.clone())
}

/// The order that a reservation is a fulfilment of, with the id of the fulfilment.
fn order_of(app: &App, id: ReservationId) -> Option<(Arc<Order>, usize)> {
    let order = app.engine.state().own.orders.named(parent_of(app, id)?.as_str())?;
    let at = order.fulfilments.iter().position(|fulfilment| fulfilment.reservation == Some(id))?;
    Some((order, at))
}

/// Takes the order of a reservation one step further, if it has one and `request` is a step that counts for it.
///
/// # Errors
/// Why the step is refused.
pub async fn step_of_part(
    app: &App,
    caller: &Caller,
    id: ReservationId,
    request: &StepRequest,
) -> Result<Option<StepOfPart>, Problem> {
    let counts = matches!(request, StepRequest::Ready { .. } | StepRequest::Collect { .. } | StepRequest::Bind { .. });
    if counts && let Some(parent) = parent_of(app, id) {
        archived::bring(app, caller.who, &archived::of_order(&parent)).await?;
    }
    let Some((order, at)) = counts.then(|| order_of(app, id)).flatten() else { return Ok(None) };
    let Some(fulfilment) = order.fulfilments.get(at) else { return Ok(None) };
    let name = fulfilment.name.clone();
    let skus = &app.engine.state().catalogue.skus;
    let fields = match request {
        StepRequest::Ready { entropy } => StepFields::Ready { fulfilment: name, entropy: *entropy },
        StepRequest::Bind { lines } => StepFields::Bind {
            fulfilment: name,
            lines: lines.as_ref().map(|lines| lines.iter().copied().map(Binding).collect()),
        },
        StepRequest::Collect { lines, pickup_code } => StepFields::Collect {
            fulfilment: name,
            lines: lines.as_ref().map(|lines| {
                let units = lines.iter().map(|line| SkuQuantity {
                    sku: skus.name(line.sku).clone(),
                    location: line.location,
                    quantity: line.quantity,
                });
                units.collect()
            }),
            pickup_code: pickup_code.clone(),
            payments: Vec::new(),
            tracking: None,
            receipt: None,
        },
        _ => return Ok(None),
    };
    let asked = CodeStep { order: &order, reservation: Some(id), told: Told::default(), fields };
    let (decided, makes_code) = code_step(app, caller, asked).await.map_err(|problem| match problem.slug() {
        // Money is told to the order, not to its reservation.
        "unbalanced" => money_is_due(app, &order, id),
        _ => problem,
    })?;
    let all = match decided.replayed {
        true => parts::as_of(app, caller, &decided.order).await?,
        false => parts::now(app, &decided.order),
    };
    let reservation = all.into_iter().nth(at).flatten().ok_or_else(|| Problem::not_found("reservation"))?;
    Ok(Some(StepOfPart { reservation, makes_code, replayed: decided.replayed }))
}

fn money_is_due(app: &App, order: &Order, id: ReservationId) -> Problem {
    let (name, due) = (order.name.as_str(), order.due());
    let detail = format!("{due} is due for the order {name}; tell the payment in its own step, POST …/collect");
    let state = app.engine.reservation_in_memory(id).map_or(ReservationState::Confirmed, |known| known.state);
    Problem::wrong_state(state, detail).with("order", name)
}

//! Planning the fulfilments of an open order anew: what stays keeps its price, what both plans hold is never free in between.

use super::place::{Holds, add_lines, check_prices, promise};
use super::step::{OrderChange, in_state, open_parts, origin_of};
use crate::decide::{Decide, Decision};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::kernel::money::part;
use crate::orders::command::{FulfilmentFields, LineFields, LineTerms, Pricing, Teller};
use crate::orders::event::{PartStep, parent_of};
use crate::orders::line::OrderLine;
use crate::orders::order::{Order, OrderState};
use crate::orders::step_kind::StepKind;
use crate::reservations::bounds::Bounds;

/// What is asked of a new plan.
pub(super) struct Replan {
    pub fulfilments: Vec<FulfilmentFields>,
    pub expected_total: Option<u64>,
    pub pricing: Pricing,
    pub bounds: Bounds,
}

/// Plans an open order anew.
pub(super) fn replan(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    asked: Replan,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    if order.state != OrderState::Open {
        return Err(in_state(&order));
    }
    let origin = origin_of(cx, by, cause)?;
    let former = std::mem::take(&mut order.lines);
    let fulfilments: Vec<_> = asked.fulfilments.into_iter().map(|one| keep_prices(cx, &former, one)).collect();
    let held = open_parts(cx, &order);
    order.fulfilments.clear();
    let skus = add_lines(cx, &mut order, &fulfilments)?;
    check_prices(cx, &order, &fulfilments, asked.pricing, &skus, asked.expected_total)?;
    let holds = Holds {
        ttl_seconds: 0,
        confirm: false,
        bounds: asked.bounds,
        supersedes: held.iter().map(|(_, id)| *id).collect::<Few<_>>(),
        replaces_parts_of: vec![parent_of(order.id, &order.name)],
    };
    let mut promised = promise(cx, &order, &fulfilments, holds, cause)?;
    // The holds run out when the order does.
    if let Some(expires_at) = order.expires_at {
        promised.iter_mut().for_each(|one| one.arranged.promised.reserved.expires_at = expires_at);
    }
    order.priced_at = asked.pricing.seq;
    let mut change = OrderChange::of(order, StepKind::Replanned, origin);
    change.parts = promised.into_iter().map(PartStep::Promised).collect();
    change.log(cx, cause)
}

/// Gives the lines of a plan the prices that they had, up to their former quantity; what is added becomes a line of its own.
fn keep_prices(cx: &Decide<'_>, former: &[OrderLine], fulfilment: FulfilmentFields) -> FulfilmentFields {
    let mut lines = Vec::with_capacity(fulfilment.lines.len());
    for asked in fulfilment.lines {
        let known = former.iter().find(|line| line.name == asked.name);
        let known = known.filter(|line| cx.draft.known_sku(&asked.sku) == Some(line.sku));
        let Some(known) = known else {
            lines.push(asked);
            continue;
        };
        let kept = asked.quantity.min(known.quantity);
        let terms = LineTerms {
            unit_amount: Some(known.unit_amount),
            price_list: known.price_list.clone(),
            // The worth of the units that stay, by the line as it was.
            discount: (known.unit_amount * u64::from(kept)).saturating_sub(part(known.amount(), kept, known.quantity)),
            tax_rate: known.tax_rate,
            by_hand: known.by_hand,
            price_differs: known.price_differs,
        };
        let added = asked.quantity - kept;
        lines.push(LineFields { quantity: kept, terms, ..asked.clone() });
        if added > 0 {
            let name = format!("{}+{added}", asked.name).into();
            lines.push(LineFields { name, quantity: added, ..asked });
        }
    }
    FulfilmentFields { lines, ..fulfilment }
}

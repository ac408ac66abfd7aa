//! The exit of a self check-out: begun with the sale, and passed once.

use std::collections::BTreeMap;

use super::step::{OrderChange, origin_of};
use crate::decide::{Decide, Decision};
use crate::ids::{Name, SkuId, crockford};
use crate::kernel::cause::Cause;
use crate::orders::command::{SelfCheckout, Teller};
use crate::orders::exit::{Exit, ExitState, reason};
use crate::orders::order::Order;
use crate::orders::step_kind::StepKind;
use crate::refusal::Refusal;

/// The digits of a code.
const CODE_DIGITS: u32 = 8;

/// Begins the exit of a sale.
pub(super) fn begin(cx: &Decide<'_>, asked: &SelfCheckout, customer: Option<&str>) -> Exit {
    let left = customer.and_then(|customer| cx.draft.own.orders.audits_left(cx.state, customer));
    Exit {
        code: crockford(asked.entropy, CODE_DIGITS).into(),
        reason: reason(left, customer.is_some(), asked.is_sampled),
        state: ExitState::Open,
        actor: None,
    }
}

/// What is said at an exit.
pub(super) struct AtExit {
    pub code: String,
    pub checked: Option<Vec<(Name, u32)>>,
    pub actor: Option<Box<str>>,
}

/// Decides an exit: the customer passes, or is stopped where the bag is not what was paid.
pub(super) fn exit(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    asked: AtExit,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let Some(known) = &order.exit else { return Err(Refusal::NotFound("exit of a self check-out").into()) };
    if !known.has_code(&asked.code) {
        return Err(Refusal::WrongExitCode.into());
    }
    if known.state != ExitState::Open {
        let (name, state) = (order.name.clone(), known.state.as_str());
        return Err(Refusal::InState { kind: "exit of order", name, state }.into());
    }
    let is_right = match &asked.checked {
        None => true,
        Some(checked) => bag_of(cx, checked)? == paid_for(&order),
    };
    let origin = origin_of(cx, by, cause)?;
    if let Some(exit) = &mut order.exit {
        exit.state = if is_right { ExitState::Passed } else { ExitState::Stopped };
        exit.actor = asked.actor;
    }
    OrderChange::of(order, StepKind::Exited, origin).log(cx, cause)
}

/// The units in a bag.
fn bag_of(cx: &Decide<'_>, checked: &[(Name, u32)]) -> Result<BTreeMap<SkuId, u64>, crate::refusal::Failure> {
    let mut bag = BTreeMap::new();
    for (at, (name, units)) in checked.iter().enumerate() {
        let sku = cx.draft.known_sku(name);
        let sku = sku.ok_or_else(|| Refusal::invalid(format!("checked[{at}].sku"), format!("{name} is unknown")))?;
        *bag.entry(sku).or_default() += u64::from(*units);
    }
    Ok(bag)
}

/// The units that an order paid for.
fn paid_for(order: &Order) -> BTreeMap<SkuId, u64> {
    let mut paid = BTreeMap::new();
    for line in &order.lines {
        *paid.entry(line.sku).or_default() += u64::from(line.quantity - line.cancelled);
    }
    paid
}

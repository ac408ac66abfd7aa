//! Audits the exits of self check-outs, from the events alone: each passes once, and the bags are looked into that must be.

use std::collections::BTreeMap;

use super::event::Stepped;
use super::exit::{AuditReason, ExitState};
use super::step_kind::StepKind;

/// Audits the exit in a record. `left` has the bags of each customer that are still to be looked into, and `before` the
/// state of the exit, if the order is known.
///
/// # Errors
/// The violation.
pub(super) fn check(
    left: &mut BTreeMap<Box<str>, u8>,
    before: Option<Option<ExitState>>,
    stepped: &Stepped,
) -> Result<(), String> {
    let exit = stepped.order.exit.as_deref();
    let now = exit.map(|exit| exit.state);
    let is_right = match before {
        None => now.is_none() || (now == Some(ExitState::Open) && stepped.kind == StepKind::Sold),
        Some(before) if stepped.kind == StepKind::Exited => {
            before == Some(ExitState::Open) && matches!(now, Some(ExitState::Passed | ExitState::Stopped))
        }
        Some(before) => before == now,
    };
    if !is_right {
        return Err(format!("an exit was {before:?}, and is {now:?} after {}", stepped.kind.as_str()));
    }
    let Some(exit) = exit else { return Ok(()) };
    let customer = stepped.order.customer.as_ref();
    if stepped.kind == StepKind::Sold {
        let must = match customer.map(|customer| left.get(customer)) {
            Some(None) => Some(AuditReason::First),
            Some(Some(1..)) => Some(AuditReason::Mismatch),
            Some(Some(0)) | None => exit.reason.filter(|reason| *reason == AuditReason::Sample),
        };
        if exit.reason != must {
            return Err(format!("a bag is looked into for {:?}, and must be for {must:?}", exit.reason));
        }
    }
    let Some(customer) = customer else { return Ok(()) };
    let of = left.entry(customer.clone()).or_default();
    if stepped.kind == StepKind::Sold {
        *of = of.saturating_sub(1);
    }
    if stepped.kind == StepKind::Exited && exit.state == ExitState::Stopped {
        *of = 3;
    }
    Ok(())
}

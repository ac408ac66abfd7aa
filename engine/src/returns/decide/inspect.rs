//! Booking what became of goods that somebody looked at: from quarantine to the shelf, or written off.

use super::record::Change;
use super::step::{find, in_state};
use crate::decide::{Decide, Decision, left};
use crate::ids::{LocationId, SkuId};
use crate::kernel::cause::Cause;
use crate::orders::decide::origin_of_own;
use crate::refusal::{Failure, Refusal};
use crate::returns::command::Inspect;
use crate::returns::returned::{ReturnState, StepKind};
use crate::stock::decide::{ToldMovement, move_cell};
use crate::stock::movement::{Moved, MovementKind};

/// Books what became of goods that somebody looked at.
pub(super) fn inspect(cx: &mut Decide<'_>, asked: Inspect, cause: &mut Option<Box<Cause>>) -> Decision {
    let mut returned = find(cx, &asked.name)?;
    let location = match (returned.state, returned.location) {
        (ReturnState::Received, Some(location)) => location,
        _ => return Err(in_state(&returned)),
    };
    let origin = origin_of_own(cx, &asked.teller)?;
    let told_at = origin.late(cx.draft.now);
    let quarantine = cx.draft.quarantine_at(location).ok_or_else(|| left::locations("location"))?;
    let mut moved = Vec::new();
    for (at, seen) in asked.lines.iter().enumerate() {
        let mut left = seen.quantity;
        let of_line = returned.lines.iter_mut().filter(|line| line.name == seen.line);
        let mut units: Vec<(SkuId, u32)> = Vec::new();
        let mut all = 0_u64;
        for line in of_line {
            let here = left.min(line.to_inspect());
            all += u64::from(line.to_inspect());
            if here == 0 {
                continue;
            }
            left -= here;
            match seen.is_sellable {
                true => line.found_sellable += here,
                false => line.found_damaged += here,
            }
            units.push((line.sku, here));
        }
        if left > 0 {
            let reason = format!("is more than the {all} units of this line that somebody has to look at");
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
        for (sku, units) in units {
            if !cx.state.catalogue.is_tracked(sku) {
                continue;
            }
            let mut step = |place: LocationId, kind: MovementKind, change: i64| -> Result<Moved, Failure> {
                let reference = Some(returned.name.to_string());
                let reported = ToldMovement { kind, change, told_at, reference, supply: None, unplanned: false };
                move_cell(cx, (sku, place), reported, &mut Vec::new(), &|field| format!("lines[{at}].{field}"))
            };
            let out = if seen.is_sellable { MovementKind::Adjustment } else { MovementKind::Damage };
            moved.push(step(quarantine, out, -i64::from(units))?);
            if seen.is_sellable {
                moved.push(step(location, MovementKind::Adjustment, units.into())?);
            }
        }
    }
    let mut change = Change::of(returned, StepKind::Inspected, origin);
    change.moved = moved;
    change.log(cx, cause)
}

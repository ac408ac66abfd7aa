//! Decides returns: each step is one record, with the step of the order, the stock, and what is taken in exchange.

mod announce;
mod came;
mod inspect;
mod money;
mod receive;
pub(super) mod record;
mod step;

use super::command::{Cancel, Command};
use super::returned::{ReturnState, StepKind};
use crate::decide::{Decide, Decision};
use crate::kernel::cause::Cause;
use crate::orders::decide::origin_of_own;
use crate::orders::payment::Origin;
use crate::refusal::Refusal;
use record::Change;
use step::{find, in_state, tell_as_is};

/// Announced returns that expire in one batch.
const EXPIRIES_PER_BATCH: usize = 256;

/// Decides a command of returns.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::TakeBack(asked) => announce::take_back(cx, *asked, cause),
        Command::Receive(asked) => receive::receive(cx, *asked, cause),
        Command::Inspect(asked) => inspect::inspect(cx, *asked, cause),
        Command::Refunds(asked) => money::refunds(cx, *asked, cause),
        Command::Cancel(asked) => cancel(cx, *asked, cause),
        Command::After(seen, command) => {
            // It, or its order, may have left since its caller looked.
            if cx.state.own.archive.last() > seen && is_missing(cx, &command) {
                return Err(Refusal::ArchiveMoved.into());
            }
            decide(cx, *command, cause)
        }
    }
}

/// Whether memory lacks something that a command names.
fn is_missing(cx: &Decide<'_>, command: &Command) -> bool {
    let known = cx.draft.own.returns.named(cx.state, command.name().as_str());
    known.is_none_or(|returned| {
        returned.order.is_some_and(|order| cx.draft.own.orders.named(cx.state, &order).is_none())
    })
}

fn cancel(cx: &mut Decide<'_>, asked: Cancel, cause: &mut Option<Box<Cause>>) -> Decision {
    let mut returned = find(cx, &asked.name)?;
    match returned.state {
        ReturnState::Announced => {}
        ReturnState::Cancelled => return tell_as_is(cx, returned, cause),
        ReturnState::Received | ReturnState::Settled => return Err(in_state(&returned)),
    }
    let origin = origin_of_own(cx, &asked.teller)?;
    returned.state = ReturnState::Cancelled;
    returned.expires_at = None;
    let mut change = Change::of(returned, StepKind::Cancelled, origin);
    change.reason = asked.reason;
    change.log(cx, cause)
}

/// Cancels announced returns whose goods did not come.
pub(crate) fn expire(cx: &mut Decide<'_>, settle: impl Fn(&mut Decide<'_>)) {
    let now = cx.draft.now;
    if cx.state.own.returns.next_due().is_none_or(|due| due > now) {
        return;
    }
    for id in cx.state.own.returns.due(now, EXPIRIES_PER_BATCH) {
        let Some(mut returned) = cx.draft.own.returns.get(cx.state, id) else { continue };
        if returned.state != ReturnState::Announced {
            continue;
        }
        returned.state = ReturnState::Cancelled;
        returned.expires_at = None;
        let origin = Origin {
            channel: returned.channel.clone(),
            location: None,
            till: None,
            occurred_at: now,
            business_date: (now.0 / 86_400_000) as i32,
        };
        let logged = Change::of(returned, StepKind::Expired, origin).log(cx, &mut None);
        debug_assert!(logged.is_ok(), "an expiry is never refused");
        settle(cx);
    }
}

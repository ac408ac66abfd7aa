//! Decides orders: each step is one record, with its effects on promises and stock.

mod cancel;
mod confirm;
mod coverage;
mod document;
mod exit;
mod expire;
mod fulfil;
mod money;
mod place;
mod record;
mod replan;
mod sell;
pub(super) mod step;

use super::command::{Command, StepFields};
use crate::decide::{Decide, Decision};
use crate::kernel::cause::Cause;
use crate::refusal::Refusal;

pub(crate) use coverage::{BroughtBack, Coverage};
pub(crate) use expire::expire_part;
pub(crate) use money::{RefundBounds, refunds_told};
pub(crate) use sell::sold;
pub(crate) use step::{OrderChange, origin_of, origin_of_own};

/// Decides a command of orders.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    let step = match command {
        Command::Place(place) => return place::place(cx, *place, cause),
        Command::Sell(sell) => return sell::sell(cx, *sell, cause),
        Command::Step(step) => *step,
        Command::After(seen, command) => {
            // It may have left since its caller looked.
            let may_be_archived = cx.state.own.archive.last() > seen;
            if may_be_archived && cx.draft.own.orders.named(cx.state, command.order()).is_none() {
                return Err(Refusal::ArchiveMoved.into());
            }
            return decide(cx, *command, cause);
        }
    };
    let order = step::find(cx, &step.order)?;
    let by = step.teller;
    match step.what {
        StepFields::Confirm { payments, pay_at_handover, pickup_by, receipt } => {
            let asked = confirm::Confirm { payments, pay_at_handover, pickup_by, receipt };
            confirm::confirm(cx, order, &by, asked, cause)
        }
        StepFields::Extend { ttl_seconds } => confirm::extend(cx, order, &by, ttl_seconds, cause),
        StepFields::Replan { fulfilments, expected_total, pricing, bounds } => {
            let asked = replan::Replan { fulfilments, expected_total, pricing, bounds };
            replan::replan(cx, order, &by, asked, cause)
        }
        StepFields::SetFulfilment { fulfilment, pickup_by, promised_for, address, location } => {
            let asked = fulfil::SetFulfilment { pickup_by, promised_for, address, location };
            fulfil::set(cx, order, &by, &fulfilment, asked, cause)
        }
        StepFields::Payments(payments) => money::pay(cx, order, &by, payments, cause),
        StepFields::Refunds(refunds, receipt) => money::refund(cx, order, &by, refunds, receipt, cause),
        StepFields::Receipt { fulfilment, receipt } => money::receipt(cx, order, &by, fulfilment, receipt, cause),
        StepFields::Ready { fulfilment, entropy } => fulfil::ready(cx, order, &by, &fulfilment, entropy, cause),
        StepFields::Bind { fulfilment, lines } => fulfil::bind(cx, order, &by, &fulfilment, lines, cause),
        StepFields::Collect { fulfilment, lines, pickup_code, payments, tracking, receipt } => {
            let asked = fulfil::Collect { lines, pickup_code, payments, tracking, receipt };
            fulfil::collect(cx, order, &by, &fulfilment, asked, cause)
        }
        StepFields::Exit { code, checked, actor } => {
            exit::exit(cx, order, &by, exit::AtExit { code, checked, actor }, cause)
        }
        StepFields::Cancel { lines, charges, refunds, reason, receipt } => {
            let asked = cancel::Cancel { lines, charges, refunds, reason, receipt };
            cancel::cancel(cx, order, &by, asked, cause)
        }
    }
}

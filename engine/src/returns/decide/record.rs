//! The record of a step of a return.

use std::sync::Arc;

use super::step::in_exchange;
use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision};
use crate::kernel::cause::Cause;
use crate::orders::SaleRow;
use crate::orders::decide::OrderChange;
use crate::orders::payment::Origin;
use crate::receipts::receipt::Issued;
use crate::refusal::Failure;
use crate::returns::event::{Event, Stepped};
use crate::returns::returned::{Flag, Happened, Return, ReturnId, StepKind};
use crate::stock::movement::Moved;

/// A step of a return, as far as it is decided.
pub(in crate::returns) struct Change {
    pub returned: Return,
    pub kind: StepKind,
    /// The step of its order.
    pub order: Option<OrderChange>,
    /// The sale that is taken in exchange.
    pub exchange: Option<OrderChange>,
    /// Units that belong to no known sale, or that somebody looked at.
    pub moved: Vec<Moved>,
    /// Rows of the ledger for units that belong to no known sale; their place is known when they are logged.
    pub rows: Vec<SaleRow>,
    pub origin: Origin,
    pub reason: Option<Box<str>>,
}

impl Change {
    /// A step that changes nothing yet.
    pub fn of(returned: Return, kind: StepKind, origin: Origin) -> Self {
        let (order, exchange, moved, rows) = (None, None, Vec::new(), Vec::new());
        Self { returned, kind, order, exchange, moved, rows, origin, reason: None }
    }

    /// Issues the receipts that it asks for: the credit note first, then that of the exchange.
    fn issue(&mut self, cx: &mut Decide<'_>) -> Result<(), Failure> {
        let mut issued: Vec<Arc<Issued>> = Vec::new();
        if let Some(order) = &mut self.order {
            if !order.issue_or_miss(cx, 0, &[])? {
                self.returned.flags.push(Flag::ReceiptMissing);
            }
            issued.clone_from(&order.receipts);
            self.returned.receipts.extend(issued.iter().map(|issued| issued.id.clone()));
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.issue(cx, 0, &issued).map_err(in_exchange)?;
        }
        Ok(())
    }

    /// Logs the step as one record.
    ///
    /// # Errors
    /// A receipt cannot be issued.
    pub fn log(mut self, cx: &mut Decide<'_>, cause: &mut Option<Box<Cause>>) -> Decision {
        cx.draft.flush_names(cause.as_deref());
        self.issue(cx)?;
        let seq = cx.draft.builder.next_seq();
        let Self { mut returned, kind, order, exchange, moved, mut rows, origin, reason } = self;
        if returned.version == 0 {
            returned.id = ReturnId(seq);
        }
        returned.version = seq;
        if matches!(kind, StepKind::Received | StepKind::Imported) {
            returned.received = Some(seq);
        }
        returned.settle_state();
        returned.happened(Happened {
            seq,
            time: cx.draft.now,
            kind,
            channel: Some(origin.channel.clone()),
            location: origin.location,
            actor: cause.as_deref().and_then(|cause| cause.actor.as_deref()).map(Into::into),
        });
        let stepped = |change: OrderChange| Box::new(change.into_stepped(cx, seq, cause.as_deref()));
        let (order, exchange) = (order.map(stepped), exchange.map(stepped));
        let before = order.as_ref().map_or(0, |order| order.sold.len() as u16);
        for (nth, row) in (before..).zip(&mut rows) {
            (row.seq, row.nth, row.time) = (seq, nth, cx.draft.now);
        }
        let event = Event::Stepped(Box::new(Stepped { kind, returned, order, exchange, moved, rows, reason }));
        let logged = cx.draft.log(cause.take(), event);
        debug_assert_eq!(logged, seq, "the record has the seq that its ids are made of");
        Ok(Answer::Record(seq))
    }
}

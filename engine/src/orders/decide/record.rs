//! The record of a step.

use std::sync::Arc;

use super::document;
use super::step::{NEW, OrderChange};
use crate::decide::draft::Answer;
use crate::decide::{Decide, Decision};
use crate::ids::Seq;
use crate::kernel::cause::Cause;
use crate::orders::event::{Event, PartStep, Stepped, parent_of, part_id};
use crate::orders::order::{Flag, Happened, OrderId};
use crate::receipts::issue::is_overtaken;
use crate::receipts::receipt::Issued;
use crate::refusal::Failure;
use crate::reservations::event::Event as ReservationEvent;

impl OrderChange {
    /// Logs the step as one record, after the records that take the ids of its other promises.
    pub fn log(mut self, cx: &mut Decide<'_>, cause: &mut Option<Box<Cause>>) -> Decision {
        cx.draft.flush_names(cause.as_deref());
        let promised = self.promised();
        self.issue(cx, promised.saturating_sub(1) as u8, &[])?;
        for left in (1..promised).rev() {
            let of_part = cause.as_deref().and_then(Cause::of_part);
            cx.draft.log(of_part, ReservationEvent::IdTaken(left as u8));
        }
        let seq = cx.draft.builder.next_seq();
        let stepped = self.into_stepped(cx, seq, cause.as_deref());
        let logged = cx.draft.log(cause.take(), Event::Stepped(Box::new(stepped)));
        debug_assert_eq!(logged, seq, "the record has the seq that its ids are made of");
        Ok(Answer::Record(seq))
    }

    /// The promises that it makes.
    fn promised(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, PartStep::Promised(_))).count()
    }

    /// Issues the receipt that it asks for, in the record that comes after `records_before` others, and behind the receipts
    /// of `earlier` in it. What a till told late is booked without it, with a note, where it can no longer be issued.
    ///
    /// # Errors
    /// As [`issue`](crate::receipts::issue::issue).
    pub fn issue(&mut self, cx: &mut Decide<'_>, records_before: u8, earlier: &[Arc<Issued>]) -> Result<(), Failure> {
        if !self.issue_or_miss(cx, records_before, earlier)? && !self.order.flags.contains(&Flag::ReceiptMissing) {
            self.order.flags.push(Flag::ReceiptMissing);
        }
        Ok(())
    }

    /// The same without the note; returns whether the receipt that was asked for, if any, is issued.
    ///
    /// # Errors
    /// As [`issue`](crate::receipts::issue::issue).
    pub fn issue_or_miss(
        &mut self,
        cx: &mut Decide<'_>,
        records_before: u8,
        earlier: &[Arc<Issued>],
    ) -> Result<bool, Failure> {
        let Some(asked) = self.asked.take() else { return Ok(true) };
        if self.order.version == 0 {
            self.order.id = OrderId(cx.draft.builder.next_seq() + Seq::from(records_before));
        }
        match document::add(cx, self, &asked, records_before, earlier) {
            Err(failure) if self.is_late(cx) && is_overtaken(&failure) => Ok(false),
            told => told.map(|()| true),
        }
    }

    /// The step, as the record at `seq` has it.
    pub fn into_stepped(self, cx: &Decide<'_>, seq: Seq, cause: Option<&Cause>) -> Stepped {
        let promised = self.promised();
        let Self {
            mut order,
            kind,
            parts,
            moved,
            sold,
            row_origins,
            receipts,
            cart,
            origin,
            reason,
            asked: _,
            checked: _,
            returned,
        } = self;
        if order.version == 0 {
            order.id = OrderId(seq);
        }
        order.version = seq;
        let mut nth = 0..promised;
        for fulfilment in order.fulfilments.iter_mut().filter(|one| one.reservation == Some(NEW)) {
            fulfilment.reservation = nth.next().map(|nth| part_id(seq, nth, promised));
        }
        order.happened(Happened {
            seq,
            time: cx.draft.now,
            kind,
            channel: Some(origin.channel.clone()),
            location: origin.location,
            actor: cause.and_then(|cause| cause.actor.as_deref()).map(Into::into),
        });
        let parent = parent_of(order.id, &order.name);
        let origin = Some(origin);
        let order = Arc::new(order);
        Stepped { kind, order, parent, parts, moved, sold, row_origins, receipts, cart, origin, reason, returned }
    }
}

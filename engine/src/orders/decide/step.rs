//! A step in the making, and its record.

use std::sync::Arc;

use super::coverage::ReceiptAsked;
use crate::answers::Thing;
use crate::carts::ordered::CartOrdered;
use crate::catalogue::business_time::local_day;
use crate::decide::{Decide, Decision};
use crate::ids::{LocationId, Name, ReservationId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::orders::answer::OrderAnswer;
use crate::orders::command::Teller;
use crate::orders::event::{PartStep, SoldRow};
use crate::orders::ledger::discount_of;
use crate::orders::order::Order;
use crate::orders::payment::Origin;
use crate::orders::step_kind::StepKind;
use crate::receipts::issue::Checked;
use crate::receipts::receipt::Issued;
use crate::refusal::{Failure, Refusal};
use crate::state::DurableState;
use crate::stock::decide::if_past;
use crate::stock::movement::Moved;

/// A step of an order, as far as it is decided.
pub(crate) struct OrderChange {
    pub order: Order,
    pub kind: StepKind,
    pub parts: Vec<PartStep>,
    pub moved: Vec<Moved>,
    pub sold: Vec<SoldRow>,
    /// Of imported rows: where and when each of them happened.
    pub row_origins: Vec<Origin>,
    pub receipts: Vec<Arc<Issued>>,
    pub cart: Option<CartOrdered>,
    pub origin: Origin,
    pub reason: Option<Box<str>>,
    /// The receipt that is asked for.
    pub asked: Option<ReceiptAsked>,
    /// The same, checked already, with the order and the receipts as they are.
    pub checked: Option<Checked>,
    /// The return by which units come back.
    pub returned: Option<Name>,
}

/// An order after the batch so far.
pub(super) fn find(cx: &Decide<'_>, name: &Name) -> Result<Order, Failure> {
    cx.draft.own.orders.named(cx.state, name).ok_or_else(|| Refusal::NotFound("order").into())
}

/// The refusal of a step that the state of the order does not allow.
pub(super) fn in_state(order: &Order) -> Failure {
    Refusal::InState { kind: "order", name: order.name.clone(), state: order.state.as_str() }.into()
}

/// Answers with the order as it is.
pub(super) fn tell_as_is(cx: &mut Decide<'_>, order: Order, cause: &mut Option<Box<Cause>>) -> Decision {
    let version = order.version;
    Ok(cx.tell_thing(cause, version, Thing::Orders(Box::new(OrderAnswer { order: Arc::new(order), is_made: false }))))
}

/// The day of the books of a location; of UTC without one.
pub(in crate::orders) fn business_date(cx: &Decide<'_>, location: Option<LocationId>, at: Timestamp) -> i32 {
    cx.state.business_date(location, at)
}

impl DurableState {
    /// The day of the books of a location; of UTC without one.
    pub(crate) fn business_date(&self, location: Option<LocationId>, at: Timestamp) -> i32 {
        let places = self.places.load();
        let facts = location.and_then(|location| places.get(location));
        facts.map_or((at.0 / 86_400_000) as i32, |facts| local_day(&facts.timezone, at))
    }
}

/// Where and when a step is told.
///
/// # Errors
/// A channel that may not be used, or a time ahead of the log.
pub(crate) fn origin_of(cx: &mut Decide<'_>, teller: &Teller, cause: &Option<Box<Cause>>) -> Result<Origin, Failure> {
    let told_at = match teller.occurred_at {
        Some(time) => if_past(cx, time, || "occurred_at".to_owned())?,
        None => None,
    };
    use_channel(cx, &teller.channel, cause)?;
    Ok(own_origin(cx, teller, told_at))
}

/// The same for a step that says no channel: that of the record stays, whatever became of it.
///
/// # Errors
/// A time ahead of the log.
pub(crate) fn origin_of_own(cx: &Decide<'_>, teller: &Teller) -> Result<Origin, Failure> {
    let told_at = match teller.occurred_at {
        Some(time) => if_past(cx, time, || "occurred_at".to_owned())?,
        None => None,
    };
    Ok(own_origin(cx, teller, told_at))
}

fn own_origin(cx: &Decide<'_>, teller: &Teller, told_at: Option<Timestamp>) -> Origin {
    let occurred_at = told_at.unwrap_or(cx.draft.now);
    Origin {
        channel: teller.channel.clone(),
        location: teller.location,
        till: teller.till.clone(),
        occurred_at,
        business_date: business_date(cx, teller.location, occurred_at),
    }
}

/// Makes a channel that nobody declared, if that is allowed, and refuses any other.
fn use_channel(cx: &mut Decide<'_>, name: &Name, cause: &Option<Box<Cause>>) -> Result<(), Failure> {
    let known = cx.draft.known_channel(name);
    if !cx.draft.takes_channel(known) {
        return Err(cx.state.catalogue.undeclared_channel("channel", name).into());
    }
    if known.is_none() {
        if cx.state.catalogue.is_retired_channel(name.as_str()) {
            return Err(cx.state.catalogue.retired_channel("channel", name).into());
        }
        let caller = Cause::caller(cause.as_deref());
        cx.draft.make_up_channel(&NameRef::New(name.clone()), caller, &|| "channel".to_owned())?;
    }
    Ok(())
}

impl OrderChange {
    /// A step that changes nothing yet.
    pub fn of(order: Order, kind: StepKind, origin: Origin) -> Self {
        Self {
            order,
            kind,
            parts: Vec::new(),
            moved: Vec::new(),
            sold: Vec::new(),
            row_origins: Vec::new(),
            receipts: Vec::new(),
            cart: None,
            origin,
            reason: None,
            asked: None,
            checked: None,
            returned: None,
        }
    }

    /// Whether it is told late.
    pub fn is_late(&self, cx: &Decide<'_>) -> bool {
        self.origin.late(cx.draft.now).is_some()
    }

    /// Hands over units of a line of the order, from a location: the row of the ledger, and the charges with the first.
    pub fn hand_over(&mut self, line: usize, units: u32, location: Option<LocationId>, absorbed: bool) {
        let Some(of) = self.order.lines.get_mut(line) else { return };
        let (from, to) = (of.handed_over, of.handed_over + units);
        of.handed_over = to;
        of.handed_over_at = of.handed_over_at.max(Some(self.origin.occurred_at));
        self.sold.push(SoldRow {
            line: line as u16,
            is_charge: false,
            location,
            quantity: units.into(),
            amount: (of.worth(to) - of.worth(from)) as i64,
            discount: discount_of(of, from, to),
            absorbed,
        });
    }

    /// Adds the charges that are not in the ledger yet: with the first hand-over.
    pub fn sell_charges(&mut self, location: Option<LocationId>) {
        for (number, charge) in self.order.charges.iter_mut().enumerate() {
            if !std::mem::replace(&mut charge.is_sold, true) {
                self.sold.push(SoldRow {
                    line: number as u16,
                    is_charge: true,
                    location,
                    quantity: 0,
                    amount: charge.left() as i64,
                    discount: 0,
                    absorbed: false,
                });
            }
        }
    }
}

/// The reservation of a fulfilment whose promise the same record makes: its id is known when it is logged.
pub(super) const NEW: ReservationId = ReservationId(0);

/// The reservations of an order that are still open.
pub(super) fn open_parts(cx: &mut Decide<'_>, order: &Order) -> Few<(usize, ReservationId)> {
    let mut open = Few::new();
    for (at, fulfilment) in order.fulfilments.iter().enumerate() {
        let Some(id) = fulfilment.reservation else { continue };
        if cx.draft.reservation(id).is_some_and(|reservation| reservation.state.is_open()) {
            open.push((at, id));
        }
    }
    open
}

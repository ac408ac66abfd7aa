//! The records that came with format 4.

use anaquel_engine::event::*;
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::reservation;

use super::name;

/// What came with format 4: where a request came from.
pub(super) fn events_of_v4() -> Vec<(Option<Box<Cause>>, Event)> {
    let origin = Origin { key: "k7f3a9c2".into(), address: "10.0.14.7".into(), request: "01JD8Q3Z".into() };
    let idempotency = Some(IdempotencyKey { key: "order-9".into(), scope: 11, fingerprint: 12 });
    let plain = Cause { actor: Some("till-14".into()), origin: Some(origin), ..Cause::default() };
    let full = Cause {
        channel: Some(name("pos")),
        reference: Some("receipt-3".into()),
        trace: Some("00-ab".into()),
        idempotency,
        ..plain.clone()
    };
    let event = || {
        Event::Reservations(reservation::event::Event::Extended(Extended {
            reservation: ReservationId(8),
            expires_at: Timestamp(77),
        }))
    };
    vec![(Some(Box::new(plain)), event()), (Some(Box::new(full)), event()), (None, event())]
}

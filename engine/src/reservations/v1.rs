//! Differences of checkpoint format 1: reservations whose lines had no terms. Frozen.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::ids::{ChannelId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::few::Few;
use crate::reservations::promise::Purpose;
use crate::reservations::{self, ReservationState};

type Units = SmallVec<[(u16, u32); 1]>;

#[derive(Serialize, Deserialize)]
struct Line {
    sku: SkuId,
    location: LocationId,
    requested: u32,
    quantity: u32,
    collected: u32,
}

#[derive(Serialize, Deserialize)]
pub struct Reservation {
    id: ReservationId,
    version: Seq,
    state: ReservationState,
    channel: ChannelId,
    purpose: Purpose,
    customer: Option<Box<str>>,
    order: Option<Box<str>>,
    created_at: Timestamp,
    expires_at: Timestamp,
    pickup_by: Option<Timestamp>,
    pickup_code: Option<Box<str>>,
    lines: Few<Line>,
    changes: Vec<Change>,
}

#[derive(Serialize, Deserialize)]
struct Change {
    seq: Seq,
    time: Timestamp,
    from: ReservationState,
    to: ReservationState,
    actor: Option<Box<str>>,
    step: Step,
}

#[derive(Serialize, Deserialize)]
enum Step {
    Confirmed { order_before: Option<Box<str>> },
    Readied,
    Collected { code_shown: bool, lines: Units },
    Cancelled { reason: Option<Box<str>>, lines: Units },
    Superseded { lines: Units },
    Extended { expires_before: Timestamp },
    Expired { lines: Units },
}

impl From<Reservation> for reservations::Reservation {
    fn from(old: Reservation) -> Self {
        let line = |Line { sku, location, requested, quantity, collected }| reservations::Line {
            sku,
            location,
            requested,
            quantity,
            collected,
            terms: None,
            wait: None,
        };
        let change = |Change { seq, time, from, to, actor, step }| reservations::Change {
            seq,
            time,
            from,
            to,
            actor,
            step: match step {
                Step::Confirmed { order_before } => reservations::Step::Confirmed { order_before },
                Step::Readied => reservations::Step::Readied,
                Step::Collected { code_shown, lines } => reservations::Step::Collected { code_shown, lines },
                Step::Cancelled { reason, lines } => reservations::Step::Cancelled { reason, lines },
                Step::Superseded { lines } => reservations::Step::Superseded { lines },
                Step::Extended { expires_before } => reservations::Step::Extended { expires_before },
                Step::Expired { lines } => reservations::Step::Expired { lines },
            },
        };
        Self {
            id: old.id,
            version: old.version,
            state: old.state,
            channel: old.channel,
            purpose: old.purpose,
            customer: old.customer,
            order: old.order,
            created_at: old.created_at,
            expires_at: old.expires_at,
            pickup_by: old.pickup_by,
            pickup_code: old.pickup_code,
            lines: old.lines.into_iter().map(line).collect(),
            changes: old.changes.into_iter().map(change).collect(),
            orders: Few::new(),
            caller: 0,
            parent: None,
        }
    }
}

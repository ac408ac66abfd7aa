//! A cart and its lifecycle, as a plain value.
//!
//! ```text
//!     open ──► ordered      (an order took it)
//!       ├────► merged       (into the customer's other cart)
//!       ├────► expired      (its time was over, or it made room)
//!       └────► closed       (on request)
//! ```

use serde::{Deserialize, Serialize};

use super::event::{Event, Held, MadeCart};
use super::line::{CartId, CartLine, join_codes, set_lines};
use super::ordered::CartOrdered;
use crate::effect::At;
use crate::ids::{GroupId, LocationId, Name, ReservationId, Seq, Timestamp};
use crate::kernel::happened;
use crate::prices::list::Currency;
use crate::reservations::promise::Purpose;

/// Changes in the history of one cart; older ones are dropped.
const HISTORY_MAX: usize = 20;

/// The state of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CartState {
    /// The customer is still thinking.
    Open,
    /// An order took it.
    Ordered,
    /// It was merged into another cart.
    Merged,
    /// Its time was over.
    Expired,
    /// It was closed.
    Closed,
}

impl CartState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Open, Self::Ordered, Self::Merged, Self::Expired, Self::Closed];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ordered => "ordered",
            Self::Merged => "merged",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

/// The kind of a step in a cart's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CartStep {
    /// It was created.
    Made,
    /// Its lines were set.
    LinesSet,
    /// It got its customer.
    CustomerSet,
    /// It was merged into another cart.
    Merged,
    /// Another cart was merged into it.
    MergedInto,
    /// Its lines were promised.
    Held,
    /// An order took it.
    Ordered,
    /// It was closed.
    Closed,
    /// It expired.
    Expired,
}

impl CartStep {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "cart_made",
            Self::LinesSet => "cart_lines_set",
            Self::CustomerSet => "cart_customer_set",
            Self::Merged | Self::MergedInto => "cart_merged",
            Self::Held => "cart_held",
            Self::Ordered => "cart_ordered",
            Self::Closed => "cart_closed",
            Self::Expired => "cart_expired",
        }
    }
}

/// What a cart holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartHold {
    /// The promises. They may have expired since.
    pub reservations: Vec<ReservationId>,
    /// The purpose.
    pub purpose: Purpose,
    /// The location, if they are at one.
    pub location: Option<LocationId>,
    /// The group, if they are anywhere in it.
    pub group: Option<GroupId>,
    /// How long they last.
    pub ttl_seconds: u32,
}

impl CartHold {
    fn of(at: At<'_>, held: &Held) -> Self {
        Self {
            reservations: vec![ReservationId(at.seq)],
            purpose: held.promise.arranged.promised.reserved.purpose,
            location: held.location,
            group: held.group,
            ttl_seconds: held.ttl_seconds,
        }
    }
}

/// One entry of a cart's history.
pub type Happened = happened::Happened<CartStep>;

/// A cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// Its identity.
    pub id: CartId,
    /// Its name.
    pub name: Name,
    /// A digest of the request: the same request again means the same cart.
    pub digest: u64,
    /// Its secret, which opens it to other channels.
    pub token: u128,
    /// Its state.
    pub state: CartState,
    /// The channel that began it.
    pub channel: Name,
    /// The customer.
    pub customer: Option<Name>,
    /// The location.
    pub location: Option<LocationId>,
    /// The currency.
    pub currency: Currency,
    /// The lines.
    pub lines: Vec<CartLine>,
    /// The codes.
    pub codes: Vec<Box<str>>,
    /// What it holds.
    pub hold: Option<Box<CartHold>>,
    /// The cart that it was merged into.
    pub merged_into: Option<(CartId, Name)>,
    /// The order that took it.
    pub order: Option<Name>,
    /// How long it lives after each change.
    pub ttl_seconds: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Its history, oldest first: the newest 20 entries.
    pub history: Vec<Happened>,
    /// The `seq` of its last change.
    pub version: Seq,
}

impl Cart {
    /// The cart that a record created.
    pub fn made(at: At<'_>, of: &MadeCart) -> Self {
        let mut made = Self {
            id: CartId(at.seq),
            name: of.name.clone(),
            digest: of.digest,
            token: of.token,
            state: CartState::Open,
            channel: of.channel.clone(),
            customer: of.customer.clone(),
            location: of.location,
            currency: of.currency,
            lines: of.lines.clone(),
            codes: of.codes.clone(),
            hold: None,
            merged_into: None,
            order: None,
            ttl_seconds: of.ttl_seconds,
            created_at: at.time,
            updated_at: at.time,
            expires_at: of.expires_at,
            history: Vec::new(),
            version: at.seq,
        };
        made.happened(at, CartStep::Made, Some(&of.channel), of.location);
        made
    }

    /// Whether it may still change.
    pub fn is_open(&self) -> bool {
        self.state == CartState::Open
    }

    /// The promises that it holds, or held when it was last changed.
    pub fn holds(&self) -> &[ReservationId] {
        self.hold.as_ref().map_or(&[], |hold| &hold.reservations)
    }

    /// Applies a later record; a record that is already applied changes nothing.
    pub fn apply(&mut self, at: At<'_>, event: &Event) {
        if !self.begins(at) {
            return;
        }
        match event {
            // Creation is not a change.
            Event::Made(_) => {}
            Event::LinesSet(set) => {
                set_lines(&mut self.lines, &set.lines);
                join_codes(&mut self.codes, &set.codes);
                self.expires_at = set.expires_at;
                self.happened(at, CartStep::LinesSet, Some(&set.channel), None);
            }
            Event::CustomerSet(set) => {
                self.customer = Some(set.customer.clone());
                self.expires_at = set.expires_at;
                self.happened(at, CartStep::CustomerSet, None, None);
            }
            Event::Merged(merged) if merged.into == self.id => {
                set_lines(&mut self.lines, &merged.lines);
                join_codes(&mut self.codes, &merged.codes);
                self.expires_at = merged.expires_at;
                self.happened(at, CartStep::MergedInto, None, None);
            }
            Event::Merged(merged) => {
                self.merged_into = Some((merged.into, merged.into_name.clone()));
                self.end(at, CartState::Merged, CartStep::Merged, None);
            }
            Event::Held(held) => {
                self.hold = Some(Box::new(CartHold::of(at, held)));
                self.expires_at = held.expires_at;
                self.happened(at, CartStep::Held, Some(&held.channel), held.location);
            }
            Event::Closed(_) => self.end(at, CartState::Closed, CartStep::Closed, None),
            Event::Expired(_) => self.end(at, CartState::Expired, CartStep::Expired, None),
        }
    }

    /// An order took it.
    pub fn ordered(&mut self, at: At<'_>, ordered: &CartOrdered) {
        if self.begins(at) {
            self.order = Some(ordered.order.clone());
            self.end(at, CartState::Ordered, CartStep::Ordered, Some(&ordered.channel));
        }
    }

    /// Begins to apply a record; false if it is already applied.
    fn begins(&mut self, at: At<'_>) -> bool {
        let is_later = at.seq > self.version;
        if is_later {
            self.version = at.seq;
            self.updated_at = at.time;
        }
        is_later
    }

    fn end(&mut self, at: At<'_>, state: CartState, kind: CartStep, channel: Option<&Name>) {
        self.state = state;
        self.hold = None;
        self.happened(at, kind, channel, None);
    }

    fn happened(&mut self, at: At<'_>, kind: CartStep, channel: Option<&Name>, location: Option<LocationId>) {
        let of_cause = || at.cause.and_then(|cause| cause.channel.clone());
        let channel = channel.cloned().or_else(of_cause);
        let actor = at.cause.and_then(|cause| cause.actor.as_deref()).map(Into::into);
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(Happened { seq: at.seq, time: at.time, kind, channel, location, actor });
    }
}

//! A transfer and its lifecycle, as a plain value: goods in transit between two of the retailer's locations.
//!
//! ```text
//!     draft ──ready──► ready ──ship──► in_transit ──receive──► partially_received ──► received
//!       │                │                  │                          │
//!       └────cancel──────┴──► cancelled ◄───┘ (nothing arrived)        └─ cancel ─► received
//! ```
//!
//! For every line `shipped + surplus = received + damaged + missing + returned + outstanding`, at every record.

use serde::{Deserialize, Serialize};

use super::event::{Cancelled, Content, Drafted, Event, Readied, Received, Shipped};
use super::reason::TransferId;
use crate::effect::At;
use crate::ids::{LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::happened;
use crate::supply::OF_TRANSFER;

/// Changes in the history of one transfer; older ones are dropped.
const HISTORY_MAX: usize = 200;

/// The state of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransferState {
    /// Planned: nothing is promised.
    Draft,
    /// Its units are promised at the origin.
    Ready,
    /// Shipped.
    InTransit,
    /// Partly arrived.
    PartiallyReceived,
    /// Nothing is outstanding.
    Received,
    /// Cancelled.
    Cancelled,
}

impl TransferState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Draft, Self::Ready, Self::InTransit, Self::PartiallyReceived, Self::Received, Self::Cancelled];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Ready => "ready",
            Self::InTransit => "in_transit",
            Self::PartiallyReceived => "partially_received",
            Self::Received => "received",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it may still change.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Received | Self::Cancelled)
    }
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferLine {
    /// The SKU.
    pub sku: SkuId,
    /// Units asked for.
    pub quantity: u32,
    /// Units promised at the origin and not shipped.
    pub reserved: u32,
    /// Units shipped.
    pub shipped: u32,
    /// Sellable units received.
    pub received: u32,
    /// Units received damaged.
    pub damaged: u32,
    /// Units that never arrived.
    pub missing: u32,
    /// Units returned to the origin.
    pub returned: u32,
    /// Units received that were never shipped.
    pub surplus: u32,
}

impl TransferLine {
    /// A new line.
    pub fn new(sku: SkuId, quantity: u32) -> Self {
        let [reserved, shipped, received, damaged, missing, returned, surplus] = [0; 7];
        Self { sku, quantity, reserved, shipped, received, damaged, missing, returned, surplus }
    }

    /// Units in transit; `None` if more units are accounted for than existed.
    pub fn checked_outstanding(&self) -> Option<u32> {
        let came = u64::from(self.shipped) + u64::from(self.surplus);
        let gone = [self.received, self.damaged, self.missing, self.returned].into_iter().map(u64::from).sum::<u64>();
        came.checked_sub(gone).and_then(|left| u32::try_from(left).ok())
    }

    /// Units in transit.
    pub fn outstanding(&self) -> u32 {
        self.checked_outstanding().unwrap_or(0)
    }
}

/// One entry of a transfer's history. The kind is that of the event on the wire.
pub type Happened = happened::Happened<Box<str>>;

/// A transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Its identity.
    pub id: TransferId,
    /// Its name.
    pub name: Name,
    /// A digest of the request: the same request again means the same transfer.
    pub digest: u64,
    /// Its state.
    pub state: TransferState,
    /// The requested content.
    pub content: Content,
    /// Its progress, line by line.
    pub lines: Vec<TransferLine>,
    /// The promise at the origin, once the transfer is ready.
    pub reservation: Option<ReservationId>,
    /// The expected arrival.
    pub expected_at: Option<Timestamp>,
    /// When it was shipped.
    pub shipped_at: Option<Timestamp>,
    /// When the last unit arrived, was written off, or was returned.
    pub received_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The carrier's tracking number.
    pub tracking: Option<Box<str>>,
    /// Documents of arrivals that counted.
    pub references: Vec<Box<str>>,
    /// Its history, oldest first: the newest 200 entries.
    pub history: Vec<Happened>,
    /// The `seq` of its last change.
    pub version: Seq,
}

impl Transfer {
    /// The transfer that a record created.
    pub fn made(at: At<'_>, of: &Drafted) -> Self {
        let mut made = Self {
            id: TransferId(at.seq),
            name: of.name.clone(),
            digest: of.digest,
            state: TransferState::Draft,
            content: of.content.clone(),
            lines: lines_of(&of.content),
            reservation: None,
            expected_at: of.content.expected_at,
            shipped_at: None,
            received_at: None,
            created_at: at.time,
            tracking: None,
            references: Vec::new(),
            history: Vec::new(),
            version: at.seq,
        };
        if let Some(ready) = &of.ready {
            made.get_ready(at, ready);
        }
        made.happened(at, "transfer_drafted", None);
        made
    }

    /// Applies a later record; a record that is already applied changes nothing.
    pub fn apply(&mut self, at: At<'_>, event: &Event) {
        if at.seq <= self.version {
            return;
        }
        self.version = at.seq;
        match event {
            // Creation is not a change.
            Event::Drafted(_) => {}
            Event::Redrafted(redrafted) => {
                self.content = redrafted.content.clone();
                self.lines = lines_of(&redrafted.content);
                self.expected_at = redrafted.content.expected_at;
                self.happened(at, "transfer_redrafted", None);
            }
            Event::Readied(ready) => {
                self.get_ready(at, ready);
                self.happened(at, "transfer_ready", Some(self.content.from));
            }
            Event::Shipped(shipped) => {
                self.ship(shipped);
                self.happened(at, "transfer_shipped", Some(self.content.from));
            }
            Event::Received(received) => {
                self.receive(at, received);
                self.happened(at, "transfer_received", Some(self.content.to));
            }
            Event::Cancelled(cancelled) => {
                self.cancel(at, cancelled);
                self.happened(at, "transfer_cancelled", None);
            }
            Event::PolicySet(_) | Event::RunMade(_) => {}
        }
    }

    fn get_ready(&mut self, at: At<'_>, ready: &Readied) {
        self.state = TransferState::Ready;
        self.reservation = Some(ReservationId(at.seq));
        self.expected_at = ready.expected_at;
        for (line, promised) in self.lines.iter_mut().zip(&ready.promise.promised.reserved.lines) {
            line.reserved = promised.quantity;
        }
    }

    fn ship(&mut self, shipped: &Shipped) {
        self.state = TransferState::InTransit;
        self.shipped_at = Some(shipped.occurred_at);
        self.expected_at = shipped.expected_at;
        self.tracking.clone_from(&shipped.tracking);
        for line in &mut self.lines {
            line.reserved = 0;
        }
        for (number, units) in &shipped.lines {
            if let Some(line) = self.lines.get_mut(usize::from(*number)) {
                line.shipped += units;
            }
        }
    }

    fn receive(&mut self, at: At<'_>, received: &Received) {
        for row in &received.lines {
            let number = usize::from(row.line);
            if number >= self.lines.len() {
                self.lines.push(TransferLine::new(row.sku, 0));
            }
            if let Some(line) = self.lines.get_mut(number) {
                line.received += row.received;
                line.damaged += row.damaged;
                line.surplus += row.surplus;
                line.missing += row.missing;
            }
        }
        self.references.extend(received.reference.clone());
        let is_over = received.closes || self.outstanding() == 0;
        self.state = if is_over { TransferState::Received } else { TransferState::PartiallyReceived };
        if is_over {
            self.received_at = Some(received.occurred_at.max(self.shipped_at.unwrap_or(at.time)));
        }
    }

    fn cancel(&mut self, at: At<'_>, cancelled: &Cancelled) {
        let had_arrived = self.state == TransferState::PartiallyReceived;
        for line in &mut self.lines {
            line.reserved = 0;
        }
        for row in &cancelled.lines {
            if let Some(line) = self.lines.get_mut(usize::from(row.line)) {
                line.returned += row.returned;
                line.missing += row.missing;
            }
        }
        self.state = if had_arrived { TransferState::Received } else { TransferState::Cancelled };
        self.received_at = had_arrived.then_some(at.time);
    }

    fn happened(&mut self, at: At<'_>, kind: &str, location: Option<LocationId>) {
        let channel = at.cause.and_then(|cause| cause.channel.clone());
        let actor = at.cause.and_then(|cause| cause.actor.as_deref()).map(Into::into);
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(Happened { seq: at.seq, time: at.time, kind: kind.into(), channel, location, actor });
    }

    /// Units of all lines in transit.
    pub fn outstanding(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.outstanding())).sum()
    }

    /// The name of its supply at the destination; together with the cell, the identity of the supply.
    pub fn supply_name(&self) -> Name {
        supply_name(self.id)
    }
}

/// The name of a transfer's supply.
pub(super) fn supply_name(id: TransferId) -> Name {
    Name::from(format!("{OF_TRANSFER}{}", id.0))
}

fn lines_of(content: &Content) -> Vec<TransferLine> {
    content.lines.iter().map(|(sku, quantity)| TransferLine::new(*sku, *quantity)).collect()
}

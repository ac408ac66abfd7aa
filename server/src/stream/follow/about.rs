//! Which records concern followers, and what each is about: its kinds, its locations, its channels, its customer.

use anaquel_engine::Engine;
use anaquel_engine::effect::{Effect, Step};
use anaquel_engine::event::{Event, Record};
use anaquel_engine::ids::{LocationId, Name, ReservationId, Seq, SkuId};
use anaquel_engine::orders::Source;
use anaquel_engine::orders::event::{PartStep, Stepped};
use anaquel_engine::reservation::Reservation;
use anaquel_engine::returns::Return;
use anaquel_engine::transfers::TransferId;
use anaquel_engine::transfers::event::{Content, Event as TransferEvent};
use anaquel_engine::{orders, returns};
use serde_json::Value;

/// What a follower may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Orders and sales.
    Order,
    /// Transfers.
    Transfer,
    /// Returns.
    Return,
    /// Reservations, those of orders and transfers among them.
    Reservation,
    /// Cells whose stock stops covering their promises, or covers them again.
    Shortage,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Order, Self::Transfer, Self::Return, Self::Reservation, Self::Shortage];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Transfer => "transfer",
            Self::Return => "return",
            Self::Reservation => "reservation",
            Self::Shortage => "shortage",
        }
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// Adds a kind.
    pub fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }

    /// Whether a kind is among them.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// Whether both have a kind.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no kind.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A record that concerns followers.
#[derive(Debug)]
pub struct Entry {
    /// The record.
    pub seq: Seq,
    /// Its kinds.
    pub kinds: Kinds,
    /// Its locations: those of lines without a location yet are not among them.
    pub locations: Vec<Name>,
    /// The channels that it belongs to; `None` if it belongs to no channel.
    pub channels: Option<Vec<Name>>,
    /// Its customer.
    pub customer: Option<Box<str>>,
    /// The SKUs of its lines.
    pub skus: Vec<SkuId>,
    /// Each line of a reservation whose location is private.
    pub private: Vec<u64>,
    /// The record as `/v1/events` has it, once it is [`viewed`](Self::viewed).
    pub item: Value,
    /// The same as a text.
    pub text: String,
}

impl Entry {
    /// What a record is about; `None` if it concerns no follower.
    pub fn of(engine: &Engine, record: &Record) -> Option<Self> {
        let mut about = About::new(engine, record.seq);
        record.event.effects(|effect| match effect {
            Effect::Promise(step) => about.step(record.seq, &step),
            Effect::Filled(fills) => fills.iter().for_each(|fill| about.reservation(fill.reservation)),
            Effect::Dated(rows) => rows.iter().for_each(|row| about.reservation(row.reservation)),
            Effect::Shortage(cell, _) => {
                about.kinds.add(Kind::Shortage);
                about.location(cell.location);
                about.skus.push(cell.sku);
            }
            Effect::Order(_, stepped) => about.order(stepped),
            // What these say of stock and of the catalogue is no record that people follow.
            Effect::Cell(..)
            | Effect::Moved(..)
            | Effect::Counted(..)
            | Effect::CountsConfirmed(_)
            | Effect::HandedOver(..)
            | Effect::Inbound(_)
            | Effect::Rules(_)
            | Effect::Names(_)
            | Effect::Described(_)
            | Effect::Refused(..)
            | Effect::Receipt(_)
            | Effect::Cart(_)
            | Effect::Sales(_) => {}
        });
        match &record.event {
            Event::Orders(orders::event::Event::Stepped(stepped)) => about.order(stepped),
            Event::Returns(returns::event::Event::Stepped(stepped)) => about.returned(&stepped.returned),
            Event::Transfers(event) => about.transfer(event),
            // Their effects say it.
            Event::Reservations(_)
            | Event::Stock(_)
            | Event::Catalogue(_)
            | Event::Supply(_)
            | Event::Rules(_)
            | Event::Demand(_)
            | Event::Imports(_)
            | Event::Answers(_)
            | Event::Prices(_)
            | Event::Receipts(_)
            | Event::Carts(_)
            | Event::Archive(_) => {}
        }
        if about.kinds.is_empty() {
            return None;
        }
        let catalogue = &engine.state().catalogue;
        about.locations.sort_unstable();
        about.locations.dedup();
        let locations = about.locations.iter().map(|id| catalogue.locations.name(*id).clone()).collect();
        let About { seq, kinds, channels, customer, mut skus, private, .. } = about;
        skus.sort_unstable();
        skus.dedup();
        let (item, text) = (Value::Null, String::new());
        Some(Self { seq, kinds, locations, channels, customer, skus, private, item, text })
    }

    /// A record that concerns no follower.
    pub fn plain(seq: Seq) -> Self {
        let (item, text) = (Value::Null, String::new());
        Self {
            seq,
            kinds: Kinds::default(),
            locations: Vec::new(),
            channels: None,
            customer: None,
            skus: Vec::new(),
            private: Vec::new(),
            item,
            text,
        }
    }

    /// Whether it is about promises, whose locations may be private.
    pub fn is_promise(&self) -> bool {
        self.kinds.has(Kind::Reservation) || self.kinds.has(Kind::Order)
    }

    /// The same with what `/v1/events` shows of the record.
    pub fn viewed(self, item: Value) -> Self {
        let text = item.to_string();
        Self { item, text, ..self }
    }

    /// The memory that it takes, about.
    pub fn bytes(&self) -> usize {
        // The item as a tree takes some three times its text.
        size_of::<Self>() + 4 * self.text.len() + 32 * self.locations.len()
    }
}

/// What a record is about, while its parts are collected.
struct About<'a> {
    engine: &'a Engine,
    seq: Seq,
    kinds: Kinds,
    locations: Vec<LocationId>,
    channels: Option<Vec<Name>>,
    customer: Option<Box<str>>,
    skus: Vec<SkuId>,
    private: Vec<u64>,
    /// Reservations that were looked up.
    looked_up: Vec<ReservationId>,
}

impl<'a> About<'a> {
    fn new(engine: &'a Engine, seq: Seq) -> Self {
        Self {
            engine,
            seq,
            kinds: Kinds::default(),
            locations: Vec::new(),
            channels: None,
            customer: None,
            skus: Vec::new(),
            private: Vec::new(),
            looked_up: Vec::new(),
        }
    }

    fn location(&mut self, id: LocationId) {
        self.locations.push(id);
    }

    fn channel(&mut self, name: &Name) {
        let channels = self.channels.get_or_insert_default();
        if !channels.contains(name) {
            channels.push(name.clone());
        }
    }

    fn customer(&mut self, customer: Option<&str>) {
        if self.customer.is_none() {
            self.customer = customer.map(Into::into);
        }
    }

    fn step(&mut self, seq: Seq, step: &Step<'_>) {
        match step {
            Step::Made(made) => self.reservation(made.id(seq)),
            Step::Reallocated(event) => {
                self.reservation(event.reservation);
                // The location that lost the units hears of it, unless it was private.
                let was_public = |line: &u64| !self.private.contains(line);
                let lost: Vec<LocationId> = event
                    .moves
                    .iter()
                    .filter(|moved| was_public(&moved.line.into()) && !event.bound.contains(&moved.line))
                    .map(|moved| moved.from.location)
                    .collect();
                self.locations.extend(lost);
            }
            step => {
                if let Some(id) = step.reservation() {
                    self.reservation(id);
                }
            }
        }
    }

    /// A reservation, as it was right after the record.
    fn reservation(&mut self, id: ReservationId) {
        self.kinds.add(Kind::Reservation);
        if self.looked_up.contains(&id) {
            return;
        }
        self.looked_up.push(id);
        // Of one that can no longer be read, only followers of everything hear.
        if let Ok(Some(reservation)) = self.engine.as_of(id, self.seq) {
            self.of_reservation(&reservation);
        }
    }

    fn of_reservation(&mut self, reservation: &Reservation) {
        for (at, line) in reservation.lines.iter().enumerate() {
            self.skus.push(line.sku);
            match line.unallocated() {
                None => self.location(line.location),
                Some(_) => self.private.push(at as u64),
            }
        }
        let channel = self.engine.state().catalogue.channels.name(reservation.channel).clone();
        self.channel(&channel);
        self.customer(reservation.customer.as_deref());
    }

    fn order(&mut self, stepped: &Stepped) {
        self.kinds.add(Kind::Order);
        let order = &stepped.order;
        self.channel(&order.channel);
        self.channel(&order.begun_in);
        self.customer(order.customer.as_deref());
        self.skus.extend(order.lines.iter().map(|line| line.sku));
        for fulfilment in &order.fulfilments {
            match (fulfilment.source, fulfilment.reservation) {
                (Source::Location(location), _) => self.location(location),
                (Source::Group(_), Some(id)) => self.reservation(id),
                (Source::Group(_), None) => {}
            }
        }
        // A location that lost its units in this step hears of it.
        for part in &stepped.parts {
            match part {
                PartStep::Cancelled(event) => self.reservation(event.reservation),
                PartStep::Expired(event) => self.reservation(event.reservation),
                PartStep::Promised(_)
                | PartStep::Confirmed(_)
                | PartStep::Extended(_)
                | PartStep::Readied(_)
                | PartStep::Reallocated(_)
                | PartStep::Collected(_)
                | PartStep::PickupBySet(_) => {}
            }
        }
        let origin = stepped.origin.as_ref().and_then(|origin| origin.location);
        self.locations.extend(stepped.sold.iter().filter_map(|row| row.location).chain(origin));
    }

    fn returned(&mut self, returned: &Return) {
        self.kinds.add(Kind::Return);
        self.channel(&returned.channel);
        self.customer(returned.customer.as_deref());
        self.skus.extend(returned.lines.iter().map(|line| line.sku));
        self.locations.extend(returned.location);
    }

    fn transfer(&mut self, event: &TransferEvent) {
        let known = |about: &mut Self, id: TransferId| {
            if let Some(transfer) = about.engine.state().own.transfers.get(id) {
                about.ends(&transfer.content);
            }
        };
        match event {
            TransferEvent::Drafted(event) => self.ends(&event.content),
            TransferEvent::Redrafted(event) => self.ends(&event.content),
            TransferEvent::Readied(event) => known(self, event.transfer),
            TransferEvent::Shipped(event) => known(self, event.transfer),
            TransferEvent::Received(event) => known(self, event.transfer),
            TransferEvent::Cancelled(event) => known(self, event.transfer),
            TransferEvent::PolicySet(_) | TransferEvent::RunMade(_) => return,
        }
        self.kinds.add(Kind::Transfer);
        // Its reservation's channel is no caller's: who sees a transfer is a matter of locations.
        self.channels = None;
    }

    fn ends(&mut self, content: &Content) {
        self.locations.extend([content.from, content.to]);
        self.skus.extend(content.lines.iter().map(|(sku, _)| *sku));
    }
}

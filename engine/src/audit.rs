//! The auditor's books: what a second, simpler implementation computes from the log.
//!
//! Each subject checks its own effects against these books, in its `audit.rs`; the auditor shares no decision and no
//! fold with the engine.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::names::ThingKind;
use crate::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, Seq, SkuId};
use crate::kernel::cell_after::CellAfter;
use crate::kernel::few::Few;
use crate::level::StockLevel;
use crate::reservations::promise::{LineTerms, OrderDay};
use crate::reservations::{Reservation, ReservationState};
use crate::rules::audit::RuleAudit;
use crate::state::DurableState;
use crate::supply::audit::SupplyAudit;

/// The cells of a record, each as it is after the record.
pub(crate) type Stated = BTreeMap<(SkuId, LocationId), CellAfter>;

/// One line of a reservation in the auditor's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuditedLine {
    pub key: (SkuId, LocationId),
    /// Promised units that were not cancelled.
    pub quantity: u32,
    /// Units of these that were collected.
    pub collected: u32,
    /// Inbound units, if there ever were any.
    pub waiting: Option<u32>,
}

impl AuditedLine {
    /// Units that are promised and on hand.
    pub(crate) fn present(&self) -> u32 {
        self.quantity - self.collected - self.waiting.unwrap_or(0)
    }
}

#[derive(Debug)]
pub(crate) struct Audited {
    pub lines: Vec<AuditedLine>,
    /// The per-line values, if there are any.
    pub terms: Vec<LineTerms>,
    pub state: Option<ReservationState>,
    pub channel: ChannelId,
    pub orders: Few<OrderDay>,
}

/// Creates the auditor's books of the subjects' stores.
macro_rules! audits {
    (effects: $($effects:ident),*; own: $($module:ident $event:ident,)*) => {
        /// The auditor's books of the subjects' stores.
        #[derive(Debug, Default)]
        pub(crate) struct Audits { $(pub $module: crate::$module::audited::Audit,)* }

        impl Audits {
            fn start_from(&mut self, _state: &DurableState) {
                $(self.$module.start_from(_state);)*
            }

            fn compare(&self, _state: &DurableState) -> Result<(), String> {
                $(self.$module.compare(_state)?;)*
                Ok(())
            }
        }
    };
}

crate::subjects::stores!(audits);

/// The auditor's books after the records that it checked.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub cells: BTreeMap<(SkuId, LocationId), (StockLevel, u32)>,
    pub rules: RuleAudit,
    pub supply: SupplyAudit,
    pub reservations: BTreeMap<ReservationId, Audited>,
    /// The books of the subjects' stores.
    pub own: Audits,
    pub channels: BTreeMap<ChannelId, Name>,
    pub quarantines: BTreeMap<LocationId, LocationId>,
    /// Retired names.
    pub retired: BTreeSet<(ThingKind, u32)>,
    /// The record that is being checked.
    pub seq: Seq,
    /// Records whose units were on hand and available, but that left less than what is held back.
    pub low_floors: Vec<Seq>,
    /// Whether such a record is noted instead of refused.
    pub notes_low_floors: bool,
}

impl Books {
    pub(crate) fn level(&self, key: (SkuId, LocationId)) -> StockLevel {
        self.cells.get(&key).map(|(level, _)| *level).unwrap_or_default()
    }

    /// Compares a stated level with the computed one, and stores it.
    pub(crate) fn state_level(&mut self, stated: &CellAfter, on_hand: i64, reserved: i64) -> Result<(), String> {
        let (said_on_hand, said_reserved) = (i64::from(stated.level.on_hand), i64::from(stated.level.reserved));
        if (said_on_hand, said_reserved) != (on_hand, reserved) {
            return Err(format!(
                "the record states {said_on_hand} on hand with {said_reserved} reserved for a cell, and the \
                 quantities lead to {on_hand} with {reserved}"
            ));
        }
        self.cells.entry((stated.sku, stated.location)).or_default().0 = stated.level;
        Ok(())
    }

    /// Checks that `units` more are promised in a cell at level `before`, of which `held_back` must stay available.
    pub(crate) fn check_floor(
        &mut self,
        units: i64,
        before: StockLevel,
        held_back: i64,
        verb: &str,
    ) -> Result<(), String> {
        let free = before.free() - held_back;
        if free >= units {
            return Ok(());
        }
        if self.notes_low_floors && before.free() >= units {
            let seq = self.seq;
            if self.low_floors.last() != Some(&seq) {
                self.low_floors.push(seq);
            }
            return Ok(());
        }
        Err(format!("{units} units {verb} where {free} were available: oversold"))
    }

    /// Checks a promise of units in a cell: they are available, or untracked. Untracked units exist exactly as they are
    /// promised.
    pub(crate) fn check_promise(
        &mut self,
        (sku, location): (SkuId, LocationId),
        units: i64,
        before: StockLevel,
        held_back: i64,
        verb: &str,
    ) -> Result<(), String> {
        if self.rules.is_tracked(sku) {
            return self.check_floor(units, before, held_back, verb);
        }
        if self.quarantines.contains_key(&location) {
            return Err(format!("units of an untracked SKU {verb} in a quarantine"));
        }
        match before.free() {
            0 => Ok(()),
            free => Err(format!("{free} units of an untracked SKU are available")),
        }
    }

    /// Starts from a checkpoint instead of from nothing.
    pub(crate) fn start_from(&mut self, state: &DurableState) {
        for (_, cell) in state.matrix.range(0, state.cells()) {
            self.cells.insert((cell.sku(), cell.location()), (cell.durable(), cell.safety_stock()));
        }
        let channels = &state.catalogue.channels;
        let live = (0..channels.count()).map(ChannelId).filter(|id| channels.is_live(*id));
        self.retired = retired_now(state);
        self.channels = live.map(|id| (id, channels.name(id).clone())).collect();
        self.quarantines = state.catalogue.all_quarantines().into_iter().collect();
        self.rules.start_from(state);
        self.supply.start_from(state);
        self.own.start_from(state);
        for reservation in state.reservations.whole() {
            self.reservations.insert(reservation.id, Audited::from(reservation.as_ref()));
        }
    }

    /// Compares the books with the engine's own fold of the log, with nothing in flight.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn compare(&self, state: &DurableState) -> Result<(), String> {
        let mut reserved: BTreeMap<(SkuId, LocationId), i64> = BTreeMap::new();
        for line in self.reservations.values().flat_map(|reservation| &reservation.lines) {
            *reserved.entry(line.key).or_default() += i64::from(line.present());
        }
        for ((sku, location), (level, safety_stock)) in &self.cells {
            let promised = reserved.get(&(*sku, *location)).copied().unwrap_or_default();
            if promised != i64::from(level.reserved) {
                return Err(format!("a cell has {} reserved, and its reservations {promised}", level.reserved));
            }
            let Some(cell) = state.matrix.get(*sku, *location) else {
                return Err("a cell is missing in memory".into());
            };
            if cell.durable() != *level || cell.safety_stock() != *safety_stock {
                return Err(format!("memory holds {:?} for a cell, and the log leads to {level:?}", cell.durable()));
            }
            if cell.promised() != *level {
                return Err(format!("{:?} may be promised of a cell that holds {level:?}", cell.promised()));
            }
        }
        if self.cells.len() != state.cells() as usize {
            return Err(format!("memory has {} cells, and the log {}", state.cells(), self.cells.len()));
        }
        if let Some(part) = state.hash.sums().differs_in(&state.hash_anew()) {
            return Err(format!("the state hash of {} is not that of what memory holds", part.as_str()));
        }
        let counted = state.ledger().quotas();
        let counted = counted.iter().map(|(of, used)| ((of.rule, of.since, of.sku), (used.promised, used.handed_over)));
        let counted: BTreeMap<_, _> = counted.collect();
        let skus = (0..state.catalogue.skus.count()).map(SkuId);
        if skus.into_iter().any(|sku| self.rules.is_tracked(sku) != state.catalogue.is_tracked(sku)) {
            return Err("memory and log disagree on which SKUs are tracked".into());
        }
        if self.retired != retired_now(state) {
            return Err("memory and log disagree on what is retired".into());
        }
        self.rules.compare(&counted)?;
        self.supply.compare(state)?;
        self.own.compare(state)?;
        for (id, audited) in &self.reservations {
            let known = state.reservations.get(*id).map(|reservation| Audited::from(reservation.as_ref()));
            let differs = |known: &Audited| {
                (&known.lines, known.state, &known.terms, &known.orders)
                    != (&audited.lines, audited.state, &audited.terms, &audited.orders)
            };
            if known.as_ref().is_some_and(differs) {
                return Err(format!("memory and log disagree on reservation {}", id.0));
            }
        }
        Ok(())
    }
}

/// The retired names of a state.
fn retired_now(state: &DurableState) -> BTreeSet<(ThingKind, u32)> {
    let catalogue = &state.catalogue;
    let kind = |kind: ThingKind, count: u32, is_retired: &dyn Fn(u32) -> bool| {
        (0..count).filter(|id| is_retired(*id)).map(|id| (kind, id)).collect::<Vec<_>>()
    };
    let (skus, locations) = (&catalogue.skus, &catalogue.locations);
    let (groups, channels) = (&catalogue.groups, &catalogue.channels);
    let mut all = kind(ThingKind::Sku, skus.count(), &|id| skus.is_retired(SkuId(id)));
    all.extend(kind(ThingKind::Location, locations.count(), &|id| locations.is_retired(LocationId(id))));
    all.extend(kind(ThingKind::Group, groups.count(), &|id| groups.is_retired(GroupId(id))));
    all.extend(kind(ThingKind::Channel, channels.count(), &|id| channels.is_retired(ChannelId(id))));
    all.into_iter().collect()
}

impl From<&Reservation> for Audited {
    fn from(reservation: &Reservation) -> Self {
        let line = |line: &crate::reservations::Line| AuditedLine {
            key: (line.sku, line.location),
            quantity: line.quantity,
            collected: line.collected,
            waiting: line.wait.as_deref().map(|wait| wait.units),
        };
        Self {
            lines: reservation.lines.iter().map(line).collect(),
            terms: match reservation.is_counted() {
                true => {
                    reservation.lines.iter().map(|line| line.terms.as_deref().cloned().unwrap_or_default()).collect()
                }
                false => Vec::new(),
            },
            state: Some(reservation.state),
            channel: reservation.channel,
            orders: reservation.orders.clone(),
        }
    }
}

//! The holds that a promise replaces: the units that they release, and their queue positions.

use rustc_hash::FxHashMap;

use crate::decide::Decide;
use crate::ids::{ChannelId, LocationId, ReservationId, SkuId, Timestamp};
use crate::kernel::few::Few;
use crate::refusal::{Failure, Refusal};
use crate::reservations::command::Reserve;
use crate::reservations::promise::{LineChange, QueuePosition};
use crate::reservations::{Backorder, ReservationState};
use crate::supply::Grant;

/// Lines that a reservation may get; a record could hold far more.
pub(crate) const LINES_MAX: usize = 16_384;

/// Units that a line of a replaced hold releases.
#[derive(Clone)]
pub(super) struct Released {
    pub(super) reservation: ReservationId,
    /// All of them, inbound units included.
    pub(super) change: LineChange,
    /// Units on hand.
    pub(super) present: u32,
    /// Inbound units, and their queue position.
    waited: Option<(QueuePosition, BackorderOf)>,
}

/// The backorder of a line of a replaced hold.
#[derive(Clone, Copy)]
struct BackorderOf {
    units: u32,
    promised_for: Timestamp,
    on_allowance: bool,
}

/// The queue positions of the replaced holds, by cell, first position first: a caller neither loses its position, nor
/// is refused, because of its own holds.
#[derive(Default)]
pub(super) struct KnownLocations(FxHashMap<(SkuId, LocationId), Vec<(QueuePosition, BackorderOf)>>);

impl KnownLocations {
    pub(super) fn of<'a>(released: impl Iterator<Item = &'a Released>) -> Self {
        let mut places = Self::default();
        for Released { change, waited, .. } in released {
            if let Some(place) = waited {
                places.0.entry((change.cell.sku, change.cell.location)).or_default().push(*place);
            }
        }
        places.0.values_mut().for_each(|places| places.sort_unstable_by_key(|(turn, _)| *turn));
        places
    }

    /// Units of backorders there.
    pub(super) fn units(&self, sku: SkuId, location: LocationId) -> u32 {
        let places = self.0.get(&(sku, location)).map_or(&[][..], Vec::as_slice);
        places.iter().fold(0, |sum: u32, (_, wait)| sum.saturating_add(wait.units))
    }

    /// Passes on the position for a line that requests no more inbound units. Of several positions, it is the last of
    /// the first ones that together had enough, for the latest of their dates: so no backorder in between gets units
    /// later than before.
    pub(super) fn hand_on(&mut self, sku: SkuId, location: LocationId, units: u32, latest: Timestamp) -> Option<Grant> {
        let places = self.0.get_mut(&(sku, location)).filter(|_| units > 0)?;
        let (mut waited, mut grant) =
            (0_u64, Grant { units, promised_for: Timestamp(0), on_allowance: false, turn: None });
        for (nth, (turn, wait)) in places.iter().enumerate() {
            waited += u64::from(wait.units);
            grant.promised_for = grant.promised_for.max(wait.promised_for);
            grant.on_allowance |= wait.on_allowance;
            grant.turn = Some(*turn);
            if grant.promised_for > latest {
                return None;
            }
            if waited >= u64::from(units) {
                places.drain(..=nth);
                return Some(grant);
            }
        }
        None
    }
}

/// The units that the replaced holds release, by hold. An expired one releases nothing more; any other that is no
/// longer held must not be replaced, because it is an order.
pub(super) fn released_by(
    cx: &mut Decide<'_>,
    reserve: &Reserve,
    channel: ChannelId,
) -> Result<Few<Released>, Failure> {
    let mut released = Few::new();
    // Bounded by SUPERSEDES_MAX, and LINES_MAX lines in total.
    for (at, id) in reserve.replaced() {
        let Some(old) = cx.draft.reservation(id) else {
            match cx.state.reservations.closed_state(id) {
                Some(ReservationState::Expired) => continue,
                Some(state) => return Err(Refusal::NotReplaceable { at, state }.into()),
                None => return Err(Refusal::NothingToReplace { at }.into()),
            }
        };
        if let Some(parent) = old.parent.as_deref().filter(|parent| !reserve.replaces_parts_of.contains(parent)) {
            return Err(Refusal::PartOf { state: old.state, parent: parent.clone() }.into());
        }
        match old.state {
            ReservationState::Held => {}
            ReservationState::Expired => continue,
            state => return Err(Refusal::NotReplaceable { at, state }.into()),
        }
        let count = old.lines.iter().filter(|line| line.outstanding() > 0).count();
        if released.len() + count > LINES_MAX {
            let reason =
                format!("the holds have more than {LINES_MAX} lines together; replace fewer of them at a time");
            return Err(Refusal::invalid("supersedes", reason).into());
        }
        released.extend(units_of(cx, id, channel));
    }
    Ok(released)
}

/// The units that a reservation releases if it is replaced by one through `channel`.
pub(super) fn units_of(cx: &mut Decide<'_>, id: ReservationId, channel: ChannelId) -> Few<Released> {
    let Some(old) = cx.draft.reservation(id) else { return Few::new() };
    let lines: Few<_> = (0..).zip(old.lines.iter().cloned()).filter(|(_, line)| line.outstanding() > 0).collect();
    // A queue position belongs to its channel.
    let same_channel = old.channel == channel;
    let change = |(line, held): (u16, crate::reservations::Line)| {
        let cell = cx.draft.cell_after(held.sku, held.location);
        let change = LineChange { line, quantity: held.outstanding(), cell };
        let waited = held.wait.as_deref().filter(|wait| wait.units > 0 && same_channel).map(|wait| {
            let Backorder { units, promised_for, on_allowance, turn, .. } = *wait;
            (turn.unwrap_or((id, line)), BackorderOf { units, promised_for, on_allowance })
        });
        Released { reservation: id, change, present: held.present(), waited }
    };
    lines.into_iter().map(change).collect()
}

/// The units that the replaced holds release in each cell.
pub(super) fn given_back(released: &[Released]) -> FxHashMap<(SkuId, LocationId), u32> {
    let mut cells: FxHashMap<(SkuId, LocationId), u32> = FxHashMap::default();
    for Released { change, present, .. } in released {
        *cells.entry((change.cell.sku, change.cell.location)).or_default() += present;
    }
    cells
}

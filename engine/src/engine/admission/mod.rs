//! The caller's side of a write: resolves names, takes units early, and queues the command.
//!
//! Only a refusal that the durable view confirms is final here. Units taken here cannot be promised to other callers
//! meanwhile; the [`sequencer`](crate::engine::sequencer) makes the actual decision in log order.

mod demand;
mod names;
mod refuse;
mod request;

use crate::command::Command;
use crate::ids::ChannelId;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::level::{Constraint, StockChange};
use crate::matrix::{CellId, StockCell};
use crate::refusal::{Failure, Refusal, Short};
use crate::reservations::ReservationState;
use crate::reservations::bounds::Bounds;
use crate::reservations::command::{GroupLine, Reserve, ReserveLine};
use crate::reservations::holds::check_request;
use crate::rules::{Book, Gate, Limits};
use crate::state::DurableState;
use crate::stock::command::Movement;
use crate::{reservations, stock};
use demand::{check_sums, check_supersedes};

pub use request::{LineRequest, MovementRequest, ReserveRequest, Target};

impl DurableState {
    /// Admits a reservation: on success its units are taken from the promise words and travel with the command.
    pub(crate) fn admit_reserve(&self, request: ReserveRequest, bounds: Bounds) -> Result<Command, Failure> {
        check_sums(&request.lines)?;
        check_supersedes(&request.supersedes)?;
        if !bounds.is_empty() && !request.is_attempt {
            let units: Vec<u32> = request.lines.iter().map(|line| line.quantity).collect();
            check_request(&bounds, &units, (!request.confirm).then_some(request.ttl_seconds.into()))?;
        }
        let channel = match self.channel("channel", &request.channel)? {
            Some(channel) => NameRef::Known(channel),
            None => NameRef::New(request.channel.clone()),
        };
        let (mut lines, mut group_lines): (Few<ReserveLine>, _) = (Few::new(), Vec::new());
        let mut unknown = Vec::new();
        for (at, line) in request.lines.iter().enumerate() {
            let (sku, quantity, latest) = (self.catalogue.skus.id(line.sku.as_str()), line.quantity, line.latest);
            let known = match &line.place {
                Target::Location(name) => sku.zip(self.catalogue.locations.id(name.as_str())).map(|(sku, location)| {
                    lines.push(ReserveLine { sku, location, quantity, latest });
                }),
                Target::Group(name) => sku.zip(self.catalogue.groups.id(name.as_str())).map(|(sku, group)| {
                    group_lines.push(GroupLine { at, sku, group, quantity, latest });
                }),
            };
            if known.is_none() {
                let constraint = Constraint::UnknownCell;
                unknown.push(Short {
                    line: at,
                    requested: quantity,
                    available: 0,
                    constraint,
                    rule: None,
                    limit: None,
                });
            }
        }
        if !unknown.is_empty() {
            return Err(Refusal::Insufficient(unknown).into());
        }
        let fetched_at = match &request.fetched_at {
            Some(name) => {
                let id = self.catalogue.locations.id(name.as_str());
                Some(id.ok_or(Refusal::NotFound("location for the pickup"))?)
            }
            None => None,
        };
        let mut reserve = Reserve {
            channel,
            channel_name: request.channel,
            purpose: request.purpose,
            customer: request.customer,
            order: request.order,
            ttl_seconds: request.ttl_seconds,
            confirm: request.confirm,
            allow_partial: request.allow_partial,
            supersedes: request.supersedes,
            lines,
            group_lines,
            admitted: Few::new(),
            fetched_at,
            is_attempt: request.is_attempt,
            bounds,
            first_line: 0,
            replaces_parts_of: Vec::new(),
        };
        self.refuse_barred(&reserve)?;
        if !reserve.group_lines.is_empty() {
            self.bound_groups(&reserve)?;
            self.refuse_groups(&reserve).inspect_err(|failure| self.note_refused(&reserve, failure))?;
        }
        let has_barred =
            reserve.allow_partial && reserve.lines.iter().any(|line| self.is_barred(&reserve, line.location));
        if !reserve.is_left_to_the_log() && !has_barred {
            let admitted = self.admit_lines(&reserve);
            reserve.admitted = admitted.inspect_err(|failure| self.note_refused(&reserve, failure))?;
        }
        Ok(Command::Reservations(reservations::command::Command::Reserve(Box::new(reserve))))
    }

    /// Takes the units of resolved lines. Empty if only other admissions in flight block them: then the command is
    /// queued behind those and decided after them.
    ///
    /// # Errors
    /// A refusal that the durable view confirms.
    pub fn admit_lines(&self, reserve: &Reserve) -> Result<Few<(CellId, StockChange)>, Failure> {
        let channel = match &reserve.channel {
            NameRef::Known(channel) => Some(*channel),
            NameRef::New(_) => None,
        };
        let book = self.rules.book_if_any();
        let book = book.as_deref().map(|book| &**book);
        for (at, superseded) in reserve.supersedes.iter().enumerate() {
            match self.reservations.known(*superseded).map(|old| old.state()) {
                None => return Err(Refusal::NothingToReplace { at }.into()),
                Some(ReservationState::Held | ReservationState::Expired) => {}
                Some(state) => return Err(Refusal::NotReplaceable { at, state }.into()),
            }
        }
        if let ([line], [], false) = (reserve.lines.as_slice(), reserve.supersedes.as_slice(), reserve.allow_partial) {
            return self.admit_line(line, book, channel);
        }
        self.admit_cart(reserve, book, channel)
    }

    /// Takes the units of several lines.
    #[inline(never)]
    fn admit_cart(
        &self,
        reserve: &Reserve,
        book: Option<&Book>,
        channel: Option<ChannelId>,
    ) -> Result<Few<(CellId, StockChange)>, Failure> {
        let gate_of = |cell: CellId| self.gate(book, self.matrix.cell(cell), channel);
        let Some(mut demands) = self.demands(reserve) else { return Ok(Few::new()) };
        // Checks all lines before taking any, so that a failing cart does not affect other callers.
        let mut shorts = Vec::new();
        for demand in &mut demands {
            let cell = self.matrix.cell(demand.cell);
            let gate = gate_of(demand.cell);
            demand.taken = demand.wanted().min(gate.available(cell.promised()));
            if demand.taken < demand.wanted()
                && let Err((constraint, available, rule, limit)) = self.refused_for_good(cell, demand.wanted(), channel)
            {
                let available = available.saturating_add(demand.released);
                shorts.push(Short {
                    line: demand.line,
                    requested: demand.requested,
                    available,
                    constraint,
                    rule,
                    limit,
                });
            }
        }
        let nothing_left = shorts.len() == demands.len()
            && shorts.iter().all(|short| short.available == 0)
            && reserve.lines.iter().all(|line| self.catalogue.is_tracked(line.sku));
        if !shorts.is_empty() && (!reserve.allow_partial || nothing_left) {
            shorts.sort_by_key(|short| short.line);
            return Err(Refusal::Insufficient(shorts).into());
        }
        // A canonical order, so that two carts with the same lines meet at the first line.
        demands.sort_unstable_by_key(|demand| demand.cell);
        let mut taken = Few::new();
        for demand in demands.iter().filter(|demand| demand.wanted() > 0) {
            let complete = demand.taken == demand.wanted() || (reserve.allow_partial && demand.taken > 0);
            let gate = gate_of(demand.cell);
            let admit = || self.matrix.cell(demand.cell).admit_by(|level| gate.reserve(level, demand.taken));
            if complete && admit().is_ok() {
                taken.push((demand.cell, StockChange::reserve(demand.taken)));
            } else {
                self.give_back(&taken);
                return Ok(Few::new());
            }
        }
        Ok(taken)
    }

    /// The common case: one line, all or nothing.
    #[inline]
    fn admit_line(
        &self,
        line: &ReserveLine,
        book: Option<&Book>,
        channel: Option<ChannelId>,
    ) -> Result<Few<(CellId, StockChange)>, Failure> {
        let Some((id, cell)) = self.matrix.find_cell(line.sku, line.location) else { return Ok(Few::new()) };
        let gate = self.gate(book, cell, channel);
        if cell.admit_by(|level| gate.reserve(level, line.quantity)).is_ok() {
            return Ok(Few::from_buf([(id, StockChange::reserve(line.quantity))]));
        }
        self.refuse_line(line, cell, channel)
    }

    /// The limits for a reservation through `channel` in a cell.
    #[inline]
    pub(crate) fn gate(&self, book: Option<&Book>, cell: &StockCell, channel: Option<ChannelId>) -> Gate {
        let terms = |book: &Book| book.terms(&self.catalogue, cell.sku(), cell.location(), channel).limits();
        let limits = book.map_or(Limits::NONE, terms);
        limits.gate(cell.safety_stock(), channel.map_or(0, |channel| self.catalogue.buffer(channel)))
    }

    /// Returns the units of a command that never reached the log.
    pub fn give_back(&self, taken: &[(CellId, StockChange)]) {
        for (cell, change) in taken {
            self.matrix.cell(*cell).adjust_promise(change.inverse());
        }
    }

    /// Admits movements: outgoing units leave the promise words at once, so that no other caller is promised them.
    pub(crate) fn admit_movements(&self, requests: Vec<MovementRequest>) -> Command {
        let admit = |request: MovementRequest| {
            let (sku, location) = (self.sku_ref(&request.sku), self.location_ref(&request.location));
            let cell = match (&sku, &location) {
                (NameRef::Known(sku), NameRef::Known(location)) => self.matrix.find(*sku, *location),
                _ => None,
            };
            let is_tracked = |cell: &CellId| self.catalogue.is_tracked(self.matrix.cell(*cell).sku());
            let cell = cell.filter(is_tracked);
            let admitted = cell.filter(|_| request.change < 0).map(|cell| (cell, StockChange::bring(request.change)));
            if let Some((cell, change)) = admitted {
                self.matrix.cell(cell).adjust_promise(change);
            }
            Movement {
                kind: request.kind,
                sku,
                location,
                change: request.change,
                occurred_at: request.occurred_at,
                reference: request.reference,
                unplanned: request.unplanned,
                admitted,
            }
        };
        Command::Stock(stock::command::Command::Move(requests.into_iter().map(admit).collect()))
    }
}

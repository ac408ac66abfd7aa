//! The caller's side of a write: resolve names, take units early, queue.
//!
//! Nothing here is final but a refusal that the durable view confirms. What is taken here keeps others from being
//! promised the same unit meanwhile; whether it is really granted is decided in log order, by the
//! [`sequencer`](crate::engine::sequencer).

use std::collections::BTreeMap;

use crate::command::Command;
use crate::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, SkuId, Timestamp};
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::level::{Constraint, LINE_QUANTITY_MAX, StockChange};
use crate::matrix::{CellId, StockCell};
use crate::refusal::{Failure, Refusal, Short};
use crate::reservations::ReservationState;
use crate::reservations::bounds::Bounds;
use crate::reservations::command::{GroupLine, Reserve, ReserveLine, SUPERSEDES_MAX};
use crate::reservations::holds::check_request;
use crate::reservations::promise::Purpose;
use crate::rules::command::RuleFields;
use crate::rules::{Book, Gate, Limits, RuleId};
use crate::state::State;
use crate::stock::command::Movement;
use crate::stock::movement::MovementKind;
use crate::{reservations, stock};

/// A promise that is asked for, by name.
#[derive(Debug, Clone)]
pub struct ReserveRequest {
    /// Through which channel.
    pub channel: Name,
    /// For what.
    pub purpose: Purpose,
    /// For whom.
    pub customer: Option<Box<str>>,
    /// For which order.
    pub order: Option<Box<str>>,
    /// How long it is held.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether fewer units than asked for will do.
    pub allow_partial: bool,
    /// The holds that this one replaces, up to [`SUPERSEDES_MAX`]; what is named twice is replaced once.
    pub supersedes: Few<ReservationId>,
    /// What is asked for.
    pub lines: Few<LineRequest>,
    /// Where a pickup is handed over whose lines are brought from other places: those need not take pickups themselves.
    pub fetched_at: Option<Name>,
    /// Whether a refusal is no lost demand, since the caller tries something else then.
    pub is_attempt: bool,
}

/// One line of it.
#[derive(Debug, Clone)]
pub struct LineRequest {
    /// The SKU.
    pub sku: Name,
    /// Where.
    pub place: Place,
    /// Units, at least 1.
    pub quantity: u32,
    /// Units that are to come by then will do.
    pub latest: Option<Timestamp>,
}

/// Where units are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At this location.
    Location(Name),
    /// Anywhere in this group.
    Group(Name),
}

/// A movement that is reported, by name.
#[derive(Debug, Clone)]
pub struct MovementRequest {
    /// Why.
    pub kind: MovementKind,
    /// The SKU.
    pub sku: Name,
    /// Where.
    pub location: Name,
    /// Added to `on_hand`, signed.
    pub change: i64,
    /// When it happened, where the caller says so.
    pub occurred_at: Option<Timestamp>,
    /// The caller's own document.
    pub reference: Option<String>,
    /// Whether a receipt is of nothing that was known to come.
    pub unplanned: bool,
}

/// What all lines together ask of one cell.
struct Demand {
    cell: CellId,
    line: usize,
    /// Units asked for.
    requested: u32,
    /// Units of them that the replaced hold gives back.
    released: u32,
    taken: u32,
}

/// What was short, how many there are, the rule behind it, and the setting that ended the search for more.
type Refused = (Constraint, u32, Option<RuleId>, Option<&'static str>);

/// What is told of a SKU in a group.
#[derive(Debug, Clone, Copy)]
struct Told {
    units: i64,
    constraint: Constraint,
    rule: Option<RuleId>,
    limit: Option<&'static str>,
}

impl Demand {
    /// Units that must come from what is free.
    fn wanted(&self) -> u32 {
        self.requested.saturating_sub(self.released)
    }
}

/// Refuses lines that ask more of one SKU in one place, together, than one line may: no sum of units is ever cut short.
/// The loop is bounded by the lines of a request, squared, and runs only where all of them together ask for that much.
fn check_sums(lines: &[LineRequest]) -> Result<(), Failure> {
    let all: u64 = lines.iter().map(|line| u64::from(line.quantity)).sum();
    if all <= LINE_QUANTITY_MAX.into() {
        return Ok(());
    }
    for (at, line) in lines.iter().enumerate() {
        let same = lines.iter().take(at + 1).filter(|other| other.sku == line.sku && other.place == line.place);
        let sum: u64 = same.map(|other| u64::from(other.quantity)).sum();
        if sum > LINE_QUANTITY_MAX.into() {
            let place = match &line.place {
                Place::Location(location) => format!("at {location}"),
                Place::Group(group) => format!("in {group}"),
            };
            let reason = format!(
                "the lines up to this one request {sum} of {} {place}; together they may request at most \
                 {LINE_QUANTITY_MAX}",
                line.sku
            );
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
    }
    Ok(())
}

/// Refuses to replace more holds than one promise may.
fn check_supersedes(supersedes: &[ReservationId]) -> Result<(), Failure> {
    if supersedes.len() > SUPERSEDES_MAX {
        let reason = format!("names {} holds; one reservation replaces at most {SUPERSEDES_MAX}", supersedes.len());
        return Err(Refusal::invalid("supersedes", reason).into());
    }
    Ok(())
}

/// A list of a rule: its field, the names, and whether one of them is known.
type NamedList<'a> = (&'a str, &'a [Name], &'a dyn Fn(&Name) -> bool);

/// Unknown names that a refusal tells beside the first.
const UNKNOWN_TOLD: usize = 20;

/// Refuses a rule that names what is not there, with the first such name as the field and others beside it.
///
/// # Errors
/// The names that are not known.
pub(crate) fn all_known(
    fields: &RuleFields,
    sku: impl Fn(&Name) -> bool,
    location: impl Fn(&Name) -> bool,
    group: impl Fn(&Name) -> bool,
    channel: impl Fn(&Name) -> bool,
) -> Result<(), Refusal> {
    let lists: [NamedList<'_>; 4] = [
        ("skus", &fields.skus, &sku),
        ("locations", &fields.locations, &location),
        ("groups", &fields.groups, &group),
        ("channels", &fields.channels, &channel),
    ];
    let unknown = lists.into_iter().flat_map(|(list, names, is_known)| {
        let unknown = names.iter().enumerate().filter(move |(_, name)| !is_known(name));
        unknown.map(move |(at, name)| (format!("{list}[{at}]"), name))
    });
    let mut unknown = unknown.take(UNKNOWN_TOLD + 2);
    let Some((field, name)) = unknown.next() else { return Ok(()) };
    let others: Vec<String> = unknown.map(|(field, name)| format!("{field} ({name})")).collect();
    let others = match others.split_at_checked(UNKNOWN_TOLD) {
        _ if others.is_empty() => String::new(),
        Some((told, rest)) if !rest.is_empty() => format!(", and so are {} and more", told.join(", ")),
        _ => format!(", and so are {}", others.join(", ")),
    };
    let reason = format!("{name} is unknown{others}; a rule can only name what exists, so declare it first");
    Err(Refusal::invalid(field, reason))
}

/// The ids of names that a rule has in one of its lists; a rule creates none.
pub(crate) fn each_known<I>(field: &str, names: &[Name], id: impl Fn(&Name) -> Option<I>) -> Result<Vec<I>, Refusal> {
    let id = |(at, name): (usize, &Name)| {
        id(name).ok_or_else(|| {
            let reason = format!("{name} is unknown; a rule can only name what exists, so declare it first");
            Refusal::invalid(format!("{field}[{at}]"), reason)
        })
    };
    names.iter().enumerate().map(id).collect()
}

impl State {
    /// A name on its way in.
    pub fn sku_ref(&self, name: &Name) -> NameRef<SkuId> {
        self.catalogue.skus.id(name.as_str()).map_or_else(|| NameRef::New(name.clone()), NameRef::Known)
    }

    /// A name on its way in.
    pub fn location_ref(&self, name: &Name) -> NameRef<LocationId> {
        self.catalogue.locations.id(name.as_str()).map_or_else(|| NameRef::New(name.clone()), NameRef::Known)
    }

    /// The id of a channel that is asked for, if it has one.
    ///
    /// # Errors
    /// Where channels are declared and this one is not, unless the settings accept it.
    #[inline]
    pub fn channel(&self, field: &str, name: &Name) -> Result<Option<ChannelId>, Refusal> {
        let channel = self.catalogue.channels.id(name.as_str());
        if channel.is_none() && self.catalogue.is_retired_channel(name.as_str()) {
            return Err(self.catalogue.retired_channel(field, name));
        }
        match self.catalogue.takes_any_channel() || channel.is_some_and(|id| self.catalogue.is_declared(id)) {
            true => Ok(channel),
            false => Err(self.catalogue.undeclared_channel(field, name)),
        }
    }

    /// Whether everything that a rule names is there.
    ///
    /// # Errors
    /// The names that are not, each with its field.
    pub fn names_of_rule(&self, fields: &RuleFields) -> Result<(), Refusal> {
        let catalogue = &self.catalogue;
        all_known(
            fields,
            |name| catalogue.skus.id(name.as_str()).is_some(),
            |name| catalogue.locations.id(name.as_str()).is_some(),
            |name| catalogue.groups.id(name.as_str()).is_some(),
            |name| catalogue.channels.id(name.as_str()).is_some(),
        )
    }

    /// Admits a promise: on success its units are taken from the promise words and travel with the command.
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
                Place::Location(name) => sku.zip(self.catalogue.locations.id(name.as_str())).map(|(sku, location)| {
                    lines.push(ReserveLine { sku, location, quantity, latest });
                }),
                Place::Group(name) => sku.zip(self.catalogue.groups.id(name.as_str())).map(|(sku, group)| {
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

    /// Takes the units of resolved lines; none where only admissions in flight stand in the way, so that the command
    /// waits in the queue behind them and is decided when they are.
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

    /// The same where lines are added up.
    #[inline(never)]
    fn admit_cart(
        &self,
        reserve: &Reserve,
        book: Option<&Book>,
        channel: Option<ChannelId>,
    ) -> Result<Few<(CellId, StockChange)>, Failure> {
        let gate_of = |cell: CellId| self.gate(book, self.matrix.cell(cell), channel);
        let Some(mut demands) = self.demands(reserve) else { return Ok(Few::new()) };
        // All lines are checked before any is taken, so that a cart which must fail disturbs nobody.
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
        // One canonical order, so that two carts with the same lines meet at the first of them.
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

    /// The same where the promise word has too little: kept apart, so that nobody else pays for it.
    #[cold]
    #[inline(never)]
    fn refuse_line(
        &self,
        line: &ReserveLine,
        cell: &StockCell,
        channel: Option<ChannelId>,
    ) -> Result<Few<(CellId, StockChange)>, Failure> {
        if !self.catalogue.is_tracked(line.sku) {
            // There is enough, and nothing to take: it comes into being with the promise.
            return Ok(Few::new());
        }
        let refused = self.refused_for_good(cell, line.quantity, channel);
        let Err((constraint, available, rule, limit)) = refused else { return Ok(Few::new()) };
        let short = Short { line: 0, requested: line.quantity, available, constraint, rule, limit };
        Err(Refusal::Insufficient(vec![short]).into())
    }

    /// Refuses lines that name places which take no orders of their purpose: whatever is there, nobody gets it.
    ///
    /// # Errors
    /// A refusal that the durable view confirms.
    fn refuse_barred(&self, reserve: &Reserve) -> Result<(), Failure> {
        if reserve.purpose == Purpose::Cart {
            return Ok(());
        }
        let lines = reserve.lines.iter().enumerate().filter(|(_, line)| self.is_barred(reserve, line.location));
        let shorts = lines.map(|(nth, line)| Short::barred(reserve.line_number(nth), line.quantity));
        let shorts: Vec<Short> = shorts.collect();
        // What others of the lines get is known in log order.
        let some_may_do = reserve.allow_partial && shorts.len() < reserve.lines.len() + reserve.group_lines.len();
        if shorts.is_empty() || some_may_do { Ok(()) } else { Err(Refusal::Insufficient(shorts).into()) }
    }

    /// Whether a promise may not have units at a location, whatever is there: one that takes no orders of its purpose, or
    /// that nobody declared.
    #[inline]
    pub(crate) fn is_barred(&self, reserve: &Reserve, location: LocationId) -> bool {
        if reserve.purpose == Purpose::Cart {
            return false;
        }
        match reserve.fetched_at {
            None => !self.catalogue.takes(location, reserve.purpose),
            Some(store) => !self.catalogue.takes(store, reserve.purpose) || self.catalogue.is_made_up(location),
        }
    }

    /// Whether the groups of all lines have no more locations than one promise may reach.
    fn bound_groups(&self, reserve: &Reserve) -> Result<(), Failure> {
        let members =
            |line: &GroupLine| self.catalogue.groups.details(line.group).map_or(0, |set| set.details.locations.len());
        let (reach, limit) = (reserve.group_lines.iter().map(members).sum::<usize>(), self.bounds().group_cells);
        if reach > limit {
            let reason = format!(
                "the named groups have {reach} locations together, and at most {limit} are allowed \
                 (limits.reservation_group_cells); request fewer lines, or smaller groups"
            );
            return Err(Refusal::invalid("lines", reason).into());
        }
        Ok(())
    }

    /// Refuses what is asked of groups and cannot be had there, as the durable view has it, so that the journal thread need
    /// not look: each SKU is looked at once in each group.
    ///
    /// # Errors
    /// A refusal that the durable view confirms.
    fn refuse_groups(&self, reserve: &Reserve) -> Result<(), Failure> {
        if !reserve.supersedes.is_empty() || (reserve.allow_partial && !reserve.lines.is_empty()) {
            // What the replaced holds give back, or what others of the lines get, is known in log order.
            return Ok(());
        }
        let channel = match &reserve.channel {
            NameRef::Known(channel) => Some(*channel),
            NameRef::New(_) => None,
        };
        // What all lines ask of a SKU in a group; who waits may get what is to come.
        let mut asked: BTreeMap<(SkuId, GroupId), i64> = BTreeMap::new();
        let is_counted = |line: &&GroupLine| self.catalogue.is_tracked(line.sku);
        for line in reserve.group_lines.iter().filter(|line| line.latest.is_none()).filter(is_counted) {
            *asked.entry((line.sku, line.group)).or_default() += i64::from(line.quantity);
        }
        let (_, (mut known, planned)) = self.view.read(|| {
            let lens = self.lens(channel);
            let mut known: BTreeMap<(SkuId, GroupId), Told> = BTreeMap::new();
            let mut planned = Vec::new();
            let has_plans = self.has_plans(&self.rules.book());
            for ((sku, group), wanted) in &asked {
                let details = self.catalogue.groups.details(*group);
                let members = details.as_deref().map_or(&[][..], |set| &set.details.locations);
                let row = lens.row(&self.catalogue, *sku);
                let mut told = Told { units: 0, constraint: Constraint::UnknownCell, rule: None, limit: None };
                for cell in members.iter().filter_map(|location| self.matrix.get(*sku, *location)) {
                    if self.is_barred(reserve, cell.location()) {
                        if told.constraint == Constraint::UnknownCell {
                            told.constraint = Constraint::Access;
                        }
                        continue;
                    }
                    told.units += i64::from(row.available(cell));
                    told.constraint = Constraint::Group;
                    if told.units >= *wanted && !has_plans {
                        break;
                    }
                }
                // What is added up is enough where nothing else has a say; a quota, or a promise that makes room, may.
                let is_known = told.constraint == Constraint::Group && has_plans;
                if is_known && self.takes_a_plan(&self.rules.book(), &self.ledger(), *sku) {
                    if told.units < *wanted || self.rules.book().has_quotas() {
                        planned.push((*sku, *group));
                    } else {
                        told.units = *wanted;
                    }
                }
                known.insert((*sku, *group), told);
            }
            (known, planned)
        });
        // One SKU after the other, so that a writer waits for the copy of one row at most; all of them on one budget.
        let mut looks = self.bounds().budget.looks;
        for of_sku in planned.chunk_by(|one, next| one.0 == next.0) {
            let skus = of_sku.iter().map(|(sku, _)| *sku).take(1);
            let groups = of_sku.iter().map(|(_, group)| *group);
            let (_, mut shelves) = self.view.read(|| self.shelves(skus.clone(), groups.clone(), channel));
            shelves.sort();
            for of @ (sku, group) in of_sku {
                let wanted = asked.get(of).copied().unwrap_or(0);
                shelves.leave(looks);
                let (got, limit) = shelves.in_group(*sku, *group, reserve.purpose, wanted);
                looks = looks.saturating_sub(shelves.spent());
                let units = wanted - got.missing;
                let constraint = match got.limited {
                    Some(_) if limit.is_none() => Constraint::Quota,
                    _ => Constraint::Group,
                };
                known.insert(*of, Told { units, constraint, rule: got.limited, limit });
            }
        }
        let short = |line: &GroupLine| {
            let of = (line.sku, line.group);
            let told = known.get(&of).filter(|_| line.latest.is_none())?;
            let wanted = asked.get(&of).copied().unwrap_or(0);
            let Told { units, constraint, rule, limit } = *told;
            let available = units.clamp(0, line.quantity.into()) as u32;
            (units < wanted).then_some(Short {
                line: line.at,
                requested: line.quantity,
                available,
                constraint,
                rule,
                limit,
            })
        };
        let shorts: Vec<Short> = reserve.group_lines.iter().filter_map(short).collect();
        let nothing_left = shorts.len() == reserve.group_lines.len() && shorts.iter().all(|short| short.available == 0);
        if !shorts.is_empty() && (!reserve.allow_partial || nothing_left) {
            return Err(Refusal::Insufficient(shorts).into());
        }
        Ok(())
    }

    /// Whether the durable view refuses what the promise word refused. A record folds row by row, and a rule may have changed
    /// since: only a level and rules that are read together, between folds, are what the log grants.
    fn refused_for_good(&self, cell: &StockCell, quantity: u32, channel: Option<ChannelId>) -> Result<(), Refused> {
        let (sku, location) = (cell.sku(), cell.location());
        let (_, (refused, shelves)) = self.view.read(|| {
            let book = self.rules.book();
            let (gate, level) = (self.gate(Some(&book), cell, channel), cell.durable());
            let rule = |constraint| {
                book.terms(&self.catalogue, sku, location, channel).rule_behind(constraint, cell.safety_stock())
            };
            let refused = gate.reserve(level, quantity).map(drop);
            let refused = refused.map_err(|constraint| (constraint, gate.available(level), rule(constraint), None));
            // What is promised there to a group may make room.
            let may_make_room = refused.is_err() && self.has_open_promises(sku, location);
            let none = std::iter::empty();
            (refused, may_make_room.then(|| self.shelves(std::iter::once(sku), none, channel)))
        });
        let (Err((constraint, _, rule, _)), Some(mut shelves)) = (refused, shelves) else { return refused };
        shelves.sort();
        let (room, limit) = shelves.at(sku, location, quantity.into());
        if room >= i64::from(quantity) {
            return Ok(());
        }
        let constraint = if limit.is_some() { Constraint::Group } else { constraint };
        Err((constraint, room as u32, rule, limit))
    }

    /// What a promise through `channel` must pass in a cell.
    #[inline]
    pub(crate) fn gate(&self, book: Option<&Book>, cell: &StockCell, channel: Option<ChannelId>) -> Gate {
        let terms = |book: &Book| book.terms(&self.catalogue, cell.sku(), cell.location(), channel).limits();
        let limits = book.map_or(Limits::NONE, terms);
        limits.gate(cell.safety_stock(), channel.map_or(0, |channel| self.catalogue.buffer(channel)))
    }

    /// Gives back what was taken for a command that never reached the log.
    pub fn give_back(&self, taken: &[(CellId, StockChange)]) {
        for (cell, change) in taken {
            self.matrix.cell(*cell).adjust_promise(change.inverse());
        }
    }

    /// What the lines ask of each cell, beyond what the holds that they replace give back; `None` where a cell does not
    /// exist, which the journal thread will say, since it may exist by then. Of what nobody counts there is nothing to take.
    fn demands(&self, reserve: &Reserve) -> Option<Few<Demand>> {
        let mut demands: Few<Demand> = Few::new();
        for (at, line) in reserve.lines.iter().enumerate() {
            if !self.catalogue.is_tracked(line.sku) {
                continue;
            }
            let cell = self.matrix.find(line.sku, line.location)?;
            match demands.iter_mut().find(|demand| demand.cell == cell) {
                Some(demand) => demand.requested += line.quantity,
                None => demands.push(Demand { cell, line: at, requested: line.quantity, released: 0, taken: 0 }),
            }
        }
        for (_, superseded) in reserve.replaced() {
            let old = self.reservations.get(superseded);
            for held in old.iter().filter(|old| old.state == ReservationState::Held).flat_map(|old| &old.lines) {
                let cell = self.matrix.find(held.sku, held.location)?;
                if let Some(demand) = demands.iter_mut().find(|demand| demand.cell == cell) {
                    demand.released += held.present();
                }
            }
        }
        Some(demands)
    }

    /// Admits movements: what goes out is taken from the promise words at once, so that nobody else is promised it.
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

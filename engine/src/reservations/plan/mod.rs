//! What a promise would take, and what would have to make room for it, before any of it is written down.
//!
//! A plan is a set of differences to a [`World`]: units taken from cells, units of the hold that is replaced, and units of
//! open promises (asked of a group, not bound yet) that go elsewhere in their group. Making room is finding an augmenting
//! path: from a full cell, over the groups whose open promises stand there, to a cell that has room. Quantities move along
//! a path at once. Paths change the plan's counts and not single promises, so units may be sent on and back while the plan
//! is made. Moves are kept in the order in which each finds room when it comes; so they are logged, before the promise.
//!
//! # Floors
//! A cell that a plan takes from, or sends promises to, keeps the highest floor (safety stock and buffer) of all who took
//! from it in this plan. So whatever order its records are read in, each of them leaves what it must. And nobody is pushed
//! into what the plan's own channel must leave to others, so that it does not sell its buffer in two steps either.
//!
//! # One arithmetic
//! The journal thread plans on its draft, and readers plan on a copy of the durable view. A plan for fewer units is a
//! plan for more units that ends earlier: every step takes as much as it can of what is still missing. So whatever a
//! group is told to have is granted, and so is everything below it.
//!
//! # Cost
//! A decision looks at no more than [`Budget::looks`] cells and kinds of promises, and moves no more than
//! [`Budget::promises`] promises. Neither depends on quantities, on history, or on how many hold something elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::catalogue::Catalogue;
use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId};
use crate::level::{StockLevel, UNCOUNTED_MAX};
use crate::matrix::StockCell;
use crate::reservations::ledger::{Counted, OpenUnits, Used};
use crate::reservations::promise::{LineTerms, Purpose};
use crate::rules::{Amount, Book, Effect, RuleId, Standing};
use crate::settings::Budget;

/// Open promises that belong together, as far as room goes: the group that they were asked of, their channel, and what
/// they are for.
pub(crate) type Of = (GroupId, ChannelId, Purpose);

/// The settings that bound a plan, as a refusal names them.
pub(crate) const LOOKS_LIMIT: &str = "limits.plan_looks";
pub(crate) const PROMISES_LIMIT: &str = "limits.plan_promises";
pub(crate) const WAITS_LIMIT: &str = "limits.cell_waits";

/// Cells that are added up for a quota, one after the other, for one look.
const ADDED_UP_PER_LOOK: usize = 16;

/// A cell as a plan finds it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shelf {
    pub exists: bool,
    pub level: StockLevel,
    pub safety_stock: u32,
}

impl Shelf {
    /// A cell of the durable view.
    pub fn of(cell: &StockCell) -> Self {
        Self { exists: true, level: cell.durable(), safety_stock: cell.safety_stock() }
    }
}

/// Open promises of one kind in one cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenKind {
    pub of: Of,
    /// All of their units.
    pub units: i64,
    /// At most so many lines of reservations.
    pub lines: usize,
}

impl OpenKind {
    /// Those that a ledger knows.
    pub fn of(of: Of, open: &OpenUnits) -> Self {
        Self { of, units: open.units, lines: open.lines.len() }
    }
}

/// What a plan rests on: the draft of the journal thread, or a copy of the durable view.
pub(crate) trait World {
    /// Names and details.
    fn catalogue(&self) -> &Catalogue;
    /// A cell.
    fn shelf(&self, sku: SkuId, location: LocationId) -> Shelf;
    /// Every cell of a SKU that exists.
    fn for_each_shelf(&self, sku: SkuId, visit: &mut dyn FnMut(LocationId, Shelf));
    /// Whether a location takes promises of a purpose.
    fn takes(&self, location: LocationId, purpose: Purpose) -> bool;
    /// Units that a channel leaves to others.
    fn buffer(&self, channel: ChannelId) -> u32;
    /// Open promises in a cell, in the order of their kinds.
    fn open(&self, sku: SkuId, location: LocationId) -> Vec<OpenKind>;
    /// Whether there are any.
    fn has_open(&self, sku: SkuId, location: LocationId) -> bool;
    /// Whether there are any in any cell of a SKU.
    fn has_open_anywhere(&self, sku: SkuId) -> bool;
    /// The members of a group, those first that fewest groups share.
    fn members(&mut self, group: GroupId) -> Arc<[LocationId]>;
    /// What was promised under a quota.
    fn used(&self, counted: Counted) -> Used;
}

/// What a plan does to one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Touched {
    /// Units of the plan's own lines.
    taken: i64,
    /// Units that the replaced hold gives back in the same step: room for what the plan takes, not for what moves.
    released: i64,
    /// Units of open promises that came, less those that left.
    moved: i64,
    /// The highest floor of those that came.
    floor: Option<i64>,
}

/// By how much a plan changes the open promises of one kind in one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Drift {
    units: i64,
    /// Lines that came with them, at most.
    lines: usize,
}

/// Open promises of one kind that go from one cell to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moving {
    pub sku: SkuId,
    pub of: Of,
    pub from: LocationId,
    pub to: LocationId,
    pub units: i64,
    /// Promises that move, at most.
    lines: usize,
    floor_before: Option<i64>,
}

/// Units that a line of the promise takes in one cell.
#[derive(Debug, Clone, Copy)]
struct Take {
    line: usize,
    sku: SkuId,
    location: LocationId,
    present: i64,
    to_come: i64,
}

/// The quotas that hold for a cell.
#[derive(Debug, Default)]
struct QuotaSet {
    ids: Vec<RuleId>,
    /// Those about the same places stand together.
    pools: Vec<Arc<[Arc<Standing>]>>,
}

/// What the places of a quota hold of a SKU.
#[derive(Debug, Clone, Copy)]
struct Pool {
    on_hand: i64,
    /// Free units as the world has them.
    free_before: i64,
    /// The same as the plan leaves them.
    free: i64,
}

/// One hop of a path: open promises of one kind that go from one location to another.
#[derive(Debug, Clone, Copy)]
struct Hop {
    from: LocationId,
    to: LocationId,
    of: Of,
}

/// A line that would be short if everything stood in its place, what it may have, and the quota behind it.
pub(crate) type QuotaBroken = (usize, u32, RuleId);

/// Differences to a world.
#[derive(Debug)]
pub(crate) struct Plan {
    pub channel: ChannelId,
    /// What it is for; a cart where its places need not take orders of its purpose.
    pub purpose: Purpose,
    pub book: Arc<Book>,
    cells: FxHashMap<(SkuId, LocationId), Touched>,
    /// Units to come that are taken.
    waiting: FxHashMap<(SkuId, LocationId), i64>,
    /// Units counted against quotas, and what of that the replaced hold gives back.
    charged: FxHashMap<Counted, i64>,
    uncharged: Vec<(Counted, i64)>,
    drifts: BTreeMap<(SkuId, LocationId, Of), Drift>,
    moves: Vec<Moving>,
    takes: Vec<Take>,
    /// Cells from which nothing can go anywhere; what the plan takes makes them no freer.
    dead_ends: FxHashSet<(SkuId, LocationId)>,
    /// Members of a group that have no room for promises of a kind: so many from the first on. Rooms only shrink.
    full_members: FxHashMap<(SkuId, Of, usize), usize>,
    quota_sets: Vec<QuotaSet>,
    quota_ids: FxHashMap<Vec<RuleId>, usize>,
    quota_at: FxHashMap<(SkuId, LocationId), usize>,
    pools: FxHashMap<(SkuId, RuleId), Pool>,
    looks: usize,
    looks_left: usize,
    promises_left: usize,
    /// The setting that ended the search for room, where one did.
    over: Option<&'static str>,
}

impl Plan {
    pub fn new(channel: ChannelId, purpose: Purpose, book: Arc<Book>, budget: Budget) -> Self {
        Self {
            channel,
            purpose,
            book,
            cells: FxHashMap::default(),
            waiting: FxHashMap::default(),
            charged: FxHashMap::default(),
            uncharged: Vec::new(),
            drifts: BTreeMap::new(),
            moves: Vec::new(),
            takes: Vec::new(),
            dead_ends: FxHashSet::default(),
            full_members: FxHashMap::default(),
            quota_sets: vec![QuotaSet::default()],
            quota_ids: FxHashMap::default(),
            quota_at: FxHashMap::default(),
            pools: FxHashMap::default(),
            looks: budget.looks,
            looks_left: budget.looks,
            promises_left: budget.promises,
            over: None,
        }
    }

    /// The setting that ended the search for room, where one did.
    pub fn over(&self) -> Option<&'static str> {
        self.over
    }

    /// Whether a search for room among open promises was ended by a setting.
    pub fn search_ended(&self) -> bool {
        self.over.is_some_and(|limit| limit != WAITS_LIMIT)
    }

    /// So many wait for a cell that nobody else may.
    pub fn too_many_wait(&mut self) {
        self.over.get_or_insert(WAITS_LIMIT);
    }

    /// What was looked at so far.
    pub fn spent(&self) -> usize {
        self.looks - self.looks_left
    }

    /// What has to move for the plan, in an order in which each finds room when it comes.
    pub fn moves(&self) -> &[Moving] {
        &self.moves
    }

    /// Counts what is looked at; false where there were too many looks.
    fn look(&mut self, looks: usize) -> bool {
        match self.looks_left.checked_sub(looks) {
            Some(left) => {
                self.looks_left = left;
                true
            }
            None => {
                self.looks_left = 0;
                self.over = Some(LOOKS_LIMIT);
                false
            }
        }
    }

    fn touched(&self, sku: SkuId, location: LocationId) -> Touched {
        self.cells.get(&(sku, location)).copied().unwrap_or_default()
    }

    /// Units that are to come to a cell are taken.
    pub fn take_to_come(&mut self, sku: SkuId, location: LocationId, units: u32) {
        *self.waiting.entry((sku, location)).or_default() += i64::from(units);
    }

    /// Units to come that are in line are waited for no more.
    pub fn leave_to_come(&mut self, sku: SkuId, location: LocationId, units: u32) {
        *self.waiting.entry((sku, location)).or_default() -= i64::from(units);
    }

    /// Units to come that are waited for beyond those that the world has in line.
    pub fn waiting(&self, sku: SkuId, location: LocationId) -> i64 {
        self.waiting.get(&(sku, location)).copied().unwrap_or(0)
    }

    /// Units no longer count against a quota.
    pub fn uncharge(&mut self, counted: Counted, units: u32) {
        *self.charged.entry(counted).or_default() -= i64::from(units);
        self.uncharged.push((counted, -i64::from(units)));
    }

    /// A line of the promise, as it will stand in the record.
    pub fn note_line(&mut self, line: usize, sku: SkuId, location: LocationId, present: u32, to_come: u32) {
        let (present, to_come) = (present.into(), to_come.into());
        self.takes.push(Take { line, sku, location, present, to_come });
    }

    /// By how much the plan changes open promises in a cell.
    fn drifts_in(&self, sku: SkuId, location: LocationId) -> impl Iterator<Item = (Of, Drift)> + '_ {
        let first = (sku, location, (GroupId(0), ChannelId(0), Purpose::Cart));
        let here = self.drifts.range(first..).take_while(move |((of, at, _), _)| (*of, *at) == (sku, location));
        here.map(|((.., of), drift)| (*of, *drift))
    }
}

/// Units that must stay free in a cell for a channel; none where it may not sell there.
fn floor<W: World>(
    world: &W,
    plan: &Plan,
    sku: SkuId,
    location: LocationId,
    channel: ChannelId,
    at: Shelf,
) -> Option<i64> {
    let terms = plan.book.terms(world.catalogue(), sku, location, Some(channel));
    terms.limits().gate(at.safety_stock, world.buffer(channel)).floor_units(at.level)
}

/// Units that the plan's channel may take in a cell beyond the plan, negative by what it lacks of its floor; none where it
/// may not sell, the location takes no such promises, or there is no cell. Of what nobody counts there is as much as a cell
/// has room for, wherever somebody declared the location, and whether there is a cell or not.
pub(crate) fn own_room<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId) -> Option<i64> {
    let shelf = world.shelf(sku, location);
    let catalogue = world.catalogue();
    if !catalogue.is_tracked(sku) {
        let denied = || plan.book.terms(catalogue, sku, location, Some(plan.channel)).limits().is_denied();
        let may_be_there = catalogue.has_uncounted_at(location) && world.takes(location, plan.purpose) && !denied();
        let at = plan.touched(sku, location);
        let there = i64::from(shelf.level.on_hand) + at.moved + at.taken - at.released;
        return may_be_there.then(|| UNCOUNTED_MAX - there);
    }
    let may_be_there = shelf.exists && world.takes(location, plan.purpose);
    let floor = floor(world, plan, sku, location, plan.channel, shelf).filter(|_| may_be_there)?;
    let at = plan.touched(sku, location);
    let floor = at.floor.map_or(floor, |other| floor.max(other));
    Some(shelf.level.free() - at.moved - at.taken + at.released - floor)
}

/// Units of open promises of a kind that may move to a cell beyond the plan, negative by what it lacks of its floor: in the
/// cell as it is before the plan's own units are taken and given back, and as it is after it. None where the location takes
/// no promises of their purpose.
fn room_for<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId, of: Of) -> Option<i64> {
    let (_, channel, purpose) = of;
    let shelf = world.shelf(sku, location);
    let may_be_there = shelf.exists && world.takes(location, purpose);
    let theirs = floor(world, plan, sku, location, channel, shelf).filter(|_| may_be_there)?;
    let at = plan.touched(sku, location);
    let theirs = at.floor.map_or(theirs, |other| theirs.max(other));
    let free = shelf.level.free() - at.moved;
    let taken = at.taken - at.released;
    if taken <= 0 {
        return Some(free - theirs);
    }
    let own = floor(world, plan, sku, location, plan.channel, shelf).map_or(theirs, |own| own.max(theirs));
    Some((free - theirs).min(free - taken - own))
}

/// The same where as many do not leave: nobody is pushed into what the plan's channel must leave to others.
fn room_to_stay<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId, of: Of) -> Option<i64> {
    let room = room_for(world, plan, sku, location, of)?;
    let shelf = world.shelf(sku, location);
    let own = floor(world, plan, sku, location, plan.channel, shelf);
    let at = plan.touched(sku, location);
    let taken = (at.taken - at.released).max(0);
    Some(own.map_or(room, |own| room.min(shelf.level.free() - at.moved - taken - own)))
}

/// Changes what the plan does to a cell, and what quotas are told of it.
fn change<W: World>(world: &W, plan: &mut Plan, sku: SkuId, location: LocationId, by: impl FnOnce(&mut Touched)) {
    let before = plan.touched(sku, location);
    let mut after = before;
    by(&mut after);
    plan.cells.insert((sku, location), after);
    if plan.pools.is_empty() {
        return;
    }
    let set = quota_set(world, plan, sku, location);
    let shelf = world.shelf(sku, location);
    let change = free_of(world, plan, sku, location, shelf, after) - free_of(world, plan, sku, location, shelf, before);
    for id in plan.quota_sets.get(set).map_or(&[][..], |set| &set.ids) {
        if let Some(pool) = plan.pools.get_mut(&(sku, *id)) {
            pool.free += change;
        }
    }
}

/// Units of a cell that are free above what everybody must leave.
fn free_of<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId, shelf: Shelf, at: Touched) -> i64 {
    if !shelf.exists {
        return 0;
    }
    let terms = plan.book.terms(world.catalogue(), sku, location, None);
    let held_back = terms.limits().gate(shelf.safety_stock, 0).safety_stock(shelf.level);
    (shelf.level.free() - at.moved - at.taken + at.released - i64::from(held_back)).max(0)
}

/// Units of a cell are given back by the hold that is replaced.
pub(crate) fn release<W: World>(world: &W, plan: &mut Plan, sku: SkuId, location: LocationId, units: u32) {
    change(world, plan, sku, location, |at| at.released += i64::from(units));
}

/// Units of a cell are taken.
pub(crate) fn take<W: World>(world: &W, plan: &mut Plan, sku: SkuId, location: LocationId, units: i64) {
    change(world, plan, sku, location, |at| at.taken += units);
}

/// A cell as the plan leaves it, before anything is given back.
pub(crate) fn level_before_release<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId) -> StockLevel {
    let (level, at) = (world.shelf(sku, location).level, plan.touched(sku, location));
    let reserved = (i64::from(level.reserved) + at.moved + at.taken).clamp(0, u32::MAX.into());
    StockLevel { reserved: reserved as u32, ..level }
}

/// Open promises in a cell, as the plan leaves them.
fn open_in<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId) -> Vec<OpenKind> {
    let mut open = world.open(sku, location);
    for (of, drift) in plan.drifts_in(sku, location) {
        match open.binary_search_by_key(&of, |kind| kind.of) {
            Ok(at) => {
                if let Some(kind) = open.get_mut(at) {
                    kind.units += drift.units;
                    kind.lines += drift.lines;
                }
            }
            Err(at) => open.insert(at, OpenKind { of, units: drift.units, lines: drift.lines }),
        }
    }
    open.retain(|kind| kind.units > 0);
    open
}

fn has_open<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId) -> bool {
    world.has_open(sku, location) || plan.drifts_in(sku, location).any(|(_, drift)| drift.units > 0)
}

/// Sends open promises elsewhere until the plan's channel may have `wanted` units of a cell beyond what it may have now, or
/// nothing more can go. What would be in vain is left where it is.
///
/// Bounded by the plan's budget.
pub(crate) fn make_room<W: World>(world: &mut W, plan: &mut Plan, sku: SkuId, at: LocationId, wanted: i64) {
    let (mark, Some(before)) = (plan.moves.len(), own_room(world, plan, sku, at)) else { return };
    let mut left = wanted;
    while left > 0 {
        let units = send_on(world, plan, sku, at, left);
        if units == 0 {
            break;
        }
        left -= units;
    }
    if own_room(world, plan, sku, at).is_none_or(|after| after.max(0) <= before.max(0)) {
        undo_moves(world, plan, mark);
    }
}

/// Sends up to `wanted` units of open promises from a cell along the shortest path, all at once; tells how many.
fn send_on<W: World>(world: &mut W, plan: &mut Plan, sku: SkuId, at: LocationId, wanted: i64) -> i64 {
    let Some(path) = find_path(world, plan, sku, at) else { return 0 };
    let mut units = wanted;
    // The last hop comes first: it goes to where there is room, and each other to where the one before it made some.
    if let Some(last) = path.first() {
        units = units.min(room_to_stay(world, plan, sku, last.to, last.of).unwrap_or(0));
    }
    let mut lines: SmallVec<[i64; 4]> = SmallVec::new();
    for hop in &path {
        let kinds = open_in(world, plan, sku, hop.from);
        let kind = kinds.iter().find(|kind| kind.of == hop.of);
        units = units.min(kind.map_or(0, |kind| kind.units));
        lines.push(kind.map_or(0, |kind| kind.lines as i64));
    }
    // Promises that move with so many units, at most.
    let moved = |units: i64| lines.iter().map(|lines| units.min(*lines)).sum::<i64>();
    let left = plan.promises_left as i64;
    if moved(units) > left {
        plan.over = Some(PROMISES_LIMIT);
        let (mut fits, mut too_many) = (0, units);
        // At most 32 rounds.
        while fits + 1 < too_many {
            let middle = fits + (too_many - fits) / 2;
            if moved(middle) <= left { fits = middle } else { too_many = middle }
        }
        units = fits;
    }
    if units <= 0 {
        return 0;
    }
    plan.promises_left -= moved(units) as usize;
    for (hop, lines) in path.iter().zip(lines) {
        shift(world, plan, sku, *hop, units, lines.min(units) as usize);
    }
    units
}

fn shift<W: World>(world: &W, plan: &mut Plan, sku: SkuId, hop: Hop, units: i64, lines: usize) {
    let Hop { from, to, of } = hop;
    plan.drifts.entry((sku, from, of)).or_default().units -= units;
    let there = plan.drifts.entry((sku, to, of)).or_default();
    there.units += units;
    there.lines += lines;
    change(world, plan, sku, from, |at| at.moved -= units);
    let floor_before = plan.touched(sku, to).floor;
    let floor = floor(world, plan, sku, to, of.1, world.shelf(sku, to));
    change(world, plan, sku, to, |at| {
        at.moved += units;
        at.floor = at.floor.max(floor);
    });
    plan.moves.push(Moving { sku, of, from, to, units, lines, floor_before });
}

/// Leaves what was moved since `mark` where it was.
fn undo_moves<W: World>(world: &W, plan: &mut Plan, mark: usize) {
    if plan.moves.len() <= mark {
        return;
    }
    while plan.moves.len() > mark
        && let Some(Moving { sku, of, from, to, units, lines, floor_before }) = plan.moves.pop()
    {
        plan.drifts.entry((sku, from, of)).or_default().units += units;
        let there = plan.drifts.entry((sku, to, of)).or_default();
        there.units -= units;
        there.lines -= lines;
        change(world, plan, sku, from, |at| at.moved += units);
        change(world, plan, sku, to, |at| {
            at.moved -= units;
            at.floor = floor_before;
        });
        plan.promises_left += lines;
    }
    // There is room again where there was none.
    plan.dead_ends.clear();
    plan.full_members.clear();
}

/// The shortest way from a full cell to one with room, over open promises; the last hop comes first.
///
/// Each kind of promise is expanded once, and the looks are the plan's.
fn find_path<W: World>(world: &mut W, plan: &mut Plan, sku: SkuId, at: LocationId) -> Option<Vec<Hop>> {
    if plan.dead_ends.contains(&(sku, at)) {
        return None;
    }
    let mut came_by: FxHashMap<LocationId, Option<Hop>> = FxHashMap::default();
    came_by.insert(at, None);
    let mut next = VecDeque::from([at]);
    let mut looked_at: FxHashSet<(Of, usize)> = FxHashSet::default();
    while let Some(from) = next.pop_front() {
        // Promises of one kind may go to the same places wherever they stand: once is enough. They never cross the border
        // of a quota.
        let set = quota_set(world, plan, sku, from);
        let kinds = open_in(world, plan, sku, from);
        if !plan.look(1 + kinds.len()) {
            return None;
        }
        let fresh: Vec<Of> = kinds.iter().map(|kind| kind.of).filter(|of| looked_at.insert((*of, set))).collect();
        for of in &fresh {
            if let Some(to) = member_with_room(world, plan, sku, *of, set, &came_by)? {
                let mut path = vec![Hop { from, to, of: *of }];
                let mut at = from;
                // Each location was come by once.
                while let Some(Some(hop)) = came_by.get(&at) {
                    path.push(*hop);
                    at = hop.from;
                }
                return Some(path);
            }
        }
        for of in fresh {
            for to in world.members(of.0).iter().copied() {
                if !plan.look(1) {
                    return None;
                }
                // It may come there if another leaves, and this channel may sell there.
                if came_by.contains_key(&to)
                    || plan.dead_ends.contains(&(sku, to))
                    || !has_open(world, plan, sku, to)
                    || quota_set(world, plan, sku, to) != set
                    || room_for(world, plan, sku, to, of).is_none_or(|room| room < 0)
                {
                    continue;
                }
                came_by.insert(to, Some(Hop { from, to, of }));
                next.push_back(to);
            }
        }
    }
    plan.dead_ends.extend(came_by.into_keys().map(|at| (sku, at)));
    None
}

/// The first member of a group with room for open promises of a kind; `None` where there were too many looks.
fn member_with_room<W: World>(
    world: &mut W,
    plan: &mut Plan,
    sku: SkuId,
    of: Of,
    set: usize,
    came_by: &FxHashMap<LocationId, Option<Hop>>,
) -> Option<Option<LocationId>> {
    let members = world.members(of.0);
    let mut full = plan.full_members.get(&(sku, of, set)).copied().unwrap_or(0);
    let mut are_full = true;
    let mut found = None;
    for (nth, to) in members.iter().copied().enumerate().skip(full) {
        if !plan.look(1) {
            return None;
        }
        if came_by.contains_key(&to) {
            are_full = false;
        } else if quota_set(world, plan, sku, to) == set
            && room_to_stay(world, plan, sku, to, of).is_some_and(|room| room > 0)
        {
            found = Some(to);
            break;
        } else if are_full {
            full = nth + 1;
        }
    }
    plan.full_members.insert((sku, of, set), full);
    Some(found)
}

/// What a group's line got.
#[derive(Debug, Default)]
pub(crate) struct FromGroup {
    /// Where, each place once.
    pub places: Vec<(LocationId, u32)>,
    /// Units that it did not get.
    pub missing: i64,
    /// A quota that left fewer than there were.
    pub limited: Option<RuleId>,
}

/// Takes up to `wanted` units of a SKU from `members`, in their order; where that is not enough, open promises make room.
///
/// Bounded by twice the members and the plan's budget.
pub(crate) fn take_in_group<W: World>(
    world: &mut W,
    plan: &mut Plan,
    line: usize,
    sku: SkuId,
    members: &[LocationId],
    wanted: i64,
) -> FromGroup {
    let mut got = FromGroup { missing: wanted, ..FromGroup::default() };
    let mut nth_of: FxHashMap<LocationId, usize> = FxHashMap::default();
    for rearranges in [false, true] {
        if rearranges && !world.has_open_anywhere(sku) {
            break;
        }
        for location in members.iter().copied() {
            if got.missing == 0 || !plan.look(1) {
                break;
            }
            if rearranges && !has_open(world, plan, sku, location) {
                continue;
            }
            let (mark, mut here) = (plan.moves.len(), 0);
            // Each round takes something, or moves something along a path.
            while got.missing > here
                && let Some(room) = own_room(world, plan, sku, location)
            {
                let mut may_have = got.missing - here;
                if room <= 0 && !rearranges {
                    break;
                }
                if let Some((allowed, rule)) = quota_allows(world, plan, sku, location)
                    && i64::from(allowed) < may_have
                {
                    if i64::from(allowed) < room.max(1) {
                        got.limited = Some(rule);
                    }
                    may_have = allowed.into();
                }
                if may_have == 0 {
                    break;
                }
                if room > 0 {
                    let units = room.min(may_have);
                    take(world, plan, sku, location, units);
                    charge(world, plan, sku, location, units);
                    here += units;
                } else if send_on(world, plan, sku, location, may_have - room) == 0 {
                    break;
                }
            }
            if here > 0 {
                note_take(plan, line, sku, location, here);
            }
            // What moved in vain stays where it was; so does what would leave less to quotas than was taken.
            if plan.moves.len() > mark && (here == 0 || quotas_hold(world, plan).is_err()) {
                if here > 0 {
                    note_take(plan, line, sku, location, -here);
                    take(world, plan, sku, location, -here);
                    charge(world, plan, sku, location, -here);
                    here = 0;
                }
                undo_moves(world, plan, mark);
            }
            if here > 0 {
                got.missing -= here;
                let nth = *nth_of.entry(location).or_insert(got.places.len());
                match got.places.get_mut(nth) {
                    Some((_, units)) => *units += here as u32,
                    None => got.places.push((location, here as u32)),
                }
            }
        }
    }
    got
}

fn note_take(plan: &mut Plan, line: usize, sku: SkuId, location: LocationId, units: i64) {
    let same = |take: &&mut Take| (take.line, take.sku, take.location) == (line, sku, location);
    // Of its own line the last is near the end.
    match plan.takes.iter_mut().rev().take_while(|take| take.line == line).find(same) {
        Some(take) => take.present += units,
        None => plan.takes.push(Take { line, sku, location, present: units, to_come: 0 }),
    }
}

/// The quotas of a cell, by a number that cells under the same quotas share.
fn quota_set<W: World>(world: &W, plan: &mut Plan, sku: SkuId, location: LocationId) -> usize {
    if !plan.book.has_quotas() {
        return 0;
    }
    if let Some(set) = plan.quota_at.get(&(sku, location)) {
        return *set;
    }
    let quotas: Vec<Arc<Standing>> = plan.book.quotas(world.catalogue(), sku, location).into_iter().cloned().collect();
    let ids: Vec<RuleId> = quotas.iter().map(|quota| quota.id).collect();
    let next = plan.quota_sets.len();
    let set = if ids.is_empty() { 0 } else { *plan.quota_ids.entry(ids.clone()).or_insert(next) };
    if set == next {
        let (mut pools, mut rest) = (Vec::new(), quotas);
        while let Some(first) = rest.first().cloned() {
            let same = |quota: &Arc<Standing>| quota.rule.conditions.same_places(&first.rule.conditions);
            let (pool, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(same);
            pools.push(pool.into());
            rest = others;
        }
        plan.quota_sets.push(QuotaSet { ids, pools });
    }
    plan.quota_at.insert((sku, location), set);
    set
}

/// Whether two cells are under the same quotas, so that moving between them takes nothing from anybody.
pub(crate) fn same_quotas<W: World>(
    world: &W,
    plan: &mut Plan,
    sku: SkuId,
    one: LocationId,
    other: LocationId,
) -> bool {
    quota_set(world, plan, sku, one) == quota_set(world, plan, sku, other)
}

fn pools_at<W: World>(world: &W, plan: &mut Plan, sku: SkuId, location: LocationId) -> Vec<Arc<[Arc<Standing>]>> {
    let set = quota_set(world, plan, sku, location);
    plan.quota_sets.get(set).map(|set| set.pools.clone()).unwrap_or_default()
}

/// Units that quotas leave to the plan's channel in a cell, and the rule that leaves the fewest.
///
/// A quota keeps a share of what the places of its rule hold of a SKU for its channels. What a channel may take in a cell
/// is, over every set of places that a quota there is about: what is left of its own share, or, where it may spill over
/// or has no share, whatever is free in those places beyond what is left of the others' shares; the larger of both. Where
/// there is less than all shares together, they are first come, first served.
pub(crate) fn quota_allows<W: World>(
    world: &W,
    plan: &mut Plan,
    sku: SkuId,
    location: LocationId,
) -> Option<(u32, RuleId)> {
    if !plan.book.has_quotas() {
        return None;
    }
    let mut least: Option<(u32, RuleId)> = None;
    for pool in pools_at(world, plan, sku, location) {
        let allowed = pool_allows(world, plan, sku, &pool);
        if least.is_none_or(|(units, _)| allowed.0 < units) {
            least = Some(allowed);
        }
    }
    least
}

/// Units that quotas leave to the plan's channel of what is to come to a cell, and the rule behind it: a channel that may
/// not spill over has its share of that, too, and no more; what is to come is kept for nobody else.
pub(crate) fn fence<W: World>(world: &W, plan: &mut Plan, sku: SkuId, location: LocationId) -> Option<(u32, RuleId)> {
    if !plan.book.has_quotas() {
        return None;
    }
    let mut least: Option<(u32, RuleId)> = None;
    for pool in pools_at(world, plan, sku, location) {
        let is_fenced = pool.iter().any(|quota| is_own(quota, plan.channel) && is_fence(quota));
        if is_fenced {
            let allowed = pool_allows(world, plan, sku, &pool);
            if least.is_none_or(|(units, _)| allowed.0 < units) {
                least = Some(allowed);
            }
        }
    }
    least
}

fn is_own(quota: &Standing, channel: ChannelId) -> bool {
    quota.rule.conditions.hold_for_channel(Some(channel))
}

fn is_fence(quota: &Standing) -> bool {
    matches!(quota.rule.effect, Effect::Quota { spill_over: false, .. })
}

/// What the places of a quota hold of a SKU: added up once, and changed by what the plan does from then on.
///
/// Bounded by the cells of the SKU, a look for each 16; where no looks are left, nothing is there.
fn pool_of<W: World>(world: &W, plan: &mut Plan, sku: SkuId, first: &Arc<Standing>) -> Pool {
    if let Some(pool) = plan.pools.get(&(sku, first.id)) {
        return *pool;
    }
    if plan.looks_left == 0 {
        plan.over = Some(LOOKS_LIMIT);
        let none = Pool { on_hand: 0, free_before: 0, free: 0 };
        plan.pools.insert((sku, first.id), none);
        return none;
    }
    let book = Arc::clone(&plan.book);
    let is_there = book.places_of(first);
    let (mut on_hand, mut free_before, mut free, mut cells) = (0, 0, 0, 0);
    world.for_each_shelf(sku, &mut |location, shelf| {
        cells += 1;
        if is_there(location) {
            on_hand += i64::from(shelf.level.on_hand.max(0));
            let before = free_of(world, plan, sku, location, shelf, Touched::default());
            free_before += before;
            free += match plan.cells.get(&(sku, location)) {
                Some(at) => free_of(world, plan, sku, location, shelf, *at),
                None => before,
            };
        }
    });
    plan.look(cells / ADDED_UP_PER_LOOK);
    let pool = Pool { on_hand, free_before, free };
    plan.pools.insert((sku, first.id), pool);
    pool
}

/// What the quotas of one set of places leave.
fn pool_allows<W: World>(world: &W, plan: &mut Plan, sku: SkuId, pool: &[Arc<Standing>]) -> (u32, RuleId) {
    let first = pool.first().expect("a pool has a quota");
    let Pool { on_hand, free, .. } = pool_of(world, plan, sku, first);
    let counted = |standing: &Standing| Counted { rule: standing.id, since: standing.since, sku };
    let used = |standing: &Standing| world.used(counted(standing));
    let handed_over: i64 = pool.iter().map(|quota| used(quota).handed_over).sum();
    let left = |standing: &Standing| {
        let Effect::Quota { share, minimum, .. } = standing.rule.effect else { return 0 };
        let share = match share {
            Amount::Units(units) => i64::from(units),
            Amount::Percent(percent) => ((on_hand + handed_over) * i64::from(percent) / 100).max(i64::from(minimum)),
        };
        let planned = plan.charged.get(&counted(standing)).copied().unwrap_or(0);
        (share - used(standing).promised - planned).max(0)
    };
    let (own, others): (Vec<&Arc<Standing>>, Vec<&Arc<Standing>>) =
        pool.iter().partition(|quota| is_own(quota, plan.channel));
    let kept_for_others: i64 = others.iter().map(|quota| left(quota)).sum();
    let own_left: i64 = own.iter().map(|quota| left(quota)).sum();
    let fenced = own.iter().find(|quota| is_fence(quota));
    let allowed = if fenced.is_some() { own_left } else { own_left.max(free - kept_for_others) };
    let rule = fenced.or(others.first().or(own.first())).map_or(first.id, |quota| quota.id);
    (allowed.clamp(0, u32::MAX.into()) as u32, rule)
}

/// The quotas that a promise of the plan's channel in a cell counts against.
pub(crate) fn charges<W: World>(world: &W, plan: &Plan, sku: SkuId, location: LocationId) -> Vec<(RuleId, Seq)> {
    let quotas = plan.book.quotas(world.catalogue(), sku, location).into_iter();
    let own = quotas.filter(|quota| is_own(quota, plan.channel));
    let mut charges: Vec<_> = own.map(|quota| (quota.id, quota.since)).collect();
    charges.sort_unstable();
    charges
}

/// Counts units of a cell against the quotas of the plan's channel.
pub(crate) fn charge<W: World>(world: &W, plan: &mut Plan, sku: SkuId, location: LocationId, units: i64) -> LineTerms {
    let charges = charges(world, plan, sku, location);
    for (rule, since) in &charges {
        *plan.charged.entry(Counted { rule: *rule, since: *since, sku }).or_default() += units;
    }
    LineTerms { charges, ..LineTerms::default() }
}

/// Whether each line still takes nothing that is kept for others once what moves is in its place: moving may leave less to
/// quotas than there was when they were asked.
///
/// Bounded by the cells and lines of the plan.
///
/// # Errors
/// The first line that would take more than it may.
pub(crate) fn quotas_hold<W: World>(world: &W, plan: &mut Plan) -> Result<(), QuotaBroken> {
    if !plan.book.has_quotas() {
        return Ok(());
    }
    plan.look((plan.cells.len() + plan.takes.len()) / ADDED_UP_PER_LOOK);
    let budget = Budget { looks: usize::MAX, promises: 0 };
    let mut again = Plan::new(plan.channel, plan.purpose, Arc::clone(&plan.book), budget);
    again.quota_sets = std::mem::take(&mut plan.quota_sets);
    again.quota_ids = std::mem::take(&mut plan.quota_ids);
    again.quota_at = std::mem::take(&mut plan.quota_at);
    again.pools = plan.pools.iter().map(|(of, pool)| (*of, Pool { free: pool.free_before, ..*pool })).collect();
    for ((sku, location), at) in plan.cells.iter().filter(|(_, at)| at.moved != 0 || at.released != 0) {
        change(world, &mut again, *sku, *location, |again| *again = Touched { taken: 0, ..*at });
    }
    for (counted, units) in &plan.uncharged {
        *again.charged.entry(*counted).or_default() += units;
    }
    let mut takes = plan.takes.clone();
    takes.sort_by_key(|take| take.line);
    let mut broken = Ok(());
    for Take { line, sku, location, present, to_come } in
        takes.into_iter().filter(|take| take.present + take.to_come > 0)
    {
        if present > again.touched(sku, location).released
            && let Some((allowed, rule)) = quota_allows(world, &mut again, sku, location)
            && i64::from(allowed) < present
        {
            broken = Err((line, allowed, rule));
            break;
        }
        take(world, &mut again, sku, location, present);
        charge(world, &mut again, sku, location, present + to_come);
    }
    plan.quota_sets = again.quota_sets;
    plan.quota_ids = again.quota_ids;
    plan.quota_at = again.quota_at;
    broken
}

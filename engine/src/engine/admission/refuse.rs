//! Refusals that the durable view confirms: they are final before the command is queued.

use std::collections::BTreeMap;

use crate::ids::{ChannelId, GroupId, LocationId, SkuId};
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::level::{Constraint, StockChange};
use crate::matrix::{CellId, StockCell};
use crate::refusal::{Failure, Refusal, Short};
use crate::reservations::command::{GroupLine, Reserve, ReserveLine};
use crate::reservations::promise::Purpose;
use crate::rules::RuleId;
use crate::state::DurableState;

/// The constraint, the available units, the rule that limits them, and the setting that ended the search for more.
type Refused = (Constraint, u32, Option<RuleId>, Option<&'static str>);

/// The shortage of a SKU in a group.
#[derive(Debug, Clone, Copy)]
struct GroupShortage {
    units: i64,
    constraint: Constraint,
    rule: Option<RuleId>,
    limit: Option<&'static str>,
}

impl DurableState {
    /// Handles a line whose promise word has too few units. In its own function, so that the common case stays fast.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_line(
        &self,
        line: &ReserveLine,
        cell: &StockCell,
        channel: Option<ChannelId>,
    ) -> Result<Few<(CellId, StockChange)>, Failure> {
        if !self.catalogue.is_tracked(line.sku) {
            // An untracked SKU has unlimited units: they come into being with the reservation.
            return Ok(Few::new());
        }
        let refused = self.refused_for_good(cell, line.quantity, channel);
        let Err((constraint, available, rule, limit)) = refused else { return Ok(Few::new()) };
        let short = Short { line: 0, requested: line.quantity, available, constraint, rule, limit };
        Err(Refusal::Insufficient(vec![short]).into())
    }

    /// Refuses lines that name places without orders of their purpose, whatever the stock there.
    ///
    /// # Errors
    /// A refusal that the durable view confirms.
    pub(super) fn refuse_barred(&self, reserve: &Reserve) -> Result<(), Failure> {
        if reserve.purpose == Purpose::Cart {
            return Ok(());
        }
        let lines = reserve.lines.iter().enumerate().filter(|(_, line)| self.is_barred(reserve, line.location));
        let shorts = lines.map(|(nth, line)| Short::barred(reserve.line_number(nth), line.quantity));
        let shorts: Vec<Short> = shorts.collect();
        // The units of the other lines are decided in log order.
        let some_may_do = reserve.allow_partial && shorts.len() < reserve.lines.len() + reserve.group_lines.len();
        if shorts.is_empty() || some_may_do { Ok(()) } else { Err(Refusal::Insufficient(shorts).into()) }
    }

    /// Whether a reservation cannot have units at a location, whatever the stock: the location does not serve its
    /// purpose, or is undeclared.
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

    /// Checks that the groups of all lines have no more locations than one reservation may cover.
    pub(crate) fn bound_groups(&self, reserve: &Reserve) -> Result<(), Failure> {
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

    /// Refuses demand on groups that the durable view cannot meet, so that the journal thread need not examine it:
    /// each SKU is checked once per group.
    ///
    /// # Errors
    /// A refusal that the durable view confirms.
    pub(super) fn refuse_groups(&self, reserve: &Reserve) -> Result<(), Failure> {
        if !reserve.supersedes.is_empty() || (reserve.allow_partial && !reserve.lines.is_empty()) {
            // The units that the replaced holds return, or that the other lines get, are decided in log order.
            return Ok(());
        }
        let channel = match &reserve.channel {
            NameRef::Known(channel) => Some(*channel),
            NameRef::New(_) => None,
        };
        // The demand for a SKU in a group; backorders may get inbound supply.
        let mut asked: BTreeMap<(SkuId, GroupId), i64> = BTreeMap::new();
        let is_counted = |line: &&GroupLine| self.catalogue.is_tracked(line.sku);
        for line in reserve.group_lines.iter().filter(|line| line.latest.is_none()).filter(is_counted) {
            *asked.entry((line.sku, line.group)).or_default() += i64::from(line.quantity);
        }
        let (_, (mut known, planned)) = self.view.read(|| {
            let lens = self.lens(channel);
            let mut known: BTreeMap<(SkuId, GroupId), GroupShortage> = BTreeMap::new();
            let mut planned = Vec::new();
            let has_plans = self.has_plans(&self.rules.book());
            for ((sku, group), wanted) in &asked {
                let details = self.catalogue.groups.details(*group);
                let members = details.as_deref().map_or(&[][..], |set| &set.details.locations);
                let row = lens.row(&self.catalogue, *sku);
                let mut told = GroupShortage { units: 0, constraint: Constraint::UnknownCell, rule: None, limit: None };
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
                // The sum is sufficient only without quotas and without reservations that can make room.
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
        // One SKU after the other, so that a writer waits for the copy of at most one row. All SKUs share one budget.
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
                known.insert(*of, GroupShortage { units, constraint, rule: got.limited, limit });
            }
        }
        let short = |line: &GroupLine| {
            let of = (line.sku, line.group);
            let told = known.get(&of).filter(|_| line.latest.is_none())?;
            let wanted = asked.get(&of).copied().unwrap_or(0);
            let GroupShortage { units, constraint, rule, limit } = *told;
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

    /// Whether the durable view confirms the refusal of the promise word. A record folds row by row, and a rule may
    /// have changed meanwhile: only a level and rules that are read together, between folds, are what the log grants.
    pub(super) fn refused_for_good(
        &self,
        cell: &StockCell,
        quantity: u32,
        channel: Option<ChannelId>,
    ) -> Result<(), Refused> {
        let (sku, location) = (cell.sku(), cell.location());
        let (_, (refused, shelves)) = self.view.read(|| {
            let book = self.rules.book();
            let (gate, level) = (self.gate(Some(&book), cell, channel), cell.durable());
            let rule = |constraint| {
                book.terms(&self.catalogue, sku, location, channel).rule_behind(constraint, cell.safety_stock())
            };
            let refused = gate.reserve(level, quantity).map(drop);
            let refused = refused.map_err(|constraint| (constraint, gate.available(level), rule(constraint), None));
            // Units promised there to a group may make room.
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
}

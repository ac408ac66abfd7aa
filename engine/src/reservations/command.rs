//! The commands of reservations.

use super::promise::Purpose;
use super::record::{ReservationState, Verdict};
use crate::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, SkuId, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::kernel::plain::Plain;
use crate::level::StockChange;
use crate::matrix::CellId;
use crate::reservations::bounds::Bounds;

/// What can be asked of reservations.
#[derive(Debug)]
pub enum Command {
    /// Promise units.
    Reserve(Box<Reserve>),
    /// Take a reservation one step on.
    Step(ReservationId, StepRequest),
}

impl Asked<crate::state::DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "reserve",
            Self::Step(_, step) => step.kind(),
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Reserve(reserve) => reserve.lines.len() + reserve.group_lines.len(),
            Self::Step(_, StepRequest::Collect { lines, .. } | StepRequest::Cancel { lines, .. }) => {
                lines.as_ref().map_or(0, Vec::len)
            }
            Self::Step(_, StepRequest::Bind { lines }) => lines.as_ref().map_or(0, Vec::len),
            Self::Step(_, StepRequest::Reallocation { lines }) => lines.len(),
            Self::Step(
                _,
                StepRequest::Confirm { .. }
                | StepRequest::Ready { .. }
                | StepRequest::PickupBy { .. }
                | StepRequest::Extend { .. },
            ) => 0,
        }
    }

    #[inline]
    fn plain(&self) -> Option<Plain> {
        match self {
            Self::Reserve(reserve) => {
                (reserve.group_lines.is_empty() && reserve.lines.len() <= 1).then_some(Plain::Reserve)
            }
            Self::Step(_, step) => step.plain(),
        }
    }

    #[inline]
    fn admitted(&self) -> Few<(CellId, StockChange)> {
        match self {
            Self::Reserve(reserve) => reserve.admitted.clone(),
            Self::Step(..) => Few::new(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        true
    }
}

/// A promise that is asked for.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// Through which channel.
    pub channel: NameRef<ChannelId>,
    /// Its name: the id may have gone back by the time of the decision.
    pub channel_name: Name,
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
    /// The holds that this one replaces, each once.
    pub supersedes: Few<ReservationId>,
    /// What is asked of locations.
    pub lines: Few<ReserveLine>,
    /// What is asked of groups.
    pub group_lines: Vec<GroupLine>,
    /// What was already taken from promise words, cell by cell, before the command was queued.
    pub admitted: Few<(CellId, StockChange)>,
    /// Where a pickup is handed over whose lines are brought from other places.
    pub fetched_at: Option<LocationId>,
    /// Whether a refusal is no lost demand, since the caller tries something else then.
    pub is_attempt: bool,
    /// How many reservations its channel and its caller may have open.
    pub bounds: Bounds,
}

/// One line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveLine {
    /// The SKU.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// Units, at least 1.
    pub quantity: u32,
    /// Units that are to come by then will do.
    pub latest: Option<Timestamp>,
}

/// One line that is asked of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLine {
    /// Which line of the request, from 0.
    pub at: usize,
    /// The SKU.
    pub sku: SkuId,
    /// Anywhere in it.
    pub group: GroupId,
    /// Units, at least 1.
    pub quantity: u32,
    /// Units that are to come by then will do.
    pub latest: Option<Timestamp>,
}

impl Reserve {
    /// The holds that it replaces, each once, with the place at which it names them.
    pub fn replaced(&self) -> impl Iterator<Item = (usize, ReservationId)> + '_ {
        let all = self.supersedes.iter().copied().enumerate();
        all.filter(|(at, id)| !self.supersedes.iter().take(*at).any(|earlier| earlier == id))
    }

    /// Whether it can only be decided in log order: where the units of a group come from, what is to come and what a day
    /// has room for is known there.
    pub fn is_left_to_the_log(&self) -> bool {
        !self.group_lines.is_empty() || self.lines.iter().any(|line| line.latest.is_some())
    }

    /// Which line of the request, from 0, the `nth` of those that are asked of locations is.
    pub fn line_number(&self, nth: usize) -> usize {
        let mut at = nth;
        for group_line in &self.group_lines {
            if group_line.at <= at {
                at += 1;
            }
        }
        at
    }
}

/// Holds that one promise may replace.
pub const SUPERSEDES_MAX: usize = 16;

/// A step in a reservation's life that is asked for.
#[derive(Debug, Clone)]
pub enum StepRequest {
    /// It becomes an order.
    Confirm {
        /// When it expires after all.
        pickup_by: Option<Timestamp>,
        /// The order it belongs to.
        order: Option<Box<str>>,
    },
    /// It is put aside. The code comes from outside: the engine draws no random numbers.
    Ready {
        /// 30 random bits for the code.
        entropy: u64,
    },
    /// It is handed over.
    Collect {
        /// Only these units.
        lines: Option<Vec<LineUnits>>,
        /// What the customer shows.
        pickup_code: Option<String>,
    },
    /// It is given back.
    Cancel {
        /// Only these units.
        lines: Option<Vec<LineUnits>>,
        /// Why.
        reason: Option<Box<str>>,
    },
    /// It is to be fetched by another time, or whenever.
    PickupBy {
        /// When it expires; none where it does not.
        pickup_by: Option<Timestamp>,
    },
    /// It gets more time.
    Extend {
        /// From now.
        ttl_seconds: u32,
    },
    /// The location of what was asked of a group is made public.
    Bind {
        /// Only these; all where they are, if it does not say.
        lines: Option<Vec<Reallocation>>,
    },
    /// What is promised moves to other locations.
    Reallocation {
        /// What, and where to.
        lines: Vec<Reallocation>,
    },
}

impl StepRequest {
    /// Whether it may be done to a reservation in `state`.
    pub fn verdict(&self, state: ReservationState) -> Verdict {
        match self {
            Self::Confirm { .. } => state.may_confirm(),
            Self::Ready { .. } => state.may_ready(),
            Self::Collect { .. } => state.may_collect(),
            Self::Cancel { .. } => state.may_cancel(),
            Self::PickupBy { .. } => state.may_set_pickup_by(),
            Self::Extend { .. } => state.may_extend(),
            Self::Bind { .. } | Self::Reallocation { .. } => state.may_reallocate(),
        }
    }

    /// Whether it is one of any number in a life: neither a state reached for the first time, nor the end.
    pub(crate) fn lengthens(&self) -> bool {
        match self {
            Self::Confirm { .. } | Self::Ready { .. } => false,
            Self::Collect { lines, .. } | Self::Cancel { lines, .. } => lines.is_some(),
            Self::Extend { .. } | Self::PickupBy { .. } | Self::Bind { .. } | Self::Reallocation { .. } => true,
        }
    }
}

/// Units of a reservation's line that are to be elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reallocation {
    /// The SKU.
    pub sku: SkuId,
    /// The group that it was asked of; may be left out.
    pub group: Option<GroupId>,
    /// Where it is; may be left out while it is in one place, and is where nobody knows.
    pub from: Option<LocationId>,
    /// Where it is to be; where it is, if it does not say.
    pub to: Option<LocationId>,
    /// Units; all of them, if it does not say.
    pub quantity: Option<u32>,
}

/// Units of a reservation's line, named by what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineUnits {
    /// The SKU.
    pub sku: SkuId,
    /// Where; may be left out while only one line has the SKU.
    pub location: Option<LocationId>,
    /// Units, at least 1.
    pub quantity: u32,
}

impl StepRequest {
    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Confirm { .. } => "confirm",
            Self::Ready { .. } => "ready",
            Self::Collect { .. } => "collect",
            Self::Cancel { .. } => "cancel",
            Self::Extend { .. } => "extend",
            Self::PickupBy { .. } => "pickup-by",
            Self::Bind { .. } => "bind",
            Self::Reallocation { .. } => "rebind",
        }
    }

    /// Which kind it is, where it costs little: it is about the whole of a reservation, and moves nothing elsewhere.
    #[inline]
    fn plain(&self) -> Option<Plain> {
        match self {
            Self::Confirm { .. } => Some(Plain::Confirm),
            Self::Ready { .. } => Some(Plain::Ready),
            Self::Extend { .. } => Some(Plain::Extend),
            Self::Collect { lines, .. } => lines.is_none().then_some(Plain::Collect),
            Self::Cancel { lines, .. } => lines.is_none().then_some(Plain::Cancel),
            Self::PickupBy { .. } | Self::Bind { .. } | Self::Reallocation { .. } => None,
        }
    }
}

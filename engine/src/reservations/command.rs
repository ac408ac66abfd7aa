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
use crate::reservations::parent::Parent;

/// A command of reservations.
#[derive(Debug)]
pub enum Command {
    /// Reserve units.
    Reserve(Box<Reserve>),
    /// Take a reservation one step further.
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

/// A requested promise.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// The channel.
    pub channel: NameRef<ChannelId>,
    /// Its name, because the id may be released before the decision.
    pub channel_name: Name,
    /// The purpose.
    pub purpose: Purpose,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The order.
    pub order: Option<Box<str>>,
    /// The time to live of the hold.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether fewer units than requested are accepted.
    pub allow_partial: bool,
    /// The holds that it replaces, each once.
    pub supersedes: Few<ReservationId>,
    /// Lines for locations.
    pub lines: Few<ReserveLine>,
    /// Lines for groups.
    pub group_lines: Vec<GroupLine>,
    /// Units that admission took from promise words, by cell, before the command was queued.
    pub admitted: Few<(CellId, StockChange)>,
    /// The pickup location, if other locations send units to it.
    pub fetched_at: Option<LocationId>,
    /// Whether a refusal is not lost demand, because the caller tries an alternative.
    pub is_attempt: bool,
    /// Limits on the open reservations of its channel and its caller.
    pub bounds: Bounds,
    /// The line of the request, from 0, of its first line, if it is one of several promises of one request.
    pub first_line: usize,
    /// The order or cart whose own holds it may replace.
    pub replaces_parts_of: Vec<Parent>,
}

/// One line for a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveLine {
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// Units, at least 1.
    pub quantity: u32,
    /// Inbound units that arrive by then are accepted.
    pub latest: Option<Timestamp>,
}

/// One line for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLine {
    /// The line of the request, from 0.
    pub at: usize,
    /// The SKU.
    pub sku: SkuId,
    /// The group.
    pub group: GroupId,
    /// Units, at least 1.
    pub quantity: u32,
    /// Inbound units that arrive by then are accepted.
    pub latest: Option<Timestamp>,
}

impl Reserve {
    /// The holds that it replaces, each once, with their positions in the request.
    pub fn replaced(&self) -> impl Iterator<Item = (usize, ReservationId)> + '_ {
        let all = self.supersedes.iter().copied().enumerate();
        all.filter(|(at, id)| !self.supersedes.iter().take(*at).any(|earlier| earlier == id))
    }

    /// Whether only the log order can decide it: the locations of group units, inbound supply and capacity are known
    /// there.
    pub fn is_left_to_the_log(&self) -> bool {
        !self.group_lines.is_empty() || self.lines.iter().any(|line| line.latest.is_some())
    }

    /// The line of the request, from 0, of the `nth` location line.
    pub fn line_number(&self, nth: usize) -> usize {
        let mut at = self.first_line + nth;
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

/// A requested step of a reservation.
#[derive(Debug, Clone)]
pub enum StepRequest {
    /// Confirm it.
    Confirm {
        /// When it expires after that.
        pickup_by: Option<Timestamp>,
        /// The order.
        order: Option<Box<str>>,
    },
    /// Mark it ready. The code comes from outside, because the engine draws no random numbers.
    Ready {
        /// 30 random bits for the code.
        entropy: u64,
    },
    /// Collect it.
    Collect {
        /// Only these units.
        lines: Option<Vec<LineUnits>>,
        /// The code that the customer shows.
        pickup_code: Option<String>,
    },
    /// Cancel it.
    Cancel {
        /// Only these units.
        lines: Option<Vec<LineUnits>>,
        /// The reason.
        reason: Option<Box<str>>,
    },
    /// Set or remove the pickup deadline.
    PickupBy {
        /// When it expires; `None` for never.
        pickup_by: Option<Timestamp>,
    },
    /// Extend the hold.
    Extend {
        /// Seconds from now.
        ttl_seconds: u32,
    },
    /// Make the location of group lines public and final.
    Bind {
        /// Only these; all, at their locations, if left out.
        lines: Option<Vec<Reallocation>>,
    },
    /// Move units to other locations.
    Reallocation {
        /// The units and their new locations.
        lines: Vec<Reallocation>,
    },
}

impl StepRequest {
    /// Whether the step is possible for a reservation in `state`.
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

    /// Whether the step may occur any number of times: it neither reaches a state for the first time, nor closes the
    /// reservation.
    pub(crate) fn lengthens(&self) -> bool {
        match self {
            Self::Confirm { .. } | Self::Ready { .. } => false,
            Self::Collect { lines, .. } | Self::Cancel { lines, .. } => lines.is_some(),
            Self::Extend { .. } | Self::PickupBy { .. } | Self::Bind { .. } | Self::Reallocation { .. } => true,
        }
    }
}

/// Units of a line to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reallocation {
    /// The SKU.
    pub sku: SkuId,
    /// The group of the line; may be left out.
    pub group: Option<GroupId>,
    /// The current location; may be left out if there is only one, and for an unallocated line.
    pub from: Option<LocationId>,
    /// The new location; unchanged if left out.
    pub to: Option<LocationId>,
    /// Units; all of them if left out.
    pub quantity: Option<u32>,
}

/// Units of a line, named by its SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineUnits {
    /// The SKU.
    pub sku: SkuId,
    /// The location; may be left out if only one line has the SKU.
    pub location: Option<LocationId>,
    /// Units, at least 1.
    pub quantity: u32,
}

impl StepRequest {
    /// Its name.
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

    /// Its kind, if it is cheap: it concerns the whole reservation, and moves nothing.
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

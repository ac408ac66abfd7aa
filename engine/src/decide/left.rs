//! The limits of ids, and the refusals that report them.

use crate::ids::LOCATIONS_MAX;
use crate::refusal::{Failure, Refusal};

/// The most SKUs, groups and channels each: the size limit of their tables.
pub(crate) const IDS_MAX: u32 = 1 << 27;
pub(crate) const CHANNELS_MAX: u32 = 1 << 16;

/// The refusal of a name if no ids are left.
pub(crate) fn no_ids_left(field: &str, limit: u32) -> Failure {
    Refusal::invalid(field, format!("there are {limit} of these, which is the maximum")).into()
}

pub(crate) fn channels(field: &str) -> Failure {
    no_ids_left(field, CHANNELS_MAX)
}

pub(crate) fn locations(field: &str) -> Failure {
    no_ids_left(field, LOCATIONS_MAX)
}

pub(crate) fn others(field: &str) -> Failure {
    no_ids_left(field, IDS_MAX)
}

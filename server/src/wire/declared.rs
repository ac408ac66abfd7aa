//! Names in requests of what must have been declared.

use std::fmt::Display;

use anaquel_engine::catalogue::Catalogue;
use anaquel_engine::ids::{GroupId, LocationId, SkuId};

use super::{name, sku_name};
use crate::http::problem::Problem;

/// The refusal of a name that was not declared.
pub fn unknown(field: impl Display, text: &str) -> Problem {
    Problem::invalid(&field.to_string(), format!("{text} is unknown; declare it first"))
}

/// Looks up a location.
///
/// # Errors
/// The text is no id, or the id is unknown.
pub fn location(catalogue: &Catalogue, field: impl Display, text: &str) -> Result<LocationId, Problem> {
    name(&field, text)?;
    catalogue.locations.id(text).ok_or_else(|| unknown(field, text))
}

/// Looks up a group.
///
/// # Errors
/// The text is no id, or the id is unknown.
pub fn group(catalogue: &Catalogue, field: impl Display, text: &str) -> Result<GroupId, Problem> {
    name(&field, text)?;
    catalogue.groups.id(text).ok_or_else(|| unknown(field, text))
}

/// Looks up a SKU.
///
/// # Errors
/// The text is no SKU, or the SKU is unknown.
pub fn sku(catalogue: &Catalogue, field: impl Display, text: &str) -> Result<SkuId, Problem> {
    sku_name(&field, text)?;
    catalogue.skus.id(text).ok_or_else(|| unknown(field, text))
}

//! Requests about replenishment.

use anaquel_engine::catalogue::Catalogue;
use anaquel_engine::ids::Name;
use anaquel_engine::level::LINE_QUANTITY_MAX;
use anaquel_engine::transfers::policy::{Giver, Policy, PolicyKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::declared::{self, unknown};
use crate::wire::lists::{VALUES_MAX, attribute, category, each};
use crate::wire::patch::{self, Said};
use crate::wire::{name, parse_time};

/// The maximum pack.
const PACK_MAX: i64 = 1_000_000;

/// The longest span, in days.
const DAYS_MAX: i64 = 3650;

/// Ids that would collide with paths of the API.
const TAKEN: [&str; 3] = ["run", "runs", "explain"];

/// A policy of replenishment. A field that is left out keeps its value; `null` and `[]` remove it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyBody {
    /// `min_max`, `days_of_cover` or `rebalance`.
    #[schema(example = "min_max", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub kind: Said<String>,
    /// The locations that it supplies.
    #[schema(value_type = Option<SuppliedBody>)]
    #[serde(deserialize_with = "patch::said")]
    pub to: Said<SuppliedBody>,
    /// Locations and groups that send, in the order in which they are asked; within a group, the location with the most
    /// days of cover first.
    #[schema(example = json!(["mx-w01"]), value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub from: Said<Vec<String>>,
    /// These SKUs; all, if empty.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub skus: Said<Vec<String>>,
    /// SKUs in these categories.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub categories: Said<Vec<String>>,
    /// SKUs with these attributes, as `name=value`.
    #[schema(example = json!(["size=XL"]), value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub attributes: Said<Vec<String>>,
    /// `min_max`: a position below it is filled. `rebalance`: the minimum that stays at the sender.
    #[schema(example = 5, value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub min: Said<i64>,
    /// `min_max`: a position is filled to this number of units.
    #[schema(example = 20, value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub max: Said<i64>,
    /// `days_of_cover` and `rebalance`: a position that lasts fewer days is filled.
    #[schema(value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub cover_days_min: Said<i64>,
    /// `days_of_cover`: a position is filled to this number of days. `rebalance`: a location with more days sends.
    #[schema(value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub cover_days_max: Said<i64>,
    /// `rebalance`: a location without a sale for this number of days sends.
    #[schema(value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub idle_days: Said<i64>,
    /// The pack: units that move together; 1 by default.
    #[schema(value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub pack: Said<i64>,
    /// `propose` (default): its transfers are drafts. `ready`: they are made ready at once.
    #[schema(example = "propose", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub mode: Said<String>,
    /// The time of day at which it runs automatically, in the receiver's own time.
    #[schema(example = "05:30", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub at: Said<String>,
    /// The time from which it applies.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub starts_at: Said<String>,
    /// The time at which it ends; exclusive.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub ends_at: Said<String>,
}

/// The locations that a policy supplies.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SuppliedBody {
    /// These locations.
    #[schema(example = json!(["mx-014"]))]
    pub locations: Vec<String>,
    /// The locations of these groups.
    pub groups: Vec<String>,
}

/// A run of replenishment.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunBody {
    /// Only these policies; all that are in force, if left out.
    pub policies: Option<Vec<String>>,
    /// Computes the transfers, and creates none.
    pub dry_run: bool,
}

/// Parses the id of a policy.
///
/// # Errors
/// The id is invalid, or collides with a path of the API.
pub fn policy_name(field: &str, id: &str) -> Result<Name, Problem> {
    if TAKEN.contains(&id) {
        return Err(Problem::invalid(field, format!("{id} is a path of the API; choose another id")));
    }
    name(field, id)
}

/// A list of a change; null means empty.
fn set_list<T>(
    list: &mut Vec<T>,
    field: &str,
    said: Said<Vec<String>>,
    read: impl Fn(String, &str) -> Result<T, Problem>,
) -> Result<(), Problem> {
    if let Some(said) = said {
        *list = each(field, &said.unwrap_or_default(), VALUES_MAX, read)?;
    }
    Ok(())
}

fn set_number(number: &mut Option<u32>, field: &str, said: Said<i64>, most: i64) -> Result<(), Problem> {
    if let Some(said) = said {
        let read = |value: i64| {
            let value = Some(value).filter(|value| (0..=most).contains(value));
            let value = value.and_then(|value| u32::try_from(value).ok());
            value.ok_or_else(|| Problem::invalid(field, format!("is not between 0 and {most}")))
        };
        *number = said.map(read).transpose()?;
    }
    Ok(())
}

fn parse_kind(text: &str) -> Result<PolicyKind, Problem> {
    let found = PolicyKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| Problem::invalid("kind", format!("{text:?} is not min_max, days_of_cover or rebalance")))
}

/// A minute of the day.
fn parse_minute(text: &str) -> Result<u16, Problem> {
    let read = || {
        let (hour, minute) = text.split_once(':')?;
        let two_digits = |text: &str| {
            let is_so = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_so.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    read().ok_or_else(|| Problem::invalid("at", format!("{text:?} is not a time of day, such as 05:30")))
}

impl PolicyBody {
    /// The policy after a change: fields that are left out keep their values.
    ///
    /// # Errors
    /// The field that is wrong, or that its kind does not have.
    pub fn into_policy(self, catalogue: &Catalogue, known: Option<&Policy>) -> Result<Policy, Problem> {
        let location = |field: String, text: &str| declared::location(catalogue, field, text);
        let group = |field: String, text: &str| declared::group(catalogue, field, text);
        let sku = |field: String, text: &str| declared::sku(catalogue, field, text);
        let giver = |field: String, text: &str| -> Result<Giver, Problem> {
            name(&field, text)?;
            let group = || catalogue.groups.id(text).map(Giver::Group);
            let found = catalogue.locations.id(text).map(Giver::Location).or_else(group);
            found.ok_or_else(|| unknown(field, text))
        };
        let kind = match self.kind {
            Some(kind) => kind.as_deref().map(parse_kind).transpose()?,
            None => known.map(|known| known.kind),
        };
        let kind = kind.ok_or_else(|| Problem::invalid("kind", "is needed"))?;
        let mut policy = known.cloned().unwrap_or_else(|| Policy::of(kind));
        policy.kind = kind;
        if let Some(to) = self.to {
            let to = to.unwrap_or_default();
            policy.to_locations = each("to.locations", &to.locations, VALUES_MAX, location)?;
            policy.to_groups = each("to.groups", &to.groups, VALUES_MAX, group)?;
        }
        set_list(&mut policy.from, "from", self.from, giver)?;
        set_list(&mut policy.skus, "skus", self.skus, sku)?;
        set_list(&mut policy.categories, "categories", self.categories, category)?;
        set_list(&mut policy.attributes, "attributes", self.attributes, attribute)?;
        set_number(&mut policy.min, "min", self.min, LINE_QUANTITY_MAX.into())?;
        set_number(&mut policy.max, "max", self.max, LINE_QUANTITY_MAX.into())?;
        set_number(&mut policy.cover_days_min, "cover_days_min", self.cover_days_min, DAYS_MAX)?;
        set_number(&mut policy.cover_days_max, "cover_days_max", self.cover_days_max, DAYS_MAX)?;
        set_number(&mut policy.idle_days, "idle_days", self.idle_days, DAYS_MAX)?;
        if let Some(pack) = self.pack {
            let pack = pack.unwrap_or(1);
            if !(1..=PACK_MAX).contains(&pack) {
                return Err(Problem::invalid("pack", format!("is not between 1 and {PACK_MAX}")));
            }
            policy.pack = pack as u32;
        }
        if let Some(mode) = self.mode {
            policy.ready = match mode.as_deref() {
                None | Some("propose") => false,
                Some("ready") => true,
                Some(other) => return Err(Problem::invalid("mode", format!("{other:?} is not propose or ready"))),
            };
        }
        if let Some(at) = self.at {
            policy.at = at.as_deref().map(parse_minute).transpose()?;
        }
        if let Some(starts_at) = self.starts_at {
            policy.starts_at = starts_at.map(|text| parse_time("starts_at", &text)).transpose()?;
        }
        if let Some(ends_at) = self.ends_at {
            policy.ends_at = ends_at.map(|text| parse_time("ends_at", &text)).transpose()?;
        }
        check(&policy)?;
        Ok(policy)
    }
}

/// Checks that a policy has the fields that its kind needs, and no others.
fn check(policy: &Policy) -> Result<(), Problem> {
    /// Whether a kind needs a field.
    #[derive(Clone, Copy, PartialEq)]
    enum Takes {
        Needs,
        May,
        No,
    }
    use Takes::{May, Needs, No};

    let takes = match policy.kind {
        PolicyKind::MinMax => [Needs, Needs, No, No, No, May],
        PolicyKind::DaysOfCover => [No, No, Needs, Needs, No, May],
        PolicyKind::Rebalance => [May, No, Needs, Needs, Needs, No],
    };
    let fields = [
        ("min", policy.min),
        ("max", policy.max),
        ("cover_days_min", policy.cover_days_min),
        ("cover_days_max", policy.cover_days_max),
        ("idle_days", policy.idle_days),
        ("at", policy.at.map(u32::from)),
    ];
    let kind = policy.kind.as_str();
    for ((field, value), takes) in fields.into_iter().zip(takes) {
        match (takes, value) {
            (Needs, None) => return Err(Problem::invalid(field, format!("is required for a policy of kind {kind}"))),
            (No, Some(_)) => return Err(Problem::invalid(field, format!("is not a field of a policy of kind {kind}"))),
            _ => {}
        }
    }
    if policy.to_locations.is_empty() && policy.to_groups.is_empty() {
        return Err(Problem::invalid("to", "names no location and no group; name at least one"));
    }
    if policy.from.is_empty() {
        return Err(Problem::invalid("from", "names no location and no group; name at least one"));
    }
    if policy.max < policy.min && policy.kind == PolicyKind::MinMax {
        return Err(Problem::invalid("max", "is less than min; raise it"));
    }
    if policy.cover_days_max < policy.cover_days_min {
        return Err(Problem::invalid("cover_days_max", "is less than cover_days_min; raise it"));
    }
    match (policy.starts_at, policy.ends_at) {
        (Some(starts), Some(ends)) if ends <= starts => Err(Problem::invalid(
            "ends_at",
            "is not after starts_at; \
            choose a later time",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall say where")]

    use super::*;

    #[test]
    fn a_time_of_the_day_is_two_digits_twice() {
        assert_eq!(parse_minute("05:30").unwrap(), 330);
        assert_eq!(parse_minute("23:59").unwrap(), 1439);
        assert!(
            ["24:00", "5:30", "05:60", "0530", "", "+5:30", "+5:+3", "05:30:00"]
                .iter()
                .all(|text| parse_minute(text).is_err())
        );
    }
}

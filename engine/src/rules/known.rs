//! The names of a rule: a rule names what there is, and creates nothing.

use crate::ids::Name;
use crate::refusal::Refusal;
use crate::rules::command::RuleFields;

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

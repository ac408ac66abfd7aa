//! Lists of texts in requests.

use super::{TEXT_BYTES_MAX, name};
use crate::http::problem::Problem;

/// The maximum number of values in one list of a rule, a price list or a policy.
pub const VALUES_MAX: usize = 10_000;

/// Parses each text of a list; `read` gets the path of its place.
///
/// # Errors
/// There are more than `most`, or the first that `read` refuses.
pub fn each<T>(
    field: &str,
    texts: &[String],
    most: usize,
    read: impl Fn(String, &str) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    if texts.len() > most {
        return Err(Problem::invalid(field, format!("has {} entries; at most {most} are allowed", texts.len())));
    }
    texts.iter().enumerate().map(|(at, text)| read(format!("{field}[{at}]"), text)).collect()
}

/// Parses an attribute, `name=value`.
///
/// # Errors
/// The text has another shape, or is too long.
pub fn attribute(field: String, text: &str) -> Result<(String, String), Problem> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| Problem::invalid(&field, format!("{text:?} is not name=value")))?;
    name(&field, key)?;
    if value.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid(&field, format!("is longer than {TEXT_BYTES_MAX} bytes; shorten it")));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Checks a category.
///
/// # Errors
/// The text is empty or too long.
pub fn category(field: String, text: &str) -> Result<String, Problem> {
    match text.len() {
        1..=TEXT_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(Problem::invalid(&field, format!("must have 1 to {TEXT_BYTES_MAX} bytes"))),
    }
}

//! What a caller sees of an order, and the values that its views share.

use anaquel_engine::Engine;
use anaquel_engine::ids::LocationId;
use anaquel_engine::orders::Fulfilment;

/// What a caller sees of an order.
pub struct Sees<'a> {
    /// Whether it sees codes, of pickups and of an exit: in the one record only.
    pub codes: bool,
    /// Whether it sees the address of a fulfilment.
    pub address: Box<dyn Fn(&Fulfilment) -> bool + Send + Sync + 'a>,
}

/// A day of a location's books.
pub fn day(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    let date = epoch.checked_add(jiff::Span::new().days(days)).unwrap_or(epoch);
    date.to_string()
}

/// The id of a location.
pub fn place(engine: &Engine, id: LocationId) -> &str {
    engine.state().catalogue.locations.name(id).as_str()
}

#[cfg(test)]
mod tests {
    #[test]
    fn days_are_dates() {
        for (days, text) in [(0, "1970-01-01"), (20_819, "2027-01-01"), (-1, "1969-12-31")] {
            assert_eq!(super::day(days), text);
        }
    }
}

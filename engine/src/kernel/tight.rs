//! Lists without spare room: of what lies in memory by the million and seldom grows.

/// Appends an item, with room for it alone.
pub fn push_tight<T>(list: &mut Vec<T>, item: T) {
    list.reserve_exact(1);
    list.push(item);
}

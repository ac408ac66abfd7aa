//! Maps that are used again and again.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Room that is kept whatever was in a map: that of 128 buckets.
const KEPT: usize = 112;

/// Empties a map. What that costs goes by the room that it has, so one that was large once, and held little since, is made
/// small again: a batch costs nothing for what another batch was.
pub fn empty<K: Eq + Hash, V>(map: &mut FxHashMap<K, V>) {
    let (held, room) = (map.len(), map.capacity());
    map.clear();
    if room > KEPT && held < room / 16 {
        map.shrink_to(KEPT.max(2 * held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_large_once_is_small_again() {
        let mut map: FxHashMap<u32, u32> = (0..20_000).map(|n| (n, n)).collect();
        empty(&mut map);
        assert!(map.is_empty() && map.capacity() >= 20_000, "the next may be as large");
        map.insert(1, 1);
        empty(&mut map);
        assert!(map.is_empty() && map.capacity() < 4 * KEPT, "room for {}", map.capacity());
    }
}

//! Maps that are reused.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// The capacity that is always kept: 128 buckets.
const KEPT: usize = 112;

/// Empties a map. The cost depends on the capacity, so a map that was large once, and was nearly empty since, is
/// shrunk: a small batch does not pay for an earlier large one.
// Most maps of a cycle are empty, so that is tested at the call.
#[inline]
pub fn empty<K: Eq + Hash, V>(map: &mut FxHashMap<K, V>) {
    if !map.is_empty() || map.capacity() > KEPT {
        clear(map);
    }
}

fn clear<K: Eq + Hash, V>(map: &mut FxHashMap<K, V>) {
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

//! Small keys in order, for indexes of many millions: pieces of one or two kilobytes, filled from the end without gaps, in
//! blocks of some hundred pieces.
//!
//! Keys at the end (ids ascend) fill piece after piece; a key in between splits a full piece, and a full block is split
//! likewise. So an insertion or a removal moves at most one piece, or the places of the pieces of one block, however many
//! keys there are. A search is three binary searches in memory that lies together, and a key costs at most four thirds of
//! its size.

/// Keys in one piece: the maximum that an insertion or a removal moves.
const PIECE_MAX: usize = 128;

/// Pieces in one block.
const BLOCK_MAX: usize = 256;

#[cfg(test)]
thread_local! {
    /// Keys, pieces and blocks that removals have moved on this thread.
    pub(super) static MOVED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts what a removal moves.
#[inline]
fn moved(_places: usize) {
    #[cfg(test)]
    MOVED.set(MOVED.get() + _places);
}

/// An ordered set, of blocks of up to `PIECES` pieces.
#[derive(Debug)]
pub(super) struct Ordered<K, const PIECES: usize = BLOCK_MAX> {
    /// No block is empty; each begins after the end of the previous one.
    blocks: Vec<Block<K>>,
    /// The first key of each block, next to one another.
    firsts: Vec<K>,
}

impl<K, const PIECES: usize> Default for Ordered<K, PIECES> {
    fn default() -> Self {
        Self { blocks: Vec::new(), firsts: Vec::new() }
    }
}

impl<K: Copy + Ord, const PIECES: usize> Ordered<K, PIECES> {
    /// Adds `key`; has no effect if it is present.
    pub fn insert(&mut self, key: K) {
        // Most keys ascend.
        if let Some(piece) = self.blocks.last_mut().and_then(|block| block.pieces.last_mut())
            && piece.len() < PIECE_MAX
            && piece.last().is_some_and(|end| *end < key)
        {
            make_room(piece);
            piece.push(key);
            return;
        }
        let (at, end) = (place_of(&self.firsts, key).unwrap_or(0), self.blocks.len());
        let (Some(block), Some(first)) = (self.blocks.get_mut(at), self.firsts.get_mut(at)) else {
            self.firsts.push(key);
            self.blocks.push(Block { pieces: vec![vec![key]], firsts: vec![key] });
            return;
        };
        *first = key.min(*first);
        block.insert(key);
        if block.pieces.len() <= PIECES {
            return;
        }
        // Ascending keys leave full blocks behind.
        let upper = block.split(if at + 1 == end { PIECES } else { PIECES / 2 });
        if let Some(first) = upper.firsts.first() {
            self.firsts.insert(at + 1, *first);
            self.blocks.insert(at + 1, upper);
        }
    }

    /// Removes `key`; has no effect if it is absent.
    pub fn remove(&mut self, key: K) {
        let Some(at) = place_of(&self.firsts, key) else { return };
        let (Some(block), Some(first)) = (self.blocks.get_mut(at), self.firsts.get_mut(at)) else { return };
        block.remove(key);
        let pieces = block.pieces.len();
        *first = block.firsts.first().copied().unwrap_or(*first);
        if pieces == 0 {
            self.take_block(at);
        } else if pieces < PIECES / 4
            && self.blocks.get(at + 1).is_some_and(|next| pieces + next.pieces.len() <= PIECES / 2)
            && let Some(mut next) = self.take_block(at + 1)
            && let Some(block) = self.blocks.get_mut(at)
        {
            // A nearly empty block is merged with the next, if both are small.
            moved(next.pieces.len());
            block.pieces.append(&mut next.pieces);
            block.firsts.append(&mut next.firsts);
        }
    }

    fn take_block(&mut self, at: usize) -> Option<Block<K>> {
        if at >= self.blocks.len() {
            return None;
        }
        self.firsts.remove(at);
        moved(self.firsts.len() - at);
        Some(self.blocks.remove(at))
    }

    /// The greatest key up to `key`.
    pub fn at_most(&self, key: K) -> Option<K> {
        self.blocks.get(place_of(&self.firsts, key)?)?.at_most(key)
    }

    /// The smallest key from `key` on.
    pub fn at_least(&self, key: K) -> Option<K> {
        let at = place_of(&self.firsts, key).unwrap_or(0);
        self.blocks.get(at)?.at_least(key).or_else(|| self.firsts.get(at + 1).copied())
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Block::bytes).sum();
        blocks + self.blocks.capacity() * size_of::<Block<K>>() + self.firsts.capacity() * size_of::<K>()
    }
}

/// The place of what contains `key`, if anything does: the last that does not begin after it.
#[inline]
fn place_of<K: Ord>(firsts: &[K], key: K) -> Option<usize> {
    // Ascending keys belong to the last.
    let last = firsts.len().checked_sub(1)?;
    match firsts.get(last) {
        Some(first) if *first <= key => Some(last),
        _ => firsts.partition_point(|first| *first <= key).checked_sub(1),
    }
}

/// Some hundred pieces.
#[derive(Debug)]
struct Block<K> {
    /// No piece is empty; each begins after the end of the previous one.
    pieces: Vec<Vec<K>>,
    /// The first key of each piece, next to one another: a search looks into one piece only.
    firsts: Vec<K>,
}

impl<K: Copy + Ord> Block<K> {
    fn insert(&mut self, key: K) {
        let at = place_of(&self.firsts, key).unwrap_or(0);
        let (Some(piece), Some(first)) = (self.pieces.get_mut(at), self.firsts.get_mut(at)) else { return };
        if piece.len() == PIECE_MAX && piece.last().is_some_and(|end| *end < key) {
            // After a full piece: the next keys follow there.
            self.put_piece(at + 1, vec![key]);
            return;
        }
        let Err(within) = piece.binary_search(&key) else { return };
        *first = key.min(*first);
        if piece.len() < PIECE_MAX {
            make_room(piece);
            piece.insert(within, key);
            return;
        }
        let mut upper = piece.split_off(PIECE_MAX / 2);
        piece.shrink_to(PIECE_MAX / 2 + 16);
        if within < PIECE_MAX / 2 {
            piece.insert(within, key);
        } else {
            make_room(&mut upper);
            upper.insert(within - PIECE_MAX / 2, key);
        }
        self.put_piece(at + 1, upper);
    }

    fn put_piece(&mut self, at: usize, piece: Vec<K>) {
        if let Some(first) = piece.first() {
            self.firsts.insert(at, *first);
            self.pieces.insert(at, piece);
        }
    }

    /// Takes the pieces from `at` on.
    fn split(&mut self, at: usize) -> Self {
        let upper = Self { pieces: self.pieces.split_off(at), firsts: self.firsts.split_off(at) };
        self.pieces.shrink_to_fit();
        self.firsts.shrink_to_fit();
        upper
    }

    fn remove(&mut self, key: K) {
        let Some(at) = place_of(&self.firsts, key) else { return };
        let (Some(piece), Some(first)) = (self.pieces.get_mut(at), self.firsts.get_mut(at)) else { return };
        let Ok(within) = piece.binary_search(&key) else { return };
        piece.remove(within);
        *first = piece.first().copied().unwrap_or(*first);
        let length = piece.len();
        moved(length - within);
        if length == 0 {
            self.pieces.remove(at);
            self.firsts.remove(at);
            moved(self.pieces.len() - at);
        } else if length < PIECE_MAX / 4 {
            // A nearly empty piece is merged with the next, if both are small.
            let fits = self.pieces.get(at + 1).is_some_and(|next| next.len() + length <= PIECE_MAX / 2);
            if fits {
                let next = self.pieces.remove(at + 1);
                self.firsts.remove(at + 1);
                if let Some(piece) = self.pieces.get_mut(at) {
                    piece.extend_from_slice(&next);
                }
            }
            if let Some(piece) = self.pieces.get_mut(at)
                && piece.capacity() > 2 * piece.len() + 16
            {
                piece.shrink_to(piece.len() + 4);
            }
        }
    }

    fn at_most(&self, key: K) -> Option<K> {
        let piece = self.pieces.get(place_of(&self.firsts, key)?)?;
        let within = piece.partition_point(|other| *other <= key);
        piece.get(within.checked_sub(1)?).copied()
    }

    fn at_least(&self, key: K) -> Option<K> {
        let at = place_of(&self.firsts, key).unwrap_or(0);
        let piece = self.pieces.get(at)?;
        let within = piece.partition_point(|other| *other < key);
        piece.get(within).or_else(|| self.firsts.get(at + 1)).copied()
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.capacity() * size_of::<K>()).sum();
        pieces + self.pieces.capacity() * size_of::<Vec<K>>() + self.firsts.capacity() * size_of::<K>()
    }
}

/// Reserves space for one more key, less than doubling would.
fn make_room<K>(piece: &mut Vec<K>) {
    if piece.len() == piece.capacity() {
        piece.reserve_exact((piece.len() / 2).clamp(4, 16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set_in_order(steps in proptest::collection::vec((0..4u8, 0..6000u32), 0..6000), ascending in any::<bool>()) {
            // Small blocks, of which there are then many.
            let (mut ordered, mut model) = (Ordered::<u32, 8>::default(), BTreeSet::new());
            for (nth, (kind, key)) in (0..).zip(&steps) {
                let key = if ascending && *kind < 3 { nth } else { *key };
                if *kind == 3 {
                    ordered.remove(key);
                    model.remove(&key);
                } else {
                    ordered.insert(key);
                    model.insert(key);
                }
            }
            for key in (0..6100).step_by(7) {
                prop_assert_eq!(ordered.at_most(key), model.range(..=key).next_back().copied());
                prop_assert_eq!(ordered.at_least(key), model.range(key..).next().copied());
            }
            for key in model.clone() {
                ordered.remove(key);
                model.remove(&key);
                let probe = key + 300;
                prop_assert_eq!(ordered.at_most(probe), model.range(..=probe).next_back().copied());
                prop_assert_eq!(ordered.at_least(key), model.range(key..).next().copied());
            }
            prop_assert!(ordered.blocks.is_empty() && ordered.firsts.is_empty());
        }
    }

    #[test]
    fn keys_cost_little_more_than_their_size() {
        let mut ascending: Ordered<u64> = Ordered::default();
        (0..100_000_u64).for_each(|key| ascending.insert(key));
        assert!(ascending.bytes() < 100_000 * 9, "{}", ascending.bytes());
        let mut scattered: Ordered<u64> = Ordered::default();
        (0..100_000_u64).for_each(|key| scattered.insert(key.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        assert!(scattered.bytes() < 100_000 * 13, "{}", scattered.bytes());
    }
}

//! Heads and ticks as a store holds them: little endian, of a fixed length.

use anaquel_cells::ids::{Epoch, Timestamp};
use anaquel_log::{BatchId, Chain, Head, Term};

/// Bytes of a head.
const HEAD_BYTES: usize = 58;

/// Bytes of a tick: the head that it is of, its number, and the log's time.
const TICK_BYTES: usize = HEAD_BYTES + 16;

pub fn head_bytes(head: &Head) -> Vec<u8> {
    let Head { history, partition, term, seq, batch, chain } = head;
    let mut out = Vec::with_capacity(HEAD_BYTES);
    out.extend_from_slice(&history.0.to_le_bytes());
    out.extend_from_slice(&partition.to_le_bytes());
    for word in [term.0, *seq, batch.run, batch.number] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&chain.0.to_le_bytes());
    out
}

pub fn read_head(bytes: &[u8]) -> Option<Head> {
    if bytes.len() != HEAD_BYTES {
        return None;
    }
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    Some(Head {
        history: Epoch(word(0)?),
        partition: u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?),
        term: Term(word(10)?),
        seq: word(18)?,
        batch: BatchId { run: word(26)?, number: word(34)? },
        chain: Chain(u128::from_le_bytes(bytes.get(42..58)?.try_into().ok()?)),
    })
}

pub fn tick_bytes(head: &Head, number: u64, time: Timestamp) -> Vec<u8> {
    let mut out = head_bytes(head);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&time.0.to_le_bytes());
    out
}

/// The number and the time of a tick, if it is of this head.
pub fn read_tick(bytes: &[u8], head: &Head) -> Option<(u64, Timestamp)> {
    let (of, rest) = bytes.split_at_checked(HEAD_BYTES).filter(|_| bytes.len() == TICK_BYTES)?;
    let word = |at: usize| Some(u64::from_le_bytes(rest.get(at..at + 8)?.try_into().ok()?));
    (read_head(of)? == *head).then_some((word(0)?, Timestamp(word(8)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_ticks_come_in_as_they_went_out() {
        let head = Head {
            history: Epoch(u64::MAX - 1),
            partition: 3,
            term: Term(7),
            seq: 1 << 40,
            batch: BatchId { run: u64::MAX, number: 9 },
            chain: Chain(u128::MAX - 5),
        };
        let bytes = head_bytes(&head);
        assert_eq!((bytes.len(), read_head(&bytes)), (HEAD_BYTES, Some(head)));
        assert_eq!(read_head(bytes.get(1..).unwrap_or_default()), None);
        let tick = tick_bytes(&head, 4, Timestamp(99));
        assert_eq!(read_tick(&tick, &head), Some((4, Timestamp(99))));
        assert_eq!(read_tick(&tick, &Head { seq: 1, ..head }), None, "a tick is of one head");
        assert_eq!(read_tick(&bytes, &head), None);
    }
}

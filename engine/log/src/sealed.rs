//! Sealed batches: the log as it travels between nodes and into backups.
//!
//! ```text
//!  "ANQS" | format u16 | least reader u16 | partition u16 | zero u16
//!  follows: history u64 | term u64 | seq u64 | run u64 | number u64 | chain u128
//!  becomes: history u64 | term u64 |           run u64 | number u64 | chain u128
//!  time u64 | count u32 | length u32 | crc32 u32 | records, each after its length, as in the log
//! ```
//!
//! Numbers are little endian; the checksum covers everything else. A seal names the *head* that its batch follows and the
//! head that it makes. A head has a running hash over every batch since its chain began, so that two logs with equal heads
//! have equal records: who holds one head accepts only the batch that follows it, and a missing, repeated, changed or
//! foreign batch is found before anything of it is shown.
//!
//! A log that one node writes has no seals on disk. It is sealed when it is read, and the chain begins at the record
//! before the first one that is read: see [`Head::at`].

use anaquel_cells::ids::{Epoch, Seq, Timestamp};

use crate::batch::Batch;

/// Which writer of a history wrote a batch: larger with each takeover. 0 for a node that writes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Term(pub u64);

/// A batch, unique for ever: 64 random bits of the process that wrote it, and a counter. For a log that is sealed when it
/// is read, 0 and its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct BatchId {
    /// The process.
    pub run: u64,
    /// The number of the batch in it.
    pub number: u64,
}

/// A running hash over every batch: BLAKE3, cut to 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Chain(pub u128);

impl Chain {
    fn of(hasher: &blake3::Hasher) -> Self {
        let bytes = *hasher.finalize().as_bytes();
        Self(bytes.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes)))
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::str::FromStr for Chain {
    type Err = ();

    /// Reads the 32 hexadecimal digits of [`Display`](std::fmt::Display).
    fn from_str(text: &str) -> Result<Self, ()> {
        let is_plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let chain = if is_plain { u128::from_str_radix(text, 16).ok() } else { None };
        chain.map(Self).ok_or(())
    }
}

/// The end of a log: what a batch must name to continue it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    /// The history that the last record belongs to.
    pub history: Epoch,
    /// The partition. There is one, number 0.
    pub partition: u16,
    /// The writer.
    pub term: Term,
    /// The last record.
    pub seq: Seq,
    /// The last batch.
    pub batch: BatchId,
    /// The hash of everything up to here.
    pub chain: Chain,
}

impl Head {
    /// The head at a record, `time` and `bytes` being its own: where the chain of a log begins that is sealed when it is
    /// read. Two logs that have the same record there have the same head. Before the first record, both are empty.
    pub fn at(history: Epoch, seq: Seq, time: Timestamp, bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"anaquel chain");
        for word in [history.0, seq, time.0, bytes.len() as u64] {
            hasher.update(&word.to_le_bytes());
        }
        hasher.update(bytes);
        let batch = BatchId { run: 0, number: seq };
        Self { history, partition: 0, term: Term(0), seq, batch, chain: Chain::of(&hasher) }
    }
}

/// The format that this build writes, and the oldest build's format that can read it.
const FORMAT: u16 = 1;
const LEAST_READER: u16 = 1;

const MAGIC: [u8; 4] = *b"ANQS";

/// Bytes before the records.
pub const SEAL_BYTES: usize = 12 + 56 + 48 + 20;

/// Where the checksum is.
const CHECK_AT: usize = SEAL_BYTES - 4;

/// The most bytes of records in one sealed batch: a batch is bounded by group commit and imports.
const BODY_BYTES_MAX: usize = 1 << 30;

/// A batch with the head that it follows and the head that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    follows: Head,
    becomes: Head,
    batch: Batch,
}

/// Why bytes are not a sealed batch, or not the next one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It ends too early.
    #[error("a sealed batch is cut off")]
    CutOff,
    /// It is something else.
    #[error("it is not a sealed batch")]
    Foreign,
    /// It was written for later builds.
    #[error(
        "a sealed batch needs a reader of format {least}, and this build reads format {FORMAT}: upgrade this node first"
    )]
    TooNew {
        /// The oldest format of a reader.
        least: u16,
    },
    /// A bit changed.
    #[error("the checksum of the sealed batch before record {seq} is wrong")]
    Damaged {
        /// The record that it claims to begin with.
        seq: Seq,
    },
    /// It does not continue the log.
    #[error("a batch follows record {follows}, and the log is at {at}")]
    Gap {
        /// The record that it follows.
        follows: Seq,
        /// The end of the log.
        at: Seq,
    },
    /// It follows another log that is as long.
    #[error("two logs differ at or before record {seq}")]
    Forked {
        /// The record at which both are.
        seq: Seq,
    },
}

impl Sealed {
    /// Seals a batch that follows `follows` as written in `history` by `term` under the name `id`.
    pub fn seal(follows: Head, history: Epoch, term: Term, id: BatchId, batch: Batch) -> Self {
        let becomes = Head { history, term, seq: batch.last_seq(), batch: id, ..follows };
        let becomes = Head { chain: chain_of(&follows, &becomes, &batch), ..becomes };
        Self { follows, becomes, batch }
    }

    /// Seals a batch of a log that is sealed when it is read.
    pub fn read(follows: Head, history: Epoch, batch: Batch) -> Self {
        let id = BatchId { run: 0, number: batch.last_seq() };
        Self::seal(follows, history, Term(0), id, batch)
    }

    /// The head that it follows.
    pub fn follows(&self) -> &Head {
        &self.follows
    }

    /// The head that it makes.
    pub fn becomes(&self) -> &Head {
        &self.becomes
    }

    /// Its records.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Its records, without the seal.
    pub fn into_batch(self) -> Batch {
        self.batch
    }

    /// Whether it is the next batch of a log that ends at `head`.
    ///
    /// # Errors
    /// [`SealError::Gap`] or [`SealError::Forked`].
    pub fn continues(&self, head: &Head) -> Result<(), SealError> {
        if self.follows.seq != head.seq {
            return Err(SealError::Gap { follows: self.follows.seq, at: head.seq });
        }
        if self.follows != *head {
            return Err(SealError::Forked { seq: head.seq });
        }
        Ok(())
    }

    /// Appends its bytes to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Self { follows, becomes, batch } = self;
        let begins = out.len();
        out.reserve(SEAL_BYTES + batch.body.len());
        out.extend_from_slice(&MAGIC);
        for half in [FORMAT, LEAST_READER, follows.partition, 0] {
            out.extend_from_slice(&half.to_le_bytes());
        }
        for word in [follows.history.0, follows.term.0, follows.seq, follows.batch.run, follows.batch.number] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&follows.chain.0.to_le_bytes());
        for word in [becomes.history.0, becomes.term.0, becomes.batch.run, becomes.batch.number] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&becomes.chain.0.to_le_bytes());
        out.extend_from_slice(&batch.time.0.to_le_bytes());
        out.extend_from_slice(&batch.count.to_le_bytes());
        let length = u32::try_from(batch.body.len()).expect("batches are bounded");
        out.extend_from_slice(&length.to_le_bytes());
        let check = check_of(out.get(begins..).unwrap_or(&[]), &batch.body);
        out.extend_from_slice(&check.to_le_bytes());
        out.extend_from_slice(&batch.body);
    }

    /// Takes one sealed batch from the front of `rest`. Its checksum and its own chain are checked; whether it follows
    /// anything is asked of [`Sealed::continues`].
    ///
    /// # Errors
    /// [`SealError`] says why it is none; `rest` is unchanged then.
    pub fn take(rest: &mut &[u8]) -> Result<Self, SealError> {
        let (head, after) = rest.split_at_checked(SEAL_BYTES).ok_or(SealError::CutOff)?;
        if !head.starts_with(&MAGIC) {
            return Err(SealError::Foreign);
        }
        let least = half(head, 6);
        if least > FORMAT {
            return Err(SealError::TooNew { least });
        }
        let length = word32(head, 128) as usize;
        let follows_seq = word(head, 28);
        if length > BODY_BYTES_MAX {
            return Err(SealError::Damaged { seq: follows_seq.saturating_add(1) });
        }
        let (body, after) = after.split_at_checked(length).ok_or(SealError::CutOff)?;
        let damaged = SealError::Damaged { seq: follows_seq.saturating_add(1) };
        if check_of(head.get(..CHECK_AT).unwrap_or(&[]), body) != word32(head, CHECK_AT) {
            return Err(damaged);
        }
        let partition = half(head, 8);
        let follows = Head {
            history: Epoch(word(head, 12)),
            partition,
            term: Term(word(head, 20)),
            seq: follows_seq,
            batch: BatchId { run: word(head, 36), number: word(head, 44) },
            chain: Chain(wide(head, 52)),
        };
        let count = word32(head, 124);
        let last_seq = follows_seq.checked_add(u64::from(count)).filter(|_| count > 0).ok_or(damaged.clone())?;
        let batch = Batch { first_seq: follows_seq + 1, count, time: Timestamp(word(head, 116)), body: body.to_vec() };
        let becomes = Head {
            history: Epoch(word(head, 68)),
            partition,
            term: Term(word(head, 76)),
            seq: last_seq,
            batch: BatchId { run: word(head, 84), number: word(head, 92) },
            chain: Chain(wide(head, 100)),
        };
        if chain_of(&follows, &becomes, &batch) != becomes.chain || batch.each(|_, _| Ok(())).is_err() {
            return Err(damaged);
        }
        *rest = after;
        Ok(Self { follows, becomes, batch })
    }
}

/// The hash of everything up to and with a batch.
fn chain_of(follows: &Head, becomes: &Head, batch: &Batch) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&follows.chain.0.to_le_bytes());
    hasher.update(&becomes.partition.to_le_bytes());
    let Head { history, term, seq, batch: id, .. } = becomes;
    for word in [history.0, term.0, *seq, id.run, id.number, batch.time.0, u64::from(batch.count)] {
        hasher.update(&word.to_le_bytes());
    }
    hasher.update(&batch.body);
    Chain::of(&hasher)
}

fn check_of(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|field| field.try_into().ok()).unwrap_or([0; N])
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(bytes, at))
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(bytes, at))
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at))
}

fn wide(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(field(bytes, at))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use super::*;
    use crate::batch::BatchBuilder;

    const HISTORY: Epoch = Epoch(0xfeed);

    fn batch(first_seq: Seq, texts: &[&str]) -> Batch {
        let mut builder = BatchBuilder::new(first_seq, Timestamp(first_seq * 10));
        for text in texts {
            builder.push(&(*text).to_owned());
        }
        builder.end_command();
        builder.batch().clone()
    }

    fn chain_of_three() -> Vec<Sealed> {
        let mut head = Head::at(HISTORY, 0, Timestamp(0), &[]);
        let batches = [batch(1, &["a"]), batch(2, &["b", "c"]), batch(4, &["d"])];
        batches
            .into_iter()
            .map(|batch| {
                let sealed = Sealed::read(head, HISTORY, batch);
                head = *sealed.becomes();
                sealed
            })
            .collect()
    }

    #[test]
    fn what_was_sealed_comes_in_as_it_went_out_and_nothing_else_does() {
        let all = chain_of_three();
        let mut bytes = Vec::new();
        all.iter().for_each(|sealed| sealed.write(&mut bytes));
        let mut rest = bytes.as_slice();
        let mut head = *all[0].follows();
        for sealed in &all {
            let read = Sealed::take(&mut rest).unwrap();
            assert_eq!(read, *sealed);
            assert_eq!(read.continues(&head), Ok(()));
            head = *read.becomes();
        }
        assert!(rest.is_empty());
        let mut one = Vec::new();
        all[1].write(&mut one);
        assert_eq!(one.len(), SEAL_BYTES + all[1].batch().body.len());
        for at in 0..one.len() {
            assert_eq!(Sealed::take(&mut &one[..at]), Err(SealError::CutOff), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = one.clone();
                flipped[at] ^= 1 << bit;
                assert!(Sealed::take(&mut flipped.as_slice()).is_err(), "flipped at {at}, {bit}");
            }
        }
        let mut later = one.clone();
        later[6] = 2;
        assert_eq!(Sealed::take(&mut later.as_slice()), Err(SealError::TooNew { least: 2 }));
    }

    #[test]
    fn only_the_next_batch_of_the_same_log_continues_it() {
        let all = chain_of_three();
        let head = *all[0].becomes();
        assert_eq!(all[1].continues(&head), Ok(()));
        assert_eq!(all[2].continues(&head), Err(SealError::Gap { follows: 3, at: 1 }), "one is missing");
        assert_eq!(all[0].continues(&head), Err(SealError::Gap { follows: 0, at: 1 }), "one comes twice");
        // The same records in other batches: the chain begins at the record before, whatever batch that was in.
        let here = Head::at(HISTORY, 3, Timestamp(20), b"c");
        assert_eq!(Sealed::read(here, HISTORY, batch(4, &["d"])).continues(&here), Ok(()));
        for other in [
            Head::at(Epoch(0xbead), 3, Timestamp(20), b"c"),
            Head::at(HISTORY, 3, Timestamp(21), b"c"),
            Head::at(HISTORY, 3, Timestamp(20), b"x"),
        ] {
            let forked = Sealed::read(other, HISTORY, batch(4, &["d"]));
            assert_eq!(forked.continues(&here), Err(SealError::Forked { seq: 3 }));
        }
    }

    #[test]
    fn a_chain_is_read_as_it_is_shown() {
        let chain = chain_of_three()[2].becomes().chain;
        assert_eq!(chain.to_string().parse(), Ok(chain));
        for wrong in ["", "12", &chain.to_string()[1..], &format!("{chain}0"), &format!("+{}", &chain.to_string()[1..])]
        {
            assert_eq!(wrong.parse::<Chain>(), Err(()), "{wrong}");
        }
    }
}

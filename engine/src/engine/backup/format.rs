//! The file format of a backup.
//!
//! ```text
//!  "ANQBKUP\n" | format u16
//!  pieces: kind u8 | length u32 | crc32 u32 | payload        the checksum is of kind, length and payload
//!    1 head   lines of text, `name value`; names that a reader does not know are passed over
//!    2 file   length of its name u16 | name | bytes: `identity`, `secret`, and files of the server
//!    3 checkpoint  bytes of the checkpoint file, one piece behind the other
//!    4 log    sealed batches, as they travel between nodes; in formats 1 and 2 batches without a seal:
//!             first_seq u64 | count u32 | time u64 | length u32 | records, encoded as in the log
//!    5 end    pieces before it u64 | seq u64 | BLAKE3 of all bytes before it
//! ```
//!
//! Numbers are little endian. The head comes first, the end last with nothing after it, and the others in the order of
//! their kinds. A file without its end is not a backup. A later build reads this format; a build that finds a later
//! format reports its number.

use std::io::{self, Read, Write};

use crate::ids::{Epoch, Seq, Timestamp};
use crate::journal::{Batch, Head as LogHead, Sealed};

const MAGIC: [u8; 8] = *b"ANQBKUP\n";
/// The format that this build writes. Format 1 has no archive, and 1 and 2 no seals.
pub const FORMAT: u16 = 3;
const OLDEST_FORMAT: u16 = 1;
const SEALED_FORMAT: u16 = 3;

const HEAD: u8 = 1;
const FILE: u8 = 2;
const IMAGE: u8 = 3;
const LOG: u8 = 4;
const END: u8 = 5;
const ARCHIVE: u8 = 6;

/// The place of a kind in a backup: the archive comes before the log.
fn rank(kind: u8) -> u8 {
    match kind {
        ARCHIVE => IMAGE * 2 + 1,
        other => other.saturating_mul(2),
    }
}

/// The largest accepted piece: a batch is bounded by group commit and imports.
const PIECE_BYTES_MAX: u32 = 1 << 30;

const BATCH_HEAD: usize = 8 + 4 + 8 + 4;

/// What a backup contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The build that wrote it.
    pub version: String,
    /// The epoch of its last record.
    pub epoch: Epoch,
    /// The last record before it; 0 for a full backup.
    pub after: Seq,
    /// Its last record.
    pub seq: Seq,
    /// Its first record; one past the last if it has none.
    pub oldest: Seq,
    /// The time of its last record.
    pub time: Timestamp,
    /// The state hash at its last record.
    pub hash: String,
    /// What that hash covers; hashes of different formats are not compared.
    pub hash_format: u16,
    /// The first and last record of the checkpoint; `None` if the log begins at the first record.
    pub checkpoint: Option<(Seq, Seq)>,
}

impl Head {
    /// Whether it is a full backup.
    pub fn is_whole(&self) -> bool {
        self.after == 0
    }

    fn to_text(&self) -> String {
        let Self { version, epoch, after, seq, oldest, time, hash, hash_format, checkpoint } = self;
        let mut text = format!(
            "version {version}\nepoch {epoch}\nafter {after}\nseq {seq}\noldest {oldest}\ntime {}\nhash {hash}\nhash-format {hash_format}\n",
            time.0
        );
        if let Some((start, end)) = checkpoint {
            text += &format!("image {start} {end}\n");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = |name: &str| value(name)?.parse::<u64>().ok();
        let checkpoint = match value("image") {
            None => None,
            Some(checkpoint) => {
                let (start, end) = checkpoint.split_once(' ')?;
                Some((start.parse().ok()?, end.parse().ok()?))
            }
        };
        Some(Self {
            version: value("version")?.to_owned(),
            epoch: Epoch(u64::from_str_radix(value("epoch")?, 16).ok()?),
            after: number("after")?,
            seq: number("seq")?,
            oldest: number("oldest")?,
            time: Timestamp(number("time")?),
            hash: value("hash")?.to_owned(),
            hash_format: value("hash-format")?.parse().ok()?,
            checkpoint,
        })
    }
}

/// Writes pieces.
pub(super) struct PieceWriter<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
    pieces: u64,
}

impl<'a> PieceWriter<'a> {
    pub fn begin(out: &'a mut dyn Write, head: &Head) -> io::Result<Self> {
        let mut writer = Self { out, hasher: blake3::Hasher::new(), pieces: 0 };
        writer.write(&MAGIC)?;
        writer.write(&FORMAT.to_le_bytes())?;
        writer.piece(HEAD, &[head.to_text().as_bytes()])?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }

    fn piece(&mut self, kind: u8, payload: &[&[u8]]) -> io::Result<()> {
        let length: usize = payload.iter().map(|bytes| bytes.len()).sum();
        let length = u32::try_from(length).map_err(io::Error::other)?.to_le_bytes();
        let mut check = crc32fast::Hasher::new();
        check.update(&[kind]);
        check.update(&length);
        payload.iter().for_each(|bytes| check.update(bytes));
        self.write(&[kind])?;
        self.write(&length)?;
        self.write(&check.finalize().to_le_bytes())?;
        payload.iter().try_for_each(|bytes| self.write(bytes))?;
        self.pieces += 1;
        Ok(())
    }

    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let length = u16::try_from(name.len()).map_err(io::Error::other)?;
        self.piece(FILE, &[&length.to_le_bytes(), name.as_bytes(), bytes])
    }

    pub fn checkpoint(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() { Ok(()) } else { self.piece(IMAGE, &[bytes]) }
    }

    /// Writes bytes of a file of the archive, from the byte `at` on.
    pub fn archive(&mut self, file: u32, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.piece(ARCHIVE, &[&file.to_le_bytes(), &at.to_le_bytes(), bytes])
    }

    pub fn log(&mut self, batches: &[Sealed]) -> io::Result<()> {
        let mut payload = Vec::new();
        batches.iter().for_each(|sealed| sealed.write(&mut payload));
        self.piece(LOG, &[&payload])
    }

    /// Writes the end, and returns the digest of everything before it.
    pub fn end(mut self, seq: Seq) -> io::Result<()> {
        let digest = self.hasher.finalize();
        let pieces = self.pieces.to_le_bytes();
        self.piece(END, &[&pieces, &seq.to_le_bytes(), digest.as_bytes()])?;
        self.out.flush()
    }
}

/// A piece that was read and checked.
#[derive(Debug)]
pub(super) enum Piece {
    File {
        name: String,
        bytes: Vec<u8>,
    },
    Checkpoint(Vec<u8>),
    Archive {
        file: u32,
        at: u64,
        bytes: Vec<u8>,
    },
    /// Batches, and the head that each follows, if it is sealed.
    Log(Vec<(Batch, Option<LogHead>)>),
}

/// Where the log ends that was read so far.
struct Ends {
    seq: Seq,
    head: Option<LogHead>,
}

/// Reads pieces. Each piece is checked; only the end proves that all of them are there.
pub struct PieceReader<R> {
    input: R,
    hasher: blake3::Hasher,
    format: u16,
    pieces: u64,
    head: Head,
    kind: u8,
    /// The end of the log so far; `None` before its first batch.
    ends: Option<Ends>,
    is_over: bool,
    put_back: Option<Piece>,
}

fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl<R: Read> PieceReader<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// `InvalidData` says why the file is not a backup, or not one that this build reads.
    pub fn open(input: R) -> io::Result<Self> {
        let head = Head {
            version: String::new(),
            epoch: Epoch(0),
            after: 0,
            seq: 0,
            oldest: 0,
            time: Timestamp(0),
            hash: String::new(),
            hash_format: 0,
            checkpoint: None,
        };
        let hasher = blake3::Hasher::new();
        let mut reader =
            Self { input, hasher, format: 0, pieces: 0, head, kind: 0, ends: None, is_over: false, put_back: None };
        let mut magic = [0; 10];
        reader.input.read_exact(&mut magic).map_err(|_| damaged("it is not a backup"))?;
        reader.hasher.update(&magic);
        let (begins, format) = magic.split_at(8);
        if begins != MAGIC {
            return Err(damaged("it is not a backup"));
        }
        let format = format.first_chunk().map_or(0, |format| u16::from_le_bytes(*format));
        reader.format = format;
        if !(OLDEST_FORMAT..=FORMAT).contains(&format) {
            let formats = format!("formats {OLDEST_FORMAT} to {FORMAT}");
            return Err(damaged(format!("its format is {format}, and this build reads {formats}")));
        }
        let (kind, payload) = reader.raw()?;
        let text = String::from_utf8(payload).ok().filter(|_| kind == HEAD);
        reader.head = text.as_deref().and_then(Head::parse).ok_or_else(|| damaged("its head is unreadable"))?;
        reader.kind = HEAD;
        Ok(reader)
    }

    /// What it contains.
    pub fn head(&self) -> &Head {
        &self.head
    }

    fn raw(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let cut = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it is cut off"),
            _ => error,
        };
        let before = self.hasher.clone();
        let mut frame = [0; 9];
        self.input.read_exact(&mut frame).map_err(cut)?;
        let [kind, a, b, c, d, check @ ..] = frame;
        let length = [a, b, c, d];
        if u32::from_le_bytes(length) > PIECE_BYTES_MAX {
            return Err(damaged("a piece claims more bytes than a piece has"));
        }
        let mut payload = Vec::new();
        let wanted = u64::from(u32::from_le_bytes(length));
        if (&mut self.input).take(wanted).read_to_end(&mut payload).map_err(cut)? as u64 != wanted {
            return Err(damaged("it is cut off"));
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[kind]);
        hasher.update(&length);
        hasher.update(&payload);
        if hasher.finalize().to_le_bytes() != check {
            return Err(damaged(format!("the checksum of piece {} is wrong", self.pieces)));
        }
        if kind == END {
            self.hasher = before;
        } else {
            self.hasher.update(&frame);
            self.hasher.update(&payload);
            self.pieces += 1;
        }
        Ok((kind, payload))
    }

    /// The next piece; `None` at the end, when everything is known to be complete.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        if let Some(piece) = self.put_back.take() {
            return Ok(Some(piece));
        }
        if self.is_over {
            return Ok(None);
        }
        let (kind, payload) = self.raw()?;
        if rank(kind) < rank(self.kind) {
            return Err(damaged("its pieces are out of order"));
        }
        self.kind = kind;
        match kind {
            FILE => {
                let (length, rest) = payload.split_first_chunk::<2>().ok_or_else(|| damaged("a file has no name"))?;
                let (name, bytes) = rest
                    .split_at_checked(u16::from_le_bytes(*length).into())
                    .ok_or_else(|| damaged("a file has no name"))?;
                let name = String::from_utf8(name.to_vec()).map_err(|_| damaged("a file has no name"))?;
                Ok(Some(Piece::File { name, bytes: bytes.to_vec() }))
            }
            IMAGE => Ok(Some(Piece::Checkpoint(payload))),
            ARCHIVE => {
                let (file, rest) = payload.split_first_chunk::<4>().ok_or_else(|| damaged("a piece is cut off"))?;
                let (at, bytes) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("a piece is cut off"))?;
                let (file, at) = (u32::from_le_bytes(*file), u64::from_le_bytes(*at));
                Ok(Some(Piece::Archive { file, at, bytes: bytes.to_vec() }))
            }
            LOG => {
                let batches =
                    if self.format < SEALED_FORMAT { self.unsealed(&payload)? } else { self.sealed(&payload)? };
                Ok(Some(Piece::Log(batches)))
            }
            END => {
                let digest = self.hasher.finalize();
                let expected =
                    [&self.pieces.to_le_bytes(), &self.head.seq.to_le_bytes(), &digest.as_bytes()[..]].concat();
                if payload != expected {
                    return Err(damaged("its end does not fit what is before it"));
                }
                let ends_at = self.next_seq().saturating_sub(1);
                if ends_at != self.head.seq {
                    return Err(damaged(format!("its log ends at {ends_at}, and it says {}", self.head.seq)));
                }
                if self.input.read(&mut [0; 1])? != 0 {
                    return Err(damaged("something follows its end"));
                }
                self.is_over = true;
                Ok(None)
            }
            other => Err(damaged(format!("a piece of kind {other}, which this build does not know"))),
        }
    }

    /// Puts a piece back, as the next [`Piece::next`].
    pub(super) fn put_back(&mut self, piece: Piece) {
        self.put_back = Some(piece);
    }

    fn next_seq(&self) -> Seq {
        self.ends.as_ref().map_or(self.head.oldest, |ends| ends.seq + 1)
    }

    /// Sealed batches, each of which continues the one before it.
    fn sealed(&mut self, mut rest: &[u8]) -> io::Result<Vec<(Batch, Option<LogHead>)>> {
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let sealed = Sealed::take(&mut rest).map_err(|error| damaged(error.to_string()))?;
            match self.ends.as_ref().and_then(|ends| ends.head) {
                Some(head) => sealed.continues(&head).map_err(|error| damaged(error.to_string()))?,
                None if sealed.follows().seq + 1 == self.head.oldest => {}
                None => return Err(damaged(format!("record {} is missing", self.head.oldest))),
            }
            let becomes = *sealed.becomes();
            self.ends = Some(Ends { seq: becomes.seq, head: Some(becomes) });
            let follows = *sealed.follows();
            batches.push((sealed.into_batch(), Some(follows)));
        }
        Ok(batches)
    }

    fn unsealed(&mut self, mut rest: &[u8]) -> io::Result<Vec<(Batch, Option<LogHead>)>> {
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let (head, after) = rest.split_first_chunk::<BATCH_HEAD>().ok_or_else(|| damaged("a batch is cut off"))?;
            let wide = |at: usize| head.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
            let word = |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
            let (body, after) =
                after.split_at_checked(word(20) as usize).ok_or_else(|| damaged("a batch is cut off"))?;
            let batch = Batch { first_seq: wide(0), count: word(8), time: Timestamp(wide(12)), body: body.to_vec() };
            let expected = self.next_seq();
            if batch.count == 0 || batch.first_seq != expected {
                return Err(damaged(format!("record {expected} is missing")));
            }
            self.ends = Some(Ends { seq: batch.last_seq(), head: None });
            batches.push((batch, None));
            rest = after;
        }
        Ok(batches)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            version: "0.1.0".into(),
            epoch: Epoch(0xfeed),
            after: 0,
            seq: 12,
            oldest: 11,
            time: Timestamp(77),
            hash: "00ff".into(),
            hash_format: 1,
            checkpoint: Some((10, 10)),
        }
    }

    fn written() -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        let mut pieces = PieceWriter::begin(&mut out, &head()).unwrap();
        pieces.file("identity", b"text").unwrap();
        pieces.checkpoint(b"image").unwrap();
        pieces.archive(1, 0, b"archive").unwrap();
        let batch = |first_seq| Batch { first_seq, count: 1, time: Timestamp(9), body: vec![1, 0, 0, 0, 7] };
        let first = Sealed::read(LogHead::at(Epoch(0xfeed), 10, Timestamp(8), b"ten"), Epoch(0xfeed), batch(11));
        let second = Sealed::read(*first.becomes(), Epoch(0xfeed), batch(12));
        pieces.log(&[first]).unwrap();
        pieces.log(&[second]).unwrap();
        pieces.end(12).unwrap();
        out
    }

    fn read(bytes: &[u8]) -> io::Result<usize> {
        let mut reader = PieceReader::open(bytes)?;
        assert_eq!(reader.head(), &head());
        let mut pieces = 0;
        while reader.next()?.is_some() {
            pieces += 1;
        }
        Ok(pieces)
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let whole = written();
        assert_eq!(read(&whole).unwrap(), 5);
        for at in 0..whole.len() {
            assert!(read(&whole[..at]).is_err(), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(read(&flipped).is_err(), "flipped at {at}");
        }
        assert!(read(&[&whole[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_head_may_say_more_than_is_known_and_a_later_format_is_named() {
        let text = head().to_text() + "later thing\n";
        assert_eq!(Head::parse(&text), Some(head()));
        let mut later = written();
        later[8] = 9;
        assert!(read(&later).unwrap_err().to_string().contains("its format is 9"));
    }
}

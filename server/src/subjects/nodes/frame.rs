//! The frames of `/v1/log`.
//!
//! ```text
//!  kind u8 | length u32 | check u32 | payload
//!    1 hello    JSON: who speaks, and the identity of its log
//!    2 batches  sealed batches, one behind the other
//!    3 tick     time u64 | seq u64
//!    4 file     length of its name u16 | name | bytes: a file of keys
//!    5 history  text: the identity of its log, which has another era now
//!    6 end      text: why it ends
//! ```
//!
//! Numbers are little endian; `check` is the beginning of the BLAKE3 digest of kind and payload. A reader passes over kinds
//! that it does not know.

use anaquel_engine::ids::Timestamp;
use anaquel_engine::journal::Sealed;
use bytes::{Buf, BytesMut};
use serde::{Deserialize, Serialize};

use crate::node::Tick;

const HEAD: usize = 9;

/// The largest accepted frame: a batch is bounded by group commit and imports.
const FRAME_BYTES_MAX: usize = 1 << 30;

/// The first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its build.
    pub version: String,
    /// Its process.
    pub run: u64,
    /// Its role.
    pub role: String,
    /// Its last record.
    pub seq: u64,
    /// Its oldest record.
    pub oldest: u64,
    /// The identity of its log.
    pub identity: String,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Who speaks.
    Hello(Box<Hello>),
    /// The next batches.
    Batches(Vec<Sealed>),
    /// How far the node that decides is.
    Tick(Tick),
    /// A file of keys.
    File {
        /// Its name.
        name: String,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// The identity of the log, which has another era now.
    History(String),
    /// Nothing follows.
    End(String),
    /// A kind that this build does not know.
    Unknown(u8),
}

impl Frame {
    /// Appends its bytes to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let begins = out.len();
        out.extend_from_slice(&[self.kind(), 0, 0, 0, 0, 0, 0, 0, 0]);
        match self {
            Self::Hello(hello) => out.extend_from_slice(&serde_json::to_vec(hello).unwrap_or_default()),
            Self::Batches(batches) => batches.iter().for_each(|sealed| sealed.write(out)),
            Self::Tick(Tick { time, seq }) => {
                out.extend_from_slice(&time.0.to_le_bytes());
                out.extend_from_slice(&seq.to_le_bytes());
            }
            Self::File { name, bytes } => {
                out.extend_from_slice(&(name.len() as u16).to_le_bytes());
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(bytes);
            }
            Self::History(text) | Self::End(text) => out.extend_from_slice(text.as_bytes()),
            Self::Unknown(_) => {}
        }
        let payload = out.get(begins + HEAD..).unwrap_or(&[]);
        let (length, check) = (payload.len() as u32, check_of(self.kind(), payload));
        let head = [length.to_le_bytes(), check.to_le_bytes()].concat();
        if let Some(place) = out.get_mut(begins + 1..begins + HEAD) {
            place.copy_from_slice(&head);
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Batches(_) => 2,
            Self::Tick(_) => 3,
            Self::File { .. } => 4,
            Self::History(_) => 5,
            Self::End(_) => 6,
            Self::Unknown(kind) => *kind,
        }
    }

    /// Takes the next frame from the front of what was received; `None` if it is not complete yet.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(received: &mut BytesMut) -> Result<Option<Self>, String> {
        let Some(head) = received.first_chunk::<HEAD>() else { return Ok(None) };
        let [kind, a, b, c, d, check @ ..] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(format!("a frame claims {length} bytes"));
        }
        if received.len() < HEAD + length {
            received.reserve(HEAD + length - received.len());
            return Ok(None);
        }
        received.advance(HEAD);
        let payload = received.split_to(length).freeze();
        if check_of(kind, &payload).to_le_bytes() != check {
            return Err("the checksum of a frame is wrong".to_owned());
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string());
        Ok(Some(match kind {
            1 => Self::Hello(serde_json::from_slice(&payload).map_err(|error| error.to_string())?),
            2 => {
                let (mut rest, mut batches) = (&payload[..], Vec::new());
                while !rest.is_empty() {
                    batches.push(Sealed::take(&mut rest).map_err(|error| error.to_string())?);
                }
                Self::Batches(batches)
            }
            3 => {
                let words = payload.first_chunk::<16>().filter(|_| payload.len() == 16);
                let words = words.ok_or("a tick has another length")?;
                let [time, seq] = [0, 8].map(|at| words.get(at..at + 8).and_then(|word| word.try_into().ok()));
                let word = |word: Option<[u8; 8]>| word.map_or(0, u64::from_le_bytes);
                Self::Tick(Tick { time: Timestamp(word(time)), seq: word(seq) })
            }
            4 => {
                let (length, rest) = payload.split_first_chunk::<2>().ok_or("a file has no name")?;
                let length = usize::from(u16::from_le_bytes(*length));
                let (name, bytes) = rest.split_at_checked(length).ok_or("a file has no name")?;
                Self::File { name: text(name)?, bytes: bytes.to_vec() }
            }
            5 => Self::History(text(&payload)?),
            6 => Self::End(text(&payload)?),
            other => Self::Unknown(other),
        }))
    }
}

fn check_of(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize().as_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        let hello = Hello {
            version: "0.1.0".into(),
            run: u64::MAX,
            role: "primary".into(),
            seq: 7,
            oldest: 1,
            identity: "anaquel data directory\n".into(),
        };
        vec![
            Frame::Hello(Box::new(hello)),
            Frame::File { name: "keys.json".into(), bytes: b"{}".to_vec() },
            Frame::Tick(Tick { time: Timestamp(1_800_000_000_000), seq: 7 }),
            Frame::Unknown(77),
            Frame::History("text".into()),
            Frame::End("it stops".into()),
        ]
    }

    #[test]
    fn frames_come_in_as_they_went_out_in_pieces_of_any_length() {
        let mut bytes = Vec::new();
        frames().iter().for_each(|frame| frame.write(&mut bytes));
        for piece in [1, 2, 7, 64, 4096] {
            let (mut received, mut read) = (BytesMut::new(), Vec::new());
            for chunk in bytes.chunks(piece) {
                received.extend_from_slice(chunk);
                while let Some(frame) = Frame::take(&mut received).unwrap() {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames());
            assert!(received.is_empty());
        }
    }

    #[test]
    fn a_changed_bit_is_found() {
        for frame in frames() {
            let mut bytes = Vec::new();
            frame.write(&mut bytes);
            for at in 0..bytes.len() {
                let mut flipped = BytesMut::from(&bytes[..]);
                flipped[at] ^= 1 << (at % 8);
                let read = Frame::take(&mut flipped);
                // A length that claims more waits for more.
                assert!(matches!(read, Err(_) | Ok(None)), "flipped at {at}: {read:?}");
            }
        }
    }
}

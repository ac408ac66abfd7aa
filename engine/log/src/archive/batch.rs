//! A batch of frames in the making.

/// The kind of the frame that ends a batch.
pub(super) const END: u8 = 0;

/// Bytes before the payload of a frame.
pub(super) const FRAME_HEAD: usize = 4 + 4 + 1;

/// Bytes of the payload of an end.
pub(super) const END_BYTES: usize = 8 + 4 + 4;

/// The checksum of a frame.
pub(super) fn check_of(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize()
}

/// Frames that become part of the archive together.
#[derive(Debug, Default)]
pub struct ArchiveBatch {
    bytes: Vec<u8>,
    frames: u32,
}

impl ArchiveBatch {
    /// Adds a frame of a kind from 1 on. Returns its first byte in the batch, and its length.
    ///
    /// # Panics
    /// The payload has 4 GiB or more.
    pub fn push(&mut self, kind: u8, payload: &[u8]) -> (u64, u32) {
        debug_assert_ne!(kind, END, "the end is written by `end`");
        let begins = self.bytes.len();
        self.put(kind, payload);
        self.frames += 1;
        (begins as u64, (self.bytes.len() - begins) as u32)
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no frame.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Ends it: what is in it was read at `seq`. Returns its bytes.
    pub fn end(mut self, seq: u64) -> Vec<u8> {
        let mut payload = [0; END_BYTES];
        let all = crc32fast::hash(&self.bytes);
        let told = seq.to_le_bytes().into_iter().chain(self.frames.to_le_bytes()).chain(all.to_le_bytes());
        payload.iter_mut().zip(told).for_each(|(to, from)| *to = from);
        self.put(END, &payload);
        self.bytes
    }

    fn put(&mut self, kind: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a frame is bounded by a record, far below 4 GiB");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&check_of(kind, payload).to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend_from_slice(payload);
    }
}

/// The head of a frame.
pub(super) struct Head {
    pub length: u32,
    pub check: u32,
    pub kind: u8,
}

impl Head {
    pub fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        Self { length: word(0), check: word(4), kind: bytes.get(8).copied().unwrap_or(0) }
    }
}

/// The `seq` of an end, if it fits the frames before it.
pub(super) fn end_of(payload: &[u8], frames: u32, whole: u32) -> Option<u64> {
    let (seq, rest) = payload.split_first_chunk::<8>().filter(|_| payload.len() == END_BYTES)?;
    let told = [frames.to_le_bytes(), whole.to_le_bytes()].concat();
    (rest == told).then(|| u64::from_le_bytes(*seq))
}

/// A frame of a batch in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameOf<'a> {
    /// Its first byte in the batch.
    pub at: u64,
    /// Its bytes, with its head.
    pub bytes: u32,
    /// Its kind.
    pub kind: u8,
    /// Its payload.
    pub payload: &'a [u8],
}

/// The `seq` and the frames of one whole batch.
///
/// # Errors
/// The bytes are not one.
pub fn frames_of(batch: &[u8]) -> Result<(u64, Vec<FrameOf<'_>>), String> {
    let cut = || "a batch of the archive is cut off".to_owned();
    let (mut found, mut rest) = (Vec::new(), batch);
    loop {
        let at = batch.len() - rest.len();
        let (head, after) = rest.split_at_checked(FRAME_HEAD).ok_or_else(cut)?;
        let told = Head::read(head);
        let (payload, after) = after.split_at_checked(told.length as usize).ok_or_else(cut)?;
        if told.check != check_of(told.kind, payload) {
            return Err("a frame of the archive does not fit its checksum".into());
        }
        if told.kind == END {
            let whole = crc32fast::hash(batch.get(..at).unwrap_or_default());
            let seq = end_of(payload, found.len() as u32, whole).filter(|_| after.is_empty());
            return seq.map(|seq| (seq, found)).ok_or_else(|| "a batch of the archive does not fit its end".into());
        }
        let bytes = (FRAME_HEAD + payload.len()) as u32;
        found.push(FrameOf { at: at as u64, bytes, kind: told.kind, payload });
        rest = after;
    }
}

//! Keys counted by caller, and each caller's limit.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A digest of the sender of keys, the same after a restart; 0 if unknown.
pub type CallerDigest = u64;

/// A caller may keep this many times the free room.
pub const SHARE: u64 = 4;

/// Callers that are counted individually; all others share one share.
pub(super) const CALLERS_MAX: usize = 1 << CALLER_BITS;

pub(super) const CALLER_BITS: u32 = 16;

/// The room of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The caller's keys, kept and in flight.
    pub keys: u64,
    /// The caller's limit while the others keep what they have.
    pub most: u64,
    /// The keys in flight among `keys`.
    pub in_flight: u64,
}

/// The keys of a caller.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) caller: CallerDigest,
    pub(super) kept: u32,
    pub(super) in_flight: u32,
}

impl Held {
    pub(super) fn keys(&self) -> u64 {
        u64::from(self.kept) + u64::from(self.in_flight)
    }
}

/// Keys counted by caller. The first entry is for callers that are not counted individually.
pub(super) struct Callers {
    index: HashMap<CallerDigest, u16, RandomState>,
    pub(super) held: Vec<Held>,
    free: Vec<u16>,
    pub(super) total: u64,
}

impl Default for Callers {
    fn default() -> Self {
        let index = HashMap::from_iter([(0, 0)]);
        Self { index, held: vec![Held::default()], free: Vec::new(), total: 0 }
    }
}

impl Callers {
    pub(super) fn share(&self, held: &Held, most: u64) -> Share {
        // The limit if the caller grows and the others stay: the caller keeps four fifths of the room that the others
        // leave, and a fifth stays free.
        let room = (held.keys() + most.saturating_sub(self.total)) * SHARE / (SHARE + 1);
        Share { keys: held.keys(), most: room, in_flight: held.in_flight.into() }
    }

    fn place_of(&mut self, caller: CallerDigest) -> u16 {
        if let Some(known) = self.index.get(&caller) {
            return *known;
        }
        let new = Held { caller, ..Held::default() };
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(held) = self.held.get_mut(usize::from(place)) {
                    *held = new;
                }
                place
            }
            None if self.held.len() < CALLERS_MAX => {
                self.held.push(new);
                (self.held.len() - 1) as u16
            }
            None => return 0,
        };
        self.index.insert(caller, place);
        place
    }

    fn change<T>(&mut self, place: u16, change: impl FnOnce(&mut Held) -> T) -> T {
        let at = usize::from(place).min(self.held.len() - 1);
        let held = self.held.get_mut(at).expect("the first entry always exists");
        let before = held.keys();
        let changed = change(held);
        let (caller, after) = (held.caller, held.keys());
        self.total = self.total + after - before;
        if after == 0 && at != 0 {
            self.index.remove(&caller);
            self.free.push(place);
        }
        changed
    }

    /// Starts a key in flight, if the caller may have another one.
    pub(super) fn take_off(&mut self, caller: CallerDigest, most: u64) -> Result<u16, Share> {
        let place = self.place_of(caller);
        let free = most.saturating_sub(self.total);
        self.change(place, |held| {
            if free == 0 || held.keys() >= SHARE * free {
                return Err((held.keys(), u64::from(held.in_flight)));
            }
            held.in_flight += 1;
            Ok(place)
        })
        .map_err(|(keys, in_flight)| Share { keys, most: (keys + free) * SHARE / (SHARE + 1), in_flight })
    }

    pub(super) fn land(&mut self, place: u16) -> u16 {
        self.change(place, |held| {
            held.in_flight -= 1;
            held.kept += 1;
        });
        place
    }

    pub(super) fn crash(&mut self, place: u16) {
        self.change(place, |held| held.in_flight -= 1);
    }

    pub(super) fn add(&mut self, caller: CallerDigest) -> u16 {
        let place = self.place_of(caller);
        self.change(place, |held| held.kept += 1);
        place
    }

    pub(super) fn leave(&mut self, place: u16) {
        self.change(place, |held| held.kept -= 1);
    }

    pub(super) fn digest(&self, place: u16) -> CallerDigest {
        self.held.get(usize::from(place)).map_or(0, |held| held.caller)
    }
}

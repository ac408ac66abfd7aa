//! Nodes that follow another: they have what it has, at each record, and decide nothing; through kills, damage, gaps and
//! a change of who decides.

mod histories;
mod random;
mod whole_commands;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::backup::{self, Chain, Start, Until};
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::journal::{Head, Sealed};
use anaquel_engine::recovery::Options;
use anaquel_engine::replica::FollowError;
use anaquel_engine::role::Role;
use anaquel_engine::settings::Settings;
use anaquel_engine::state::DurableState;

use crate::common::{ManualClock, START_MS, Shop, hash, log_options, store};

fn options(role: Option<Role>, entropy: u64) -> Options {
    let settings = Settings { clock_jump_seconds_max: u64::MAX, ..Settings::default() };
    Options { settings, log: log_options(), entropy, trust_clock: true, role }
}

fn try_open(directory: &Path, clock: &Arc<ManualClock>, role: Option<Role>) -> Result<Shop, String> {
    try_open_with(directory, clock, options(role, 42))
}

fn try_open_with(directory: &Path, clock: &Arc<ManualClock>, options: Options) -> Result<Shop, String> {
    let opened = Engine::open(directory, options, clock.clone(), None);
    let (engine, _) = opened.map_err(|error| error.to_string())?;
    Ok(Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() })
}

fn open(directory: &Path, clock: &Arc<ManualClock>, role: Role) -> Shop {
    try_open(directory, clock, Some(role)).unwrap()
}

/// Two nodes on one disk, each with a directory of its own.
struct Nodes {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Nodes {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: ManualClock::at(START_MS) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn primary(&self) -> Shop {
        open(&self.path("primary"), &self.clock, Role::Primary)
    }

    /// A node that begins with what `of` has now.
    fn join(&self, name: &str, of: &Engine) -> Shop {
        let file = self.path(&format!("{name}.backup"));
        of.back_up(Start::Whole, &[], &mut |_| (), &mut fs::File::create(&file).unwrap()).unwrap();
        let chain = Chain::find(&[file], Until::End).unwrap();
        backup::join(&chain, &self.path(name), store()).unwrap();
        self.replica(name)
    }

    fn replica(&self, name: &str) -> Shop {
        open(&self.path(name), &self.clock, Role::Replica)
    }
}

/// What two nodes say to each other, in the bytes that travel.
struct Connection {
    head: Head,
}

impl Connection {
    /// As a transport does it: the follower names its end, and the other node checks it.
    fn new(from: &Engine, to: &Engine) -> Result<Self, FollowError> {
        to.follow_identity(from.identity_file().unwrap().unwrap())?;
        let head = to.begin_following()?;
        match from.head_at(head.seq) {
            Ok(Some(own)) if own == head => Ok(Self { head }),
            _ => Err(FollowError::Forked(format!("record {} is another one", head.seq))),
        }
    }

    /// Passes on some of what is missing; false if nothing is.
    fn pass(&mut self, from: &Engine, to: &Engine, bytes: usize) -> Result<bool, FollowError> {
        let mut sent = Vec::new();
        let batches = from.sealed_after(&self.head, bytes).unwrap();
        batches.iter().for_each(|sealed| sealed.write(&mut sent));
        let (mut rest, mut received) = (sent.as_slice(), Vec::new());
        while !rest.is_empty() {
            received.push(Sealed::take(&mut rest)?);
        }
        self.head = received.last().map_or(self.head, |sealed| *sealed.becomes());
        let any = !received.is_empty();
        if any {
            to.follow(received)?;
        }
        Ok(any)
    }

    /// Passes on everything, and waits until it is folded.
    fn pass_all(&mut self, from: &Engine, to: &Engine) {
        while self.pass(from, to, 1 << 20).unwrap() {}
        assert_eq!(to.begin_following().unwrap().seq, self.head.seq, "{:?}", to.follow_trouble());
        self.head = to.begin_following().unwrap();
    }
}

pub fn follow_all(from: &Engine, to: &Engine) {
    Connection::new(from, to).unwrap().pass_all(from, to);
}

/// What readers, and whoever takes over, find in two nodes.
#[track_caller]
fn assert_same(one: &Engine, other: &Engine) {
    assert_eq!(hash(one), hash(other));
    let content = |state: &DurableState| {
        let cells = state.matrix.range(0, state.cells()).map(|(_, cell)| (cell.sku(), cell.location(), cell.durable()));
        // A checkpoint has them in another order than they were made in.
        let cells: BTreeMap<_, _> = cells.map(|(sku, location, level)| ((sku, location), level)).collect();
        (cells, state.last_time(), state.idempotency.len(), state.reservations.open())
    };
    assert_eq!(content(one.state()), content(other.state()));
    for (_, cell) in other.state().matrix.range(0, other.state().cells()) {
        assert_eq!(cell.promised(), cell.durable(), "nothing is in flight on a node that follows");
    }
    assert_eq!(one.epoch(), other.epoch());
}

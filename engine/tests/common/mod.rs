//! A small retailer on a log in memory, with a clock that a test moves by hand.

pub mod life;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anaquel_engine::admission::{LineRequest, MovementRequest, ReserveRequest, Target};
use anaquel_engine::catalogue::ChannelDetails;
use anaquel_engine::catalogue::names::TRANSFER_CHANNEL;
use anaquel_engine::command::{
    Command, Count, Failure, LineUnits, LocationFields, NameRef, Outcome, Precondition, Put, PutWhat, Refusal,
    RuleFields, SkuFields, StepRequest, SupplyFields,
};
use anaquel_engine::event::{Cause, Counted, IdempotencyKey, Moved, MovementKind, Purpose, SupplyKind};
use anaquel_engine::ids::{Name, ReservationId, Seq, Timestamp};
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::journal::{LogOptions, StoreKind};
use anaquel_engine::level::{Constraint, StockLevel};
use anaquel_engine::patch::Patch;
use anaquel_engine::recovery::Options;
use anaquel_engine::reservation::Reservation;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::settings::{NameSettings, Settings};
use anaquel_engine::verify::Auditor;
use anaquel_engine::{Clock, Engine};
pub use anaquel_seeds::Numbers;

/// Every file of a directory, and what is in it.
pub fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// Makes a data directory again what it was. `identity` stays the file that it is, so that the directory stays the original:
/// what is missing in a copy is lost to it, and no damage.
pub fn put_back(directory: &Path, contents: &[(PathBuf, Vec<u8>)]) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap();
        } else if path.file_name().unwrap() != "identity" {
            std::fs::remove_file(&path).unwrap();
        }
    }
    for (path, bytes) in contents {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Time stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    pub fn at(ms: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(ms)))
    }

    pub fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub const START_MS: u64 = 1_800_000_000_000;

pub struct Shop {
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    pub disk: MemoryDisk,
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn hold(lines: &[(&str, &str, u32)]) -> ReserveRequest {
    let line = |(sku, location, quantity): &(&str, &str, u32)| LineRequest {
        sku: name(sku),
        place: Target::Location(name(location)),
        quantity: *quantity,
        latest: None,
    };
    ReserveRequest {
        channel: name("web"),
        purpose: Purpose::Cart,
        customer: None,
        order: None,
        ttl_seconds: 900,
        confirm: false,
        allow_partial: false,
        supersedes: Default::default(),
        lines: lines.iter().map(line).collect(),
        fetched_at: None,
        is_attempt: false,
    }
}

/// The same, asked of groups.
pub fn hold_in_group(lines: &[(&str, &str, u32)]) -> ReserveRequest {
    let mut request = hold(lines);
    for line in &mut request.lines {
        let Target::Location(name) = &line.place else { continue };
        line.place = Target::Group(name.clone());
    }
    request
}

/// The same, taking what comes within `seconds`.
pub fn hold_to_come(lines: &[(&str, &str, u32)], seconds: u64) -> ReserveRequest {
    let mut request = hold(lines);
    request.lines.iter_mut().for_each(|line| line.latest = Some(Timestamp(START_MS).plus_seconds(seconds)));
    request
}

/// A rule that holds everywhere.
pub fn rule(effect: Effect) -> RuleFields {
    RuleFields::everywhere(effect)
}

/// Some rule about SKUs `A0` to `A5`, locations `s0` to `s3`, groups `g0` and `g1` and channels `web`, `app`, `pos` and `mkt`.
pub fn some_rule(numbers: &mut Numbers) -> RuleFields {
    let effect = match numbers.below(9) {
        8 => Effect::Capacity { orders_per_day: numbers.below(12) as u32 },
        6 => Effect::Backorder { units: numbers.below(6) as u32, lead_days: numbers.below(2) as u16 },
        7 => {
            let available_at = Timestamp(START_MS).plus_seconds(numbers.below(60));
            Effect::Preorder { units: numbers.below(6) as u32, available_at }
        }
        5 => Effect::Quota {
            share: match numbers.below(2) {
                0 => Amount::Units(numbers.below(6) as u32),
                _ => Amount::Percent(numbers.below(70) as u8),
            },
            minimum: numbers.below(3) as u32,
            spill_over: numbers.below(3) > 0,
        },
        0 | 1 => Effect::SafetyStock(Amount::Units(numbers.below(4) as u32)),
        2 => Effect::SafetyStock(Amount::Percent(numbers.below(60) as u8)),
        3 => Effect::Access(numbers.below(2) == 0),
        _ => Effect::Band { few_left: numbers.below(4) as u32, exact: numbers.below(2) == 0 },
    };
    let mut fields = rule(effect);
    if numbers.below(2) == 0 && !matches!(effect, Effect::Capacity { .. }) {
        fields.skus = vec![name(&format!("A{}", numbers.below(6)))];
    }
    if numbers.below(3) == 0 {
        fields.locations = vec![name(&format!("s{}", numbers.below(4)))];
    }
    if numbers.below(4) == 0 {
        fields.groups = vec![name(&format!("g{}", numbers.below(2)))];
    }
    if numbers.below(3) == 0 {
        fields.channels = vec![name(["web", "app", "pos", "mkt"][numbers.below(4) as usize])];
    }
    fields
}

pub fn keyed(scope: u128) -> Option<Box<Cause>> {
    let idempotency = Some(IdempotencyKey { key: format!("k-{scope}"), scope, fingerprint: 7 });
    Some(Box::new(Cause { idempotency, ..Cause::default() }))
}

/// The store under test: sled, or files if `ANAQUEL_STORE=file`.
pub fn store() -> StoreKind {
    match std::env::var("ANAQUEL_STORE").as_deref() {
        Err(_) | Ok("sled") => StoreKind::Sled,
        Ok("file") => StoreKind::File,
        Ok(other) => panic!("ANAQUEL_STORE={other} is neither sled nor file"),
    }
}

/// A log in the store under test; files are small, so that a few batches take several.
pub fn log_options() -> LogOptions {
    LogOptions { reserve_bytes: 0, store: store(), file_bytes: 2_000, ..LogOptions::default() }
}

/// The files of the log's store in a data directory, oldest first.
pub fn log_files(directory: &Path) -> Vec<PathBuf> {
    match store() {
        StoreKind::Sled => vec![directory.join("journal/db")],
        StoreKind::File => contents(&directory.join("journal/files")).into_iter().map(|(path, _)| path).collect(),
    }
}

impl Shop {
    /// A shop on the disk, in `directory`.
    pub fn on_disk(directory: &Path, clock: &Arc<ManualClock>) -> Self {
        let options =
            Options { log: log_options(), settings: Settings::default(), entropy: 42, trust_clock: false, role: None };
        let (engine, _) = Engine::open(directory, options, clock.clone(), None).unwrap();
        Self { engine, clock: clock.clone(), disk: MemoryDisk::default() }
    }

    pub fn open() -> Self {
        Self::on(MemoryDisk::default(), ManualClock::at(START_MS), Settings::default())
    }

    /// Every channel is accepted, also once rules made it necessary to declare some.
    pub fn on(disk: MemoryDisk, clock: Arc<ManualClock>, settings: Settings) -> Self {
        let names = NameSettings { accept_undeclared_channels: true, ..settings.names };
        Self::strictly_on(disk, clock, Settings { names, ..settings })
    }

    pub fn strictly_on(disk: MemoryDisk, clock: Arc<ManualClock>, settings: Settings) -> Self {
        let engine = Engine::in_memory(disk.clone(), settings, clock.clone(), None).unwrap();
        Self { engine, clock, disk }
    }

    /// Stops the engine and opens what the disk holds, as after a restart.
    pub fn restart(self) -> Self {
        self.engine.close().unwrap();
        Self::on(self.disk, self.clock, self.engine.settings().clone())
    }

    pub fn try_reserve(&self, request: ReserveRequest) -> Result<Arc<Reservation>, Failure> {
        self.try_reserve_for(request, None)
    }

    pub fn try_reserve_for(
        &self,
        request: ReserveRequest,
        cause: Option<Box<Cause>>,
    ) -> Result<Arc<Reservation>, Failure> {
        match self.engine.run(|engine, done| engine.reserve(request, cause, done))? {
            Outcome::Reservation(reservation) => Ok(reservation),
            other => panic!("a reservation was expected, not {other:?}"),
        }
    }

    pub fn reserve(&self, lines: &[(&str, &str, u32)]) -> Arc<Reservation> {
        self.try_reserve(hold(lines)).unwrap()
    }

    /// The constraint of the first short line.
    pub fn refusal(&self, request: ReserveRequest) -> (Constraint, u32) {
        match self.try_reserve(request).unwrap_err() {
            Failure::Refused(Refusal::Insufficient(shorts)) => (shorts[0].constraint, shorts[0].available),
            other => panic!("a refusal for want of stock was expected, not {other:?}"),
        }
    }

    pub fn try_step(&self, id: ReservationId, request: StepRequest) -> Result<Arc<Reservation>, Failure> {
        match self.engine.run(|engine, done| engine.submit(Command::step(id, request), None, done))? {
            Outcome::Reservation(reservation) => Ok(reservation),
            other => panic!("a reservation was expected, not {other:?}"),
        }
    }

    pub fn confirm(&self, id: ReservationId) -> Result<Arc<Reservation>, Failure> {
        self.try_step(id, StepRequest::Confirm { pickup_by: None, order: None })
    }

    pub fn collect(&self, id: ReservationId) -> Result<Arc<Reservation>, Failure> {
        self.try_step(id, StepRequest::Collect { lines: None, pickup_code: None })
    }

    pub fn cancel(&self, id: ReservationId) -> Result<Arc<Reservation>, Failure> {
        self.try_step(id, StepRequest::Cancel { lines: None, reason: None })
    }

    /// Sets a group's members.
    pub fn put_group(&self, group: &str, members: &[&str]) {
        self.try_put_group(group, members).unwrap();
    }

    pub fn try_put_group(&self, group: &str, members: &[&str]) -> Result<(), Failure> {
        self.try_put(PutWhat::Group(name(group), Patch::Set(members.iter().map(|member| name(member)).collect())))
    }

    /// Sets the units that a channel leaves to others.
    pub fn put_channel(&self, channel: &str, buffer: u32) {
        self.try_put_channel(channel, buffer).unwrap();
    }

    pub fn try_put_channel(&self, channel: &str, buffer: u32) -> Result<(), Failure> {
        self.try_put(PutWhat::Channel(name(channel), ChannelDetails { buffer }.into()))
    }

    fn try_put(&self, what: PutWhat) -> Result<(), Failure> {
        let put = Put { what, precondition: Precondition::default() };
        self.engine.run(|engine, done| engine.submit(Command::from(put), None, done)).map(drop)
    }

    pub fn put(&self, what: PutWhat) -> Result<Outcome, Failure> {
        let put = Put { what, precondition: Precondition::default() };
        self.engine.run(|engine, done| engine.submit(Command::from(put), None, done))
    }

    /// Declares locations, so that they take orders.
    pub fn declare(&self, locations: &[&str]) {
        for location in locations {
            self.put(PutWhat::Location(name(location), LocationFields::default())).unwrap();
        }
    }

    /// Declares what a rule names and nobody knows yet, but for the channel that needs no declaration.
    fn declare_for(&self, fields: &RuleFields) -> Result<(), Failure> {
        let catalogue = &self.engine.state().catalogue;
        for name in fields.skus.iter().filter(|name| catalogue.skus.id(name.as_str()).is_none()) {
            self.put(PutWhat::Sku(name.clone(), SkuFields::default()))?;
        }
        for name in fields.locations.iter().filter(|name| catalogue.locations.id(name.as_str()).is_none()) {
            self.put(PutWhat::Location(name.clone(), LocationFields::default()))?;
        }
        for name in fields.groups.iter().filter(|name| catalogue.groups.id(name.as_str()).is_none()) {
            self.put(PutWhat::Group(name.clone(), Patch::Keep))?;
        }
        let channels = fields.channels.iter().filter(|name| name.as_str() != TRANSFER_CHANNEL);
        for name in channels.filter(|name| catalogue.channels.id(name.as_str()).is_none()) {
            self.put(PutWhat::Channel(name.clone(), ChannelDetails::default().into()))?;
        }
        Ok(())
    }

    /// Sets a rule, or removes it.
    pub fn put_rule(&self, id: &str, fields: Option<RuleFields>) -> Result<Seq, Failure> {
        if let Some(fields) = &fields {
            self.declare_for(fields)?;
        }
        let put = Put { what: PutWhat::Rule(name(id), fields.map(Box::new)), precondition: Precondition::default() };
        match self.engine.run(|engine, done| engine.submit(Command::from(put), None, done))? {
            Outcome::Put { seq, .. } => Ok(seq),
            other => panic!("a version was expected, not {other:?}"),
        }
    }

    /// Says how much of a supply is to come, and in how many seconds from the start.
    ///
    /// What it names is declared, where nobody knows it yet.
    pub fn supply(&self, supply: &str, sku: &str, location: &str, quantity: u32, seconds: u64) {
        let catalogue = &self.engine.state().catalogue;
        if catalogue.skus.id(sku).is_none() {
            self.put(PutWhat::Sku(name(sku), SkuFields::default())).unwrap();
        }
        if catalogue.locations.id(location).is_none() {
            self.put(PutWhat::Location(name(location), LocationFields::default())).unwrap();
        }
        self.try_supply(supply, sku, location, quantity, seconds).unwrap();
    }

    pub fn try_supply(
        &self,
        supply: &str,
        sku: &str,
        location: &str,
        quantity: u32,
        seconds: u64,
    ) -> Result<(), Failure> {
        let expected_at = Some(Timestamp(START_MS).plus_seconds(seconds));
        let (sku, location) =
            (self.engine.state().sku_ref(&name(sku)), self.engine.state().location_ref(&name(location)));
        let kind = SupplyKind::PurchaseOrder;
        let as_of = None;
        let row = SupplyFields { line: 0, name: name(supply), kind, sku, location, quantity, expected_at, as_of };
        self.engine.run(|engine, done| engine.submit(Command::supply(vec![row]), None, done)).map(drop)
    }

    pub fn units(&self, sku: &str, location: &str, quantity: u32) -> LineUnits {
        let catalogue = &self.engine.state().catalogue;
        LineUnits { sku: catalogue.skus.id(sku).unwrap(), location: catalogue.locations.id(location), quantity }
    }

    pub fn movement(&self, kind: MovementKind, sku: &str, location: &str, change: i64) -> MovementRequest {
        let (sku, location) = (name(sku), name(location));
        MovementRequest { kind, sku, location, change, occurred_at: None, reference: None, unplanned: false }
    }

    pub fn try_move(&self, movements: Vec<MovementRequest>) -> Result<Vec<Moved>, Failure> {
        match self.engine.run(|engine, done| engine.move_stock(movements, None, done))? {
            Outcome::Moved { rows, .. } => Ok(rows),
            other => panic!("movements were expected, not {other:?}"),
        }
    }

    pub fn receive(&self, sku: &str, location: &str, quantity: i64) {
        self.try_move(vec![self.movement(MovementKind::Receipt, sku, location, quantity)]).unwrap();
    }

    pub fn sell(&self, sku: &str, location: &str, quantity: i64) -> Moved {
        self.try_move(vec![self.movement(MovementKind::Sale, sku, location, -quantity)]).unwrap().remove(0)
    }

    pub fn sell_at(&self, sku: &str, location: &str, quantity: i64, ms: u64) -> Moved {
        let mut movement = self.movement(MovementKind::Sale, sku, location, -quantity);
        movement.occurred_at = Some(Timestamp(ms));
        self.try_move(vec![movement]).unwrap().remove(0)
    }

    pub fn try_count(&self, sku: &str, location: &str, on_hand: i32, at: Option<u64>) -> Result<Counted, Failure> {
        self.try_count_with(sku, location, on_hand, at, None)
    }

    pub fn try_count_with(
        &self,
        sku: &str,
        location: &str,
        on_hand: i32,
        at: Option<u64>,
        safety_stock: Option<u32>,
    ) -> Result<Counted, Failure> {
        let count = Count {
            line: 0,
            sku: NameRef::New(name(sku)),
            location: NameRef::New(name(location)),
            on_hand,
            counted_at: at.map(Timestamp),
            safety_stock,
            as_of: None,
        };
        match self.engine.run(|engine, done| engine.submit(Command::count(vec![count]), None, done))? {
            Outcome::Counted { rows, .. } => Ok(rows[0]),
            other => panic!("counts were expected, not {other:?}"),
        }
    }

    pub fn count(&self, sku: &str, location: &str, on_hand: i32) -> Counted {
        self.try_count(sku, location, on_hand, None).unwrap()
    }

    pub fn level(&self, sku: &str, location: &str) -> StockLevel {
        let catalogue = &self.engine.state().catalogue;
        let ids = catalogue.skus.id(sku).zip(catalogue.locations.id(location));
        let cell = ids.and_then(|(sku, location)| self.engine.state().matrix.get(sku, location));
        cell.map(|cell| cell.durable()).unwrap_or_default()
    }

    /// Runs all of `calls`, in order, in one batch.
    pub fn in_one_batch<T: Send>(&self, calls: Vec<Box<dyn FnOnce() -> T + Send + '_>>) -> Vec<T> {
        let batches = || self.engine.counters().batches.load(Ordering::Relaxed);
        self.wait_until("nothing is in flight", || self.engine.in_flight() == 0);
        let before = batches();
        let results = self.queued_together(calls);
        self.wait_until("both batches are counted", || batches() == before + 2);
        results
    }

    /// Runs all of `calls`, in order, queued behind one append: in one batch, unless one of them ends it or it fails.
    pub fn queued_together<T: Send>(&self, calls: Vec<Box<dyn FnOnce() -> T + Send + '_>>) -> Vec<T> {
        std::thread::scope(|scope| {
            let stalled = self.disk.stall();
            let blocker = scope.spawn(|| self.receive("BLOCKER", "s0", 1));
            // The journal thread has taken the blocker and stands before the disk: what comes now queues up behind it.
            while self.disk.appending() == 0 {
                std::thread::yield_now();
            }
            let mut running = Vec::new();
            for (nth, call) in calls.into_iter().enumerate() {
                running.push(scope.spawn(call));
                while self.engine.queued() <= nth {
                    std::thread::yield_now();
                }
            }
            drop(stalled);
            blocker.join().unwrap();
            running.into_iter().map(|call| call.join().unwrap()).collect()
        })
    }

    /// With nothing in flight, what may be promised is exactly what the log grants, in every cell.
    pub fn check_promises(&self) {
        let state = self.engine.state();
        for (_, cell) in state.matrix.range(0, state.cells()) {
            assert_eq!(
                cell.promised(),
                cell.durable(),
                "promise and durable word of {:?}",
                (cell.sku(), cell.location())
            );
        }
    }

    /// Waits until the journal thread has done what is due; it is bounded by the test's own patience.
    pub fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..2000 {
            self.engine.wake();
            if done() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        panic!("never came true: {what}");
    }
}

/// Adds the log up by itself, record by record, and compares.
pub fn audit(shop: &Shop) {
    loop {
        let mut auditor = Auditor::default();
        let records = shop.engine.events(0, usize::MAX).unwrap();
        for (at, record) in records.iter().enumerate() {
            let before = &records[at.saturating_sub(4)..=at];
            auditor.check(record).unwrap_or_else(|what| panic!("record {}: {what}: {before:#?}", record.seq));
        }
        let compared = auditor.compare(shop.engine.state());
        // What fell due meanwhile is in memory and not in what was read.
        if shop.engine.state().view.seq() == records.len() as u64 {
            return compared.unwrap();
        }
    }
}

pub fn level(on_hand: i32, reserved: u32) -> StockLevel {
    StockLevel { on_hand, reserved }
}

/// Whose share a caller of this name has.
pub fn share_of(name: &str) -> u64 {
    name.bytes().fold(7, |share, byte| share.wrapping_mul(31).wrapping_add(byte.into()))
}

/// The state hash, and the `seq` that it is of.
pub fn hash(engine: &Engine) -> (u64, String) {
    engine.state().view.read(|| engine.state().hash.show())
}

/// Copies a directory, file by file.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

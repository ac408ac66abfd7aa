//! A shop's life: random steps of everything that the engine does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anaquel_engine::admission::{LineRequest, Target};
use anaquel_engine::command::{Failure, PutWhat, Reallocation, SkuFields, StepRequest};
use anaquel_engine::event::{MovementKind, Purpose};
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::patch::Patch;

use super::{Numbers, START_MS, Shop, hold, name, some_rule};

/// Channels, whose buffers change as a life goes on.
pub const CHANNELS: [&str; 4] = ["web", "app", "pos", "mkt"];

/// Places, and groups of them that overlap.
pub const PLACES: [&str; 4] = ["s0", "s1", "s2", "s3"];
pub const GROUPS: [(&str, &[&str]); 4] =
    [("g0", &["s0", "s1"]), ("g1", &["s1", "s2"]), ("g2", &["s0", "s1", "s2", "s3"]), ("g3", &["s3", "s0"])];

/// What one unit of each SKU comes to: pieces, and grams by the lorry.
const SCALES: [u32; 4] = [1, 1, 100_000, 100_000_000];

/// So many units of a SKU; of those that come by the lorry, now and then one more or less.
fn scaled(numbers: &mut Numbers, sku: &str, units: u32) -> u32 {
    let nth = sku.trim_start_matches('A').parse::<usize>().unwrap_or(0);
    let scale = SCALES.get(nth).copied().unwrap_or(1);
    let units = units.saturating_mul(scale);
    match numbers.below(8) {
        0 if scale > 1 => units + 1,
        1 if scale > 1 => units - 1,
        2 if scale > 1 => 1 + numbers.below(3) as u32,
        _ => units,
    }
}

/// What nobody counts, most of the time.
const GIFT: &str = "GIFT";

fn tracked(tracked: bool) -> SkuFields {
    SkuFields { tracked: Patch::Set(tracked), ..SkuFields::default() }
}

/// What a life remembers.
#[derive(Default)]
pub struct Life {
    made: Mutex<Vec<ReservationId>>,
    /// Milliseconds since it began.
    clock: AtomicU64,
    /// Whether no promise replaces more than one hold, as before that could be.
    pub one_at_a_time: bool,
    /// Whether some of it is about a SKU that nobody counts, most of the time.
    pub has_gifts: bool,
}

impl Life {
    /// The shelves and the groups with which it begins.
    pub fn begin(shop: &Shop) -> Self {
        for (n, scale) in SCALES.iter().enumerate() {
            for location in ["s0", "s1", "s2"] {
                shop.receive(&format!("A{n}"), location, 8 * i64::from(*scale));
            }
        }
        shop.receive("A0", "s3", 4);
        shop.declare(&PLACES);
        for (group, members) in GROUPS {
            shop.put_group(group, members);
        }
        for (buffer, channel) in CHANNELS.iter().enumerate() {
            shop.put_channel(channel, buffer as u32);
        }
        Self::default()
    }

    /// From here on there is something that nobody counts.
    pub fn give(&mut self, shop: &Shop) {
        shop.put(PutWhat::Sku(name(GIFT), tracked(false))).unwrap();
        self.has_gifts = true;
    }

    /// Lets time pass, and whatever falls due by it come to pass.
    pub fn advance(&self, shop: &Shop, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
        shop.clock.advance(ms);
        settle(shop);
    }

    /// One step of somebody.
    ///
    /// # Errors
    /// What came of it, if it was not done.
    pub fn step(&self, shop: &Shop, numbers: &mut Numbers) -> Result<(), Failure> {
        let Self { made, clock, .. } = self;
        let cell = |numbers: &mut Numbers| {
            let gift = self.has_gifts && numbers.below(7) == 0;
            let sku = if gift { GIFT.to_owned() } else { format!("A{}", numbers.below(4)) };
            (sku, format!("s{}", numbers.below(4)))
        };
        if self.has_gifts && numbers.below(30) == 0 {
            return shop.put(PutWhat::Sku(name(GIFT), tracked(numbers.below(4) == 0))).map(drop);
        }
        let (sku, location) = cell(numbers);
        let some = |numbers: &mut Numbers| {
            let made = made.lock().unwrap();
            made.get(numbers.below(made.len().max(1) as u64) as usize).copied()
        };
        match numbers.below(18) {
            0..=4 => {
                let mut request = hold(&[]);
                request.channel = name(CHANNELS[numbers.below(4) as usize]);
                for nth in 0..1 + numbers.below(3) {
                    // Lines of one request often meet in one cell.
                    let (other_sku, location) = cell(numbers);
                    let sku = if nth > 0 && numbers.below(2) == 0 { other_sku } else { sku.clone() };
                    let most = if numbers.below(4) == 0 { 12 } else { 4 };
                    let units = 1 + numbers.below(most) as u32;
                    let quantity = scaled(numbers, &sku, units);
                    let now = START_MS + clock.load(Ordering::Relaxed);
                    let waits = numbers.below(5) == 0;
                    let latest = waits.then(|| Timestamp(now + 1000 * numbers.below(40)));
                    let place = match numbers.below(2) {
                        0 => Target::Location(name(&location)),
                        _ => Target::Group(name(GROUPS[numbers.below(4) as usize].0)),
                    };
                    request.lines.push(LineRequest { sku: name(&sku), place, quantity, latest });
                }
                if numbers.below(16) == 0 {
                    // Channels that nobody declared, a few of them again and again.
                    request.channel = name(&format!("made-up-{}", numbers.below(12)));
                }
                request.ttl_seconds = 1 + numbers.below(5) as u32;
                request.allow_partial = numbers.below(3) == 0;
                request.confirm = numbers.below(6) == 0;
                request.purpose = if numbers.below(3) == 0 { Purpose::Pickup } else { Purpose::Cart };
                request.supersedes = some(numbers).filter(|_| numbers.below(3) == 0).into_iter().collect();
                // Several; now and then one twice, or one that is over.
                if !request.supersedes.is_empty() && !self.one_at_a_time && numbers.below(2) == 0 {
                    let more = 1 + numbers.below(3);
                    request.supersedes.extend((0..more).filter_map(|_| some(numbers)));
                }
                let reservation = shop.try_reserve(request)?;
                made.lock().unwrap().push(reservation.id);
            }
            15 => {
                let buffer = numbers.below(4) as u32;
                shop.try_put_channel(CHANNELS[numbers.below(4) as usize], buffer)?;
            }
            16 if numbers.below(4) == 0 => {
                let (group, members) = GROUPS[numbers.below(4) as usize];
                let less = numbers.below(members.len() as u64 + 1) as usize;
                let members: Vec<_> = members.iter().enumerate().filter(|(nth, _)| *nth != less).collect();
                let members: Vec<_> = members.into_iter().map(|(_, member)| *member).collect();
                shop.try_put_group(group, &members)?;
            }
            17 => {
                // Just what a group is told to have, or less, or more.
                let state = shop.engine.state();
                let group = GROUPS[numbers.below(4) as usize].0;
                let channel = CHANNELS[numbers.below(4) as usize];
                let ids = state.catalogue.skus.id(&sku).zip(state.catalogue.groups.id(group));
                let channel_id = state.catalogue.channels.id(channel);
                let Some((id, of)) = ids else { return Ok(()) };
                let told = state.group_availability(&[id], &[of], channel_id).1[0].available;
                let quantity = match numbers.below(3) {
                    0 => told + 1,
                    1 => told,
                    _ => 1 + numbers.below(told.max(1)),
                };
                let mut request = hold(&[]);
                request.channel = name(channel);
                request.ttl_seconds = 1 + numbers.below(5) as u32;
                let place = Target::Group(name(group));
                let quantity = (quantity as u32).clamp(1, 1_000_000_000);
                request.lines.push(LineRequest { sku: name(&sku), place, quantity, latest: None });
                let reservation = shop.try_reserve(request)?;
                made.lock().unwrap().push(reservation.id);
            }
            5 => {
                let units = 1 + numbers.below(6) as u32;
                let units = scaled(numbers, &sku, units).into();
                shop.try_move(vec![shop.movement(MovementKind::Receipt, &sku, &location, units)])?;
            }
            6 => {
                let units = 1 + numbers.below(2) as u32;
                let units = i64::from(scaled(numbers, &sku, units));
                // Now and then of what nobody ever heard of.
                let sku = if numbers.below(4) == 0 { format!("made-up-{}", numbers.below(12)) } else { sku };
                shop.try_move(vec![shop.movement(MovementKind::Sale, &sku, &location, -units)])?;
            }
            7 => {
                let at = START_MS + numbers.below(clock.load(Ordering::Relaxed) + 1);
                let time = Some(at).filter(|_| numbers.below(2) == 0);
                let safety = Some(numbers.below(3) as u32);
                let counted = numbers.below(12) as u32;
                let counted = scaled(numbers, &sku, counted.max(1)) as i32;
                shop.try_count_with(&sku, &location, counted, time, safety)?;
            }
            8 => {
                let adjustment = shop.movement(MovementKind::Adjustment, &sku, &location, numbers.below(5) as i64 - 7);
                shop.try_move(vec![adjustment, shop.movement(MovementKind::Return, &sku, &location, 2)])?;
            }
            9 => {
                self.advance(shop, 700);
            }
            13 => {
                let name = format!("po-{}", numbers.below(3));
                let seconds = clock.load(Ordering::Relaxed) / 1000 + numbers.below(30);
                let quantity = numbers.below(7) as u32;
                let quantity = if quantity == 0 { 0 } else { scaled(numbers, &sku, quantity) };
                shop.try_supply(&name, &sku, &location, quantity, seconds)?;
            }
            14 => {
                let units = 1 + numbers.below(6) as u32;
                let units = scaled(numbers, &sku, units).into();
                let mut receipt = shop.movement(MovementKind::Receipt, &sku, &location, units);
                receipt.unplanned = numbers.below(2) == 0;
                let other = shop.movement(MovementKind::Receipt, &sku, &location, 2);
                shop.try_move(vec![receipt, other])?;
            }
            12 => {
                let fields = Some(some_rule(numbers)).filter(|_| numbers.below(4) > 0);
                shop.put_rule(&format!("r{}", numbers.below(3)), fields)?;
            }
            kind => {
                let Some(id) = some(numbers) else { return Ok(()) };
                let lines = Some(vec![shop.units(&sku, &location, 1)]).filter(|_| kind == 11);
                match numbers.below(6) {
                    4 => shop.try_step(id, StepRequest::Bind { lines: None }),
                    5 => {
                        let to = shop.engine.state().catalogue.locations.id(&location);
                        let sku = shop.units(&sku, &location, 1).sku;
                        let quantity = Some(1).filter(|_| numbers.below(2) == 0);
                        let lines = vec![Reallocation { sku, group: None, from: None, to, quantity }];
                        match numbers.below(2) {
                            0 => shop.try_step(id, StepRequest::Bind { lines: Some(lines) }),
                            _ => shop.try_step(id, StepRequest::Reallocation { lines }),
                        }
                    }
                    0 => shop.confirm(id),
                    1 => shop.try_step(id, StepRequest::Ready { entropy: numbers.below(u64::MAX) }),
                    2 => shop.try_step(id, StepRequest::Collect { lines, pickup_code: None }),
                    _ => shop.try_step(id, StepRequest::Cancel { lines, reason: None }),
                }?;
            }
        }
        Ok(())
    }
}

/// Returns when what is due was ended: that comes before anything else is decided, and this leaves nothing in the log.
pub fn settle(shop: &Shop) {
    drop(shop.try_step(ReservationId(u64::MAX), StepRequest::Ready { entropy: 0 }));
}

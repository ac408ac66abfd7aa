//! A shop's life: random steps of everything that the engine does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anaquel_engine::admission::Place;
use anaquel_engine::command::{Failure, Rebind, StepRequest};
use anaquel_engine::event::{MovementKind, Purpose};
use anaquel_engine::ids::{ReservationId, Timestamp};

use super::{Numbers, START_MS, Shop, hold, name, some_rule};

/// What a life remembers.
#[derive(Default)]
pub struct Life {
    made: Mutex<Vec<ReservationId>>,
    /// Milliseconds since it began.
    clock: AtomicU64,
}

impl Life {
    /// The shelves and the groups with which it begins.
    pub fn begin(shop: &Shop) -> Self {
        for n in 0..4 {
            for location in ["s0", "s1"] {
                shop.receive(&format!("A{n}"), location, 8);
            }
        }
        shop.put_group("g0", &["s0", "s1"]);
        shop.put_group("g1", &["s1"]);
        Self::default()
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
        let Self { made, clock } = self;
        let cell = |numbers: &mut Numbers| (format!("A{}", numbers.below(4)), format!("s{}", numbers.below(2)));
        let (sku, location) = cell(numbers);
        let some = |numbers: &mut Numbers| {
            let made = made.lock().unwrap();
            made.get(numbers.below(made.len().max(1) as u64) as usize).copied()
        };
        match numbers.below(15) {
            0..=3 => {
                let (other_sku, other_location) = cell(numbers);
                let mut request = hold(&[
                    (&sku, &location, 1 + numbers.below(3) as u32),
                    (&other_sku, &other_location, 1 + numbers.below(2) as u32),
                ]);
                for line in &mut request.lines {
                    if numbers.below(3) == 0 {
                        let now = START_MS + clock.load(Ordering::Relaxed);
                        line.latest = Some(Timestamp(now + 1000 * numbers.below(40)));
                    }
                    if numbers.below(3) == 0 {
                        line.place = Place::Group(name(&format!("g{}", numbers.below(2))));
                    }
                }
                if numbers.below(3) == 0 {
                    // Channels that nobody declared, a few of them again and again.
                    request.channel = name(&format!("made-up-{}", numbers.below(12)));
                }
                request.ttl_seconds = 1 + numbers.below(5) as u32;
                request.allow_partial = numbers.below(3) == 0;
                request.confirm = numbers.below(6) == 0;
                request.purpose = if numbers.below(3) == 0 { Purpose::Pickup } else { Purpose::Cart };
                request.supersedes = some(numbers).filter(|_| numbers.below(3) == 0);
                let reservation = shop.try_reserve(request)?;
                made.lock().unwrap().push(reservation.id);
            }
            4 => {
                let units = 1 + numbers.below(6) as i64;
                shop.try_move(vec![shop.movement(MovementKind::Receipt, &sku, &location, units)])?;
            }
            5 => {
                let units = 1 + numbers.below(2) as i64;
                // Now and then of what nobody ever heard of.
                let sku = if numbers.below(4) == 0 { format!("made-up-{}", numbers.below(12)) } else { sku };
                shop.try_move(vec![shop.movement(MovementKind::Sale, &sku, &location, -units)])?;
            }
            6 => {
                let at = START_MS + numbers.below(clock.load(Ordering::Relaxed) + 1);
                let time = Some(at).filter(|_| numbers.below(2) == 0);
                let safety = Some(numbers.below(3) as u32);
                shop.try_count_with(&sku, &location, numbers.below(12) as i32, time, safety)?;
            }
            7 => {
                let adjustment = shop.movement(MovementKind::Adjustment, &sku, &location, numbers.below(5) as i64 - 7);
                shop.try_move(vec![adjustment, shop.movement(MovementKind::Return, &sku, &location, 2)])?;
            }
            8 => {
                self.advance(shop, 700);
            }
            13 => {
                let name = format!("po-{}", numbers.below(3));
                let seconds = clock.load(Ordering::Relaxed) / 1000 + numbers.below(30);
                shop.try_supply(&name, &sku, &location, numbers.below(7) as u32, seconds)?;
            }
            14 => {
                let mut receipt = shop.movement(MovementKind::Receipt, &sku, &location, 1 + numbers.below(6) as i64);
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
                        let lines = vec![Rebind { sku, group: None, from: None, to, quantity }];
                        match numbers.below(2) {
                            0 => shop.try_step(id, StepRequest::Bind { lines: Some(lines) }),
                            _ => shop.try_step(id, StepRequest::Rebind { lines }),
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

//! Instructions instead of seconds: steady on a noisy machine, so that a change of a few hundredths is a change of the
//! program. And allocations, which are as steady.
//!
//! Every case runs in processes of its own: under callgrind, which counts the instructions of one function ([`Counted`]),
//! and once without, where the allocator counts what all threads ask of it. All clocks stand still, the log is in memory,
//! and what is done beforehand does not count. The counts are compared with the committed baseline; where the compiler is
//! another than the baseline's, they are only told.

mod baseline;
mod child;
mod fixture;
mod paths;
mod requests;
mod start;
mod writes;

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};

use crate::allocations::Allocations;
use baseline::Baseline;
pub use child::ONE;
use child::{Counted, Job, Mode};

/// How far a count may be from the baseline, where only the program can change it.
const STEADY: f64 = 0.02;

/// The same where it wanders by itself: what encodes and decodes asks the allocator for large pieces of memory, and where
/// it finds them differs from machine to machine. Decoding the same log was once 14 % dearer on another.
const WANDERS: f64 = 0.10;

/// What is counted of something that is done: the name of the case, and where.
type Count = (&'static str, Counted);

/// Something that is done so many times. What it asks of the allocator is told with the first of its counts.
struct Case {
    counts: &'static [Count],
    times: u64,
    tolerance: f64,
    /// In how many processes it is counted, of which the one with the least tells.
    runs: usize,
    /// Prepares, and does it within [`child::repeat`].
    run: fn(u64) -> anyhow::Result<()>,
}

impl Case {
    const fn new(counts: &'static [Count], times: u64, run: fn(u64) -> anyhow::Result<()>) -> Self {
        Self { counts, times, tolerance: STEADY, runs: 3, run }
    }

    /// On one thread: every run is like the other.
    const fn once(self) -> Self {
        Self { runs: 1, ..self }
    }

    /// Small, and on several threads: whether a block of memory lies as it should at once is luck, and costs up to a
    /// hundredth.
    const fn often(self) -> Self {
        Self { runs: 5, ..self }
    }

    const fn wandering(self) -> Self {
        Self { tolerance: WANDERS, ..self }
    }

    /// What it is called.
    fn name(&self) -> &'static str {
        self.counts.first().map_or("", |(name, _)| name)
    }
}

use Counted::{Apply, Caller, CallerBeyond, Write};

/// `write`: everything that the one thread which decides and logs does for it. `apply`: of that, storing what the log
/// says. The others: what the calling thread does.
const CASES: &[Case] = &[
    Case::new(&[("cell: take and give back", Caller)], 1_000, paths::take_and_give_back).once(),
    Case::new(&[("admission of one line", Caller)], 1_000, paths::admission).once(),
    Case::new(&[("admission of one line under 1,000 rules", Caller)], 1_000, paths::admission_under_rules).once(),
    Case::new(&[("availability of a SKU in 200 stores", Caller)], 100, paths::availability).once(),
    Case::new(
        &[("availability of a SKU in 200 stores under 1,000 rules", Caller)],
        20,
        paths::availability_under_rules,
    )
    .once(),
    Case::new(&[("encode a reservation", Caller)], 1_000, paths::encode).once().wandering(),
    Case::new(&[("decode a reservation", Caller)], 1_000, paths::decode).once().wandering(),
    Case::new(&[("write: a reservation", Write), ("apply: a reservation", Apply)], 1_000, writes::reservation).often(),
    Case::new(&[("write: 64 reservations together", Write)], 16, writes::reservations_together),
    Case::new(&[("write: a confirmation", Write), ("apply: a confirmation", Apply)], 1_000, writes::confirmation)
        .often(),
    Case::new(&[("write: 64 holds that expire together", Write)], 16, writes::expiry),
    Case::new(&[("write: a movement", Write), ("apply: a movement", Apply)], 1_000, writes::movement).often(),
    Case::new(&[("write: a receipt that fills an order", Write)], 500, writes::receipt),
    Case::new(&[("write: a count of 1,000 cells", Write), ("apply: a count of 1,000 cells", Apply)], 10, writes::count),
    Case::new(&[("write: an import of 1,000 rows as they are", Write)], 10, writes::unchanged_import),
    Case::new(&[("start: replay of one record", CallerBeyond)], start::RECORDS, start::replay).often(),
    Case::new(
        &[
            ("HTTP: POST /v1/reservations, one line", Caller),
            ("HTTP: POST /v1/reservations, one line: its write", Write),
        ],
        500,
        requests::reservation,
    ),
    Case::new(&[("HTTP: GET /v1/availability, one cell", Caller)], 500, requests::availability_of_a_cell),
    Case::new(&[("HTTP: GET /v1/availability, a SKU in 200 stores", Caller)], 100, requests::availability_of_a_sku),
];

fn case(name: &str) -> anyhow::Result<&'static Case> {
    CASES.iter().find(|case| case.name() == name).with_context(|| format!("no such case: {name}"))
}

/// Runs one case; whoever counts stands around it, or asks for it here.
///
/// # Errors
/// There is none of that name, or it did not come to what it should.
pub fn one_case(name: &str, mode: &str) -> anyhow::Result<()> {
    let Case { times, run, .. } = case(name)?;
    child::start(Mode::parse(mode)?);
    run(*times)
}

/// Counts all cases and compares them with the baseline, or writes it anew.
///
/// # Errors
/// A count is further off than it may be, or there is no callgrind.
pub fn compare(what: Option<&str>) -> anyhow::Result<()> {
    let update = match what {
        None => false,
        Some("update") => true,
        Some(other) => bail!("instructions {other}: nothing, or update"),
    };
    let counted = count_all()?;
    if update {
        counted.write()?;
        println!("the baseline is written; commit it with the reason");
        return Ok(());
    }
    let known = Baseline::read()?;
    // Another processor gets other copies of the same size from the C library.
    let is_same = known.processor == counted.processor;
    if !is_same {
        println!("the baseline is of another processor than {:?}: a tenth is taken for noise", counted.processor);
    }
    let of = |case: &'static Case| tolerances(case, if is_same { 0.0 } else { WANDERS });
    let off = counted.tell(&known, &CASES.iter().flat_map(of).collect());
    if known.compiler != counted.compiler {
        println!("the baseline is of another compiler than {}; nothing is concluded", counted.compiler);
        return Ok(());
    }
    ensure!(
        off.is_empty(),
        "off the baseline: {}; if that is meant, `anaquel-bench instructions update`",
        off.join(", ")
    );
    Ok(())
}

fn tolerances(case: &'static Case, least: f64) -> impl Iterator<Item = (&'static str, f64)> {
    case.counts.iter().map(move |(name, _)| (*name, case.tolerance.max(least)))
}

/// Every case, on all cores.
fn count_all() -> anyhow::Result<Baseline> {
    let mut jobs = Vec::new();
    for case in CASES {
        let of = case.name();
        for (name, counted) in case.counts {
            let job = Job { name, of, mode: Mode::Work, counted: Some(*counted) };
            jobs.extend(std::iter::repeat_n(job, case.runs));
            if counted.includes_preparation() {
                jobs.push(Job { name, of, mode: Mode::Preparation, counted: Some(*counted) });
            }
        }
        jobs.extend([Job { name: of, of, mode: Mode::Allocations, counted: None }; 3]);
    }
    let found = child::run_all(jobs)?;
    let least = |name: &str, mode: Mode| {
        let all = found.iter().filter(|(job, _)| job.name == name && job.mode == mode).map(|(_, found)| *found);
        all.reduce(Allocations::least).unwrap_or_default()
    };
    let (mut instructions, mut allocations) = (BTreeMap::new(), BTreeMap::new());
    for case in CASES {
        let each = |count: f64| count / case.times as f64;
        for (name, _) in case.counts {
            let all = least(name, Mode::Work).number - least(name, Mode::Preparation).number;
            instructions.insert((*name).to_owned(), each(all));
        }
        let Allocations { number, bytes } = least(case.name(), Mode::Allocations);
        allocations.insert(case.name().to_owned(), Allocations { number: each(number), bytes: each(bytes) });
    }
    Ok(Baseline { compiler: baseline::compiler()?, processor: baseline::processor(), instructions, allocations })
}

//! What every shared log must pass, whatever store it is on.
//!
//! A backend calls [`all`] in a test, with a function that makes an empty log and gives any number of handles on it. What a
//! backend does when its connections are cut is tried by its own tests, with a proxy between.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anaquel_cells::ids::{Epoch, Seq, Timestamp};
use anaquel_log::{BatchBuilder, BatchId, Head, Sealed, Term};

use crate::log::{Appended, LogError, Next, SharedLog, Trimmed};

/// Another handle on one log.
pub type Open<'a> = dyn Fn() -> Box<dyn SharedLog> + Sync + 'a;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

const HISTORY: Epoch = Epoch(0x00c0_ffee);

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

/// The head at which a log of these tests begins.
fn genesis() -> Head {
    Head::at(HISTORY, 0, Timestamp(0), &[])
}

/// A batch of `records` records after `head`, of one writer.
fn after(head: &Head, run: u64, number: u64, records: usize) -> Sealed {
    let mut builder = BatchBuilder::new(head.seq + 1, Timestamp(head.seq + 1));
    for nth in 0..records {
        builder.push(&format!("{run}/{number}/{nth}"));
    }
    builder.end_command();
    Sealed::seal(*head, HISTORY, head.term, BatchId { run, number }, builder.batch().clone())
}

/// The same, which takes over.
fn takeover(head: &Head, run: u64) -> Sealed {
    let of_next = Head { term: Term(head.term.0 + 1), ..*head };
    let batch = after(&of_next, run, 0, 1).into_batch();
    Sealed::seal(*head, HISTORY, of_next.term, BatchId { run, number: 0 }, batch)
}

/// A case, with its number of rounds.
type Case = fn(&Open<'_>, usize);

/// Makes an empty log of a name, and gives it to a case.
pub type Fresh<'a> = dyn Fn(&str, &mut dyn FnMut(&Open<'_>)) + 'a;

/// Runs every case, each on an empty log of `fresh`.
///
/// # Panics
/// A case fails, by its name.
pub fn all(fresh: &Fresh<'_>, rounds: usize) {
    let cases: [(&str, Case); 8] = [
        ("founded-once", founded_once),
        ("one-after-the-other", one_after_the_other),
        ("stale-writers", stale_writers),
        ("races", races),
        ("tails", tails),
        ("trims", trims),
        ("ticks", ticks),
        ("limits", limits),
    ];
    for (name, case) in cases {
        fresh(name, &mut |open| case(open, rounds));
    }
}

fn founded_once(open: &Open<'_>, _: usize) {
    let mut log = open();
    assert_eq!(log.pulse(soon()), Ok(None), "an empty log has no end");
    let first = after(&genesis(), 1, 1, 1);
    assert_ne!(log.append(&first, soon()), Appended::Durable, "nobody begins a log by writing to it");
    assert_eq!(log.pulse(soon()), Ok(None));
    assert_eq!(log.found(&genesis(), soon()), Appended::Durable);
    let other = Head::at(Epoch(7), 0, Timestamp(0), &[]);
    assert_eq!(open().found(&other, soon()), Appended::Fenced { at: genesis() }, "twice");
    assert_eq!(open().pulse(soon()).map(|pulse| pulse.map(|pulse| pulse.head)), Ok(Some(genesis())));
    assert_eq!(log.append(&first, soon()), Appended::Durable);
}

fn one_after_the_other(open: &Open<'_>, rounds: usize) {
    let mut log = open();
    assert_eq!(log.found(&genesis(), soon()), Appended::Durable);
    let mut head = genesis();
    for number in 1..=rounds.min(200) as u64 {
        let batch = after(&head, 1, number, 1 + number as usize % 5);
        assert_eq!(log.append(&batch, soon()), Appended::Durable);
        let again = log.append(&batch, soon());
        assert_eq!(again, Appended::Fenced { at: *batch.becomes() }, "what was appended is told by its own head");
        head = *batch.becomes();
        assert_eq!(log.pulse(soon()).map(|pulse| pulse.map(|pulse| pulse.head)), Ok(Some(head)));
    }
}

fn stale_writers(open: &Open<'_>, _: usize) {
    let (mut first, mut second) = (open(), open());
    assert_eq!(first.found(&genesis(), soon()), Appended::Durable);
    let one = after(&genesis(), 1, 1, 2);
    assert_eq!(first.append(&one, soon()), Appended::Durable);
    let begins = takeover(one.becomes(), 2);
    assert_eq!(second.append(&begins, soon()), Appended::Durable);
    // The former writer does not know it yet.
    let late = after(one.becomes(), 1, 2, 1);
    let at = *begins.becomes();
    assert_eq!(first.append(&late, soon()), Appended::Fenced { at });
    assert_eq!(first.tick(one.becomes(), Timestamp(9), soon()), Appended::Fenced { at });
    assert_eq!(first.trim(2, one.becomes().term, soon()), Ok(Trimmed::Deposed(at)));
    for wrong in [
        Head { chain: anaquel_log::Chain(1), ..at },
        Head { term: Term(0), ..at },
        Head { history: Epoch(1), ..at },
        Head { batch: BatchId { run: 2, number: 9 }, ..at },
        Head { seq: at.seq + 1, ..at },
    ] {
        assert_eq!(
            second.append(&after(&wrong, 2, 1, 1), soon()),
            Appended::Fenced { at },
            "every part of a head counts"
        );
    }
    assert_eq!(second.append(&after(&at, 2, 1, 1), soon()), Appended::Durable);
}

/// Of all who append on one head, one succeeds.
fn races(open: &Open<'_>, rounds: usize) {
    const RACERS: u64 = 4;
    let mut log = open();
    assert_eq!(log.found(&genesis(), soon()), Appended::Durable);
    let (start, end) = (Barrier::new(RACERS as usize + 1), Barrier::new(RACERS as usize + 1));
    let now = std::sync::Mutex::new(genesis());
    let won = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for run in 1..=RACERS {
            let (start, end, now, won) = (&start, &end, &now, &won);
            scope.spawn(move || {
                let mut log = open();
                for number in 1..=rounds as u64 {
                    start.wait();
                    let head = *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let batch = takeover(&head, run << 32 | number);
                    let became = log.append(&batch, soon());
                    won.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((became, *batch.becomes()));
                    end.wait();
                }
            });
        }
        for round in 1..=rounds {
            start.wait();
            end.wait();
            let told = std::mem::take(&mut *won.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
            let winners: Vec<_> = told.iter().filter(|(became, _)| *became == Appended::Durable).collect();
            let [(_, head)] = winners[..] else { panic!("round {round}: {} winners", winners.len()) };
            for (became, _) in &told {
                let is_known = matches!(became, Appended::Durable) || *became == Appended::Fenced { at: *head };
                assert!(is_known, "round {round}: {became:?}");
            }
            *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = *head;
        }
    });
    assert_eq!(log.pulse(soon()).map(|pulse| pulse.map(|pulse| pulse.head.term)), Ok(Some(Term(rounds as u64))));
}

fn read(open: &Open<'_>, from: Seq) -> Result<Vec<Sealed>, LogError> {
    let mut tail = open().reader().tail(from, soon())?;
    let mut found = Vec::new();
    while let Next::Batch(sealed) = tail.next(Duration::from_millis(200))? {
        found.push(*sealed);
    }
    Ok(found)
}

/// Appends batches of 1, 2, 3, … records, and returns them.
fn filled(log: &mut dyn SharedLog, batches: usize) -> Vec<Sealed> {
    assert_eq!(log.found(&genesis(), soon()), Appended::Durable);
    let mut head = genesis();
    (1..=batches)
        .map(|number| {
            let batch = after(&head, 1, number as u64, number);
            assert_eq!(log.append(&batch, soon()), Appended::Durable);
            head = *batch.becomes();
            batch
        })
        .collect()
}

fn tails(open: &Open<'_>, _: usize) {
    let mut log = open();
    let all = filled(log.as_mut(), 6);
    for from in 1..=21 {
        let begins = all.iter().position(|sealed| sealed.becomes().seq >= from).unwrap_or(all.len());
        assert_eq!(read(open, from).as_deref(), Ok(all.get(begins..).unwrap_or(&[])), "from record {from}");
    }
    assert_eq!(read(open, 22).as_deref(), Ok(&[][..]), "what comes next is waited for");
    assert_eq!(log.reader().floor(soon()), Ok(Some(genesis())));
    // Who waits is told.
    let mut tail = log.reader().tail(22, soon()).unwrap_or_else(|error| panic!("{error}"));
    let next = after(all.last().map_or(&genesis(), Sealed::becomes), 1, 7, 1);
    let told = std::thread::scope(|scope| {
        let told = scope.spawn(move || tail.next(PATIENCE));
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(log.append(&next, soon()), Appended::Durable);
        told.join().unwrap_or_else(|_| panic!("the tail panicked"))
    });
    assert_eq!(told, Ok(Next::Batch(Box::new(next))));
}

fn trims(open: &Open<'_>, _: usize) {
    let mut log = open();
    let all = filled(log.as_mut(), 6);
    let term = all.last().map_or(Term(0), |sealed| sealed.becomes().term);
    // Records 1 | 2 3 | 4 5 6 | 7 8 9 10 | …: only whole batches go.
    for (before, from) in [(1, 1), (3, 2), (4, 4), (6, 4), (7, 7), (7, 7), (2, 7)] {
        assert_eq!(log.trim(before, term, soon()), Ok(Trimmed::From(from)), "before {before}");
        let kept = all.iter().skip_while(|sealed| sealed.follows().seq + 1 < from);
        let kept: Vec<_> = kept.cloned().collect();
        assert_eq!(read(open, from), Ok(kept.clone()));
        assert_eq!(
            log.reader().floor(soon()),
            Ok(kept.first().map(|sealed| *sealed.follows())),
            "who is there goes on"
        );
        if from > 1 {
            assert_eq!(read(open, from - 1), Err(LogError::Trimmed { oldest: from }));
        }
    }
    let last = all.last().map_or(genesis(), |sealed| *sealed.becomes());
    assert_eq!(log.trim(last.seq + 1, term, soon()), Ok(Trimmed::From(last.seq + 1)), "all of it");
    assert_eq!(log.pulse(soon()).map(|pulse| pulse.map(|pulse| pulse.head)), Ok(Some(last)), "its end stays");
    assert_eq!(log.append(&after(&last, 1, 7, 1), soon()), Appended::Durable, "and it goes on");
}

fn ticks(open: &Open<'_>, _: usize) {
    let mut log = open();
    let all = filled(log.as_mut(), 2);
    let last = all.last().map_or(genesis(), |sealed| *sealed.becomes());
    for nth in 1..=3 {
        assert_eq!(log.tick(&last, Timestamp(100 * nth), soon()), Appended::Durable);
        let pulse = open().pulse(soon()).ok().flatten();
        let told = pulse.map(|pulse| (pulse.head, pulse.ticks, pulse.time));
        assert_eq!(told, Some((last, nth, Timestamp(100 * nth))), "others see that it lives");
    }
    assert_eq!(read(open, 1).map(|batches| batches.len()), Ok(2), "a tick is no record");
    assert_eq!(log.append(&after(&last, 1, 3, 1), soon()), Appended::Durable, "and moves nothing");
    assert_ne!(log.tick(&last, Timestamp(400), soon()), Appended::Durable, "under a head that is over");
}

fn limits(open: &Open<'_>, _: usize) {
    let mut log = open();
    assert_eq!(log.found(&genesis(), soon()), Appended::Durable);
    let most = log.limits().batch_bytes;
    assert!(most >= 256 << 10, "a batch of group commit fits: {most}");
    assert!(!log.limits().durability.is_empty());
    let of_bytes = |head: &Head, number: u64, bytes: usize| {
        let mut builder = BatchBuilder::new(head.seq + 1, Timestamp(1));
        // A record of a text has its length before it, twice.
        builder.push(&"x".repeat(bytes - 12));
        builder.end_command();
        Sealed::seal(*head, HISTORY, head.term, BatchId { run: 1, number }, builder.batch().clone())
    };
    let fits = of_bytes(&genesis(), 1, most);
    assert_eq!(fits.batch().body.len(), most);
    assert_eq!(log.append(&fits, soon()), Appended::Durable);
    let large = of_bytes(fits.becomes(), 2, most + 1);
    assert!(matches!(log.append(&large, soon()), Appended::Full { .. }), "it is refused for certain");
    assert_eq!(read(open, 1).as_deref(), Ok(&[fits.clone()][..]), "and nothing of it is there");
    assert_eq!(log.append(&after(fits.becomes(), 1, 3, 1), soon()), Appended::Durable);
}

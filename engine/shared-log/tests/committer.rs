//! Each rule of an unknown outcome, one by one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anaquel_cells::ids::{Epoch, Timestamp};
use anaquel_log::BatchBuilder;
use anaquel_shared_log::memory::{Fate, MemoryStore};
use anaquel_shared_log::{Appended, Batch, CommitError, Committer, Head, Patience, SharedLog, Step, Term};

const HISTORY: Epoch = Epoch(5);

fn quick() -> Patience {
    let ms = Duration::from_millis;
    Patience { call: ms(100), resolve: ms(300), pause: ms(1) }
}

fn founded() -> MemoryStore {
    let store = MemoryStore::default();
    let genesis = Head::at(HISTORY, 0, Timestamp(0), &[]);
    assert_eq!(store.log().found(&genesis, Instant::now()), Appended::Durable);
    store
}

fn batch(head: &Head, text: &str) -> Batch {
    let mut builder = BatchBuilder::new(head.seq + 1, Timestamp(1));
    builder.push(&text.to_owned());
    builder.end_command();
    builder.batch().clone()
}

/// A writer whose requests meet these fates, and then arrive.
fn writer(store: &MemoryStore, run: u64, fates: &[Fate]) -> (Committer, Arc<Mutex<VecDeque<Fate>>>) {
    let fates = Arc::new(Mutex::new(fates.iter().copied().collect::<VecDeque<_>>()));
    let next = Arc::clone(&fates);
    let log = store.log_over(move || next.lock().unwrap().pop_front().unwrap_or(Fate::Arrives));
    (Committer::taking_over(Box::new(log), quick(), store.head().unwrap(), run), fates)
}

fn write(writer: &mut Committer, text: &str) -> Result<(), CommitError> {
    let batch = batch(&writer.head().clone(), text);
    writer.commit(HISTORY, batch).map(drop)
}

#[test]
fn the_same_batch_is_sent_until_it_is_known_to_be_there_once() {
    use Fate::{AnswerLost, Arrives, Late, Lost, NoRoom, Twice};
    for fates in [
        &[Lost, Lost, Arrives][..],
        &[AnswerLost],
        &[AnswerLost, AnswerLost, Lost],
        &[Late, Late, Arrives],
        &[Late, AnswerLost],
        &[Twice],
        // No room settles a first try alone.
        &[AnswerLost, NoRoom, NoRoom],
        &[Late, NoRoom, Arrives],
    ] {
        let store = founded();
        let (mut one, _) = writer(&store, 1, fates);
        assert_eq!(write(&mut one, "takes over"), Ok(()), "{fates:?}");
        // What arrives late is refused by the head that it names.
        while store.late() > 0 {
            store.deliver(0, false);
        }
        assert_eq!(store.truth().len(), 1, "{fates:?}");
        assert_eq!(write(&mut one, "goes on"), Ok(()), "{fates:?}");
        assert_eq!((store.truth().len(), one.term()), (2, Term(1)), "{fates:?}");
    }
}

#[test]
fn no_room_at_a_first_try_is_certain_and_another_batch_may_follow() {
    let store = founded();
    let (mut one, fates) = writer(&store, 1, &[]);
    assert_eq!(write(&mut one, "takes over"), Ok(()));
    fates.lock().unwrap().push_back(Fate::NoRoom);
    assert!(matches!(write(&mut one, "a"), Err(CommitError::Full(_))));
    assert!(one.stopped().is_none());
    assert_eq!(write(&mut one, "b"), Ok(()));
    assert_eq!(store.truth().len(), 2);
}

#[test]
fn who_was_replaced_hears_unknown_of_what_was_under_way_and_deposed_of_what_was_not() {
    for lands in [true, false] {
        let store = founded();
        let (mut former, fates) = writer(&store, 1, &[]);
        assert_eq!(write(&mut former, "takes over"), Ok(()));
        fates.lock().unwrap().push_back(if lands { Fate::AnswerLost } else { Fate::Lost });
        let under_way = batch(&former.head().clone(), "under way");
        assert!(matches!(former.begin(HISTORY, under_way, Instant::now()), Ok(Step::Again(_))));
        let (mut next, _) = writer(&store, 2, &[]);
        assert_eq!(write(&mut next, "takes over"), Ok(()));
        let told = former.again(Instant::now());
        assert!(matches!(told, Err(CommitError::Unknown(_))), "never a refusal, whether it landed ({lands}): {told:?}");
        assert_eq!(store.truth().len(), if lands { 3 } else { 2 });
        assert!(write(&mut former, "more").is_err(), "it has stopped for good");
    }
    let store = founded();
    let (mut former, _) = writer(&store, 1, &[]);
    assert_eq!(write(&mut former, "takes over"), Ok(()));
    let (mut next, _) = writer(&store, 2, &[]);
    assert_eq!(write(&mut next, "takes over"), Ok(()));
    let told = write(&mut former, "never sent before");
    assert!(matches!(told, Err(CommitError::Deposed { at }) if at.term == Term(2)), "{told:?}");
}

#[test]
fn an_outcome_that_stays_unknown_ends_the_writer_and_only_a_new_term_tells() {
    let store = founded();
    let (mut one, fates) = writer(&store, 1, &[]);
    assert_eq!(write(&mut one, "takes over"), Ok(()));
    fates.lock().unwrap().extend(std::iter::once(Fate::Late).chain(std::iter::repeat_n(Fate::Lost, 100_000)));
    assert!(matches!(write(&mut one, "a"), Err(CommitError::Unknown(_))));
    assert!(matches!(write(&mut one, "b"), Err(CommitError::Unknown(_))), "nothing else is sent on that head");
    // It may still arrive, and is then part of the log that the next writer reads.
    store.deliver(0, false);
    let (mut next, _) = writer(&store, 2, &[]);
    assert_eq!(write(&mut next, "takes over"), Ok(()));
    assert_eq!((store.truth().len(), next.term()), (3, Term(2)));
}

/// An answer without a record: a frozen writer wakes up, and must not say what was true before.
#[test]
fn an_answer_without_a_record_waits_for_the_head() {
    let store = founded();
    let (mut former, fates) = writer(&store, 1, &[]);
    assert_eq!(write(&mut former, "takes over"), Ok(()));
    let soon = || Instant::now() + Duration::from_millis(50);
    assert_eq!(former.confirm(soon()), Ok(()));
    fates.lock().unwrap().push_back(Fate::Lost);
    assert!(matches!(former.confirm(soon()), Err(CommitError::Unknown(_))), "without an answer nothing may be said");
    assert_eq!(former.confirm(soon()), Ok(()), "and nothing is over");
    let (mut next, _) = writer(&store, 2, &[]);
    assert_eq!(write(&mut next, "takes over"), Ok(()));
    assert!(matches!(former.confirm(soon()), Err(CommitError::Deposed { .. })));
    assert!(write(&mut former, "more").is_err());
}

#[test]
fn of_two_who_take_over_on_one_head_one_is_the_writer() {
    let store = founded();
    let (mut one, _) = writer(&store, 1, &[]);
    let (mut other, _) = writer(&store, 2, &[]);
    assert_eq!(write(&mut one, "takes over"), Ok(()));
    assert!(matches!(write(&mut other, "takes over"), Err(CommitError::Deposed { .. })));
    assert_eq!(write(&mut one, "goes on"), Ok(()));
}

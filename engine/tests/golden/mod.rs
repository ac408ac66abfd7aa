//! The bytes of every format that was ever shipped can be read, and today's are what they were.
//!
//! `engine/tests/golden/v1.hex` holds one part with a record of every kind of event of format 1, `v2.hex` to `v9.hex`
//! what came with formats 2 to 9, and `v9_carts.hex`, `v9_returns.hex`, `v9_imported.hex`, `v9_archive.hex` and
//! `v9_trading.hex` what did not fit beside it; `v10.hex` has the marks of commands. They are never changed again; another format gets a file of its own.

mod v1;
mod v10;
mod v2;
mod v3;
mod v4;
mod v5;
mod v6;
mod v7;
mod v8;
mod v9;
mod v9_archive;
mod v9_returns;
mod v9_trading;

use std::collections::BTreeSet;

use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, SkuId, Timestamp};
use anaquel_engine::journal::memory::{MemoryDisk, MemoryJournal};
use anaquel_engine::journal::{Batch, BatchBuilder, Journal};
use anaquel_engine::level::StockLevel;
use anaquel_engine::rules::RuleId;
use anaquel_engine::{journal, reservation};

use v1::every_event;
use v2::events_of_v2;
use v3::events_of_v3;
use v4::events_of_v4;
use v5::events_of_v5;
use v6::events_of_v6;
use v7::events_of_v7;
use v8::events_of_v8;
use v9::{events_of_v9, events_of_v9_carts};
use v9_archive::events_of_v9_archive;
use v9_returns::{events_of_v9_imported, events_of_v9_returns};
use v9_trading::events_of_v9_trading;
use v10::commands_of_v10;

const V1: &str = include_str!("v1.hex");
const V2: &str = include_str!("v2.hex");
const V3: &str = include_str!("v3.hex");
const V4: &str = include_str!("v4.hex");
const V5: &str = include_str!("v5.hex");
const V6: &str = include_str!("v6.hex");
const V7: &str = include_str!("v7.hex");
const V8: &str = include_str!("v8.hex");
const V9: &str = include_str!("v9.hex");
const V9_CARTS: &str = include_str!("v9_carts.hex");
const V9_RETURNS: &str = include_str!("v9_returns.hex");
const V9_IMPORTED: &str = include_str!("v9_imported.hex");
const V9_ARCHIVE: &str = include_str!("v9_archive.hex");
const V9_TRADING: &str = include_str!("v9_trading.hex");
const V10: &str = include_str!("v10.hex");

fn name(text: &str) -> Name {
    Name::parse_sku(text).unwrap()
}

fn cell(on_hand: i32) -> CellAfter {
    let level = StockLevel { on_hand, reserved: 2 };
    CellAfter { sku: SkuId(7), location: LocationId(3), level, safety_stock: 1 }
}

fn lines() -> Few<LineChange> {
    Few::from_vec(vec![
        LineChange { line: 0, quantity: 1, cell: cell(4) },
        LineChange { line: 1, quantity: 2, cell: cell(-4) },
    ])
}

/// Promises in place of several holds.
fn replaced() -> Event {
    let superseded = |id| Superseded { reservation: ReservationId(id), lines: lines() };
    let reserved = Reserved {
        channel: ChannelId(0),
        purpose: Purpose::Pickup,
        confirmed: false,
        expires_at: Timestamp(88),
        customer: Some("c-81".into()),
        order: None,
        lines: Few::from_vec(vec![ReservedLine { requested: 3, quantity: 2, cell: cell(5) }]),
        supersedes: Some(Box::new(superseded(9))),
    };
    let terms = vec![LineTerms { group: Some(GroupId(2)), bound: true, charges: vec![(RuleId(1), 12)] }];
    let wait = LineBackorder {
        line: 0,
        quantity: 1,
        latest: Timestamp(99),
        promised_for: Timestamp(77),
        on_allowance: true,
        turn: Some((ReservationId(9), 1)),
    };
    let orders = vec![OrderDay { location: LocationId(3), day: 20_000 }];
    let arranged = Arranged { promised: Promised { reserved, terms }, waits: vec![wait], orders };
    let others = vec![superseded(10), superseded(11)];
    Event::Reservations(reservation::event::Event::Replaced(Box::new(Replaced { arranged, others })))
}

/// The part that a batch without marks makes.
fn encoded(events: Vec<(Option<Box<Cause>>, Event)>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1, Timestamp(1_800_000_000_000));
    for (cause, event) in events {
        journal::push_record(&mut builder, &cause, &event);
    }
    part_of(&builder)
}

/// The part that a batch of these commands makes.
fn encoded_commands(commands: Vec<Vec<(Option<Box<Cause>>, Event)>>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1, Timestamp(1_800_000_000_000));
    for events in commands {
        for (cause, event) in events {
            journal::push_record(&mut builder, &cause, &event);
        }
        builder.end_command();
    }
    part_of(&builder)
}

fn part_of(builder: &BatchBuilder) -> Vec<u8> {
    let disk = MemoryDisk::default();
    let (mut journal, _) = MemoryJournal::open(disk.clone(), &mut |_| ()).unwrap();
    journal.append(builder.batch()).unwrap();
    assert_eq!(disk.parts(), 1, "the golden batch is one part");
    disk.bytes()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chunks(60).map(|row| row.concat() + "\n").collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn read(bytes: Vec<u8>) -> Result<Vec<Batch>, String> {
    let mut batches = Vec::new();
    let opened = MemoryJournal::open(MemoryDisk::of_part(1, bytes), &mut |batch| batches.push(batch));
    opened.map(|_| batches).map_err(|damage| damage.to_string())
}

fn events(text: &str) -> Vec<(Option<Box<Cause>>, Event)> {
    let batches = read(unhex(text)).unwrap();
    journal::records(&batches[0]).unwrap().into_iter().map(|record| (record.cause, record.event)).collect()
}

#[test]
fn every_format_is_read_as_it_was_written() {
    assert_eq!(events(V1), every_event());
    assert_eq!(events(V2), events_of_v2());
    assert_eq!(events(V3), events_of_v3());
    assert_eq!(events(V4), events_of_v4());
    assert_eq!(events(V5), events_of_v5());
    assert_eq!(events(V6), events_of_v6());
    assert_eq!(events(V7), events_of_v7());
    assert_eq!(events(V8), events_of_v8());
    assert_eq!(events(V9), events_of_v9());
    assert_eq!(events(V9_CARTS), events_of_v9_carts());
    assert_eq!(events(V9_RETURNS), events_of_v9_returns());
    assert_eq!(events(V9_IMPORTED), events_of_v9_imported());
    assert_eq!(events(V9_ARCHIVE), events_of_v9_archive());
    assert_eq!(events(V9_TRADING), events_of_v9_trading());
    assert_eq!(events(V10), commands_of_v10().concat());
}

#[test]
fn records_are_written_as_they_were() {
    const ENVELOPE: usize = 40;
    let older = [
        (V1, every_event()),
        (V2, events_of_v2()),
        (V3, events_of_v3()),
        (V4, events_of_v4()),
        (V5, events_of_v5()),
        (V6, events_of_v6()),
        (V7, events_of_v7()),
        (V8, events_of_v8()),
        (V9, events_of_v9()),
        (V9_CARTS, events_of_v9_carts()),
        (V9_RETURNS, events_of_v9_returns()),
        (V9_IMPORTED, events_of_v9_imported()),
        (V9_ARCHIVE, events_of_v9_archive()),
        (V9_TRADING, events_of_v9_trading()),
    ];
    for (old, events) in older {
        let (old, now) = (unhex(old), encoded(events));
        assert_eq!(old[ENVELOPE..], now[ENVELOPE..], "a change of a record needs a new version beside this one");
    }
    let now = hex(&encoded_commands(commands_of_v10()));
    assert_eq!(now, V10, "a change of the format needs a new version beside this one");
}

#[test]
fn a_command_ends_where_it_did() {
    let batches = read(unhex(V10)).unwrap();
    let mut ends = Vec::new();
    for command in commands_of_v10() {
        ends.push(ends.last().unwrap_or(&0) + command.len() as u64);
    }
    assert_eq!(batches[0].command_ends().unwrap(), ends);
    let older = read(unhex(V9)).unwrap();
    assert_eq!(older[0].command_ends().unwrap(), [older[0].last_seq()], "a batch without marks is shown whole");
}

/// A tag without a record in a golden file could change its bytes unseen.
#[test]
fn every_tag_has_a_golden_record() {
    let kind = |event: &Event| format!("{event:?}").splitn(3, '(').take(2).collect::<Vec<_>>().join("(");
    let golden: BTreeSet<String> =
        [V1, V2, V3, V4, V5, V6, V7, V8, V9, V9_CARTS, V9_RETURNS, V9_IMPORTED, V9_ARCHIVE, V9_TRADING]
            .into_iter()
            .flat_map(events)
            .map(|(_, event)| kind(&event))
            .collect();
    let tags: Vec<&(u32, &str)> = Event::TAGS.iter().copied().flatten().collect();
    assert_eq!(golden.len(), tags.len(), "golden: {golden:#?}\nall: {tags:?}");
}

#[test]
fn an_unknown_format_is_refused_by_number() {
    let mut bytes = unhex(V1);
    bytes[0] = 99;
    let refused = read(bytes).unwrap_err();
    assert!(refused.contains("its format is 99, and this build reads formats 1 to 10"), "{refused}");
}

/// Writes the file of the current format, when a new one is made.
#[test]
#[ignore = "run by hand when a format is added: cargo test --workspace --test engine golden:: -- --ignored"]
fn write_golden_file() {
    let path = format!("{}/tests/golden/v10.hex", env!("CARGO_MANIFEST_DIR"));
    std::fs::write(path, hex(&encoded_commands(commands_of_v10()))).unwrap();
}

//! Everything that reads what comes from outside: given any bytes, it reads them or says why not, and never panics.
//!
//! `server/tests/decoders.rs` runs them over the committed corpus and mutations of it; `server/fuzz/run` lets coverage
//! guide what is tried.

use std::sync::Arc;
use std::sync::Mutex;

use anaquel_engine::feed::Cursor;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::journal::memory::{MemoryDisk, MemoryJournal};
use anaquel_engine::settings::Settings;
use anaquel_engine::{Clock, Engine};
use anaquel_server::auth::caller::Caller;
use anaquel_server::auth::keys::KeyFile;
use anaquel_server::config::Config;
use anaquel_server::files::kind::RowOptions;
use anaquel_server::files::numbers::Decimal;
use anaquel_server::files::plan::{Format, ImportPlan, Reading};
use anaquel_server::files::rejects::Rejects;
use anaquel_server::files::surface::Surface;
use anaquel_server::files::table::{Field, Part, Table};
use anaquel_server::files::{csv, load};
use anaquel_server::http::extract::{Params, parse_json, read_key};
use anaquel_server::stream::read_message;
use anaquel_server::subjects::{catalogue, file_kinds, reservations, rules, sourcing, stock, supply, what_if};

/// A decoder, by the name of its corpus.
pub type Decoder = (&'static str, fn(&[u8]));

/// All of them.
pub const DECODERS: [Decoder; 8] = [
    ("bodies", bodies),
    ("messages", messages),
    ("csv", rows),
    ("imports", imports),
    ("journal", journal),
    ("cursors", cursors),
    ("settings", settings),
    ("keys", keys),
];

/// JSON bodies: the first byte says of what.
fn bodies(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    macro_rules! read {
        ($($kind:literal => $body:ty,)*) => {
            match kind % 16 {
                $($kind => drop(parse_json::<$body>(body)),)*
                _ => {}
            }
        };
    }
    read! {
        0 => reservations::bodies::ReserveBody,
        1 => stock::bodies::MovementsBody,
        2 => stock::bodies::CountsBody,
        3 => stock::bodies::AvailabilityBody,
        4 => sourcing::bodies::SourcingBody,
        5 => rules::bodies::RuleBody,
        6 => supply::bodies::SuppliesBody,
        7 => what_if::bodies::WhatIfBody,
        8 => catalogue::bodies::LocationBody,
        9 => catalogue::bodies::SkuBody,
        10 => catalogue::bodies::GroupBody,
        11 => reservations::bodies::CollectBody,
        12 => reservations::bodies::RebindBody,
        13 => reservations::bodies::ConfirmBody,
        14 => reservations::bodies::ExtendBody,
        15 => catalogue::bodies::ChannelBody,
    }
    if kind % 16 == 5
        && let Ok(rule) = parse_json::<rules::bodies::RuleBody>(body)
    {
        drop(rule.into_fields());
    }
    if kind % 16 == 1
        && let Ok(movements) = parse_json::<stock::bodies::MovementsBody>(body)
    {
        drop(movements.into_requests());
    }
}

/// Messages on a socket.
fn messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for key_required in [false, true] {
        let _ = read_message(key_required, None, text);
    }
}

/// Rows of a delimited file; what is written out of them is read back as it was.
fn rows(bytes: &[u8]) {
    let (mut file, mut expected) = (String::from("column,beside\n"), Vec::new());
    let mut table = Table::new(bytes, None);
    let mut next = table.header(|name| name == "sku");
    while let Ok(Some(row)) = next {
        if let Part::Good(_, fields) = row {
            for Field { text, .. } in fields {
                file.push_str(&format!("x,{}\n", csv::quote(text)));
                expected.push(text.clone());
            }
        }
        next = table.next_row();
    }
    let mut again = Table::new(file.as_bytes(), None);
    let mut found = Vec::new();
    let mut next = again.header(|_| false);
    while let Ok(Some(row)) = next {
        let Part::Good(_, [_, Field { text, .. }]) = row else { panic!("{file:?} cannot be read back") };
        found.push(text.clone());
        next = again.next_row();
    }
    assert!(found.get(1..).unwrap_or_default() == expected, "{expected:?} is read back as {found:?}");
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }
}

fn shop() -> Engine {
    let opened = Engine::in_memory(MemoryDisk::default(), Settings::default(), Arc::new(Still), None);
    opened.unwrap_or_else(|error| panic!("an empty shop opens: {error}"))
}

/// Whole files: the first byte says of what, and how. A shop that has seen many is closed, and another opened.
fn imports(bytes: &[u8]) {
    static SHOP: Mutex<(Option<Engine>, u32)> = Mutex::new((None, 0));
    const FILES_MAX: u32 = 2_000;
    let Some((how, file)) = bytes.split_first() else { return };
    let Some(kind) = file_kinds().get(usize::from(how % 8)).copied() else { return };
    let plan = ImportPlan {
        kind,
        format: if how & 8 == 0 { Format::Csv } else { Format::Ndjson },
        atomic: how & 16 != 0,
        options: RowOptions { create: how & 32 != 0, stock: how & 32 != 0 },
        raw: how & 64 != 0,
        atomic_rows: 1_000,
        reading: Reading {
            decimal: (how & 128 != 0).then_some(Decimal::Comma),
            ignore_unknown: how & 128 != 0,
            ..Reading::default()
        },
        surface: Surface::Http,
    };
    let mut shop_now = SHOP.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if shop_now.1.is_multiple_of(FILES_MAX)
        && let Some(old) = shop_now.0.take()
    {
        let _ = old.close();
    }
    shop_now.1 += 1;
    let engine = shop_now.0.get_or_insert_with(shop);
    let mut rejected = Vec::new();
    let mut rejects = Rejects::new(&mut rejected, plan.format, 1 << 20);
    if let Ok(imported) = load::load(engine, &Caller::default(), &plan, file, Some(&mut rejects), None) {
        assert!(imported.errors.len() as u64 <= imported.rejected, "{imported:?}");
    }
}

/// One part of the log, and every record in it.
fn journal(bytes: &[u8]) {
    let mut batches = Vec::new();
    let opened = MemoryJournal::open(MemoryDisk::of_part(1, bytes.to_vec()), &mut |batch| batches.push(batch));
    drop(opened);
    for batch in batches {
        let _ = anaquel_engine::journal::records(&batch);
    }
}

/// Cursors, ids, idempotency keys and queries. A cursor that is read is shown as it was.
fn cursors(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(cursor) = Cursor::parse(text) {
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }
    let _ = read_key("Idempotency-Key", text);
    let mut params = Params::parse(text);
    let _ = (params.number::<u64>("after"), params.limit(), params.flag("atomic"), params.name("location"));
    let _ = params.done();
}

/// A file of settings.
fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = toml::from_str::<Config>(text) {
        let _ = (config.engine_settings(), config.log_options());
    }
}

/// Keys that callers bring, and the file that they are held against.
fn keys(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (token, file) = text.split_once('\n').unwrap_or((text, "{\"keys\": []}"));
    if let Ok(file) = serde_json::from_str::<KeyFile>(file) {
        assert!(file.find(token, 100).is_none() || !file.keys.is_empty());
    }
}

//! Outgoing messages as JSON. A changed cell is serialised once for all subscribers; the rest of a frame is a few
//! numbers.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::feed::{Cursor, Item, Message, Reset, Subscription};
use anaquel_engine::ids::{LocationId, Seq, SkuId};
use serde_json::{Value, json};

use crate::http::names::write_names;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::stream::follow::follower::Told;
use crate::stream::measures::Measures;
use crate::stream::streams::exceeded;
use crate::subjects::stock::cell::CellWriter;
use crate::wire::put::{put, write_array};

/// The id of a subscription or a request, chosen by the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientId {
    pub text: String,
    json: String,
}

impl ClientId {
    pub fn new(text: String) -> Self {
        let json = Value::from(text.as_str()).to_string();
        Self { text, json }
    }
}

/// A message: its type, its text, and the cursor in it.
pub struct Frame {
    pub kind: &'static str,
    pub text: String,
    pub cursor: Option<Cursor>,
}

/// Serialises a message of a subscription; with `names`, snapshots have the names of their SKUs and locations.
pub fn message(
    engine: &Engine,
    measures: &Measures,
    (id, names): (&ClientId, bool),
    subscription: &Subscription,
    message: Message,
) -> Frame {
    let mut out = String::with_capacity(256);
    match message {
        Message::Snapshot { seq, cursor, cells, more } => {
            measures.snapshots.increment(1);
            measures.cells.increment(cells.len() as u64);
            out.reserve(cells.len() * 120);
            open(&mut out, "snapshot", id);
            let _ = write!(out, r#","seq":{seq},"cursor":"#);
            let _ = match cursor {
                Some(cursor) => write!(out, r#""{cursor}""#),
                None => write!(out, "null"),
            };
            out.push_str(r#","items":"#);
            let mut writer = CellWriter::new(engine);
            write_array(&mut out, &cells, |out, cell| writer.cell(out, cell));
            let unknown = subscription.unknown();
            if !unknown.is_empty() && !more {
                let unknown: Vec<&str> = unknown.iter().map(|name| name.as_str()).collect();
                let _ = write!(out, r#","unknown":{}"#, json!(unknown));
            }
            if names {
                let skus: BTreeSet<SkuId> = cells.iter().map(|cell| cell.sku).collect();
                let locations: BTreeSet<LocationId> = cells.iter().map(|cell| cell.location).collect();
                out.push_str(r#","names":"#);
                write_names(engine, &mut out, skus.into_iter(), locations.into_iter());
            }
            let _ = write!(out, r#","more":{more}}}"#);
            Frame { kind: "snapshot", text: out, cursor }
        }
        Message::Delta { seq, prev_seq, cursor, items, removed } => {
            measures.deltas.increment(1);
            measures.cells.increment(items.len() as u64);
            out.reserve(items.len() * 120);
            open(&mut out, "delta", id);
            let _ = write!(out, r#","seq":{seq},"prev_seq":{prev_seq},"cursor":"{cursor}","items":"#);
            let mut writer = CellWriter::new(engine);
            write_array(&mut out, &items, |out, item| match item {
                Item::Read(cell) => writer.cell(out, cell),
                Item::Changed(change) => {
                    out.push_str(&change.form(subscription.lens(), &engine.state().catalogue, |cell| {
                        let mut form = String::new();
                        CellWriter::new(engine).cell(&mut form, cell);
                        Arc::from(form)
                    }))
                }
            });
            if !removed.is_empty() {
                out.push_str(r#","removed":"#);
                write_array(&mut out, &removed, |out, place| write_place(out, engine, *place));
            }
            out.push('}');
            Frame { kind: "delta", text: out, cursor: Some(cursor) }
        }
        Message::Reset { reason } => {
            measures.resets.increment(1);
            open(&mut out, "reset", id);
            let _ = write!(out, r#","reason":"{}"}}"#, reason.slug());
            Frame { kind: "reset", text: out, cursor: None }
        }
        Message::TooFarBehind { cursor } => {
            open(&mut out, "closed", id);
            let _ = write!(out, r#","code":4008,"reason":"too-far-behind","cursor":"{cursor}"}}"#);
            Frame { kind: "closed", text: out, cursor: Some(cursor) }
        }
        Message::TooLarge(limit) => {
            measures.errors.increment(1);
            Frame { kind: "error", text: error(Some(id), &exceeded(limit)), cursor: None }
        }
    }
}

/// Serialises a message of a follower.
pub fn followed(measures: &Measures, id: &ClientId, told: Told) -> Frame {
    match told {
        Told::Event { seq, prev_seq, cursor, item } => {
            measures.events.increment(1);
            let mut out = String::with_capacity(item.len() + 160);
            open(&mut out, "event", id);
            let _ = write!(out, r#","seq":{seq},"prev_seq":{prev_seq},"cursor":"{cursor}","item":{item}}}"#);
            Frame { kind: "event", text: out, cursor: Some(cursor) }
        }
        Told::Reset { reason, cursor } => {
            measures.resets.increment(1);
            Frame { kind: "reset", text: begins_anew(id, reason, cursor), cursor: Some(cursor) }
        }
    }
}

/// A follower goes on from `cursor`; it is told nothing of what came before.
pub fn begins_anew(id: &ClientId, reason: Reset, cursor: Cursor) -> String {
    let mut out = String::new();
    open(&mut out, "reset", id);
    let _ = write!(out, r#","reason":"{}","seq":{},"cursor":"{cursor}"}}"#, reason.slug(), cursor.seq);
    out
}

/// A follower is told what happens from `cursor` on.
pub fn follows(id: &ClientId, cursor: Cursor) -> String {
    let reply = Reply::ok(format!(r#"{{"seq":{},"cursor":"{cursor}"}}"#, cursor.seq));
    result(id, &reply)
}

fn open(out: &mut String, kind: &str, id: &ClientId) {
    let _ = write!(out, r#"{{"type":"{kind}","id":{}"#, id.json);
}

fn write_place(out: &mut String, engine: &Engine, (sku, location): (SkuId, LocationId)) {
    let catalogue = &engine.state().catalogue;
    let (sku, location) = (catalogue.skus.name(sku), catalogue.locations.name(location));
    put!(out, r#"{"sku":""#, sku, r#"","location":""#, location, r#""}"#);
}

/// Everything up to `seq` was sent; the cursors are those of the subscriptions.
pub fn heartbeat(engine: &Engine, seq: Seq, cursors: &[(&ClientId, Cursor)]) -> String {
    let mut out =
        format!(r#"{{"type":"heartbeat","seq":{seq},"time":"{}","cursors":{{"#, crate::wire::time(engine.now()));
    for (at, (id, cursor)) in cursors.iter().enumerate() {
        let _ = write!(out, r#"{}{}:"{cursor}""#, if at > 0 { "," } else { "" }, id.json);
    }
    out.push_str("}}");
    out
}

/// A successful answer.
pub fn result(id: &ClientId, reply: &Reply) -> String {
    let replayed = if reply.replayed { r#","replayed":true"# } else { "" };
    format!(
        r#"{{"type":"result","id":{},"status":{}{replayed},"body":{}}}"#,
        id.json,
        reply.status.as_u16(),
        reply.body
    )
}

/// An error answer; without an id if the request had none.
pub fn error(id: Option<&ClientId>, problem: &Problem) -> String {
    let id = id.map_or("null", |id| &id.json);
    format!(r#"{{"type":"error","id":{id},"status":{},"problem":{}}}"#, problem.status().as_u16(), problem.to_json())
}

//! Questions about availability.

use anaquel_engine::Engine;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Seq, SkuId};
use serde_json::Value;

use super::Reply;
use crate::app::{App, Caller};
use crate::problem::Problem;
use crate::wire::cell::CellWriter;
use crate::wire::put::put;
use crate::wire::{self, stock as words};

/// SKUs, locations or groups in one question.
const ASKED_MAX: usize = 1000;

/// A question about availability, its names resolved.
struct Question {
    skus: Vec<SkuId>,
    unknown: Vec<String>,
    locations: Option<Vec<LocationId>>,
    groups: Option<Vec<GroupId>>,
    channel: Option<ChannelId>,
}

impl Question {
    fn new(
        engine: &Engine,
        skus: Vec<String>,
        locations: Option<Vec<String>>,
        groups: Option<Vec<String>>,
        channel: Option<String>,
    ) -> Result<Self, Problem> {
        let catalogue = &engine.state().catalogue;
        for (field, count) in [
            ("skus", skus.len()),
            ("locations", locations.as_ref().map_or(0, Vec::len)),
            ("groups", groups.as_ref().map_or(0, Vec::len)),
        ] {
            if count > ASKED_MAX {
                return Err(Problem::invalid(field, format!("has {count} entries; up to {ASKED_MAX} are taken")));
            }
        }
        if skus.is_empty() {
            return Err(Problem::invalid("sku", "at least one is needed"));
        }
        if locations.is_some() && groups.is_some() {
            return Err(Problem::invalid("groups", "ask for locations or for groups, not for both"));
        }
        let (mut known, mut unknown) = (Vec::with_capacity(skus.len()), Vec::new());
        for text in skus {
            wire::sku_name("sku", &text)?;
            match catalogue.skus.id(&text) {
                Some(sku) if known.contains(&sku) => {}
                Some(sku) => known.push(sku),
                None if unknown.contains(&text) => {}
                None => unknown.push(text),
            }
        }
        // A place that nobody declared stocks nothing.
        let locations = locations.map(|texts| {
            let id = |text: &String| wire::name("location", text).map(|name| catalogue.locations.id(name.as_str()));
            texts.iter().map(id).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let groups = groups.map(|texts| {
            let id = |text: &String| wire::name("group", text).map(|name| catalogue.groups.id(name.as_str()));
            texts.iter().map(id).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let channel = match channel {
            Some(text) => catalogue.channels.id(wire::name("channel", &text)?.as_str()),
            None => None,
        };
        Ok(Self { skus: known, unknown, locations: locations.transpose()?, groups: groups.transpose()?, channel })
    }

    fn answer(&self, engine: &Engine) -> String {
        let (state, now) = (engine.state(), engine.now());
        let mut out;
        match &self.groups {
            Some(groups) => {
                let (seq, found) = state.group_availability_to_come(&self.skus, groups, self.channel, now);
                out = begin(seq, found.len());
                words::write_array(&mut out, &found, |out, (group, coming)| {
                    words::write_group(out, engine, group, coming.as_ref());
                });
            }
            None => {
                let (seq, (found, coming)) = state.view.read(|| {
                    let (_, found) = state.availability(&self.skus, self.locations.as_deref(), self.channel);
                    let coming = state.coming(&found, self.channel, now);
                    (found, coming)
                });
                out = begin(seq, found.len());
                let (mut writer, mut coming) = (CellWriter::new(engine), coming.iter());
                words::write_array(&mut out, &found, |out, cell| writer.cell_with_band(out, cell, coming.next()));
            }
        }
        let unknown = Value::from(self.unknown.clone()).to_string();
        put!(&mut out, r#","unknown":"#, unknown.as_str(), "}");
        out
    }
}

/// An answer with room for its items.
fn begin(seq: Seq, items: usize) -> String {
    let mut out = String::with_capacity(64 + items * 192);
    put!(&mut out, r#"{"seq":"#, seq, r#","items":"#);
    out
}

/// How many can be promised.
///
/// # Errors
/// What is wrong with the question.
pub fn availability(app: &App, caller: &Caller, body: words::AvailabilityBody) -> Result<Reply, Problem> {
    caller.speaks_for("channel", body.channel.as_deref())?;
    let words::AvailabilityBody { skus, locations, groups, channel } = body;
    Ok(Reply::ok(Question::new(&app.engine, skus, locations, groups, channel)?.answer(&app.engine)))
}

//! JSON of the report of a replay.

use std::collections::{BTreeMap, BTreeSet};

use anaquel_engine::Engine;
use anaquel_engine::what_if::{Tally, WhatIfReport};
use serde_json::{Value, json};

fn tally(tally: &Tally) -> Value {
    json!({
        "accepted": tally.accepted,
        "accepted_units": tally.accepted_units,
        "refused": tally.refused,
        "lost_units": tally.lost_units,
    })
}

/// The actual and the computed result.
pub fn report(engine: &Engine, report: &WhatIfReport) -> Value {
    let catalogue = &engine.state().catalogue;
    let (actual, replayed) = (WhatIfReport::sum(&report.actual), WhatIfReport::sum(&report.replayed));
    let what_if = WhatIfReport::sum(&report.what_if);
    let places: BTreeSet<_> =
        report.actual.keys().chain(report.what_if.keys()).chain(report.replayed.keys()).copied().collect();
    let item = |place: &anaquel_engine::what_if::TallyKey| {
        let (location, channel) = place;
        let of = |tallies: &BTreeMap<_, Tally>| tally(&tallies.get(place).copied().unwrap_or_default());
        json!({
            "location": location.map(|location| catalogue.locations.name(location).as_str()),
            "channel": catalogue.channels.name(*channel).as_str(),
            "actual": of(&report.actual),
            "replayed": of(&report.replayed),
            "what_if": of(&report.what_if),
        })
    };
    let less = |one: u64, other: u64| one as i64 - other as i64;
    json!({
        "first_seq": report.first,
        "last_seq": report.last,
        "records": report.records,
        "oldest_seq": report.oldest,
        "actual": tally(&actual),
        "replayed": tally(&replayed),
        "what_if": tally(&what_if),
        "difference": {
            "accepted": less(what_if.accepted, replayed.accepted),
            "accepted_units": less(what_if.accepted_units, replayed.accepted_units),
            "refused": less(what_if.refused, replayed.refused),
            "lost_units": less(what_if.lost_units, replayed.lost_units),
        },
        "items": places.iter().map(item).collect::<Vec<_>>(),
    })
}

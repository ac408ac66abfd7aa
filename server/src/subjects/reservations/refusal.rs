//! A refusal that explains itself: which constraint, how many units are missing, which rule, and what would succeed.
//!
//! Advice is tried first, exactly as a caller would request it, together with all other lines of its SKU, for a moment
//! some minutes ahead ([`advice`]). A caller that follows it succeeds, unless something else changes meanwhile.

use std::collections::HashMap;

use anaquel_engine::Engine;
use anaquel_engine::admission::{LineRequest, Target};
use anaquel_engine::advice::{self, TrialLine, TrialPlace, Trials};
use anaquel_engine::command::Short;
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::{ChannelId, LocationId, Name, ReservationId, SkuId};
use anaquel_engine::level::Constraint;
use anaquel_engine::query::Alternative;
use serde_json::{Value, json};

use crate::auth::caller::Caller;
use crate::http::problem::{Problem, search_ended};
use crate::wire::time;

/// The maximum number of other locations in a refusal.
const ALTERNATIVES: usize = 3;

/// Other locations that are tried for it.
const TRIED: usize = 24;

/// Cells that one refusal reads, plus the rest of the current SKU; later lines name no other locations, and show no
/// numbers if some SKU shows bands.
const LOOKS: usize = 10_000;

/// The request, and its caller.
pub struct Asked<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// The channel.
    pub channel: &'a Name,
    /// The purpose.
    pub purpose: Purpose,
    /// The holds that it would have replaced.
    pub supersedes: &'a [ReservationId],
    /// The requested lines.
    pub lines: &'a [LineRequest],
}

impl Asked<'_> {
    /// A line, with ids for its names, if all are known.
    fn trial(&self, engine: &Engine, at: usize) -> Option<TrialLine> {
        let catalogue = &engine.state().catalogue;
        let line = self.lines.get(at)?;
        let at = match &line.place {
            Target::Location(name) => TrialPlace::Location(catalogue.locations.id(name.as_str())?),
            Target::Group(name) => TrialPlace::Group(catalogue.groups.id(name.as_str())?),
        };
        let sku = catalogue.skus.id(line.sku.as_str())?;
        Some(TrialLine { sku, at, quantity: line.quantity, latest: line.latest })
    }

    /// The lines that a short line stands for: lines with the same SKU and location are added up.
    fn lines_of(&self, short: &Short) -> Vec<usize> {
        let Some(first) = self.lines.get(short.line) else { return Vec::new() };
        if matches!(first.place, Target::Group(_)) {
            return vec![short.line];
        }
        let same = |line: &LineRequest| line.sku == first.sku && line.place == first.place;
        self.lines.iter().enumerate().filter(|(_, line)| same(line)).map(|(at, _)| at).collect()
    }
}

/// The budget for explaining one refusal, and what is known so far.
struct Looks {
    channel: Option<ChannelId>,
    left: usize,
    tells_numbers: Vec<(SkuId, bool)>,
}

impl Looks {
    /// Whether the budget covers all cells of a SKU once more.
    fn take(&mut self, engine: &Engine, sku: SkuId) -> bool {
        let may = self.left > 0;
        self.left = self.left.saturating_sub(engine.state().matrix.row(sku).about().max(1));
        may
    }

    /// Whether the channel gets numbers of a SKU; looked up once.
    fn tells_numbers(&mut self, engine: &Engine, sku: SkuId) -> bool {
        if let Some((_, tells)) = self.tells_numbers.iter().find(|(known, _)| *known == sku) {
            return *tells;
        }
        let state = engine.state();
        let has_bands = state.rules.book().has_bands();
        // Without a look-up, numbers are not shown.
        let tells = !has_bands || (self.take(engine, sku) && state.tells_numbers(sku, self.channel));
        self.tells_numbers.push((sku, tells));
        tells
    }

    /// Other locations that have a SKU and that the caller may use.
    fn alternatives(&mut self, engine: &Engine, asked: &Asked<'_>, line: &TrialLine) -> Vec<Alternative> {
        if !self.take(engine, line.sku) {
            return Vec::new();
        }
        let near = location_of(line);
        let catalogue = &engine.state().catalogue;
        let is_bound = asked.caller.is_bound();
        let is_its_own = |location: LocationId| {
            let name = catalogue.locations.name(location);
            !is_bound || asked.caller.may_use_location("location", Some(name.as_str())).is_ok()
        };
        // What a movement made up is offered to nobody.
        let may = |location: LocationId| !catalogue.is_made_up(location) && is_its_own(location);
        engine.state().alternatives(line.sku, near, line.quantity, self.channel, asked.purpose, TRIED, may)
    }
}

fn location_of(line: &TrialLine) -> Option<LocationId> {
    match line.at {
        TrialPlace::Location(location) => Some(location),
        TrialPlace::Group(_) => None,
    }
}

/// Advice for the lines of one SKU.
#[derive(Default)]
struct OfSku {
    /// Lines that are not short.
    others: Vec<TrialLine>,
    /// Units that the short lines would get, by line number in the refusal.
    fewer: HashMap<usize, u32>,
    /// The short lines so far, at the first advised location; and at their own location, by a later date.
    elsewhere: Vec<TrialLine>,
    later: Vec<TrialLine>,
}

/// The problem document for short lines.
pub fn explain(engine: &Engine, asked: &Asked<'_>, shorts: &[Short]) -> Problem {
    let skus = &engine.state().catalogue.skus;
    let channel = engine.state().catalogue.channels.id(asked.channel.as_str());
    let mut looks = Looks { channel, left: LOOKS, tells_numbers: Vec::new() };
    let mut all_skus: Vec<SkuId> = asked.lines.iter().filter_map(|line| skus.id(line.sku.as_str())).collect();
    all_skus.sort_unstable();
    all_skus.dedup();
    let (purpose, supersedes) = (asked.purpose, asked.supersedes);
    let mut trials = engine.state().trials(&all_skus, channel, purpose, supersedes, engine.now());
    let shorts = &with_those_that_are_short_too(engine, asked, shorts, &mut trials)[..];
    let mut advice = advise_fewer(engine, asked, shorts, &mut trials);
    let told = shorts.iter().filter_map(|short| line(engine, asked, &mut looks, &mut trials, &mut advice, short));
    let told: Vec<Value> = told.collect();
    let detail = match (shorts, shorts.first().and_then(|short| asked.lines.get(short.line))) {
        ([short], Some(LineRequest { place, .. })) if short.is_barred() => barred(purpose, place),
        ([short], Some(LineRequest { sku, place, .. })) => {
            let place = match place {
                Target::Location(location) => format!("at {location}"),
                Target::Group(group) => format!("in {group}"),
            };
            let exact = skus.id(sku.as_str()).is_none_or(|sku| looks.tells_numbers(engine, sku));
            let there = if exact { short.available.to_string() } else { "fewer".to_owned() };
            format!("{} of {sku} were requested {place}, and {there} can be promised", short.requested)
        }
        _ => format!("{} lines request more than can be promised", shorts.len()),
    };
    Problem::insufficient(detail + &search_ended(shorts), told)
}

/// Why a location accepts no order, and how to change that.
pub fn barred(purpose: Purpose, place: &Target) -> String {
    let (what, field) = match purpose {
        Purpose::Delivery => ("delivery", "ship"),
        _ => ("pickup", "pickup"),
    };
    match place {
        Target::Location(location) => format!(
            "{location} accepts no reservations for {what}: it is undeclared, or its `{field}` is false; PUT \
             /v1/locations/{{location}} sets that"
        ),
        Target::Group(group) => format!("no location of {group} that has it accepts reservations for {what}"),
    }
}

/// The short lines, and the lines that would be short beside them: an early refusal reports only the lines it checked,
/// and a caller that follows it must know the rest.
fn with_those_that_are_short_too(
    engine: &Engine,
    asked: &Asked<'_>,
    shorts: &[Short],
    trials: &mut Trials<'_>,
) -> Vec<Short> {
    if asked.lines.len() == 1 {
        return shorts.to_vec();
    }
    let mut is_told = vec![false; asked.lines.len()];
    let mut all: Vec<Short> = Vec::with_capacity(shorts.len());
    for short in shorts {
        // Several lines on one cell count as one, also if admission refuses each because the cell is unknown.
        if is_told.get(short.line).copied().unwrap_or(false) {
            continue;
        }
        let same = asked.lines_of(short);
        let requested = same.iter().filter_map(|at| asked.lines.get(*at)).map(|line| line.quantity).sum();
        for at in same {
            is_told.get_mut(at).map(|told| *told = true).unwrap_or_default();
        }
        all.push(Short { requested, ..*short });
    }
    let shorts = all.clone();
    let lines: Vec<(usize, TrialLine)> =
        (0..asked.lines.len()).filter_map(|at| Some((at, asked.trial(engine, at)?))).collect();
    // Reported lines take the units that they are advised to take.
    let asks = |(at, line): &(usize, TrialLine)| {
        let told = shorts.iter().find(|short| short.line == *at).map(|short| short.available);
        let is_added_up = is_told.get(*at).copied().unwrap_or(false);
        let quantity = told.unwrap_or(if is_added_up { 0 } else { line.quantity });
        TrialLine { quantity, ..*line }
    };
    let got = trials.units(&lines.iter().map(asks).collect::<Vec<_>>());
    if trials.are_over() {
        return all;
    }
    let units_of: HashMap<usize, u32> = lines.iter().zip(got).map(|((at, _), got)| (*at, got)).collect();
    for (at, line) in lines {
        if is_told.get(at).copied().unwrap_or(true) {
            continue;
        }
        let mut short = Short {
            line: at,
            requested: line.quantity,
            available: 0,
            constraint: match line.at {
                _ if line.latest.is_some() => Constraint::Supply,
                TrialPlace::Group(_) => Constraint::Group,
                TrialPlace::Location(_) => Constraint::Reserved,
            },
            rule: None,
            limit: None,
        };
        let same = asked.lines_of(&short);
        short.requested = same.iter().filter_map(|at| asked.lines.get(*at)).map(|line| line.quantity).sum();
        short.available = same.iter().filter_map(|at| units_of.get(at)).sum();
        for at in same {
            is_told.get_mut(at).map(|told| *told = true).unwrap_or_default();
        }
        if short.available < short.requested {
            all.push(short);
        }
    }
    all.sort_by_key(|short| short.line);
    all
}

/// The units of each short line that would succeed, all together. Lines on one cell count as one.
fn advise_fewer(
    engine: &Engine,
    asked: &Asked<'_>,
    shorts: &[Short],
    trials: &mut Trials<'_>,
) -> HashMap<SkuId, OfSku> {
    let mut is_short = vec![false; asked.lines.len()];
    let mut advice: HashMap<SkuId, OfSku> = HashMap::new();
    let mut tried: HashMap<SkuId, Vec<(usize, u32, TrialLine)>> = HashMap::new();
    for short in shorts {
        for at in asked.lines_of(short) {
            is_short.get_mut(at).map(|short| *short = true).unwrap_or_default();
        }
        if let Some(line) = asked.trial(engine, short.line) {
            let line = TrialLine { quantity: short.requested, ..line };
            tried.entry(line.sku).or_default().push((short.line, short.available, line));
        }
    }
    for at in (0..asked.lines.len()).filter(|at| !is_short.get(*at).copied().unwrap_or(false)) {
        if let Some(line) = asked.trial(engine, at).filter(|line| tried.contains_key(&line.sku)) {
            advice.entry(line.sku).or_default().others.push(line);
        }
    }
    for (sku, shorts) in tried {
        let of_sku = advice.entry(sku).or_default();
        let with = |lines: &mut dyn Iterator<Item = TrialLine>| -> Vec<TrialLine> {
            of_sku.others.iter().copied().chain(lines).collect()
        };
        let all = with(&mut shorts.iter().map(|(.., line)| *line));
        let got = trials.units(&all);
        let got = got.iter().skip(of_sku.others.len());
        let fewer: Vec<(usize, TrialLine)> = shorts
            .iter()
            .zip(got)
            .map(|((at, available, line), got)| (*at, TrialLine { quantity: *available.min(got), ..*line }))
            .filter(|(_, line)| line.quantity > 0)
            .collect();
        // A single line with its advised units is exactly what was just tried.
        let is_plain = fewer.len() == 1 && of_sku.others.is_empty();
        if is_plain || trials.succeed(&with(&mut fewer.iter().map(|(_, line)| *line))) {
            of_sku.fewer = fewer.into_iter().map(|(at, line)| (at, line.quantity)).collect();
        }
    }
    advice
}

fn line(
    engine: &Engine,
    asked: &Asked<'_>,
    looks: &mut Looks,
    trials: &mut Trials<'_>,
    advice: &mut HashMap<SkuId, OfSku>,
    short: &Short,
) -> Option<Value> {
    let (state, catalogue) = (engine.state(), &engine.state().catalogue);
    let request = asked.lines.get(short.line)?;
    let sku = catalogue.skus.id(request.sku.as_str());
    let (location, group) = match &request.place {
        Target::Location(location) => (Some(location), None),
        Target::Group(group) => (None, Some(group)),
    };
    // A caller that gets no numbers does not get them from a refusal either.
    let exact = sku.is_none_or(|sku| looks.tells_numbers(engine, sku));
    let number = |units: u32| exact.then_some(units);
    let place = |id: LocationId| catalogue.locations.name(id).as_str();
    let trial = asked.trial(engine, short.line).map(|line| TrialLine { quantity: short.requested, ..line });
    // If the location is unknown, other locations may still have the SKU.
    let elsewhere = trial.or_else(|| {
        let at = TrialPlace::Location(LocationId(u32::MAX));
        Some(TrialLine { sku: sku?, at, quantity: short.requested, latest: request.latest })
    });
    let mut nothing = OfSku::default();
    let of_sku = sku.and_then(|sku| advice.get_mut(&sku)).unwrap_or(&mut nothing);
    let mut others: Vec<Value> = Vec::new();
    for found in elsewhere.iter().flat_map(|line| looks.alternatives(engine, asked, line)) {
        let Some(line) = elsewhere.filter(|_| others.len() < ALTERNATIVES) else { break };
        let there = TrialLine { at: TrialPlace::Location(found.location), ..line };
        let beside: Vec<TrialLine> = of_sku.others.iter().chain(&of_sku.elsewhere).copied().chain([there]).collect();
        if !trials.succeed(&beside) {
            continue;
        }
        if others.is_empty() {
            of_sku.elsewhere.push(there);
        }
        others.push(json!({
            "location": place(found.location),
            "available": number(found.available),
            "distance_km": found.distance_km.map(|km| (km * 10.0).round() / 10.0),
            "pickup": found.pickup,
            "ship": found.ship,
        }));
    }
    let may_come =
        exact && !short.is_barred() && !matches!(short.constraint, Constraint::Capacity | Constraint::Access);
    let later = trial.filter(|_| may_come).and_then(|line| {
        let beside: Vec<TrialLine> = of_sku.others.iter().chain(&of_sku.later).copied().collect();
        let date = trials.earliest(line, &beside)?;
        of_sku.later.push(TrialLine { latest: Some(date), ..line });
        Some(date)
    });
    let fewer = of_sku.fewer.get(&short.line).copied().filter(|_| exact);
    let rule = short.rule.and_then(|id| state.rules.at(id)).map(|standing| standing.name.to_string());
    let mut would_succeed = json!({"quantity": fewer, "locations": others});
    if let Value::Object(members) = &mut would_succeed {
        if let Some(date) = later {
            members.insert("latest".into(), time(date).into());
        }
        // Lines on one cell are added up: the advice is one line in place of all of them.
        let lines = asked.lines_of(short);
        if lines.len() > 1 {
            members.insert("lines".into(), lines.into());
        }
    }
    let mut told = json!({
        "line": short.line,
        "sku": request.sku.as_str(),
        "location": location.map(Name::as_str),
        "requested": short.requested,
        "available": number(short.available),
        "missing": number(short.requested.saturating_sub(short.available)),
        "constraint": short.constraint.as_str(),
        "rule": rule,
        "would_succeed": would_succeed,
    });
    if let (Some(group), Value::Object(members)) = (group, &mut told) {
        members.insert("group".into(), group.as_str().into());
    }
    Some(told)
}

/// Units that each line of a plan would get, for the next seconds: sourcing advises only plans that were tried.
pub fn would_be_granted(
    engine: &Engine,
    channel: Option<ChannelId>,
    purpose: Purpose,
    lines: &[TrialLine],
    seconds: u64,
) -> Vec<u32> {
    let mut skus: Vec<SkuId> = lines.iter().map(|line| line.sku).collect();
    skus.sort_unstable();
    skus.dedup();
    let trials = engine.state().trials(&skus, channel, purpose, &[], engine.now()).brought();
    trials.for_seconds(seconds).units(lines)
}

/// The same as a date in an answer: whole minutes.
pub fn advised(engine: &Engine) -> anaquel_engine::ids::Timestamp {
    anaquel_engine::ids::Timestamp(engine.now().plus_seconds(advice::ADVICE_SECONDS).0.div_ceil(60_000) * 60_000)
}

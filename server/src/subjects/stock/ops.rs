//! Movements, counts, and availability.

use anaquel_engine::Engine;
use anaquel_engine::command::{Command, Outcome};
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Seq, SkuId};
use anaquel_engine::kernel::name_ref::NameRef;
use anaquel_engine::stock::command::Count;
use anaquel_engine::stock::counting::CountPreview;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::config::LimitsConfig;
use crate::http::budget::Payer;
use crate::http::budget::answers::SMALL_BYTES;
use crate::http::problem::{Problem, Slug};
use crate::http::reply::{Reply, unexpected};
use crate::stream::operation::{Members, Method, Operation, as_they_are};
use crate::subjects::stock::bodies::{CountsBody, MovementsBody};
use crate::subjects::stock::cell::CellWriter;
use crate::subjects::stock::{bodies as words, views};
use crate::wire;
use crate::wire::put::{put, write_array};

/// The socket operations of stock.
pub const OPERATIONS: &[Operation] = &[
    // A sale is one movement.
    Operation {
        name: "sale",
        label: "movements",
        scope: Scope::Stock,
        route: Some((Method::Post, "/v1/stock/movements")),
        parse: sale_as_movements,
        run: |mut asked| Box::pin(async move { movements(asked.app, asked.caller, asked.body()?).await }),
    },
    Operation {
        name: "movements",
        label: "movements",
        scope: Scope::Stock,
        route: Some((Method::Post, "/v1/stock/movements")),
        parse: as_they_are,
        run: |mut asked| Box::pin(async move { movements(asked.app, asked.caller, asked.body()?).await }),
    },
    Operation {
        name: "counts",
        label: "counts",
        scope: Scope::Stock,
        route: Some((Method::Post, "/v1/stock/counts")),
        parse: as_they_are,
        run: |mut asked| Box::pin(async move { counts(asked.app, asked.caller, asked.body()?).await }),
    },
    Operation {
        name: "availability",
        label: "availability",
        scope: Scope::Read,
        route: None,
        parse: as_they_are,
        run: |mut asked| {
            Box::pin(async move { availability(asked.app, asked.caller, asked.payer, asked.body()?).await })
        },
    },
];

/// A sale as the one row of a list of movements.
fn sale_as_movements(mut sale: Members) -> Members {
    let key = sale.remove("idempotency_key");
    sale.insert("kind".into(), "sale".into());
    let mut members = Members::new();
    members.insert("movements".into(), json!([sale]));
    members.extend(key.map(|key| ("idempotency_key".into(), key)));
    members
}

/// Books movements: receipts, sales, returns, adjustments, damage.
///
/// # Errors
/// What is wrong with a movement, or why the server accepts no writes.
pub async fn movements(app: &App, caller: &Caller, body: MovementsBody) -> Result<Reply, Problem> {
    for (at, movement) in body.movements.iter().enumerate() {
        caller.may_use_location(format!("movements[{at}].location"), Some(&movement.location))?;
    }
    let movements = body.into_requests()?;
    let executed = app.execute(caller, |engine, cause, done| engine.move_stock(movements, cause, done)).await?;
    let Outcome::Moved { seq, rows } = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let sight = Visibility::of(&app.engine, caller);
    let items: Vec<Value> = rows.iter().map(|row| views::moved(&app.engine, row, &sight)).collect();
    Ok(Reply::ok(json!({"seq": seq, "items": items}).to_string()).replayed(executed.replayed))
}

/// Books counts.
///
/// # Errors
/// What is wrong with a count, or why the server accepts no writes.
pub async fn counts(app: &App, caller: &Caller, body: CountsBody) -> Result<Reply, Problem> {
    for (at, count) in body.counts.iter().enumerate() {
        caller.may_use_location(format!("counts[{at}].location"), Some(&count.location))?;
    }
    let (adds, is_dry) = (body.adds_put_aside()?, body.dry_run);
    if adds && Visibility::of(&app.engine, caller).has_bands() {
        let detail = "put_aside: this key gets no numbers, and what is set aside is one; count what is on hand";
        return Err(Problem::new(Slug::Forbidden, detail).with("field", "put_aside"));
    }
    let counts = body.into_counts()?;
    if is_dry {
        let of = caller.clone();
        let asked = move |engine: &Engine| preview(engine, &of, &with_put_aside(engine, counts, adds));
        return app.with_engine(caller, asked).await?;
    }
    // Set aside are those at the time when the shelf was counted.
    let counts = match adds {
        true => app.with_engine(caller, move |engine| with_put_aside(engine, counts, true)).await?,
        false => counts,
    };
    let command = Command::count(counts);
    let executed = app.execute(caller, |engine, cause, done| engine.submit(command, cause, done)).await?;
    let Outcome::Counted { seq, rows } = &executed.outcome else { return Err(unexpected(&executed.outcome)) };
    let sight = Visibility::of(&app.engine, caller);
    let items: Vec<Value> = rows.iter().map(|row| views::counted_row(&app.engine, row, &sight)).collect();
    Ok(Reply::ok(json!({"seq": seq, "items": items}).to_string()).replayed(executed.replayed))
}

/// The counts with the units that are set aside, if they are to be added.
fn with_put_aside(engine: &Engine, mut counts: Vec<Count>, adds: bool) -> Vec<Count> {
    let catalogue = &engine.state().catalogue;
    for count in counts.iter_mut().filter(|_| adds) {
        let (NameRef::New(sku), NameRef::New(location)) = (&count.sku, &count.location) else { continue };
        let cell = catalogue.skus.id(sku.as_str()).zip(catalogue.locations.id(location.as_str()));
        let Some((sku, location)) = cell else { continue };
        let units = engine.state().put_aside(sku, location, count.counted_at, &[]);
        count.on_hand = count.on_hand.saturating_add_unsigned(units);
    }
    counts
}

/// What counts would change.
fn preview(engine: &Engine, caller: &Caller, counts: &[Count]) -> Result<Reply, Problem> {
    let (state, sight) = (engine.state(), Visibility::of(engine, caller));
    let (seq, now) = (state.view.seq(), engine.now());
    let mut items = Vec::with_capacity(counts.len());
    for (at, count) in counts.iter().enumerate() {
        let (NameRef::New(sku), NameRef::New(location)) = (&count.sku, &count.location) else { continue };
        let ids = state.catalogue.skus.id(sku.as_str()).zip(state.catalogue.locations.id(location.as_str()));
        let counted_at = count.counted_at.filter(|at| *at <= now);
        let found = match ids {
            Some((sku, location)) => state.count_preview(sku, location, counted_at),
            None => Some(CountPreview { expected: 0, is_outdated: false }),
        };
        let found = found.ok_or_else(|| {
            let reason = "is older than the stored movements of this cell; count it again, or leave counted_at out";
            Problem::invalid(&format!("counts[{at}].counted_at"), reason)
        })?;
        let delta = if found.is_outdated { 0 } else { i64::from(count.on_hand) - found.expected };
        let mut item = json!({"sku": sku.as_str(), "location": location.as_str(), "expected": found.expected,
            "counted": count.on_hand, "delta": delta, "counted_at": wire::time(counted_at.unwrap_or(now))});
        if let (true, Value::Object(members)) = (found.is_outdated, &mut item) {
            members.insert("outdated".into(), true.into());
        }
        let gets_band = match ids {
            Some((sku, location)) => sight.band_alone(sku, location).is_some(),
            None => sight.has_bands(),
        };
        if let (true, Value::Object(members)) = (gets_band, &mut item) {
            members.retain(|name, _| !["expected", "delta"].contains(&name.as_str()));
        }
        items.push(item);
    }
    Ok(Reply::ok(json!({"seq": seq, "items": items, "dry_run": true}).to_string()))
}

/// The maximum number of SKUs, locations or groups in one question.
const ASKED_MAX: usize = 1000;

/// Bytes that are reserved for each cell or group of an answer.
const ITEM_BYTES: usize = 192;

/// A question about at most this many cells is answered directly; a larger one runs in the background.
const CELLS_AT_ONCE: usize = 2_000;

/// A question about availability, with resolved names.
struct Question {
    skus: Vec<SkuId>,
    unknown: Vec<String>,
    locations: Option<Vec<LocationId>>,
    groups: Option<Vec<GroupId>>,
    channel: Option<ChannelId>,
    /// Whether cells of quarantines are included.
    quarantine: bool,
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
                return Err(Problem::invalid(field, format!("has {count} entries; at most {ASKED_MAX} are allowed")));
            }
        }
        if skus.is_empty() {
            return Err(Problem::invalid("sku", "is missing; name at least one"));
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
        // An undeclared location stocks nothing.
        let locations = locations.map(|texts| {
            let id = |text: &String| wire::name("location", text).map(|name| catalogue.locations.id(name.as_str()));
            texts.iter().map(id).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let groups = groups.map(|texts| {
            let id = |text: &String| wire::name("group", text).map(|name| catalogue.groups.id(name.as_str()));
            texts.iter().map(id).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        });
        let (locations, groups) = (locations.transpose()?.map(once), groups.transpose()?.map(once));
        let channel = match channel {
            Some(text) => engine.state().channel("channel", &wire::name("channel", &text)?)?,
            None => None,
        };
        Ok(Self { skus: known, unknown, locations, groups, channel, quarantine: false })
    }

    /// The maximum size of the answer, without reading a cell.
    fn size(&self, engine: &Engine, limits: &LimitsConfig) -> Size {
        let state = engine.state();
        if let Some(groups) = &self.groups {
            let members =
                |group: &GroupId| state.catalogue.groups.details(*group).map_or(0, |set| set.details.locations.len());
            let members: usize = groups.iter().map(members).sum();
            let (skus, groups) = (self.skus.len(), groups.len());
            return Size { items: skus * groups, cells: skus * members.max(groups), of_groups: true };
        }
        let named = self.locations.as_ref().map_or(usize::MAX, Vec::len);
        let rows = || self.skus.iter().map(|sku| state.matrix.row(*sku));
        // An untracked SKU has a cell at every location that is named.
        let is_uncounted = |sku: &&SkuId| named != usize::MAX && !state.catalogue.is_tracked(**sku);
        let uncounted = self.skus.iter().filter(is_uncounted).count().saturating_mul(named);
        let mut items = rows().map(|row| row.about().min(named)).sum::<usize>().saturating_add(uncounted);
        if items > limits.response_cells {
            // Counts rows of about this length, and stops when there are too many.
            items = uncounted;
            for row in rows() {
                let counted = row.pieces().iter().map(|piece| piece.len()).sum::<usize>() + row.strays().count();
                items += counted.min(named);
                if items > limits.response_cells {
                    break;
                }
            }
        }
        let looks = self.skus.len().saturating_mul(self.locations.as_ref().map_or(0, Vec::len));
        Size { items, cells: items.max(looks), of_groups: false }
    }

    fn answer(&self, engine: &Engine) -> String {
        let (state, now) = (engine.state(), engine.now());
        let mut out;
        match &self.groups {
            Some(groups) => {
                let (seq, found) = state.group_availability_to_come(&self.skus, groups, self.channel, now);
                out = begin(seq, found.len());
                write_array(&mut out, &found, |out, (group, coming)| {
                    views::write_group(out, engine, group, coming.as_ref());
                });
            }
            None => {
                let (seq, (found, coming)) = state.view.read(|| {
                    let (_, mut found) = state.availability(&self.skus, self.locations.as_deref(), self.channel);
                    if self.quarantine && self.locations.is_none() {
                        found.extend(state.quarantined(&self.skus, self.channel).1);
                    }
                    let coming = state.coming(&found, self.channel, now);
                    (found, coming)
                });
                out = begin(seq, found.len());
                let (mut writer, mut coming) = (CellWriter::new(engine), coming.iter());
                write_array(&mut out, &found, |out, cell| writer.cell_with_band(out, cell, coming.next()));
            }
        }
        let unknown = Value::from(self.unknown.clone()).to_string();
        put!(&mut out, r#","unknown":"#, unknown.as_str(), "}");
        out
    }
}

/// Duplicates are answered once, at their first position.
fn once<I: Copy + PartialEq>(ids: Vec<I>) -> Vec<I> {
    let mut known = Vec::with_capacity(ids.len());
    for id in ids {
        if !known.contains(&id) {
            known.push(id);
        }
    }
    known
}

/// The size of an answer.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Its cells or groups.
    items: usize,
    /// Cells that are read for it.
    cells: usize,
    of_groups: bool,
}

impl Size {
    /// Refuses an answer that is too large.
    fn check(self, limits: &LimitsConfig) -> Result<(), Problem> {
        let refused = |limit: &'static str, most: usize, found: usize, remedy: &str| {
            let detail =
                format!("{limit}: the answer has {found} cells or more, and at most {most} are allowed; {remedy}");
            Err(Problem::new(Slug::InvalidRequest, detail)
                .with("field", "skus")
                .with("limit", limit)
                .with("most", most))
        };
        if self.of_groups && self.cells > limits.group_cells {
            return refused(
                "limits.group_cells",
                limits.group_cells,
                self.cells,
                "name fewer SKUs or groups at a time",
            );
        }
        if self.items > limits.response_cells {
            let remedy = "name fewer SKUs or locations at a time, ask for groups, page through /v1/stock, or subscribe \
                          to /v1/stream";
            return refused("limits.response_cells", limits.response_cells, self.items, remedy);
        }
        Ok(())
    }
}

/// An answer with space for its items.
fn begin(seq: Seq, items: usize) -> String {
    let mut out = String::with_capacity(64 + items * ITEM_BYTES);
    put!(&mut out, r#"{"seq":"#, seq, r#","items":"#);
    out
}

/// Answers how many units can be promised.
///
/// # Errors
/// What is wrong with the question; the answer is too large, or there is no room for it now.
pub async fn availability(
    app: &App,
    caller: &Caller,
    payer: &Payer,
    body: words::AvailabilityBody,
) -> Result<Reply, Problem> {
    caller.may_use_channel("channel", body.channel.as_deref())?;
    let words::AvailabilityBody { skus, locations, groups, channel, quarantine } = body;
    let question = Question::new(&app.engine, skus, locations, groups, channel)?;
    let question = Question { quarantine, ..question };
    let size = question.size(&app.engine, &app.config.limits);
    size.check(&app.config.limits)?;
    if size.cells <= CELLS_AT_ONCE && size.items * ITEM_BYTES < SMALL_BYTES {
        return Ok(Reply::ok(question.answer(&app.engine)));
    }
    app.aside(payer, size.items * ITEM_BYTES, move |app| Ok(question.answer(&app.engine))).await.map(Reply::aside)
}

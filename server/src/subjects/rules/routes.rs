//! Rules: set, remove, read, list, and explain.

use anaquel_engine::command::PutWhat;
use anaquel_engine::ids::{ChannelId, LocationId, Name, SkuId};
use anaquel_engine::rules::{Fate, Kind};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::visibility::Visibility;
use crate::http::budget::Payer;
use crate::http::extract::{Params, PathId};
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::reply::{json_answer, replayed};
use crate::subjects::catalogue::routes::{path_name, put, put_now, read};
use crate::subjects::rules::{bodies as words, views};
use crate::wire::asking_channel;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(explain)).routes(routes!(get, set, remove))
}

/// List rules, by id.
#[utoipa::path(get, path = "/v1/rules", tag = "rules", security(("key" = ["read"])),
    params(("after" = Option<String>, Query, description = "`next` of the previous page"), ("limit" = Option<u32>, Query, description = "1 to 1,000")),
    responses((status = 200, description = "A page of rules")))]
pub async fn list(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (after, limit) = (params.name("after")?, params.limit()?);
    params.done()?;
    let page = move |app: &App| {
        let sight = Visibility::of(&app.engine, &caller);
        let seen = if sight.is_free() { limit + 1 } else { usize::MAX };
        let mut rules = app.engine.state().rules.page(after.as_ref().map(Name::as_str), seen);
        rules.retain(|standing| sight.concerns(&standing.rule));
        let more = rules.len() > limit;
        rules.truncate(limit);
        let mut page = Page::new(app);
        for standing in &rules {
            if !page.add(sight.trim(views::standing(&app.engine, standing).1)) {
                break;
            }
            page.is_at(standing.name.to_string());
        }
        Ok(page.end(None, more))
    };
    crate::http::page::list(&app, &payer, page).await
}

/// Read a rule.
#[utoipa::path(get, path = "/v1/rules/{rule}", tag = "rules", security(("key" = ["read"])), params(("rule" = String, Path, description = "The rule")),
    responses((status = 200, body = words::RuleBody), (status = 404, description = "not-found")))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    let sight = Visibility::of(&app.engine, &caller);
    let standing = app.engine.state().rules.get(&id).filter(|standing| sight.concerns(&standing.rule));
    let (version, item) = views::standing(&app.engine, &*standing.ok_or_else(|| Problem::not_found("rule"))?);
    read(&headers, (version, sight.trim(item)))
}

/// Set a whole rule. It applies from the `seq` of the answer, or from its start date.
#[utoipa::path(put, path = "/v1/rules/{rule}", tag = "rules", security(("key" = ["rules"])),
    params(("rule" = String, Path, description = "The rule"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    request_body = words::RuleBody,
    responses((status = 200, body = words::RuleBody), (status = 400, description = "invalid-request"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn set(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let name = path_name(&id, "rule")?;
    let what = |body: words::RuleBody| Ok(PutWhat::Rule(name, Some(Box::new(body.into_fields()?))));
    put(&app, request, what).await
}

/// Remove a rule.
#[utoipa::path(delete, path = "/v1/rules/{rule}", tag = "rules", security(("key" = ["rules"])),
    params(("rule" = String, Path, description = "The rule"), ("If-Match" = Option<String>, Header, description = "Only \
        if this is the current version"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat safe")),
    responses((status = 200, description = "The `seq` from which the rule no longer applies", example = json!({"rule": "summer", "seq": 1900})),
        (status = 404, description = "not-found"), (status = 412, description = "stale-version"),
        (status = 422, description = "idempotency-mismatch")))]
pub async fn remove(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = Name::parse(&id).map_err(|_| Problem::not_found("rule"))?;
    let caller = crate::http::extract::caller(&app, &parts, b"")?;
    let done = put_now(&app, &caller, &parts.headers, PutWhat::Rule(name, None)).await?;
    Ok(replayed(json_answer(&done.item), done.replayed))
}

/// Explain a cell for a channel: the rules in force, the rules that lost, and to which.
#[utoipa::path(get, path = "/v1/rules/explain", tag = "rules", security(("key" = ["read"])),
    params(
        ("sku" = String, Query, description = "The SKU"), ("location" = String, Query, description = "The location"),
        ("channel" = Option<String>, Query, description = "For whom")
    ),
    responses(
        (status = 200, description = "The matching rules, by kind, best first", example = json!({
            "seq": 1900, "sku": "TSHIRT-RED-M", "location": "mx-014", "channel": "web",
            "in_force": {"safety_stock": {"rule": "tees", "units": 2}, "access": null, "band": null,
                "backorder": null, "preorder": null, "capacity": null, "pickup_only": null, "returns": null},
            "result": {"safety_stock": 2, "buffer": 0, "sells": true, "available": 1, "band": "few_left", "exact": true},
            "rules": []
        })),
        (status = 400, description = "invalid-request"), (status = 404, description = "not-found: the SKU or the location")
    ))]
pub async fn explain(State(app): State<App>, caller: Caller, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (sku_text, location_text, channel_text) =
        (params.one("sku")?, params.name("location")?, params.name("channel")?);
    params.done()?;
    let catalogue = &app.engine.state().catalogue;
    let sku_text = sku_text.ok_or_else(|| Problem::invalid("sku", "is needed"))?;
    let location_text = location_text.ok_or_else(|| Problem::invalid("location", "is needed"))?;
    let sku = catalogue.skus.id(&sku_text).ok_or_else(|| Problem::not_found("SKU"))?;
    let location = catalogue.locations.id(location_text.as_str()).ok_or_else(|| Problem::not_found("location"))?;
    let channel = asking_channel(&app.engine, channel_text.as_ref())?;
    let told = move |app: &App| {
        Ok(explained(app, &caller, (sku, &sku_text), (location, &location_text), (channel, &channel_text)))
    };
    crate::http::page::list(&app, &payer, told).await
}

fn explained(
    app: &App,
    caller: &Caller,
    (sku, sku_text): (SkuId, &str),
    (location, location_text): (LocationId, &Name),
    (channel, channel_text): (Option<ChannelId>, &Option<Name>),
) -> String {
    let (state, catalogue) = (app.engine.state(), &app.engine.state().catalogue);
    // All values are of one seq.
    let (seq, (rules, cell, buffer)) = state.view.read(|| {
        let buffer = channel.map_or(0, |channel| catalogue.buffer(channel));
        (state.explain(sku, location, channel), state.cell(sku, location, channel), buffer)
    });
    let sight = Visibility::of(&app.engine, caller);
    let is_seen = |rule: &anaquel_engine::rules::Explained| sight.concerns(&rule.standing.rule);
    let winner = |kind: Kind| {
        let wins = |rule: &&anaquel_engine::rules::Explained| {
            rule.fate == Fate::InForce && rule.standing.rule.effect.kind() == kind
        };
        rules.iter().find(wins)
    };
    let told = |kind: Kind| match winner(kind) {
        Some(rule) if is_seen(rule) => sight.trim(views::explained(&app.engine, rule)),
        _ => Value::Null,
    };
    let denied = winner(Kind::Access).filter(|rule| rule.standing.rule.effect.denies()).map(|rule| &rule.standing.name);
    // Rules that exceed the page's bytes are only counted; those in force are listed above.
    let mut bytes = 0;
    let mut items = Vec::new();
    let seen: Vec<_> = rules.iter().filter(|rule| is_seen(rule)).collect();
    for rule in &seen {
        let item = sight.trim(views::explained(&app.engine, rule));
        bytes += item.to_string().len();
        if bytes > app.config.limits.page_bytes && !items.is_empty() {
            break;
        }
        items.push(item);
    }
    let left_out = seen.len() - items.len();
    let mut answer = json!({
        "seq": seq,
        "sku": sku_text,
        "location": location_text.as_str(),
        "channel": channel_text.as_ref().map(Name::as_str),
        "in_force": {
            "safety_stock": told(Kind::SafetyStock), "access": told(Kind::Access), "band": told(Kind::Band),
            "backorder": told(Kind::Backorder), "preorder": told(Kind::Preorder), "capacity": told(Kind::Capacity),
            "pickup_only": told(Kind::PickupOnly), "returns": told(Kind::Returns),
        },
        "result": views::outcome(cell.as_ref(), buffer, denied, winner(Kind::Band)),
        "rules": items,
    });
    if let (true, Value::Object(members)) = (left_out > 0, &mut answer) {
        members.insert("rules_left_out".into(), left_out.into());
    }
    answer.to_string()
}

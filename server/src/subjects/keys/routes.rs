//! The routes of API keys.

use anaquel_engine::role::Role;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::views;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::keys::Key;
use crate::auth::now_seconds;
use crate::http::extract::{self, Params, PathId};
use crate::http::problem::{Problem, Slug};
use crate::http::reply::json_answer;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(own)).routes(routes!(list)).routes(routes!(revoke))
}

/// A body without fields.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct EmptyBody {}

/// Read what the caller's own key may do.
#[utoipa::path(
    get, path = "/v1/key", tag = "keys",
    security(("key" = ["read", "reserve", "fulfil", "stock", "import", "rules", "sell", "shop", "refund", "customers", "wallet",
        "marketing", "ops", "node"])),
    responses((status = 200, description = "The key, or the subject of the token"))
)]
pub async fn own(caller: Caller) -> Response {
    json_answer(&views::own(caller.principal.as_ref().map(|principal| principal.identity.as_ref())))
}

/// List the keys, oldest first.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", security(("key" = ["admin"])),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 if left out"),
        ("after" = Option<String>, Query, description = "`next` of the page before")
    ),
    responses((status = 200, description = "The keys, never their secrets"), (status = 400, description = "invalid-request"))
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let (limit, after) = (params.limit()?, params.one("after")?);
    params.done()?;
    let (keys, now) = (app.auth.keys(), now_seconds());
    let start = match after {
        None => 0,
        Some(after) => match keys.iter().position(|key| key.id == after) {
            Some(at) => at + 1,
            None => return Err(Problem::invalid("after", "is not a `next` of this list")),
        },
    };
    let page: Vec<&Key> = keys.iter().skip(start).take(limit).collect();
    let next = page.last().filter(|_| start + page.len() < keys.len()).map(|key| key.id.as_str());
    let items: Vec<Value> = page.iter().map(|key| views::key(key, now)).collect();
    Ok(json_answer(&json!({"items": items, "next": next})))
}

/// Revoke a key.
///
/// It stops working before the answer comes, also on open streams, and stays revoked over restarts and whatever the file
/// of keys says later. A repeat changes nothing.
#[utoipa::path(
    post, path = "/v1/keys/{id}/revoke", tag = "keys", security(("key" = ["admin"])),
    params(("id" = String, Path, description = "The id of the key: its public part")),
    request_body = EmptyBody,
    responses(
        (status = 200, description = "The key, revoked"), (status = 400, description = "invalid-request"),
        (status = 404, description = "not-found"),
        (status = 503, description = "read-only: the revocation cannot be written, and the key is still valid")
    )
)]
pub async fn revoke(State(app): State<App>, PathId(id): PathId, request: Request) -> Result<Response, Problem> {
    let extract::JsonRequest { caller, body: EmptyBody {}, params } = extract::json_question(&app, request).await?;
    params.done()?;
    if app.engine.role() == Role::Replica && app.config.auth.keys.is_none() {
        let why = "the keys of this node are those of the node that it follows; revoke it there";
        return Err(Problem::new(Slug::ReadOnly, why).with("role", "replica"));
    }
    let (auth, now, revoked) = (std::sync::Arc::clone(&app.auth), now_seconds(), id.clone());
    let told = tokio::task::spawn_blocking(move || auth.revoke(&revoked, now)).await;
    let told = told.map_err(|_| Problem::new(Slug::Internal, "internal error; see the server log"))?;
    let key = told.map_err(|error| {
        tracing::error!(key = id, error = format!("{error:#}"), "cannot revoke a key");
        Problem::new(Slug::ReadOnly, format!("cannot write the revocation, and the key is still valid: {error:#}"))
    })?;
    let key = key.ok_or_else(|| Problem::not_found("key"))?;
    let actor = caller.principal.as_ref().map(|principal| principal.identity.name.as_str());
    tracing::info!(key = id, name = key.name, actor, "a key is revoked");
    Ok(json_answer(&views::key(&key, now)))
}

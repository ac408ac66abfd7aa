//! The routes of nodes.

use anaquel_engine::backup::Start;
use anaquel_engine::ids::{Epoch, Seq};
use anaquel_engine::journal::Chain;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::{DemoteBody, PromoteBody};
use super::log::{self, Asked};
use super::promotion;
use crate::app::App;
use crate::auth::principal::Principal;
use crate::http::budget::Payer;
use crate::http::extract::{self, Params};
use crate::http::problem::{Problem, Slug};
use crate::http::reply::json_answer;
use crate::subjects::operating::backup;

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(log))
        .routes(routes!(checkpoint))
        .routes(routes!(promote))
        .routes(routes!(demote))
}

/// Follow the log, as another node does.
///
/// The answer is a stream of frames that goes on: sealed batches of records, and ticks while there are none. Each batch
/// names the batch before it by a running hash, so that a gap, a repeat or a changed bit is found before anything of it is
/// shown. `anaquel serve --follow` reads it.
#[utoipa::path(
    get, path = "/v1/log", tag = "nodes", security(("key" = ["node"])),
    params(
        ("from" = u64, Query, description = "The first record: one after the last that the caller has"),
        ("epoch" = Option<String>, Query, description = "The epoch of the record before it, 16 hexadecimal digits: another history is refused"),
        ("chain" = Option<String>, Query, description = "The chain at the record before it, 32 hexadecimal digits: another record is refused"),
        ("until" = Option<u64>, Query, description = "End after the batch with this record; without it, the stream goes on")
    ),
    responses(
        (status = 200, description = "Frames", content_type = "application/vnd.anaquel.log"),
        (status = 400, description = "invalid-request"),
        (status = 409, description = "wrong-state: the caller has records that this node does not have"),
        (status = 410, description = "gone: the log no longer has the records; begin anew with `GET /v1/log/checkpoint`"),
        (status = 503, description = "overloaded: this node follows another, and is behind")
    )
)]
pub async fn log(
    State(app): State<App>,
    principal: Option<Extension<Principal>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    let from = params.number::<Seq>("from")?.ok_or_else(|| Problem::invalid("from", "is missing"))?;
    let (until, epoch, chain) = (params.number::<Seq>("until")?, params.one("epoch")?, params.one("chain")?);
    params.done()?;
    let epoch = epoch.map(|text| read_epoch(&text)).transpose()?;
    let chain = chain.map(|text| read_chain(&text)).transpose()?;
    log::begin(app, principal.map(|Extension(principal)| principal), &Asked { from, until, epoch, chain })
}

/// Take over a checkpoint and the log, as a node does that begins to follow.
///
/// The answer is a backup, exact at one `seq`, with the secret behind ids and the hashes of keys: `GET /v1/log` goes on from
/// its last record.
#[utoipa::path(
    get, path = "/v1/log/checkpoint", tag = "nodes", security(("key" = ["node"])),
    responses(
        (status = 200, description = "The checkpoint and the log; `Anaquel-Seq` is the last record",
            content_type = "application/octet-stream", headers(
                ("Anaquel-Seq" = u64, description = "Its last record"),
                ("Anaquel-State-Hash" = String, description = "The state hash at that record"))),
        (status = 503, description = "overloaded: too many files are being transferred (`limits.files`)")
    )
)]
pub async fn checkpoint(State(app): State<App>, payer: Payer, uri: Uri) -> Result<Response, Problem> {
    Params::parse(uri.query().unwrap_or_default()).done()?;
    backup::send(app, &payer, Start::Whole, false).await
}

fn read_epoch(text: &str) -> Result<Epoch, Problem> {
    let digits = Some(text).filter(|text| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let read = digits.and_then(|text| u64::from_str_radix(text, 16).ok());
    read.map(Epoch).ok_or_else(|| Problem::invalid("epoch", format!("{text:?} is not 16 hexadecimal digits")))
}

fn read_chain(text: &str) -> Result<Chain, Problem> {
    text.parse().map_err(|()| Problem::invalid("chain", format!("{text:?} is not 32 hexadecimal digits")))
}

/// Make a node that follows decide.
///
/// The node that it follows is asked to stop first, and this node gets all of its log: nothing is lost. If that node is
/// lost, `i_stopped_it` is the operator's word for it; then the answer says what could be lost. A new era of the log begins:
/// ids and cursors up to it stay valid.
#[utoipa::path(
    post, path = "/v1/promote", tag = "nodes", security(("key" = ["ops"])), request_body = PromoteBody,
    responses(
        (status = 200, description = "It decides"),
        (status = 400, description = "invalid-request"),
        (status = 409, description = "wrong-state: it decides already, or the node that it follows did not stop"),
        (status = 503, description = "read-only: its directory cannot be written")
    )
)]
pub async fn promote(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let asked = extract::json::<PromoteBody>(&app, request).await?;
    // To its end, also if the caller leaves: the other node may have stopped.
    let promoted = tokio::spawn(async move { promotion::promote(&app, asked.body.i_stopped_it).await }).await;
    let promoted = promoted.map_err(|_| Problem::new(Slug::Internal, "internal error; see the server log"))?;
    promoted.map(|told| json_answer(&told))
}

/// Stop deciding, so that another node may take over.
///
/// It takes no more writes, answers those that are under way, and its directory remembers it: it never writes again in this
/// history, whoever starts it. With the last record of the node that is to take over, it compares the logs first. Asked
/// again, it says again where it stopped.
#[utoipa::path(
    post, path = "/v1/demote", tag = "nodes", security(("key" = ["node"]), ("key" = ["ops"])), request_body = DemoteBody,
    responses(
        (status = 200, description = "It decides no more"),
        (status = 400, description = "invalid-request"),
        (status = 409, description = "wrong-state: it follows another node, or the one that is to take over has another log"),
        (status = 410, description = "gone: the one that is to take over is too far behind"),
        (status = 503, description = "read-only: its directory cannot be written, and it goes on deciding")
    )
)]
pub async fn demote(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let taker = match extract::json::<DemoteBody>(&app, request).await?.body {
        DemoteBody { epoch: None, seq: None, chain: None } => None,
        DemoteBody { epoch: Some(epoch), seq: Some(seq), chain: Some(chain) } => {
            Some((read_epoch(&epoch)?, seq, read_chain(&chain)?))
        }
        _ => return Err(Problem::invalid("seq", "epoch, seq and chain belong together: send all, or none")),
    };
    promotion::demote(&app, taker).await.map(|told| json_answer(&told))
}

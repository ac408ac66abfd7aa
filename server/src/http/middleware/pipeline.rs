//! The pipeline that every request passes: admission, panic handler, timing and log line. It is one layer, because
//! each additional layer costs every request two allocations and a copy. Work for some requests only (CORS, gzip)
//! runs in a separate step once the request is known to need it.

use std::any::Any;
use std::cell::RefCell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header};
use tower::{Layer, Service};

use rustc_hash::FxHashMap;

use crate::app::App;
use crate::auth::Identity;
use crate::auth::principal::{Peer, Principal};
use crate::http::budget::answers::large;
use crate::http::budget::link::Busy;
use crate::http::budget::{ALWAYS_ANSWERED, Payer, Who};
use crate::http::middleware::admission::{self, Routes};
use crate::http::middleware::cors::Cors;
use crate::http::middleware::packing;
use crate::http::middleware::replication;
use crate::http::names;
use crate::http::problem::{Problem, Slug};
use crate::telemetry::latency::{self, Waited};

/// The layer.
#[derive(Clone)]
pub struct Pipeline {
    app: App,
    routes: Arc<Routes>,
    cors: Arc<Cors>,
}

impl Pipeline {
    /// Admits requests that `routes` allows.
    pub fn new(app: App, routes: Routes) -> Self {
        let cors = Arc::new(Cors::new(&app.auth.origins));
        Self { app, routes: Arc::new(routes), cors }
    }
}

impl<S> Layer<S> for Pipeline {
    type Service = PipelineService<S>;

    fn layer(&self, inner: S) -> PipelineService<S> {
        PipelineService { pipeline: self.clone(), inner }
    }
}

/// A service with its pipeline.
#[derive(Clone)]
pub struct PipelineService<S> {
    pipeline: Pipeline,
    inner: S,
}

impl<S> Service<Request> for PipelineService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let asked = Asked::of(&request);
        if Cors::is_preflight(&request) {
            let cors = Arc::clone(&self.pipeline.cors);
            return Box::pin(async move {
                let response = cors.preflight(request).await;
                asked.answered(&response);
                Ok(response)
            });
        }
        let route = asked.route.as_ref().map(MatchedPath::as_str);
        let span = self.pipeline.app.traces.request(&asked.method, route, request.headers());
        let waits = !ALWAYS_ANSWERED.contains(&request.uri().path());
        let link = request.extensions().get::<Peer>().map(|Peer(_, link)| Arc::clone(link));
        let busy = link.map(Busy::new);
        let begun = catch_unwind(AssertUnwindSafe(|| {
            match admission::admit(&self.pipeline.app, &self.pipeline.routes, &mut request) {
                Ok(request_id) => {
                    let identity =
                        request.extensions().get::<Principal>().map(|principal| Arc::clone(&principal.identity));
                    match names::take(&mut request) {
                        Ok(with_names) => Ok((request_id, identity, with_names, self.inner.call(request))),
                        Err(problem) => Err(Box::pin(admission::refuse(request, problem))),
                    }
                }
                // On the heap, so that the futures of other requests stay small.
                Err(problem) => Err(Box::pin(admission::refuse(request, problem))),
            }
        }));
        let pipeline = self.pipeline.clone();
        Box::pin(async move {
            let (answers, pace) = (&pipeline.app.answers, &pipeline.app.pace);
            let link = busy.as_ref().map(Busy::link);
            let who = |identity: Option<&Identity>| Who::new(identity, asked.address);
            let mut response = match begun {
                Ok(Ok((request_id, identity, with_names, answer))) => {
                    let who = who(identity.as_deref());
                    let _under_way = if waits { Some(pace.begin(who).await) } else { None };
                    let mut response = caught(span.around(answer)).await;
                    if with_names {
                        // On the heap, so that the futures of other requests stay small.
                        response = Box::pin(names::add(&pipeline.app.engine, response)).await;
                    }
                    let payer = || Payer { who, link: link.cloned() };
                    let mut response = match large(link.map(Arc::as_ref), &response) {
                        None => response,
                        // On the heap, so that the futures of small answers stay small.
                        Some(bytes) => {
                            let may_refuse = asked.only_asked(&response);
                            Box::pin(answers.send(payer(), bytes, may_refuse, response)).await
                        }
                    };
                    if let Some(id) = request_id {
                        response.headers_mut().insert(admission::REQUEST_ID, id);
                    }
                    response
                }
                Ok(Err(refused)) => {
                    let _under_way = pace.refuse(who(None)).await;
                    caught(refused.map(Ok)).await
                }
                Err(panic) => defect(&*panic),
            };
            let packs = asked.accepts.is_some() && packing::is_worth_it(&response);
            if packs || asked.origin.is_some() {
                // On the heap, so that the futures of unpacked answers stay small.
                response = Box::pin(asked.dress(packs, &pipeline.cors, response)).await;
            } else {
                pipeline.cors.vary(&mut response);
            }
            if !pipeline.app.engine.role().decides() {
                replication::tell(&pipeline.app, response.headers_mut());
            }
            span.answered(response.status().as_u16());
            asked.answered(&response);
            Ok(response)
        })
    }
}

/// The answer of a service; an internal error if the service panics.
async fn caught(answer: impl Future<Output = Result<Response, Infallible>>) -> Response {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(response)) => response,
        Err(panic) => defect(&*panic),
    }
}

/// The answer for a panic.
fn defect(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    Problem::new(Slug::Internal, "internal error; see the server log").into_response()
}

/// What is kept of a request until its answer.
struct Asked {
    at: Instant,
    method: Method,
    route: Option<MatchedPath>,
    trace: Option<String>,
    /// The client's address, behind the trusted proxies.
    address: Option<IpAddr>,
    /// The page's origin, and the accepted encodings; most clients other than browsers send neither.
    origin: Option<HeaderValue>,
    accepts: Option<HeaderValue>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        Self {
            at: Instant::now(),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            trace: crate::http::extract::trace(request.headers()),
            address: request.extensions().get::<Peer>().map(|Peer(peer, _)| peer.ip()),
            origin: request.headers().get(header::ORIGIN).cloned(),
            accepts: request.headers().get(header::ACCEPT_ENCODING).cloned(),
        }
    }

    /// Packs the answer and adds CORS headers, as the request needs.
    async fn dress(&self, packs: bool, cors: &Cors, mut response: Response) -> Response {
        if let Some(accepts) = self.accepts.as_ref().filter(|_| packs) {
            response = packing::pack(accepts.clone(), response).await;
        }
        match &self.origin {
            Some(origin) => cors.tell(origin.clone(), response).await,
            None => response,
        }
    }

    /// Whether the request only read, so that its finished answer may still be refused. The result of a write is
    /// always sent.
    fn only_asked(&self, response: &Response) -> bool {
        match self.route.as_ref().map_or("", MatchedPath::as_str) {
            "/v1/availability/query" | "/v1/what-if" => true,
            // Sourcing that creates a reservation is a write; a dry run is not.
            "/v1/sourcing" => response.status() == StatusCode::OK,
            _ => [Method::GET, Method::HEAD].contains(&self.method),
        }
    }

    /// Counts and times the request, and logs a failure. Labels never contain a SKU or a store.
    fn answered(self, response: &Response) {
        let Self { at, method, route, trace, address, .. } = self;
        let waited = response.extensions().get().map_or(Duration::ZERO, |Waited(waited)| *waited);
        let elapsed = at.elapsed().saturating_sub(waited);
        latency::note(elapsed);
        let status = response.status();
        let route = route.as_ref().map_or("none", |path| path.as_str());
        DURATIONS.with_borrow_mut(|durations| durations.record(label(&method), route, status.as_u16(), elapsed));
        let elapsed_us = elapsed.as_micros() as u64;
        if status.is_server_error() {
            let address = address.map(tracing::field::display);
            tracing::warn!(%method, route, status = status.as_u16(), elapsed_us, trace, address, "failed");
        } else {
            let address = address.map(tracing::field::display);
            tracing::debug!(%method, route, status = status.as_u16(), elapsed_us, trace, address, "served");
        }
    }
}

thread_local! {
    static DURATIONS: RefCell<Durations> = RefCell::default();
}

/// The histograms of this thread by route: a lookup by labels costs more than formatting the answer.
#[derive(Default)]
struct Durations(FxHashMap<String, Vec<(&'static str, u16, metrics::Histogram)>>);

impl Durations {
    fn record(&mut self, method: &'static str, route: &str, status: u16, elapsed: Duration) {
        let known = self.0.get(route).map_or(&[][..], Vec::as_slice);
        if let Some((_, _, histogram)) = known.iter().find(|(m, s, _)| (*m, *s) == (method, status)) {
            histogram.record(elapsed.as_secs_f64());
            return;
        }
        let histogram = metrics::histogram!(
            "anaquel_http_request_duration_seconds",
            "method" => method,
            "route" => route.to_owned(),
            "status" => status.to_string()
        );
        histogram.record(elapsed.as_secs_f64());
        self.0.entry(route.to_owned()).or_default().push((method, status, histogram));
    }
}

fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    /// Panics before it returns its answer, or while it makes it.
    #[derive(Clone)]
    struct Panics {
        at_once: bool,
    }

    impl Service<Request> for Panics {
        type Response = Response;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request) -> Self::Future {
            assert!(!self.at_once, "at once");
            Box::pin(async { panic!("later") })
        }
    }

    #[test]
    fn only_questions_are_refused_once_they_are_answered() -> anyhow::Result<()> {
        let response = Response::default();
        for (method, only_asked) in [("GET", true), ("HEAD", true), ("POST", false), ("PUT", false), ("DELETE", false)]
        {
            let request = Request::builder().method(method).uri("/v1/anything").body(Body::empty())?;
            assert_eq!(Asked::of(&request).only_asked(&response), only_asked, "{method}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn whatever_panics_is_answered_for() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let app = App::for_tests(folder.path())?;
        for at_once in [true, false] {
            let pipeline = Pipeline::new(app.clone(), Routes::default());
            let response = pipeline
                .layer(Panics { at_once })
                .call(Request::get("/").header("host", "localhost").body(Body::empty())?)
                .await?;
            assert_eq!(response.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
        Ok(())
    }
}

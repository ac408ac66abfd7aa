//! Whole requests, answered without a socket: from a parsed request to the last byte of its answer, with everything
//! behind a connection, authentication included.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use anaquel_bench::{Numbers, name, stock};
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_server::app::App;
use anaquel_server::auth::Scope;
use anaquel_server::auth::keys::{Grant, KeyFile};
use anaquel_server::config::Config;
use anaquel_server::http::router::router;
use anaquel_server::{serve, telemetry};
use anyhow::ensure;
use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use super::child::{here, repeat};
use super::fixture::{Held, follow, settle, until};

const SKUS: u32 = 20;
/// The channel of the requests: known to the engine, and bound to the key.
const CHANNEL: &str = "web";

/// A server without a socket.
struct Shop {
    app: App,
    clock: Arc<Held>,
    runtime: Runtime,
    key: String,
    _folder: tempfile::TempDir,
}

impl Shop {
    fn new(locations: u32) -> anyhow::Result<Self> {
        let (folder, clock) = (tempfile::tempdir()?, Arc::new(Held::default()));
        let config = Config { data: folder.path().to_owned(), ..Config::default() };
        let grant = Grant {
            name: "checkout".to_owned(),
            scopes: vec![Scope::Read, Scope::Reserve],
            channels: Vec::new(),
            locations: Vec::new(),
            limits: Default::default(),
            expires_at: None,
        };
        let (_, key) = KeyFile::change(&config.auth.keys_path(&config.data), |keys| keys.add(grant, 0))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        telemetry::log(&config.log)?;
        let app = App::in_memory(config, MemoryDisk::default(), clock.clone(), telemetry::collect_metrics()?)?;
        drop(inside);
        ensure!(app.auth.is_locked(), "the server does not authenticate callers");
        stock(&app.engine, SKUS, locations, 1_000_000);
        Ok(Self { app, clock, runtime, key, _folder: folder })
    }

    fn request(&self, method: Method, path: &str, body: String) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "stock.example")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::USER_AGENT, "checkout/1.0")
            .header(header::ACCEPT, "*/*");
        if !body.is_empty() {
            request =
                request.header(header::CONTENT_TYPE, "application/json").header(header::CONTENT_LENGTH, body.len());
        }
        Ok(request.body(Full::from(body))?)
    }

    /// Sends all of them after ten others, one by one over one connection.
    fn answer(&self, requests: Vec<Request<Full<Bytes>>>, status: StatusCode) -> anyhow::Result<()> {
        let _follower = follow(&self.app.engine)?;
        let place = self.app.links.enter(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
        let router = router(self.app.clone());
        let connection = serve::behind(self.app.clone(), router, peer, Arc::clone(&place.link));
        let _inside = self.runtime.enter();
        let (mut right, all) = (0, requests.len());
        let mut one = |request| {
            let (connection, app) = (connection.clone(), &self.app);
            let answer = self.finish(async move { whole(connection, request).await });
            right += usize::from(answer == Some(status));
            settle(&app.engine);
        };
        let mut requests = requests.into_iter();
        // Cached results are computed beforehand.
        requests.by_ref().take(WARM).for_each(&mut one);
        let mut is_counted = false;
        repeat(|| {
            requests.for_each(&mut one);
            is_counted = true;
        });
        ensure!(right == if is_counted { all } else { WARM }, "{right} of {all} were answered with {status}");
        Ok(())
    }

    /// Runs the future of an answer to its end, and counts its work, but not its waiting. While it waits for a write,
    /// the write is done.
    fn finish<T>(&self, answer: impl Future<Output = T>) -> T {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut answer = pin!(answer);
        self.clock.hold();
        loop {
            let step = here(|| answer.as_mut().poll(&mut context));
            self.clock.let_go();
            match step {
                Poll::Ready(done) => return done,
                Poll::Pending => until(|| woken.0.swap(false, Ordering::AcqRel)),
            }
        }
    }
}

/// The waker of the task; the same for every wait.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Requests that come first.
const WARM: usize = 10;

/// The status of an answer whose body was read.
async fn whole<S, R, E, B>(connection: S, request: R) -> Option<StatusCode>
where
    S: Service<R, Response = axum::http::Response<B>, Error = E>,
    B: axum::body::HttpBody,
{
    let answer = connection.oneshot(request).await.ok()?;
    let status = answer.status();
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    (!body.is_empty()).then_some(status)
}

pub fn reservation(times: u64) -> anyhow::Result<()> {
    const LOCATIONS: u32 = 50;
    let shop = Shop::new(LOCATIONS)?;
    let mut numbers = Numbers(5);
    let mut one = || {
        let (sku, location) = (name("sku", numbers.pick(SKUS)), name("location", numbers.pick(LOCATIONS)));
        let line = format!(r#"{{"sku":"{sku}","location":"{location}","quantity":1}}"#);
        let body = format!(r#"{{"channel":"{CHANNEL}","customer":"c-81","lines":[{line}]}}"#);
        shop.request(Method::POST, "/v1/reservations", body)
    };
    let requests = (0..times + WARM as u64).map(|_| one()).collect::<anyhow::Result<_>>()?;
    shop.answer(requests, StatusCode::CREATED)
}

pub fn availability_of_a_cell(times: u64) -> anyhow::Result<()> {
    const LOCATIONS: u32 = 50;
    let shop = Shop::new(LOCATIONS)?;
    let mut numbers = Numbers(5);
    let mut one = || {
        let (sku, location) = (name("sku", numbers.pick(SKUS)), name("location", numbers.pick(LOCATIONS)));
        let path = format!("/v1/availability?sku={sku}&location={location}");
        shop.request(Method::GET, &path, String::new())
    };
    let requests = (0..times + WARM as u64).map(|_| one()).collect::<anyhow::Result<_>>()?;
    shop.answer(requests, StatusCode::OK)
}

pub fn availability_of_a_sku(times: u64) -> anyhow::Result<()> {
    let shop = Shop::new(200)?;
    let mut numbers = Numbers(5);
    let mut one = || {
        let path = format!("/v1/availability?sku={}", name("sku", numbers.pick(SKUS)));
        shop.request(Method::GET, &path, String::new())
    };
    let requests = (0..times + WARM as u64).map(|_| one()).collect::<anyhow::Result<_>>()?;
    shop.answer(requests, StatusCode::OK)
}

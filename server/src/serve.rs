//! The running server: opens the engine, accepts connections, and ends in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anaquel_engine::Engine;
use anaquel_engine::recovery::{Options, Report};
use anyhow::Context;
use axum::body::{Bytes, HttpBody};
use axum::response::Response;
use axum::{BoxError, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tower::{Service, ServiceExt};

use crate::app::{App, Inner, SystemClock, VisibleSeq};
use crate::auth::Auth;
use crate::auth::principal::Peer;
use crate::auth::tls::Tls;
use crate::config::{Config, Sync};
use crate::http::budget::ALWAYS_ANSWERED;
use crate::http::budget::link::{ConnectionSlot, Link};
use crate::http::budget::watched::{Tracked, Watched};
use crate::http::middleware::admission;
use crate::http::problem::{Problem, Slug};
use crate::http::router::router;
use crate::lanes::{self, Entrances, Lanes};
use crate::subjects::transfers::replenishment;
use crate::telemetry::traces::Traces;
use crate::watchdog::Watchdog;
use crate::{demo, telemetry};

/// Connections that wait to be taken in; the kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Bytes that the kernel may keep for a client that does not read; it reserves twice as much. Larger ones would hide for
/// minutes whether a slow client reads at all.
const SEND_BUFFER_BYTES: u32 = 128 << 10;

/// Requests of one HTTP/2 connection that may be under way.
const STREAMS_MAX: u32 = 128;

/// Bytes of one HTTP/2 stream that are taken from its answer and not written.
const STREAM_BYTES_MAX: usize = 64 << 10;

/// Bytes of one request's body that a client may send over HTTP/2 before they are read, and of all of a connection.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// How long a connection beyond the limit may last.
const BEYOND: Duration = Duration::from_secs(5);

/// While the server stops, a client may take nothing for so long.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// How often a shutdown looks whether the journal thread comes round.
const STUCK_LOOK: Duration = Duration::from_millis(100);

/// Opens the engine that `config` describes.
///
/// # Errors
/// What is wrong with the data directory, and what to do.
pub fn open_engine(config: &Config, observer: Option<VisibleSeq>) -> anyhow::Result<(Engine, Report)> {
    let options = Options {
        settings: config.engine_settings(),
        log: config.log_options(),
        entropy: crate::random().map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?,
        trust_clock: config.trust_clock,
    };
    let observer = observer.map(|observer| Box::new(observer) as Box<dyn anaquel_engine::sequencer::Observer>);
    let (engine, report) = Engine::open(&config.data, options, Arc::new(SystemClock::default()), observer)
        .with_context(|| format!("the data directory {}", config.data.display()))?;
    crate::wire::tell_times_by(engine.anchors());
    Ok((engine, report))
}

/// Runs until the process is told to stop.
///
/// # Errors
/// Why it could not start, or could not end in order.
pub fn serve(config: Config, with_demo: bool, restored: bool) -> anyhow::Result<()> {
    telemetry::log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let lanes = Lanes::start(lanes::count())?;
    let ended = runtime.block_on(run(config, lanes.entrances(), with_demo, restored));
    lanes.end();
    ended
}

async fn run(config: Config, entrances: Entrances, with_demo: bool, restored: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    // Everything that may be wrong without a data directory is found out before one is made.
    let auth = Arc::new(Auth::open(&config)?);
    let tls = Tls::open(&config.tls)?.map(Arc::new);
    may_listen(&config, &auth, tls.is_some())?;
    let traces = Traces::start(&config.telemetry)?;
    let socket = bind(config.listen).with_context(|| format!("listening on {}", config.listen))?;
    if restored {
        let marker = config.data.join(anaquel_engine::RESTORED);
        std::fs::write(&marker, "").with_context(|| marker.display().to_string())?;
    }
    let metrics = telemetry::collect_metrics()?;
    let (visible_tx, visible) = watch::channel(0);
    let opening = config.clone();
    let (engine, report) =
        tokio::task::spawn_blocking(move || open_engine(&opening, Some(VisibleSeq(visible_tx)))).await??;
    tell(&config, &report, &engine, started);
    if with_demo {
        let loading = engine.clone();
        tokio::task::spawn_blocking(move || demo::load(&loading)).await??;
    }
    let (stop, stopping) = watch::channel(false);
    let watchdog = Arc::new(Watchdog::default());
    Arc::clone(&watchdog).watch(engine.clone(), &config.journal)?;
    let inner = Inner::new(
        engine.clone(),
        config.clone(),
        metrics,
        visible,
        Arc::clone(&auth),
        stopping.clone(),
        Arc::clone(&watchdog),
    );
    let inner = Inner { traces: traces.clone(), ..inner };
    let app = App(Arc::new(inner));
    // Before anybody can be told that it is ready: whoever was told may ask it to stop at once.
    let signal = StopSignal::new()?;
    let listener = socket.listen(BACKLOG).with_context(|| format!("listening on {}", config.listen))?;
    let address = listener.local_addr()?;
    if !auth.is_locked() {
        tracing::warn!(%address, "there are no keys: everyone who reaches this address can read and write; `anaquel keys add` makes a key");
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, docs = format!("{scheme}://{address}/docs"), locked = auth.is_locked(), "listening");
    tokio::spawn(Arc::clone(&auth).watch());
    tokio::spawn(Arc::clone(&app.links).watch());
    tokio::spawn(Arc::clone(&app.answers).watch_all());
    tokio::spawn(Arc::clone(&app.pace).watch(entrances.clone()));
    tokio::spawn(tell_old_log(engine.clone(), stopping.clone()));
    tokio::spawn(replenishment::schedule::watch(app.clone()));
    if let Some(tls) = &tls {
        tokio::spawn(Arc::clone(tls).watch());
    }
    accept(listener, app, &config, entrances, tls, stop, signal).await;
    tracing::info!("finishing what is in flight, and taking a last checkpoint");
    let closing = engine.clone();
    let mut closed = tokio::task::spawn_blocking(move || closing.close());
    let patience = Instant::now() + Duration::from_secs(config.limits.shutdown_seconds);
    loop {
        match tokio::time::timeout(STUCK_LOOK, &mut closed).await {
            Ok(closed) => break closed?.map_err(|error| anyhow::anyhow!(error))?,
            Err(_) => {
                if let Some(reason) = watchdog.stuck().filter(|_| Instant::now() >= patience) {
                    tracing::error!(reason, "ending without a last checkpoint; what was acknowledged is in the log");
                    std::process::exit(1);
                }
            }
        }
    }
    tracing::info!(seq = engine.state().view.seq(), "closed");
    tokio::task::spawn_blocking(move || traces.stop()).await?;
    Ok(())
}

/// Beyond this machine, nobody is served who need not say who they are, and nothing that others could read on its way.
fn may_listen(config: &Config, auth: &Auth, has_tls: bool) -> anyhow::Result<()> {
    if config.listen.ip().is_loopback() || config.insecure || (auth.is_locked() && has_tls) {
        return Ok(());
    }
    let missing = match (auth.is_locked(), has_tls) {
        (false, false) => "a key (anaquel keys add) and TLS (tls.certificate and tls.key)",
        (false, true) => "a key (anaquel keys add)",
        (true, _) => "TLS (tls.certificate and tls.key)",
    };
    anyhow::bail!(
        "listen: {} can be reached from other machines; that needs {missing}, or --insecure to serve every caller",
        config.listen
    )
}

/// Says what was found at start, so that nobody has to guess.
fn tell(config: &Config, report: &Report, engine: &Engine, started: Instant) {
    let state = engine.state();
    tracing::info!(
        data = %config.data.display(),
        epoch = %engine.epoch(),
        seq = state.view.seq(),
        cells = state.cells(),
        reservations_open = state.reservations.open(),
        replayed = report.replayed,
        log_bytes = report.log.bytes,
        created = report.created,
        elapsed_ms = started.elapsed().as_millis() as u64,
        "recovered"
    );
    if let Some(new) = report.new_epoch {
        tracing::warn!(
            before = %new.before,
            epoch = %engine.epoch(),
            after = new.after,
            "this data directory is a copy, so it begins a new epoch: ids and cursors that its original gave out after this record are unknown here, and the other way round"
        );
    }
    if let Some(copied) = report.copied {
        tracing::warn!(
            last = copied.last_seq,
            durable_up_to = copied.marked.max(copied.last_seq),
            log_from = copied.oldest,
            "its files were copied while a server had them open: it goes on at the last record that they hold whole; anaquel backup takes what is exact at one seq"
        );
    }
    if let Some(reason) = &report.copies_refused {
        tracing::warn!(
            reason,
            "what plain copies of this directory are opened from cannot be written: copies that are taken while this runs may be refused; anaquel backup takes better ones"
        );
    }
    for path in &report.open_to_others {
        tracing::warn!(path = %path.display(), "belongs to another user, and may be open to others: chmod go= it");
    }
    for bad in &report.bad_checkpoints {
        tracing::warn!(%bad, "a checkpoint was passed over; the log made up for it");
    }
    if report.log.torn_parts > 0 {
        tracing::warn!(parts = report.log.torn_parts, "an unfinished, never acknowledged batch was dropped");
    }
    if let Some(seconds) = report.clock_ahead_seconds {
        tracing::error!(
            seconds,
            limit = config.clock.jump_seconds_max,
            "the clock is further ahead of the log than clock.jump_seconds_max; time goes on from the log, and holds from before are kept alive; if the clock is right: POST /v1/clock/trust, or start with --trust-clock; if it is wrong: set it, and start again"
        );
    }
    if let Some(seconds) = report.clock_behind_seconds {
        tracing::error!(
            seconds,
            "the clock is behind the log; the log goes at half the clock's pace until it has caught up; if the clock is wrong: set it, and start again"
        );
    }
    if config.journal.sync == Sync::Interval {
        tracing::warn!(
            interval_ms = config.journal.sync_interval_ms,
            "sync = interval: a crash loses what was acknowledged since the last sync"
        );
    }
}

/// Says what the check of the old log came to.
async fn tell_old_log(engine: Engine, mut stopping: watch::Receiver<bool>) {
    const LOOK: Duration = Duration::from_millis(200);
    let started = Instant::now();
    let until = engine.old_log().until;
    if until == 0 {
        return;
    }
    loop {
        let old_log = engine.old_log();
        if let Some(damage) = old_log.damage {
            tracing::error!(
                %damage,
                until,
                "the log from before the checkpoint is damaged; writes are taken, since they rest on nothing of it; repeats, events and verify may fail there"
            );
            return;
        }
        if old_log.is_over {
            let elapsed_ms = started.elapsed().as_millis() as u64;
            tracing::info!(until, elapsed_ms, "the log from before the checkpoint is whole");
            return;
        }
        if tokio::time::timeout(LOOK, stopping.wait_for(|stopping| *stopping)).await.is_ok() {
            return;
        }
    }
}

/// Takes connections until told to stop, then lets those that are open finish.
async fn accept(
    listener: TcpListener,
    app: App,
    config: &Config,
    entrances: Entrances,
    tls: Option<Arc<Tls>>,
    stop: watch::Sender<bool>,
    mut signal: StopSignal,
) {
    let limits = &config.limits;
    let patience = Duration::from_secs(limits.header_seconds);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Both halves belong together: without a timer, the timeout panics.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_send_buf_size(STREAM_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience);
    let graceful = GracefulShutdown::new();
    let entrance = Arc::new(Entrance { router: router(app.clone()), builder, patience, app: app.clone() });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = signal.came() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: it passes when connections close.
                tracing::warn!(%error, "a connection was not accepted");
                app.links.make_room();
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        // Its reactor is that of the lane that it comes to.
        let Ok(stream) = stream.into_std() else { continue };
        let place = app.links.enter_as(peer.ip(), app.auth.proxies.trust(peer.ip()));
        let acceptor = tls.as_ref().map(|tls| tls.acceptor());
        entrances.put(Arc::clone(&entrance).serve(stream, peer, place, acceptor, graceful.watcher()));
    }
    tracing::info!("stopping: no new connections are taken");
    drop(listener);
    stop.send_replace(true);
    let patience = Duration::from_secs(limits.shutdown_seconds);
    let ended = async { tokio::join!(graceful.shutdown(), app.streams.ended()) };
    // Nobody waits for whoever reads nothing.
    let links = Arc::clone(&app.links);
    let cutting = tokio::spawn(async move {
        loop {
            links.cut_stalled(Some(LAST_PATIENCE));
            tokio::time::sleep(LAST_PATIENCE / 4).await;
        }
    });
    if tokio::time::timeout(patience, ended).await.is_err() {
        tracing::warn!(seconds = patience.as_secs(), "some requests did not end; they are cut off");
    }
    cutting.abort();
}

/// What all connections are served by.
struct Entrance {
    app: App,
    router: Router,
    builder: auto::Builder<TokioExecutor>,
    /// How long a connection may take to say something.
    patience: Duration,
}

impl Entrance {
    /// Serves a connection to its end.
    async fn serve(
        self: Arc<Self>,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        place: ConnectionSlot,
        acceptor: Option<TlsAcceptor>,
        watcher: Watcher,
    ) {
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        let link = &place.link;
        let mut stopping = self.app.stopping.clone();
        let opening = async {
            match acceptor {
                None => {
                    let is_http2 = speaks_http2(&stream).await?;
                    Ok((is_http2, Either::Left(Watched::new(stream, Arc::clone(link)))))
                }
                Some(acceptor) => acceptor.accept(Watched::new(stream, Arc::clone(link))).await.map(|stream| {
                    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    (is_http2, Either::Right(stream))
                }),
            }
        };
        // Whoever has not yet asked for anything when the server stops is not waited for.
        let opened = tokio::select! {
            opened = tokio::time::timeout(self.patience, opening) => opened,
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = link.is_cut() => return,
        };
        let ended = match opened {
            Ok(Ok((is_http2, stream))) => {
                let builder = if is_http2 {
                    link.speaks_http2();
                    self.builder.clone().http2_only()
                } else {
                    self.builder.clone().http1_only()
                };
                let router = if place.is_beyond { beyond(self.router.clone()) } else { self.router.clone() };
                let service = TowerToHyperService::new(behind(self.app.clone(), router, peer, Arc::clone(link)));
                if place.is_beyond {
                    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
                    let ended = tokio::select! {
                        ended = tokio::time::timeout(BEYOND, watcher.watch(connection)) => ended,
                        () = link.is_cut() => return,
                    };
                    ended.unwrap_or(Ok(()))
                } else {
                    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                    tokio::select! {
                        ended = watcher.watch(connection.into_owned()) => ended,
                        () = link.is_cut() => return,
                    }
                }
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err("nothing was asked in time".into()),
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "a connection ended early");
        }
    }
}

/// What the requests of one connection pass: they are told who is at its other end and, where that is a trusted proxy,
/// whom the proxy asks for; then `router` answers, and the answers say whether they are fetched.
pub fn behind<B>(
    app: App,
    router: Router,
    peer: SocketAddr,
    link: Arc<Link>,
) -> impl Service<http::Request<B>, Response = http::Response<Tracked>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ 'static
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (of_request, is_proxy) = (Arc::clone(&link), app.auth.proxies.trust(peer.ip()));
    let from_peer = move |mut request: http::Request<B>| {
        let mut asks = peer;
        if is_proxy {
            asks.set_ip(app.auth.proxies.client(peer.ip(), request.headers()));
        }
        request.extensions_mut().insert(Peer(asks, Arc::clone(&of_request)));
        request
    };
    let tracked = move |answer: Response| answer.map(|body| Tracked::new(body, &link));
    router.map_request(from_peer).map_response(tracked)
}

/// Answers what is always answered, and tells everybody else to come again.
fn beyond(router: Router) -> Router {
    Router::new().fallback(move |request: axum::extract::Request| {
        let router = router.clone();
        async move {
            let mut answer = if ALWAYS_ANSWERED.contains(&request.uri().path()) {
                match router.oneshot(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                }
            } else {
                let detail = "limits.connections: no more are taken, or no more of this address \
                              (limits.address_connections); close some, or come again";
                let problem = Problem::new(Slug::Overloaded, detail).with("limit", "limits.connections");
                admission::refuse(request, problem).await
            };
            answer.headers_mut().insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
            answer
        }
    })
}

/// Whether what comes first on a connection is how HTTP/2 begins. Found out here, because whoever finds it out later waits
/// for it without an end.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    /// How long until the second look, and between looks at most.
    const FIRST_LOOK: Duration = Duration::from_millis(5);
    const LAST_LOOK: Duration = Duration::from_millis(500);
    let mut begun = [0; PREFACE.len()];
    let mut waits = FIRST_LOOK;
    loop {
        let length = stream.peek(&mut begun).await?;
        let begun = begun.get(..length).unwrap_or(&[]);
        if length == 0 || length == PREFACE.len() || !PREFACE.starts_with(begun) {
            return Ok(begun == PREFACE);
        }
        // More of it is on its way; a peek tells what is there, not when there is more.
        tokio::time::sleep(waits).await;
        waits = LAST_LOOK.min(waits * 2);
    }
}

/// A socket that has the address, and refuses whoever comes until it listens. It listens with a backlog of [`BACKLOG`]:
/// who finds no room there is not told, and tries again a second later.
fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // After a restart, the connections of the one before do not keep the address.
    socket.set_reuseaddr(true)?;
    // Those that are accepted have what the one that listens has.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    Ok(socket)
}

/// SIGTERM, Ctrl-C, or the end of the terminal, caught from the moment that it is made. What the server was started with
/// `nohup` for is kept: where the end of the terminal was to be ignored, it is.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl StopSignal {
    fn new() -> std::io::Result<Self> {
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    async fn came(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = hangup => "SIGHUP",
        };
        tracing::info!(signal = name, "told to stop");
    }
}

/// Whether the process was started so that it outlives its terminal.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first bit is SIGHUP's.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

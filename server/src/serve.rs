//! The running server: opens the engine, accepts connections, and shuts down in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anaquel_engine::journal::StoreKind;
use anaquel_engine::recovery::{Options, StartReport};
use anaquel_engine::role::Role;
use anaquel_engine::{Engine, recorded_identity};
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
use crate::subjects::SUBJECTS;
use crate::subjects::events::views::record;
use crate::subjects::nodes::join::{self, Begin};
use crate::subjects::nodes::peers;
use crate::telemetry::sampler;
use crate::telemetry::traces::Traces;
use crate::watchdog::Watchdog;
use crate::{demo, telemetry};

/// The backlog of connections that wait to be accepted; the kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// The send buffer of a connection; the kernel reserves twice as much. A larger buffer hides for minutes that a client
/// does not read.
const SEND_BUFFER_BYTES: u32 = 128 << 10;

/// Requests of one HTTP/2 connection that may be under way.
const STREAMS_MAX: u32 = 128;

/// Bytes of one HTTP/2 stream that are taken from its answer and not yet written.
const STREAM_BYTES_MAX: usize = 64 << 10;

/// Bytes of one request's body that an HTTP/2 client may send before the server reads them; the second value is for all
/// requests of a connection.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// The lifetime of a connection beyond the limit.
const BEYOND: Duration = Duration::from_secs(5);

/// During shutdown, a connection is closed if its client reads nothing for this time.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// How often a shutdown checks whether the journal thread has finished.
const STUCK_LOOK: Duration = Duration::from_millis(100);

/// Opens the engine that `config` describes, in a role; without one, in that of the data directory.
///
/// # Errors
/// What is wrong with the data directory, and the remedy.
pub fn open_engine(
    config: &Config,
    observer: Option<VisibleSeq>,
    role: Option<Role>,
) -> anyhow::Result<(Engine, StartReport)> {
    let options = Options {
        settings: config.engine_settings(),
        log: config.log_options(),
        entropy: crate::random().map_err(|_| anyhow::anyhow!("the operating system returned no random numbers"))?,
        trust_clock: config.trust_clock,
        role,
    };
    let observer = observer.map(|observer| Box::new(observer) as Box<dyn anaquel_engine::sequencer::Observer>);
    let (engine, report) = Engine::open(&config.data, options, Arc::new(SystemClock::default()), observer)
        .with_context(|| format!("the data directory {}", config.data.display()))?;
    crate::wire::tell_times_by(engine.anchors());
    Ok((engine, report))
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// It is to start again, with what its directory has now.
    Again,
}

/// Runs until the process is told to stop.
///
/// # Errors
/// Why the server could not start, or could not shut down in order.
pub fn serve(config: Config, with_demo: bool, restored: bool) -> anyhow::Result<Ended> {
    telemetry::log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let lanes = Lanes::start(lanes::count())?;
    let ended = runtime.block_on(run(config, lanes.entrances(), with_demo, restored));
    lanes.end();
    ended
}

async fn run(mut config: Config, entrances: Entrances, with_demo: bool, restored: bool) -> anyhow::Result<Ended> {
    let started = Instant::now();
    // First: a node that follows has the keys of the node that it follows.
    let role = follows(&mut config).await?;
    let role = may_decide(&config, role).await?;
    // Checks everything that does not need a data directory first, before it creates one.
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
        tokio::task::spawn_blocking(move || open_engine(&opening, Some(VisibleSeq(visible_tx)), Some(role))).await??;
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
    // Installs the signal handlers before the server reports that it is ready: a supervisor may stop it at once.
    let signal = StopSignal::new()?;
    let listener = socket.listen(BACKLOG).with_context(|| format!("listening on {}", config.listen))?;
    let address = listener.local_addr()?;
    if !auth.is_locked() {
        tracing::warn!(%address, "no keys: everyone who reaches this address can read and write; `anaquel keys add` \
                                  creates a key");
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, docs = format!("{scheme}://{address}/docs"), locked = auth.is_locked(), "listening");
    tokio::spawn(Arc::clone(&auth).watch());
    tokio::spawn(Arc::clone(&app.follow).run(record, app.visible.clone()));
    tokio::spawn(sampler::watch(app.clone()));
    tokio::spawn(Arc::clone(&app.links).watch());
    tokio::spawn(Arc::clone(&app.answers).watch_all());
    tokio::spawn(Arc::clone(&app.pace).watch(entrances.clone()));
    tokio::spawn(tell_old_log(engine.clone(), stopping.clone()));
    SUBJECTS.iter().for_each(|subject| (subject.start)(&app));
    if let Some(tls) = &tls {
        tokio::spawn(Arc::clone(tls).watch());
    }
    let ended = accept(listener, app, &config, entrances, tls, stop, signal).await;
    tracing::info!("finishing requests in flight, then writing a last checkpoint");
    let closing = engine.clone();
    let mut closed = tokio::task::spawn_blocking(move || closing.close());
    let patience = Instant::now() + Duration::from_secs(config.limits.shutdown_seconds);
    loop {
        match tokio::time::timeout(STUCK_LOOK, &mut closed).await {
            Ok(closed) => break closed?.map_err(|error| anyhow::anyhow!(error))?,
            Err(_) => {
                if let Some(reason) = watchdog.stuck().filter(|_| Instant::now() >= patience) {
                    tracing::error!(reason, "stopping without a last checkpoint; acknowledged writes are in the log");
                    std::process::exit(1);
                }
            }
        }
    }
    tracing::info!(seq = engine.state().view.seq(), "closed");
    tokio::task::spawn_blocking(move || traces.stop()).await?;
    Ok(ended)
}

/// What this node is by its settings. A node that follows and has no directory yet gets one here.
async fn follows(config: &mut Config) -> anyhow::Result<Role> {
    let Some(url) = config.nodes.follow.clone() else {
        join::go_on(config).await?;
        return Ok(Role::Primary);
    };
    match join::prepare(config, &url).await? {
        Begin::Follow => Ok(Role::Replica),
        Begin::Decide => {
            config.nodes.follow = None;
            Ok(Role::Primary)
        }
    }
}

/// A node does not decide in a history that one of its peers has left. Asked before the log is opened: until then, nothing
/// is added to it.
async fn may_decide(config: &Config, role: Role) -> anyhow::Result<Role> {
    let recorded = recorded_identity(&config.data).with_context(|| config.data.display().to_string())?;
    let Some(recorded) = recorded.filter(|recorded| role.decides() && recorded.role.decides()) else {
        return Ok(role);
    };
    let nodes = &config.nodes;
    if let Some(peers::Left { url, epoch }) = peers::who_left(nodes, &nodes.peers, &recorded.epochs).await {
        tracing::error!(
            peer = url,
            epoch,
            "nodes.peers: a peer took over from this node; this node decides no more: start it with --follow, or let the \
             peer follow it"
        );
        return Ok(Role::Demoted);
    }
    Ok(role)
}

/// On an address that other machines can reach, the server requires authentication and encryption.
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
        "listen: other machines can reach {}; set up {missing}, or start with --insecure to serve every caller",
        config.listen
    )
}

/// Logs the state of the data directory that the start found.
fn tell(config: &Config, report: &StartReport, engine: &Engine, started: Instant) {
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
            "this data directory is a copy, so it begins a new epoch: ids and cursors that the original issued after \
             this record are unknown here, and vice versa"
        );
    }
    if let Some(copied) = report.copied {
        tracing::warn!(
            last = copied.last_seq,
            durable_up_to = copied.marked.max(copied.last_seq),
            log_from = copied.oldest,
            "a server had this directory open while it was copied: the copy ends at its last complete record; use \
             anaquel backup for a copy that is exact at one seq"
        );
    }
    if let Some(reason) = &report.copies_refused {
        tracing::warn!(
            reason,
            "cannot write the marker for plain copies of this directory: copies made while the server runs may be \
             refused; use anaquel backup instead"
        );
    }
    for path in &report.open_to_others {
        tracing::warn!(path = %path.display(), "belongs to another user, and may be readable by others: chmod go= it");
    }
    for bad in &report.bad_checkpoints {
        tracing::warn!(%bad, "ignored an unreadable checkpoint; replayed the log instead");
    }
    if report.log.torn_parts > 0 {
        tracing::warn!(parts = report.log.torn_parts, "dropped an unfinished batch that was never acknowledged");
    }
    if let Some(seconds) = report.clock_ahead_seconds {
        tracing::error!(
            seconds,
            limit = config.clock.jump_seconds_max,
            "the clock is ahead of the log by more than clock.jump_seconds_max; time continues from the log, and \
             earlier holds do not expire; if the clock is right: POST /v1/clock/trust, or start with --trust-clock; \
             if it is wrong: set it, and restart"
        );
    }
    if let Some(seconds) = report.clock_behind_seconds {
        tracing::error!(
            seconds,
            "the clock is behind the log; the log's time runs at half speed until the clock catches up; if the clock \
             is wrong: set it, and restart"
        );
    }
    let set = StoreKind::from(config.journal.store);
    if let Some(store) = engine.log_store().filter(|store| *store != set) {
        tracing::info!(
            store = store.as_str(),
            set = set.as_str(),
            "the log stays in the store that it is in; to move it, restore a backup with anaquel restore --store"
        );
    }
    if config.journal.sync == Sync::Interval {
        tracing::warn!(
            interval_ms = config.journal.sync_interval_ms,
            "sync = interval: a crash loses writes that were acknowledged after the last sync"
        );
    }
}

/// Logs the result of the check of the old log.
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
                "the log before the checkpoint is damaged; writes are accepted, because they do not depend on it; \
                 repeats, events and verify may fail there"
            );
            return;
        }
        if old_log.is_over {
            let elapsed_ms = started.elapsed().as_millis() as u64;
            tracing::info!(until, elapsed_ms, "the log before the checkpoint is intact");
            return;
        }
        if tokio::time::timeout(LOOK, stopping.wait_for(|stopping| *stopping)).await.is_ok() {
            return;
        }
    }
}

/// Accepts connections until the shutdown, then waits for the open ones.
async fn accept(
    listener: TcpListener,
    app: App,
    config: &Config,
    entrances: Entrances,
    tls: Option<Arc<Tls>>,
    stop: watch::Sender<bool>,
    mut signal: StopSignal,
) -> Ended {
    let limits = &config.limits;
    let patience = Duration::from_secs(limits.header_seconds);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Timer and timeout belong together: without a timer, the timeout panics.
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
    let ended = loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = signal.came() => break Ended::Stopped,
            () = app.again.notified() => break Ended::Again,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Usually out of file descriptors; the condition ends when connections close.
                tracing::warn!(%error, "cannot accept a connection");
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
    };
    tracing::info!("stopping: accepting no new connections");
    drop(listener);
    stop.send_replace(true);
    let patience = Duration::from_secs(limits.shutdown_seconds);
    let all_ended = async { tokio::join!(graceful.shutdown(), app.streams.ended()) };
    // A client that reads nothing is not waited for.
    let links = Arc::clone(&app.links);
    let cutting = tokio::spawn(async move {
        loop {
            links.cut_stalled(Some(LAST_PATIENCE));
            tokio::time::sleep(LAST_PATIENCE / 4).await;
        }
    });
    if tokio::time::timeout(patience, all_ended).await.is_err() {
        tracing::warn!(seconds = patience.as_secs(), "some requests did not end in time; closing their connections");
    }
    cutting.abort();
    ended
}

/// What all connections share.
struct Entrance {
    app: App,
    router: Router,
    builder: auto::Builder<TokioExecutor>,
    /// The longest time until the first request of a connection.
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
        // A connection without a request does not delay the shutdown.
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
            Err(_) => Err("no request in time".into()),
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "a connection ended early");
        }
    }
}

/// The service of one connection: adds the address of the other end or, behind a trusted proxy, the address of the
/// proxy's client; calls `router`; and reports whether answers are fetched.
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

/// Answers health checks, and refuses everything else with `Retry-After`.
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
                let detail = "limits.connections: no room for another connection, or this address has too many \
                              (limits.address_connections); close some, or try again later";
                let problem = Problem::new(Slug::Overloaded, detail).with("limit", "limits.connections");
                admission::refuse(request, problem).await
            };
            answer.headers_mut().insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
            answer
        }
    })
}

/// Whether a connection begins with the HTTP/2 preface. Checked here, because the library would wait for the preface
/// without a timeout.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    /// The delay before the second check, and the longest delay between checks.
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
        // More bytes are on their way; a peek reports present bytes, not their arrival.
        tokio::time::sleep(waits).await;
        waits = LAST_LOOK.min(waits * 2);
    }
}

/// Binds a socket that refuses connections until it listens. Listens with a backlog of [`BACKLOG`]: when it is full,
/// the kernel drops SYNs and clients retry after 1 s.
fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // After a restart, old connections in TIME_WAIT do not block the address.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit the options of the listening socket.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    Ok(socket)
}

/// SIGTERM, SIGINT and SIGHUP, caught from the moment of creation. After `nohup`, SIGHUP stays ignored.
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
        tracing::info!(signal = name, "received a signal to stop");
    }
}

/// Whether the process was started with SIGHUP ignored.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is the first bit.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

//! What every handler shares, and the one way from a request to an outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anaquel_engine::bounds::{Bound, Bounds, Whose};
use anaquel_engine::command::{CommandResult, Completion, Failure, Listener, Outcome};
use anaquel_engine::event::{Cause, Record};
use anaquel_engine::idempotency::{Begin, Share, Wake};
use anaquel_engine::ids::Seq;
use anaquel_engine::journal::ReadError;
use anaquel_engine::sequencer::Observer;
use anaquel_engine::settings::PromiseLimits;
use anaquel_engine::{Clock, Engine};
use tokio::sync::{Notify, oneshot, watch};

use crate::auth::Auth;
use crate::auth::caller::Caller;
use crate::config::{Config, LimitsConfig};
use crate::files::progress::Imports;
use crate::http::budget::Payer;
use crate::http::budget::answers::{Answers, Held};
use crate::http::budget::aside::Aside;
use crate::http::budget::link::Links;
use crate::http::budget::pace::Pace;
use crate::http::problem::{Problem, Slug};
use crate::node::Node;
use crate::stream::follow::hub::Hub;
use crate::stream::streams::Streams;
use crate::subjects::receipts::copies::Copies;
use crate::subjects::reservations::codes::Codes;
use crate::telemetry::machine::Machine;
use crate::telemetry::recent::Recent;
use crate::telemetry::traces::{self, Traces};
use crate::watchdog::Watchdog;

/// How long a read with `min_seq` waits for it.
const MIN_SEQ_WAIT: Duration = Duration::from_secs(5);

/// The longest that `/v1/events` holds an answer.
pub const EVENTS_WAIT_MAX: Duration = Duration::from_secs(60);

/// What every handler shares.
#[derive(Clone)]
pub struct App(pub Arc<Inner>);

/// Behind the [`App`].
pub struct Inner {
    /// The engine.
    pub engine: Engine,
    /// The settings in force.
    pub config: Config,
    /// Renders `/metrics`.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// The visible `seq`, for those who wait for one.
    pub visible: watch::Receiver<Seq>,
    /// Who may come in.
    pub auth: Arc<Auth>,
    /// What all streams share.
    pub streams: Streams,
    /// Those who follow records of the log.
    pub follow: Arc<Hub>,
    /// All connections.
    pub links: Arc<Links>,
    /// Who crowds, and how far apart their requests begin.
    pub pace: Arc<Pace>,
    /// Bytes of large answers on their way.
    pub answers: Arc<Answers>,
    /// Long reads.
    pub reads: Arc<Aside>,
    /// Imports and exports.
    pub files: Arc<Aside>,
    /// Streams that read back what they missed, a stretch of the log at a time.
    pub catch_ups: Arc<Aside>,
    /// Codes of pickups and of exits that were tried.
    pub codes: Codes,
    /// The key by which orders of self check-outs are sampled; nobody knows it.
    pub sample_key: [u8; 32],
    /// How often customers' copies of receipts are read.
    pub copies: Copies,
    /// Where this node stands to the one that it follows.
    pub node: Arc<Node>,
    /// Asks the server to stop and to start again.
    pub again: Notify,
    /// True once the server stops taking requests.
    pub stopping: watch::Receiver<bool>,
    /// Looks after the journal thread.
    pub watchdog: Arc<Watchdog>,
    /// Looks at the machine.
    pub machine: Arc<Machine>,
    /// What the server did in the last hour.
    pub recent: Recent,
    /// Imports that run, and that ran.
    pub imports: Imports,
    /// Where spans begin.
    pub traces: Traces,
    /// When the process started.
    pub started: Instant,
}

impl Inner {
    /// Around an engine; nobody has asked for anything yet, and nobody takes traces.
    pub fn new(
        engine: Engine,
        config: Config,
        metrics: metrics_exporter_prometheus::PrometheusHandle,
        visible: watch::Receiver<Seq>,
        auth: Arc<Auth>,
        stopping: watch::Receiver<bool>,
        watchdog: Arc<Watchdog>,
    ) -> Self {
        let limits = &config.limits;
        let (links, answers) = (Links::new(limits), Answers::new(limits));
        let (reads, files) = (Aside::reads(limits), Aside::files(limits));
        // Each stream waits once, and a caller may have half of the line; a stream that is refused asks again.
        let long_reads_waiting = config.stream.sockets.saturating_mul(2).max(limits.long_reads_waiting);
        let catch_ups = Aside::reads(&LimitsConfig { long_reads: 0, long_reads_waiting, ..limits.clone() });
        let codes = Codes::new(config.reservations.pickup_code_tries);
        let (streams, started) = (Streams::new(&config.stream), Instant::now());
        let machine = Machine::new(config.data.clone());
        let follow = Hub::new(engine.clone());
        let node = Node::new(config.nodes.follow.clone());
        Self {
            engine,
            config,
            metrics,
            visible,
            auth,
            streams,
            follow,
            links,
            answers,
            pace: Pace::new(),
            reads,
            files,
            catch_ups,
            codes,
            sample_key: sample_key(),
            copies: Copies::default(),
            node,
            again: Notify::new(),
            stopping,
            watchdog,
            machine,
            recent: Recent::default(),
            imports: Imports::default(),
            traces: Traces::default(),
            started,
        }
    }
}

/// A key that is drawn at the start. Without random numbers, one that nobody knows either: of the start itself.
fn sample_key() -> [u8; 32] {
    let mut key = [0; 32];
    if getrandom::fill(&mut key).is_err() {
        use std::hash::{BuildHasher, RandomState};
        let drawn = RandomState::new().hash_one(Instant::now());
        key = *blake3::hash(&drawn.to_le_bytes()).as_bytes();
    }
    key
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Passes the visible `seq` on to whoever waits for it.
pub struct VisibleSeq(pub watch::Sender<Seq>);

impl Observer for VisibleSeq {
    fn published(&mut self, records: &[Record]) {
        if let Some(last) = records.last() {
            self.0.send_replace(last.seq);
        }
    }
}

/// The wall clock, read once and then carried on by the monotonic one: a clock that is set while the server runs moves
/// no deadline.
pub struct SystemClock {
    started_at_ms: u64,
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        let started_at_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        Self { started_at_ms, started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> anaquel_engine::ids::Timestamp {
        anaquel_engine::ids::Timestamp(self.started_at_ms + self.started.elapsed().as_millis() as u64)
    }
}

/// The outcome of a write, and whether it is the first answer told again.
pub struct Executed {
    /// What it came to.
    pub outcome: Outcome,
    /// Whether it was done before, and this is its first answer.
    pub replayed: bool,
}

/// A caller that waits for its answer.
struct PendingReply(oneshot::Sender<CommandResult>);

impl Listener for PendingReply {
    fn hear(self: Box<Self>, told: CommandResult) {
        drop(self.0.send(told));
    }

    fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

impl App {
    /// On a log in memory, with its keys in `folder`.
    #[cfg(test)]
    pub fn for_tests(folder: &std::path::Path) -> anyhow::Result<Self> {
        Self::for_tests_on(folder, anaquel_engine::journal::memory::MemoryDisk::default())
    }

    /// The same on a log of one's own.
    #[cfg(test)]
    pub fn for_tests_on(
        folder: &std::path::Path,
        disk: anaquel_engine::journal::memory::MemoryDisk,
    ) -> anyhow::Result<Self> {
        let config = Config { data: folder.to_owned(), ..Config::default() };
        Self::for_tests_at(config, disk, Arc::new(SystemClock::default()))
    }

    /// The same with settings and a clock of one's own.
    #[cfg(test)]
    pub fn for_tests_at(
        config: Config,
        disk: anaquel_engine::journal::memory::MemoryDisk,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        Self::in_memory(config, disk, clock, metrics)
    }

    /// On a log in memory, by a clock of one's own, for tests and measurements. Nobody tells it to stop, and nobody looks
    /// after its journal thread.
    ///
    /// # Errors
    /// What is wrong with the settings, the files that they name, or the log.
    pub fn in_memory(
        config: Config,
        disk: anaquel_engine::journal::memory::MemoryDisk,
        clock: Arc<dyn Clock>,
        metrics: metrics_exporter_prometheus::PrometheusHandle,
    ) -> anyhow::Result<Self> {
        let (tells, visible) = watch::channel(0);
        let engine = Engine::in_memory(disk, config.engine_settings(), clock, Some(Box::new(VisibleSeq(tells))))?;
        let (_, stopping) = watch::channel(false);
        let auth = Arc::new(Auth::open(&config)?);
        Ok(Self(Arc::new(Inner::new(engine, config, metrics, visible, auth, stopping, Arc::default()))))
    }

    /// Has the server stop in order and start again, with what its directory has then.
    pub fn start_again(&self) {
        self.again.notify_one();
    }

    /// What a caller may ask for through a channel; nothing where nothing is bounded.
    pub fn bounds(&self, caller: &Caller, channel: &str) -> Bounds {
        let none = PromiseLimits::default();
        let mut bounds = Bounds::new();
        let limits = &self.config.limits;
        let through = self.engine.settings().channel_limits.of(channel);
        if through != none {
            let name = match limits.channel.contains_key(channel) {
                true => format!("limits.channel.{channel}"),
                false => "limits.channel_default".to_owned(),
            };
            bounds.push(Bound { whose: Whose::Channel, name, limits: through });
        }
        if let Some(principal) = &caller.principal {
            let own = principal.identity.limits;
            let name = if own == none { "limits.key_default" } else { "key.limits" };
            let limits = own.or(limits.key_default);
            if limits != none {
                bounds.push(Bound { whose: Whose::Caller, name: name.to_owned(), limits });
            }
        }
        bounds
    }

    /// Submits a write and waits for its outcome. With a key, its effect happens once: a repeat waits for the first, and
    /// gets its answer.
    pub async fn execute(
        &self,
        caller: &Caller,
        submit: impl FnOnce(&Engine, Option<Box<Cause>>, Completion),
    ) -> Result<Executed, Failure> {
        if let Some(key) = &caller.idempotency {
            loop {
                let (tx, woken) = oneshot::channel::<()>();
                let wake = || -> Wake { Box::new(move || tx.send(()).unwrap_or_default()) };
                match self.engine.begin(key, caller.share, wake) {
                    Begin::First => break,
                    Begin::Wait => drop(woken.await),
                    Begin::Done(done) => {
                        let outcome = match self.engine.replay_from_memory(&done) {
                            Some(outcome) => Some(outcome),
                            None => {
                                let told = self.with_engine(caller, move |engine| engine.replay(&done)).await;
                                told.map_err(|busy| Failure::Overloaded(busy.detail().to_owned()))?.ok().flatten()
                            }
                        };
                        let outcome = outcome.ok_or(Failure::Replayed(done.seq))?;
                        return Ok(Executed { outcome, replayed: true });
                    }
                    Begin::Mismatch => {
                        return Err(anaquel_engine::command::Refusal::IdempotencyMismatch.into());
                    }
                    Begin::Full(share) => {
                        let Share { keys, most, in_flight } = share;
                        let reason = format!(
                            "idempotency.bytes: this caller keeps {keys} idempotency keys, and at most {most} are \
                             allowed; send the request without a key, or wait until older keys expire"
                        );
                        // Those in flight may yet come to nothing; those that are kept are so for long.
                        let seconds = match keys - in_flight < most {
                            true => 1,
                            false => self.config.idempotency.retention_seconds,
                        };
                        return Err(Failure::KeysFull(reason, seconds));
                    }
                    Begin::Unreadable(seq, ReadError::Trimmed { oldest }) => {
                        return Err(Failure::Forgotten { seq, oldest });
                    }
                    Begin::Unreadable(seq, error) => {
                        tracing::error!(seq, %error, "the record of a key is unreadable");
                        return Err(Failure::Replayed(seq));
                    }
                }
            }
        }
        let (tx, rx) = oneshot::channel();
        submit(&self.engine, caller.cause(), Box::new(PendingReply(tx)));
        let outcome =
            traces::write(rx).await.unwrap_or_else(|_| Err(Failure::Unknown("the journal thread has ended".into())))?;
        Ok(Executed { outcome, replayed: false })
    }

    /// Runs `work` on a thread that may block, in a turn of the caller.
    ///
    /// # Errors
    /// `overloaded`, with `Retry-After`, where no turn comes.
    pub async fn with_engine<T: Send + 'static>(
        &self,
        caller: &Caller,
        work: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let engine = self.engine.clone();
        self.reads.run(caller.who, move || work(&engine)).await
    }

    /// Makes an answer that takes long to make, in a turn of `payer` and within the room that answers have; it has at most
    /// about `bytes`.
    ///
    /// # Errors
    /// What `make` says; `overloaded` where there is no room or no turn.
    pub async fn aside(
        &self,
        payer: &Payer,
        bytes: usize,
        make: impl FnOnce(&Self) -> Result<String, Problem> + Send + 'static,
    ) -> Result<(String, Arc<Held>), Problem> {
        let held = self.answers.reserve(payer, bytes).await?;
        let app = self.clone();
        let text = self.reads.run(payer.who, move || make(&app)).await??;
        held.shrink(text.capacity());
        Ok((text, held))
    }

    /// How the log stands to what the clock of the machine says now, which may have been set since the start.
    pub fn clock(&self) -> anaquel_engine::clock::ClockStanding {
        let offset_ms = self.engine.now().0 as i64 - jiff::Timestamp::now().as_millisecond();
        anaquel_engine::clock::ClockStanding { offset_ms, ..self.engine.clock() }
    }

    /// Waits until `seq` is visible.
    pub async fn wait_for(&self, seq: Option<Seq>) -> Result<(), Problem> {
        let Some(seq) = seq.filter(|seq| *seq > self.engine.state().view.seq()) else { return Ok(()) };
        let mut visible = self.visible.clone();
        let reached = tokio::time::timeout(MIN_SEQ_WAIT, visible.wait_for(|visible| *visible >= seq)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            _ => {
                let at = self.engine.state().view.seq();
                Err(Problem::new(Slug::Overloaded, format!("min_seq: {seq} is not visible yet; the log is at {at}")))
            }
        }
    }
}

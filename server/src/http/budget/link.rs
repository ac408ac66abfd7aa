//! Connections: how many there are, their addresses, their activity, and which connection is closed when there is no
//! room.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::auth::network::network;
use crate::config::LimitsConfig;
use crate::http::budget::shares::{Shares, fair};
use crate::lock::lock;

/// An address may have this many times the connections that it leaves to others, because a proxy or an office shares
/// one address.
const PATIENCE: usize = 4;

/// Connections that an address may always have.
const FLOOR: usize = 4;

/// Connections beyond the limit. The server answers their health checks and refuses their other requests with an
/// explanation.
const RESERVE: usize = 64;

/// How long a connection must be idle or stalled before it may be closed for a new one.
const QUIET: Duration = Duration::from_secs(1);

/// The tick of the clock.
const TICK: Duration = Duration::from_millis(100);

/// Milliseconds since the first reading, plus one. [`Links::watch`] advances it, so that a read is one atomic load.
static NOW: AtomicU64 = AtomicU64::new(1);

fn now() -> u64 {
    NOW.load(Relaxed)
}

fn move_on() {
    static START: OnceLock<Instant> = OnceLock::new();
    NOW.fetch_max(START.get_or_init(Instant::now).elapsed().as_millis() as u64 + 1, Relaxed);
}

/// One connection.
#[derive(Debug)]
pub struct Link {
    /// The client's network.
    address: IpAddr,
    is_http2: AtomicBool,
    /// Requests and answers in progress.
    busy: AtomicUsize,
    /// When the last of them ended.
    idle_since: AtomicU64,
    /// Since when the client has not taken waiting bytes; 0 if none wait.
    stalled_since: AtomicU64,
    /// HTTP/2: the number of answers with a piece that is not yet fetched; and when a piece was last fetched, or when
    /// the first one began to wait.
    waiting: AtomicUsize,
    fetched_at: AtomicU64,
    /// How long bytes may wait for the client.
    patience_ms: AtomicU64,
    /// Bytes of large answers for this connection that are not yet written.
    pub(crate) held: AtomicUsize,
    cut: Notify,
}

impl Link {
    fn new(address: IpAddr, patience: Duration) -> Self {
        Self {
            address,
            is_http2: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            idle_since: AtomicU64::new(now()),
            stalled_since: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            fetched_at: AtomicU64::new(now()),
            patience_ms: AtomicU64::new(patience.as_millis() as u64),
            held: AtomicUsize::new(0),
            cut: Notify::new(),
        }
    }

    /// The client's network.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether the connection is HTTP/2: many requests at a time, each with its own window.
    pub fn is_http2(&self) -> bool {
        self.is_http2.load(Relaxed)
    }

    /// Marks the connection as HTTP/2.
    pub fn speaks_http2(&self) {
        self.is_http2.store(true, Relaxed);
    }

    /// How long bytes may wait for the client.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.load(Relaxed))
    }

    /// Sets how long bytes may wait for the client.
    pub fn set_patience(&self, patience: Duration) {
        self.patience_ms.store(patience.as_millis() as u64, Relaxed);
    }

    /// Closes the connection.
    pub fn cut(&self) {
        self.cut.notify_one();
    }

    /// Returns when the connection must close.
    pub async fn is_cut(&self) {
        self.cut.notified().await;
    }

    pub(crate) fn stalls(&self) {
        self.stalled_since.store(now(), Relaxed);
    }

    pub(crate) fn moves(&self) {
        self.stalled_since.store(0, Relaxed);
    }

    /// Records that a piece of an answer is ready to be fetched.
    pub(crate) fn waits(&self) {
        if self.waiting.fetch_add(1, Relaxed) == 0 {
            self.fetched_at.store(now(), Relaxed);
        }
    }

    /// Records that the client fetched the piece, or that the answer ended.
    pub(crate) fn is_fetched(&self) {
        self.waiting.fetch_sub(1, Relaxed);
        self.fetched_at.store(now(), Relaxed);
    }

    /// How long the client has not taken waiting bytes.
    fn stalled_for(&self) -> Option<Duration> {
        let since = match self.stalled_since.load(Relaxed) {
            0 if self.is_http2() && self.waiting.load(Relaxed) > 0 => self.fetched_at.load(Relaxed),
            0 => return None,
            since => since,
        };
        Some(Duration::from_millis(now().saturating_sub(since)))
    }

    /// How long the connection has been idle.
    fn idle_for(&self) -> Option<Duration> {
        let is_idle = self.busy.load(Relaxed) == 0;
        is_idle.then(|| Duration::from_millis(now().saturating_sub(self.idle_since.load(Relaxed))))
    }
}

/// Marks a connection as busy until it is dropped.
#[derive(Debug)]
pub struct Busy(Arc<Link>);

impl Busy {
    /// Marks `link` as busy.
    pub fn new(link: Arc<Link>) -> Self {
        link.busy.fetch_add(1, Relaxed);
        Self(link)
    }

    /// The connection.
    pub fn link(&self) -> &Arc<Link> {
        &self.0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(now(), Relaxed);
        self.0.busy.fetch_sub(1, Relaxed);
    }
}

/// All connections.
#[derive(Debug)]
pub struct Links {
    most: usize,
    /// Connections per address; 0 to derive the limit from the free connections.
    most_of_one: usize,
    patience: Duration,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    links: HashMap<u64, Arc<Link>>,
    by_address: Shares<IpAddr>,
    /// In order of arrival.
    reserve: VecDeque<(u64, Arc<Link>)>,
    reserve_of: Shares<IpAddr>,
}

/// The slot of a connection; dropping it frees the slot.
#[derive(Debug)]
pub struct ConnectionSlot {
    links: Arc<Links>,
    id: u64,
    /// The connection.
    pub link: Arc<Link>,
    /// Whether the connection is beyond the limit: it may check the server's health, and every other request is
    /// refused with `Retry-After`.
    pub is_beyond: bool,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut open = lock(&self.links.open);
        if self.is_beyond {
            if let Some(at) = open.reserve.iter().position(|(id, _)| *id == self.id) {
                open.leave_reserve(at);
            }
        } else {
            open.remove(self.id);
        }
    }
}

impl Open {
    fn remove(&mut self, id: u64) {
        if let Some(link) = self.links.remove(&id) {
            self.by_address.take(link.address, 1);
        }
    }

    /// The connection to close first: the one stalled for longest, otherwise the one idle for longest. Bounded by the
    /// number of connections.
    fn victim(&self, of: Option<IpAddr>) -> Option<u64> {
        let links = self.links.iter().filter(|(_, link)| of.is_none_or(|address| link.address == address));
        let candidates = links.filter_map(|(id, link)| {
            let stalled = link.stalled_for().map(|quiet| (true, quiet));
            let quiet = stalled.or_else(|| link.idle_for().map(|quiet| (false, quiet)))?;
            (quiet.1 >= QUIET).then_some((quiet, *id))
        });
        candidates.max().map(|(_, id)| id)
    }

    /// Frees a reserve slot for `address`; returns whether there is one. Closes the oldest idle connection of the
    /// same address first. An address with half of the reserve displaces no others; any other address displaces a
    /// connection of the address with most: its oldest idle one, or its oldest. Bounded by [`RESERVE`].
    fn make_reserve(&mut self, address: IpAddr) -> bool {
        if self.reserve.len() < RESERVE {
            return true;
        }
        let is_idle = |link: &Link| link.busy.load(Relaxed) == 0;
        let mine = self.reserve_of.of(address);
        let own = self.reserve.iter().position(|(_, link)| link.address == address && is_idle(link));
        let goes = own.or_else(|| {
            let all = self.reserve.iter().enumerate();
            let others = all.filter(|(_, (_, link))| mine < RESERVE / 2 && link.address != address);
            let rank = |(at, (_, link)): (usize, &(u64, Arc<Link>))| {
                let theirs = self.reserve_of.of(link.address);
                // A busy connection is closed only for an address that has fewer connections.
                let may_go = is_idle(link) || theirs > mine + 1;
                may_go.then_some((is_idle(link), theirs, std::cmp::Reverse(at)))
            };
            others.filter_map(rank).max().map(|(_, _, std::cmp::Reverse(at))| at)
        });
        let Some(gone) = goes.and_then(|at| self.leave_reserve(at)) else { return false };
        gone.cut();
        true
    }

    fn leave_reserve(&mut self, at: usize) -> Option<Arc<Link>> {
        let (_, link) = self.reserve.remove(at)?;
        self.reserve_of.take(link.address, 1);
        Some(link)
    }

    fn cut(&mut self, of: Option<IpAddr>) -> bool {
        let Some(id) = self.victim(of) else { return false };
        if let Some(link) = self.links.get(&id) {
            link.cut();
        }
        self.remove(id);
        metrics::counter!("anaquel_connections_ended_total", "reason" => "no-room").increment(1);
        true
    }
}

impl Links {
    /// No connections.
    pub fn new(limits: &LimitsConfig) -> Arc<Self> {
        move_on();
        Arc::new(Self {
            most: limits.connections,
            most_of_one: limits.address_connections,
            patience: Duration::from_secs(limits.write_seconds),
            open: Mutex::default(),
        })
    }

    /// The number of open connections within the limit.
    pub fn open(&self) -> usize {
        lock(&self.open).links.len()
    }

    /// A slot for a new connection. If there is none, closes a stalled or idle connection.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> ConnectionSlot {
        self.enter_as(address, false)
    }

    /// A slot for a new connection; a trusted proxy carries many callers, so only the total limit applies to it.
    pub fn enter_as(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> ConnectionSlot {
        let address = network(address);
        let mut open = lock(&self.open);
        let (mine, all) = (open.by_address.of(address), open.links.len());
        let has_share = match self.most_of_one {
            _ if is_proxy => true,
            0 => fair(mine, 1, self.most.saturating_sub(all), PATIENCE, FLOOR),
            most => mine < most,
        };
        let is_full = all >= self.most;
        // An address at its limit gives up one of its own connections.
        let has_room = match (has_share, is_full) {
            (true, false) => true,
            (true, true) => open.cut(None),
            (false, _) => open.cut(Some(address)),
        };
        let id = open.next;
        open.next += 1;
        let link = Arc::new(Link::new(address, if has_room { self.patience } else { QUIET }));
        if has_room {
            open.links.insert(id, Arc::clone(&link));
            open.by_address.add(address, 1);
        } else {
            metrics::counter!("anaquel_connections_refused_total").increment(1);
            if open.make_reserve(address) {
                open.reserve.push_back((id, Arc::clone(&link)));
                open.reserve_of.add(address, 1);
            } else {
                link.cut();
            }
        }
        drop(open);
        ConnectionSlot { links: Arc::clone(self), id, link, is_beyond: !has_room }
    }

    /// Closes a stalled or idle connection, because the process has no file descriptors left.
    pub fn make_room(&self) {
        lock(&self.open).cut(None);
    }

    /// Advances the clock, and closes stalled connections.
    pub async fn watch(self: Arc<Self>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for turn in 1u64.. {
            tick.tick().await;
            move_on();
            // Once a second; bounded by the number of connections.
            if turn.is_multiple_of(10) {
                self.cut_stalled(None);
            }
        }
    }

    /// Closes connections that stall beyond their patience, or beyond `patience`.
    pub fn cut_stalled(&self, patience: Option<Duration>) {
        let links: Vec<Arc<Link>> = lock(&self.open).links.values().cloned().collect();
        for link in links {
            // An HTTP/1 connection times its own stalls; it is checked here only if `patience` is given.
            let patience = patience.or_else(|| link.is_http2().then(|| link.patience()));
            if patience.is_some_and(|patience| link.stalled_for().is_some_and(|quiet| quiet > patience)) {
                metrics::counter!("anaquel_connections_ended_total", "reason" => "not-reading").increment(1);
                link.cut();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn links(connections: usize, address_connections: usize) -> Arc<Links> {
        Links::new(&LimitsConfig { connections, address_connections, ..LimitsConfig::default() })
    }

    fn address(n: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, n).into()
    }

    #[test]
    fn a_trusted_proxy_is_bound_by_the_number_of_all() {
        let links = links(10, 2);
        let places: Vec<_> = (0..10).map(|_| links.enter_as(address(1), true)).collect();
        assert!(places.iter().all(|place| !place.is_beyond));
        assert!(links.enter_as(address(1), true).is_beyond, "no connection is idle long enough");
        drop(places);
        let places: Vec<_> = (0..3).map(|_| links.enter(address(2))).collect();
        assert!(places.last().is_some_and(|place| place.is_beyond), "any other address has a share");
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let links = links(40, 0);
        let busy = |place: &ConnectionSlot| Busy::new(Arc::clone(&place.link));
        let mine: Vec<_> = (0..100).map(|_| links.enter(address(1))).collect();
        let at_work: Vec<_> = mine.iter().map(busy).collect();
        assert_eq!(mine.iter().filter(|place| !place.is_beyond).count(), 32);
        let theirs: Vec<_> = (0..8).map(|_| links.enter(address(2))).collect();
        assert_eq!(theirs.iter().filter(|place| !place.is_beyond).count(), 6);
        assert!(!links.enter(address(3)).is_beyond);
        drop((mine, at_work));
        assert_eq!(links.open(), 6);
        assert!(!links.enter(address(2)).is_beyond);
    }

    #[test]
    fn who_does_nothing_goes_for_another() {
        let links = links(2, 2);
        let (first, second) = (links.enter(address(1)), links.enter(address(1)));
        let at_work = Busy::new(Arc::clone(&first.link));
        assert!(links.enter(address(2)).is_beyond, "neither is idle long enough");
        NOW.fetch_add(2_000, Relaxed);
        assert!(!links.enter(address(2)).is_beyond);
        assert_eq!(links.open(), 1, "the second was closed, and the new one left");
        drop((at_work, second));
        let again = links.enter(address(2));
        assert!(!again.is_beyond && links.open() == 2);
    }

    #[test]
    fn the_reserve_is_bounded() {
        let links = links(0, 1);
        let places: Vec<_> = (0..200).map(|_| links.enter(address(1))).collect();
        assert!(places.iter().all(|place| place.is_beyond));
        assert_eq!(lock(&links.open).reserve.len(), RESERVE);
        drop(places);
        assert_eq!(lock(&links.open).reserve.len(), 0);
        assert_eq!(lock(&links.open).reserve_of.of(address(1)), 0);
    }

    fn is_in_reserve(links: &Links, place: &ConnectionSlot) -> bool {
        lock(&links.open).reserve.iter().any(|(id, _)| *id == place.id)
    }

    #[test]
    fn who_comes_often_takes_nothing_of_the_reserve_from_others() {
        let links = links(0, 1);
        let mut crowd: Vec<_> = (0..200).map(|_| links.enter(address(1))).collect();
        let health = links.enter(address(2));
        assert!(is_in_reserve(&links, &health), "it displaces one of the crowd");
        crowd.extend((0..1000).map(|_| links.enter(address(1))));
        assert!(is_in_reserve(&links, &health), "the crowd displaces its own first");
        assert_eq!(lock(&links.open).reserve.len(), RESERVE);
    }

    #[test]
    fn what_is_being_answered_stays_in_the_reserve_if_another_can_go() {
        let links = links(0, 1);
        let crowd: Vec<_> = (0..RESERVE).map(|_| links.enter(address(1))).collect();
        let at_work: Vec<_> = crowd.iter().skip(1).map(|place| Busy::new(Arc::clone(&place.link))).collect();
        let health = links.enter(address(2));
        assert!(is_in_reserve(&links, &health) && !is_in_reserve(&links, &crowd[0]), "the idle connection is closed");
        let dropped = links.enter(address(1));
        assert!(!is_in_reserve(&links, &dropped), "the crowd has its half, and all of it is busy");
        let being_answered = Busy::new(Arc::clone(&health.link));
        let other = links.enter(address(3));
        assert!(is_in_reserve(&links, &other) && is_in_reserve(&links, &health), "the address with most gives up one");
        assert!(!is_in_reserve(&links, &crowd[1]));
        drop((at_work, being_answered));
    }
}

//! The subscriptions of one stream, served fairly.

use std::sync::Arc;
use std::time::Duration;

use anaquel_engine::feed::{Cursor, Message, Mode, Reset, Selection, Share, Start, Subscription};
use anaquel_engine::ids::Seq;
use futures_util::future::BoxFuture;

use crate::app::App;
use crate::auth::Identity;
use crate::http::budget::Who;
use crate::http::budget::aside::AsideTurn;
use crate::http::problem::{Problem, Slug};
use crate::stream::follow::follower::{Followed, Follower};
use crate::stream::frame::{self, ClientId, Frame};
use crate::stream::mailbox::Mailbox;
use crate::stream::streams::exceeded;
use crate::wire;

/// Messages of one subscription before the next one has its turn.
const TURN: usize = 32;

/// The subscriptions of one stream.
pub struct Session {
    app: App,
    /// The caller's share of the resources for subscriptions.
    share: Arc<Share>,
    pub mailbox: Arc<Mailbox>,
    live: Vec<(ClientId, Subscription)>,
    next: usize,
    /// The subscriptions whose snapshots have names.
    named: Vec<ClientId>,
    followed: Vec<(ClientId, Follower)>,
    next_followed: usize,
    who: Who,
    catch_up: CatchUp,
}

/// The state of catching up from the log.
enum CatchUp {
    /// No subscription needs to catch up.
    Idle,
    /// Waits for a turn.
    Waits(BoxFuture<'static, AsideTurn>),
    /// Has a turn, to be used by the next poll. The session gives up the turn while the client does not read.
    Has(AsideTurn),
}

/// How long the client may read nothing before its session gives up its turn and its place in the queue.
const TURN_KEPT: Duration = Duration::from_millis(100);

/// How long a session waits before it queues again after it found the queue full.
const AGAIN: Duration = Duration::from_millis(500);

/// The result of polling all subscriptions.
pub enum Progress {
    /// There may be more messages now.
    More,
    /// Complete; wait for a wake-up.
    All,
    /// Wait for a wake-up or for [`Session::turn`]: a subscription must catch up from the log.
    Waits,
    /// A lossless subscription is too far behind; the stream must end.
    TooFarBehind(Frame),
}

impl Session {
    pub fn new(app: App, who: Who) -> Self {
        let share = app.streams.share(who);
        Self {
            app,
            share,
            mailbox: Arc::default(),
            live: Vec::new(),
            next: 0,
            named: Vec::new(),
            followed: Vec::new(),
            next_followed: 0,
            who,
            catch_up: CatchUp::Idle,
        }
    }

    pub fn subscribe(&mut self, id: ClientId, selection: Selection, mode: Mode, start: Start) -> Result<(), Problem> {
        self.has_room_for(&id)?;
        wire::asking_channel(&self.app.engine, selection.channel.as_ref())?;
        let feed = self.app.engine.feed();
        let subscribed = feed.subscribe_for(&self.share, selection, mode, start, self.mailbox.wake());
        self.live.push((id, subscribed.map_err(exceeded)?));
        Ok(())
    }

    /// Whether there may be another subscription, with this id.
    fn has_room_for(&self, id: &ClientId) -> Result<(), Problem> {
        let most = self.app.config.stream.subscriptions;
        let mut ids = self.live.iter().map(|(other, _)| other).chain(self.followed.iter().map(|(other, _)| other));
        if ids.any(|other| other == id) {
            let reason = format!("{:?} is subscribed already; unsubscribe it first, or choose another id", id.text);
            return Err(Problem::invalid("id", reason));
        }
        if self.live.len() + self.followed.len() >= most {
            let detail = format!("stream.subscriptions: a stream has at most {most}; unsubscribe one");
            return Err(Problem::new(Slug::TooManyRequests, detail)
                .with("limit", "stream.subscriptions")
                .with("most", most));
        }
        Ok(())
    }

    /// Follows records of the log. Returns where that begins and, if the cursor cannot be resumed, why.
    pub fn follow(
        &mut self,
        id: ClientId,
        asked: &Followed,
        identity: Option<Arc<Identity>>,
        start: Start,
    ) -> Result<(Cursor, Option<Reset>), Problem> {
        self.has_room_for(&id)?;
        let (engine, hub) = (&self.app.engine, &self.app.follow);
        let mut follower = Follower::new(engine, hub, asked, identity, start, self.mailbox.wake());
        let reset = follower.take_reset();
        let begins = follower.begins();
        self.followed.push((id, follower));
        Ok((begins, reset))
    }

    /// Whether the snapshots of a new subscription have the names of their SKUs and locations.
    pub fn name(&mut self, id: &ClientId, names: bool) {
        self.named.retain(|other| other != id);
        if names {
            self.named.push(id.clone());
        }
    }

    pub fn find(&mut self, id: &ClientId) -> Result<&mut Subscription, Problem> {
        let found = self.live.iter_mut().find(|(other, _)| other == id);
        found.map(|(_, live)| live).ok_or_else(|| Problem::not_found("subscription").with("field", "id"))
    }

    pub fn unsubscribe(&mut self, id: &ClientId) -> Result<(), Problem> {
        if let Some(at) = self.followed.iter().position(|(other, _)| other == id) {
            drop(self.followed.remove(at));
            return Ok(());
        }
        self.find(id)?;
        self.live.retain(|(other, _)| other != id);
        self.named.retain(|other| other != id);
        Ok(())
    }

    /// Returns when the session has a turn to catch up; never returns if no subscription needs one. Safe to cancel
    /// and call again. With `last`, other ready tasks run first.
    pub async fn turn(&mut self, last: bool) {
        if last {
            tokio::task::yield_now().await;
        }
        match &mut self.catch_up {
            CatchUp::Idle => std::future::pending().await,
            CatchUp::Waits(turn) => self.catch_up = CatchUp::Has(turn.await),
            CatchUp::Has(_) => {}
        }
    }

    /// Runs `work`, which sends messages to the client; `None` if that takes longer than `patience`. A session with a
    /// slow client gives up its turn and its place in the queue.
    pub async fn within<T>(&mut self, patience: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        if self.waits_for_turn() {
            match tokio::time::timeout(TURN_KEPT, &mut work).await {
                Ok(done) => return Some(done),
                Err(_) => self.give_up_turn(),
            }
        }
        tokio::time::timeout(patience, work).await.ok()
    }

    /// Whether the session is in the queue for a turn.
    fn waits_for_turn(&self) -> bool {
        matches!(self.catch_up, CatchUp::Waits(_))
    }

    /// Gives up the turn and the place in the queue, because the client does not read. The next poll queues again.
    pub fn give_up_turn(&mut self) {
        self.catch_up = CatchUp::Idle;
    }

    /// Enters the queue for a turn, unless the session is already in it.
    fn wait_for_turn(&mut self) {
        if matches!(self.catch_up, CatchUp::Idle) {
            let (app, who) = (self.app.clone(), self.who);
            self.catch_up = CatchUp::Waits(Box::pin(async move {
                loop {
                    match app.catch_ups.turn(who).await {
                        Ok(turn) => return turn,
                        // The queue is full or too slow. The session retries; this is not an error for the client.
                        Err(_) => tokio::time::sleep(AGAIN).await,
                    }
                }
            }));
        }
    }

    /// Polls the next subscription for at most one turn of messages.
    pub fn tell(&mut self, mut out: impl FnMut(Frame)) -> Progress {
        let mut turn = match std::mem::replace(&mut self.catch_up, CatchUp::Idle) {
            CatchUp::Has(turn) => Some(turn),
            other => {
                self.catch_up = other;
                None
            }
        };
        let mut waits = false;
        let has_told = self.tell_followed(&mut turn, &mut waits, &mut out);
        let told = match self.tell_next(turn, &mut waits, out) {
            Progress::All if has_told => Progress::More,
            told => told,
        };
        match told {
            Progress::All if waits => {
                self.wait_for_turn();
                Progress::Waits
            }
            Progress::All => {
                self.give_up_turn();
                Progress::All
            }
            told => {
                if waits {
                    self.wait_for_turn();
                }
                told
            }
        }
    }

    /// Tells the next follower at most one turn of messages, as [`tell_next`](Self::tell_next) does for subscriptions.
    /// Returns whether there may be more.
    fn tell_followed(&mut self, turn: &mut Option<AsideTurn>, waits: &mut bool, mut out: impl FnMut(Frame)) -> bool {
        for _ in 0..self.followed.len() {
            self.next_followed = (self.next_followed + 1) % self.followed.len();
            let Some((id, follower)) = self.followed.get_mut(self.next_followed) else { break };
            if follower.reads_log() {
                let Some(_turn) = turn.take() else {
                    *waits = true;
                    continue;
                };
                tokio::task::block_in_place(|| follower.read_back());
            }
            let mut told = 0;
            while told < TURN
                && let Some(message) = follower.poll()
            {
                out(frame::followed(&self.app.streams.measures, id, message));
                if let Some(waited) = self.mailbox.waited() {
                    self.app.streams.measures.told(waited);
                }
                told += 1;
            }
            // One that read the log and found nothing reads on.
            if told > 0 || follower.reads_log() {
                return true;
            }
        }
        false
    }

    /// As `tell`. `turn` allows one read from the log; `waits` becomes true if another read is needed.
    fn tell_next(&mut self, mut turn: Option<AsideTurn>, waits: &mut bool, mut out: impl FnMut(Frame)) -> Progress {
        // A subscription that uses the turn goes first, so that the turn is not kept while others send.
        let mut is_chosen = false;
        if turn.is_some() {
            let count = self.live.len();
            let reads = |at: &usize| self.live.get(*at).is_some_and(|(_, live)| live.reads_log());
            if let Some(at) = (1..=count).map(|n| (self.next + n) % count).find(reads) {
                (self.next, is_chosen) = (at, true);
            }
        }
        let mut busy = false;
        for _ in 0..self.live.len() {
            // A subscription in the middle of a snapshot continues: only one snapshot is sent at a time.
            let goes_on =
                std::mem::take(&mut is_chosen) || self.live.get(self.next).is_some_and(|(_, live)| live.is_sending());
            if !goes_on {
                self.next = (self.next + 1) % self.live.len();
            }
            let Some((id, live)) = self.live.get_mut(self.next) else { break };
            let mut told = 0;
            let mut reads = false;
            loop {
                let message = if live.reads_log() {
                    let Some(_turn) = turn.take() else {
                        (reads, *waits) = (true, true);
                        break;
                    };
                    poll(live)
                } else {
                    poll(live)
                };
                let Some(message) = message else { break };
                let over = matches!(message, Message::TooLarge(_));
                let behind = matches!(message, Message::TooFarBehind { .. });
                let names = self.named.contains(id);
                let frame = frame::message(&self.app.engine, &self.app.streams.measures, (id, names), live, message);
                if behind {
                    return Progress::TooFarBehind(frame);
                }
                out(frame);
                if let Some(waited) = self.mailbox.waited() {
                    self.app.streams.measures.told(waited);
                }
                told += 1;
                if over {
                    self.live.remove(self.next);
                    return Progress::More;
                }
                if told == TURN {
                    return Progress::More;
                }
            }
            if told > 0 {
                return Progress::More;
            }
            busy |= live.is_busy() && !reads;
        }
        if busy { Progress::More } else { Progress::All }
    }

    /// Whether there are no subscriptions.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.followed.is_empty()
    }

    /// A heartbeat: up to which record the messages are complete, and the cursor of each subscription.
    pub fn heartbeat(&self) -> String {
        self.app.streams.measures.heartbeats.increment(1);
        let live = self.live.iter().filter_map(|(id, live)| Some((id, live.cursor()?)));
        let followed = self.followed.iter().map(|(id, follower)| (id, follower.cursor()));
        // The cursors are read before the `seq`: what they say is no newer than it.
        let cursors: Vec<(&ClientId, Cursor)> = live.chain(followed).collect();
        frame::heartbeat(&self.app.engine, self.told(), &cursors)
    }

    /// The cursor of a stream with one subscription.
    pub fn cursor(&self) -> Option<Cursor> {
        self.live.first().and_then(|(_, live)| live.cursor())
    }

    /// The record up to which all messages are sent.
    fn told(&self) -> Seq {
        let live = self.live.iter().map(|(_, live)| live.told());
        let least = live.chain(self.followed.iter().map(|(_, follower)| follower.complete())).min();
        least.unwrap_or_else(|| self.app.engine.feed().position())
    }
}

fn poll(live: &mut Subscription) -> Option<Message> {
    if live.may_block() {
        // A disk read, or very many cells: other tasks of this thread continue elsewhere.
        tokio::task::block_in_place(|| live.poll())
    } else {
        live.poll()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use anaquel_engine::admission::MovementRequest;
    use anaquel_engine::event::MovementKind;
    use anaquel_engine::ids::Name;
    use anaquel_engine::journal::memory::MemoryDisk;
    use futures_util::FutureExt;

    use super::*;

    fn receipt(app: &App) {
        let movement = MovementRequest {
            kind: MovementKind::Receipt,
            sku: Name::parse_sku("A").unwrap(),
            location: Name::parse("s1").unwrap(),
            change: 1,
            occurred_at: None,
            reference: None,
            unplanned: false,
        };
        app.engine.run(|engine, done| engine.move_stock(vec![movement], None, done)).unwrap();
    }

    fn caller(number: u8) -> Who {
        Who::new(None, Some(std::net::IpAddr::from([10, 0, 0, number])))
    }

    /// Takes all turns.
    fn take_all(app: &App) -> Vec<AsideTurn> {
        let turn = |number| app.catch_ups.turn(caller(number)).now_or_never();
        let turns: Vec<_> = (10..200).map_while(turn).map(Result::unwrap).collect();
        assert!((2..100).contains(&turns.len()), "{}", turns.len());
        turns
    }

    fn id(text: &str) -> ClientId {
        ClientId::new(text.into())
    }

    fn follow(session: &mut Session, text: &str, start: Start) {
        let selection = Selection { skus: vec![Name::parse_sku("A").unwrap()], ..Selection::default() };
        session.subscribe(id(text), selection, Mode::Conflated, start).unwrap();
    }

    /// The messages until there are no more, and whether the session then waits for a turn.
    fn told(session: &mut Session) -> (Vec<&'static str>, bool) {
        let mut kinds = Vec::new();
        loop {
            match session.tell(|frame| kinds.push(frame.kind)) {
                Progress::More => {}
                Progress::All => return (kinds, false),
                Progress::Waits => return (kinds, true),
                Progress::TooFarBehind(_) => unreachable!("nothing is lossless here"),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_missed_is_read_back_in_a_turn() {
        let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::default());
        let before = App::for_tests_on(folder.path(), disk.clone()).unwrap();
        (0..10).for_each(|_| receipt(&before));
        drop(before);
        let app = App::for_tests_on(folder.path(), disk).unwrap();
        let mut session = Session::new(app.clone(), caller(1));
        follow(&mut session, "first", Start::Fresh);
        assert_eq!(told(&mut session), (vec!["snapshot"], false));
        let fresh = session.cursor().unwrap();
        let old = Cursor { seq: fresh.seq - 5, ..fresh };

        let turns = take_all(&app);
        follow(&mut session, "late", Start::Cursor(old));
        assert_eq!(told(&mut session), (vec![], true));
        assert!(session.turn(false).now_or_never().is_none());
        // Data in memory needs no turn, and the other subscriptions of the session continue.
        follow(&mut session, "again", Start::Cursor(fresh));
        follow(&mut session, "new", Start::Fresh);
        assert_eq!(told(&mut session), (vec!["snapshot"], true));
        drop(turns);
        session.turn(false).await;
        assert_eq!(told(&mut session), (vec!["delta"], false));
        assert_eq!(session.told(), fresh.seq);
        // The session keeps no turn; a dropped session leaves the queue.
        let turns = take_all(&app);
        follow(&mut session, "later", Start::Cursor(old));
        assert!(told(&mut session).1 && session.turn(false).now_or_never().is_none());
        session.unsubscribe(&id("later")).unwrap();
        assert_eq!(told(&mut session), (vec![], false));
        assert!(!session.waits_for_turn());
        drop(turns);
    }
}

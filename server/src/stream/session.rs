//! The subscriptions of one stream, told fairly.

use std::sync::Arc;

use anaquel_engine::feed::{Cursor, Message, Mode, Selection, Share, Start, Subscription};
use anaquel_engine::ids::Seq;

use super::exceeded;
use super::frame::{self, ClientId, Frame};
use super::mailbox::Mailbox;
use crate::app::App;
use crate::budget::Who;
use crate::problem::{Problem, Slug};
use crate::wire;

/// What one subscription may tell before the next has its turn.
const TURN: usize = 32;

/// The subscriptions of one stream.
pub struct Session {
    app: App,
    /// What its caller has of everything that subscriptions share.
    share: Arc<Share>,
    pub mailbox: Arc<Mailbox>,
    live: Vec<(ClientId, Subscription)>,
    next: usize,
}

/// What a look at all subscriptions came to.
pub enum Told {
    /// There may be more to tell at once.
    More,
    /// Nothing, until woken.
    All,
    /// A lossless subscription fell too far behind; the stream must end.
    TooFarBehind(Frame),
}

impl Session {
    pub fn new(app: App, who: Who) -> Self {
        let share = app.streams.share(who);
        Self { app, share, mailbox: Arc::default(), live: Vec::new(), next: 0 }
    }

    pub fn subscribe(&mut self, id: ClientId, selection: Selection, mode: Mode, start: Start) -> Result<(), Problem> {
        let most = self.app.config.stream.subscriptions;
        if self.live.iter().any(|(other, _)| *other == id) {
            let reason = format!("{:?} is subscribed already; unsubscribe it first, or choose another", id.text);
            return Err(Problem::invalid("id", reason));
        }
        if self.live.len() >= most {
            let detail = format!("stream.subscriptions: a stream has at most {most}");
            return Err(Problem::new(Slug::TooManyRequests, detail)
                .with("limit", "stream.subscriptions")
                .with("most", most));
        }
        wire::asking_channel(&self.app.engine, selection.channel.as_ref())?;
        let feed = self.app.engine.feed();
        let subscribed = feed.subscribe_for(&self.share, selection, mode, start, self.mailbox.wake());
        self.live.push((id, subscribed.map_err(exceeded)?));
        Ok(())
    }

    pub fn find(&mut self, id: &ClientId) -> Result<&mut Subscription, Problem> {
        let found = self.live.iter_mut().find(|(other, _)| other == id);
        found.map(|(_, live)| live).ok_or_else(|| Problem::not_found("subscription").with("field", "id"))
    }

    pub fn unsubscribe(&mut self, id: &ClientId) -> Result<(), Problem> {
        self.find(id)?;
        self.live.retain(|(other, _)| other != id);
        Ok(())
    }

    /// Lets the next subscription tell what it has, up to a turn.
    pub fn tell(&mut self, mut out: impl FnMut(Frame)) -> Told {
        let mut busy = false;
        for _ in 0..self.live.len() {
            // One that has more of the same to tell goes on: one snapshot at a time is on its way out.
            if self.live.get(self.next).is_none_or(|(_, live)| !live.is_sending()) {
                self.next = (self.next + 1) % self.live.len();
            }
            let Some((id, live)) = self.live.get_mut(self.next) else { break };
            let mut told = 0;
            while let Some(message) = poll(live) {
                let over = matches!(message, Message::TooLarge(_));
                let behind = matches!(message, Message::TooFarBehind { .. });
                let frame = frame::message(&self.app.engine, &self.app.streams.measures, id, live, message);
                if behind {
                    return Told::TooFarBehind(frame);
                }
                out(frame);
                if let Some(waited) = self.mailbox.waited() {
                    self.app.streams.measures.told(waited);
                }
                told += 1;
                if over {
                    self.live.remove(self.next);
                    return Told::More;
                }
                if told == TURN {
                    return Told::More;
                }
            }
            if told > 0 {
                return Told::More;
            }
            busy |= live.is_busy();
        }
        if busy { Told::More } else { Told::All }
    }

    /// Whether there is anything to tell of at all.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Says up to where everything was told, and from where each subscription can go on.
    pub fn heartbeat(&self) -> String {
        self.app.streams.measures.heartbeats.increment(1);
        let live = self.live.iter().map(|(id, live)| (id, live));
        frame::heartbeat(&self.app.engine, self.told(), live)
    }

    /// Where a stream with one subscription can go on from.
    pub fn cursor(&self) -> Option<Cursor> {
        self.live.first().and_then(|(_, live)| live.cursor())
    }

    /// Everything up to here was told.
    fn told(&self) -> Seq {
        let least = self.live.iter().map(|(_, live)| live.told()).min();
        least.unwrap_or_else(|| self.app.engine.feed().position())
    }
}

fn poll(live: &mut Subscription) -> Option<Message> {
    if live.may_block() {
        // The disk, or very many cells: other tasks of this thread go on elsewhere.
        tokio::task::block_in_place(|| live.poll())
    } else {
        live.poll()
    }
}

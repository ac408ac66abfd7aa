//! What a node is given by the one that it follows.

use super::link::{FollowError, Received};
use crate::engine::handle::Engine;
use crate::ids::Timestamp;
use crate::journal::{Head, Sealed};

impl Engine {
    /// Begins, or begins anew, to follow: returns the end of this node's log, once everything that it was given before is
    /// worked off. What is given next must continue this head. Blocks.
    ///
    /// # Errors
    /// This node decides, or cannot write.
    pub fn begin_following(&self) -> Result<Head, FollowError> {
        self.follows()?;
        self.shared.link.ask(Received::Begin)?
    }

    /// Gives the next batches of the log that is followed. Blocks while earlier ones wait.
    ///
    /// # Errors
    /// Why an earlier batch was not taken; [`Engine::begin_following`] begins anew.
    pub fn follow(&self, batches: Vec<Sealed>) -> Result<(), FollowError> {
        self.follows()?;
        if let Some(trouble) = self.follow_trouble() {
            return Err(trouble);
        }
        self.shared.link.send(Received::Batches(batches))
    }

    /// Takes over the eras of the node that is followed: those that it began are known here before the first record of
    /// theirs. Blocks.
    ///
    /// # Errors
    /// Its history is another one.
    pub fn follow_identity(&self, identity: String) -> Result<(), FollowError> {
        self.follows()?;
        self.shared.link.ask(|tell| Received::Identity(identity, tell))?
    }

    /// The node that is followed says what time it is in its log.
    pub fn follow_time(&self, time: Timestamp) {
        if !self.shared.decides() {
            self.shared.clock.told(time);
        }
    }

    /// Why the last batch was not taken, if so.
    pub fn follow_trouble(&self) -> Option<FollowError> {
        self.shared.link.trouble().clone()
    }

    fn follows(&self) -> Result<(), FollowError> {
        match (self.shared.decides(), self.shared.failure.get()) {
            (true, _) => Err(FollowError::Ends),
            (false, Some(failure)) => Err(FollowError::Local(failure.clone())),
            (false, None) => Ok(()),
        }
    }
}

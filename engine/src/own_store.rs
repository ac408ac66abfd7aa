//! What the engine asks of the store that only its own subject folds, besides the fold of the subject's events.

use crate::catalogue::Catalogue;
use crate::catalogue::names::Definitions;
use crate::hash::{Digest, Part};
use crate::ids::{Seq, Timestamp};

/// A store of one subject. A store that has nothing to do at a call leaves the call out.
pub(crate) trait OwnStore {
    /// Inside a fold: names are retired.
    fn fold_retired(&self, _catalogue: &Catalogue, _names: &Definitions, _seq: Seq) {}

    /// Inside a fold: groups have other members.
    fn fold_groups(&self) {}

    /// At the end of a fold and of a start: derives what depends on records up to `seq`. Runs in every cycle, so a
    /// store that nothing changed tests one bit.
    #[inline]
    fn refresh(&self, _seq: Seq, _catalogue: &Catalogue) {}

    /// When something in it begins or ends after `now`, by its own dates.
    fn next_turn(&self, _now: Timestamp) -> Option<Timestamp> {
        None
    }

    /// Passes the digests of all that it adds to the state hash, computed from scratch.
    fn digest(&self, _catalogue: &Catalogue, _put: &mut dyn FnMut(Part, Digest)) {}
}

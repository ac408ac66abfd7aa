//! What is known of a command before it is decided, from the state that it will meet.

use crate::command::{Command, Failure, NameRef, PutWhat, Refusal, Rows, StepRequest};
use crate::ids::{ReservationId, SkuId};
use crate::reservation::Verdict;
use crate::state::State;

impl Command {
    /// Whether it is decided on what is durable, and so begins a batch.
    pub(crate) fn begins_batch(&self, state: &State) -> bool {
        matches!(self, Self::Put(put) if matches!(put.what, PutWhat::Retire(..))) || self.sets_tracking(state)
    }

    /// Whether SKUs come to be counted by it, or no longer are: it is the whole of its batch, so that everything else is
    /// decided on what is durable of that.
    fn sets_tracking(&self, state: &State) -> bool {
        let is_tracked = |sku: Option<SkuId>| sku.is_none_or(|sku| state.catalogue.is_tracked(sku));
        match self {
            Self::Load { rows: Rows::Skus(rows), .. } => rows.iter().any(|row| {
                let sku = || match &row.id {
                    NameRef::Known(sku) => Some(*sku),
                    NameRef::New(name) => state.catalogue.skus.id(name.as_str()),
                };
                row.fields.tracks().is_some_and(|tracked| tracked != is_tracked(sku()))
            }),
            Self::Put(put) => match &put.what {
                PutWhat::Sku(name, fields) => {
                    let sku = || state.catalogue.skus.id(name.as_str());
                    fields.tracks().is_some_and(|tracked| tracked != is_tracked(sku()))
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether it may change what rules rest on, and so ends its batch.
    pub(crate) fn ends_batch(&self, state: &State) -> bool {
        let traits = || state.rules.book().looks_at_traits();
        if self.sets_tracking(state) {
            return true;
        }
        match self {
            Self::Load { rows: Rows::Skus(_), .. } => traits(),
            Self::Load { rows, .. } => matches!(rows, Rows::Locations(_) | Rows::Groups(_) | Rows::Rules(_)),
            Self::Put(put) => match put.what {
                PutWhat::Sku(..) => traits(),
                PutWhat::Channel(..) => false,
                PutWhat::Location(..) | PutWhat::Group(..) | PutWhat::Rule(..) | PutWhat::Retire(..) => true,
            },
            // What comes next finds the names gone.
            Self::Release(..) => true,
            Self::Reserve(_)
            | Self::Step(..)
            | Self::Move(_)
            | Self::Count(_)
            | Self::Supply(_)
            | Self::NoteLost(_) => false,
        }
    }
}

impl State {
    /// What a step comes to that is asked of a reservation of which only an entry is left: it is over, and never opens
    /// again, so it is known before it is queued. None for any other.
    pub(crate) fn step_of_closed(&self, id: ReservationId, request: &StepRequest) -> Option<Failure> {
        let state = self.reservations.closed_state(id)?;
        Some(match request.verdict(state) {
            Verdict::WrongState(state) => Refusal::WrongState(state).into(),
            Verdict::AlreadyThere | Verdict::Go => Failure::AsItIs(id),
        })
    }
}

//! A run of replenishment: computes a plan beside the writer, creates the transfers one by one, then logs a note.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anaquel_engine::Engine;
use anaquel_engine::command::{CommandResult, Completion, Failure, Outcome, Refusal};
use anaquel_engine::event::{Cause, Thing};
use anaquel_engine::ids::{LocationId, Name, SkuId};
use anaquel_engine::transfers::command::{Command, Fields, Make};
use anaquel_engine::transfers::policy::{Policy, Run, RunItem};
use anaquel_engine::transfers::replenishment::{Proposed, ReplenishmentPlan, plan};
use anaquel_engine::transfers::{Transfer, TransferAnswer};

use crate::auth::caller::Caller;
use crate::subjects::transfers::bodies;

/// How often a transfer is retried while the server is overloaded, and the delay between attempts.
const TRIES: usize = 100;
const PATIENCE: Duration = Duration::from_millis(100);

/// The run in progress.
static RUNNING: Mutex<Option<Name>> = Mutex::new(None);

fn running() -> MutexGuard<'static, Option<Name>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The only run in progress, until this is dropped.
pub struct Turn(());

impl Turn {
    /// Takes the turn for a run.
    ///
    /// # Errors
    /// `wrong-state`, naming the run that has the turn.
    pub fn take(name: &Name) -> Result<Self, Refusal> {
        let mut running = running();
        match &*running {
            Some(name) => Err(Refusal::InState { kind: "run", name: name.clone(), state: "running" }),
            None => {
                *running = Some(name.clone());
                Ok(Self(()))
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *running() = None;
    }
}

/// A requested run.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its id.
    pub name: Name,
    /// Its policies, in this order.
    pub policies: Vec<(Name, Arc<Policy>)>,
    /// Cells that it may read.
    pub cells_max: usize,
}

impl Asked {
    /// Computes the plan.
    ///
    /// # Errors
    /// The plan would read too many cells.
    pub fn plan(&self, engine: &Engine) -> Result<ReplenishmentPlan, Refusal> {
        plan(engine.state(), &self.policies, engine.now(), self.cells_max).map_err(|too_many| {
            let reason = format!("{too_many} (replenishment.cells); name fewer policies, or let them name SKUs");
            Refusal::invalid("policies", reason)
        })
    }

    /// Runs on its own thread; `done` receives the note, which carries `cause`.
    pub fn start(self, engine: &Engine, caller: Caller, cause: Option<Box<Cause>>, done: Completion) {
        let turn = match Turn::take(&self.name) {
            Ok(turn) => turn,
            Err(refusal) => return engine.refuse(cause, done, refusal.into()),
        };
        let engine = engine.clone();
        // Only the note has the idempotency key: each transfer is identified by its own name.
        let caller = Caller { idempotency: None, ..caller };
        // The turn ends before the answer goes out: whoever hears of the end may run the next.
        let done: Completion = Box::new(move |told: CommandResult| {
            drop(turn);
            done.hear(told);
        });
        tokio::task::spawn_blocking(move || match self.work(&engine, &caller) {
            Ok(run) => engine.submit(Command::NoteRun(Box::new(run)), cause, done),
            Err(failure) => engine.refuse(cause, done, failure),
        });
    }

    /// Creates the transfers.
    fn work(&self, engine: &Engine, caller: &Caller) -> Result<Run, Failure> {
        let ReplenishmentPlan { transfers, mut short, mut items, .. } = self.plan(engine)?;
        let store = &engine.state().own.transfers;
        let (mut made, mut number) = (0, 0);
        for proposed in &transfers {
            // After a crash, a run continues behind the transfers that it created.
            let name = loop {
                number += 1;
                let name = Name::from(format!("{}-{number}", self.name));
                if store.named(name.as_str()).is_none() {
                    break name;
                }
            };
            let lacking = match make(engine, caller, &self.name, name, proposed)? {
                Some(transfer) => {
                    made += 1;
                    lacking(&transfer, proposed)
                }
                None => proposed.lines.clone(),
            };
            for (sku, units) in lacking {
                short += take_back(&mut items, (sku, proposed.to), units);
            }
        }
        items.sort_by_key(|item| item.given >= item.wanted);
        Ok(Run { name: self.name.clone(), made, short, items })
    }
}

/// Units of a proposal that the transfer did not get when it was made ready.
fn lacking(transfer: &Transfer, proposed: &Proposed) -> Vec<(SkuId, u32)> {
    let lines = transfer.lines.iter().filter(|line| proposed.ready && line.reserved < line.quantity);
    lines.map(|line| (line.sku, line.quantity - line.reserved)).collect()
}

/// Subtracts units from a cell's result; returns the number of cells that this makes short.
fn take_back(items: &mut [RunItem], (sku, location): (SkuId, LocationId), units: u32) -> u32 {
    let found = items.iter_mut().find(|item| (item.sku, item.location) == (sku, location));
    let Some(item) = found.filter(|_| units > 0) else { return 0 };
    let was_short = item.given < item.wanted;
    item.given = item.given.saturating_sub(units);
    u32::from(!was_short && item.given < item.wanted)
}

/// Creates one transfer; `None` if it is refused because the situation changed after the plan.
fn make(
    engine: &Engine,
    caller: &Caller,
    run: &Name,
    name: Name,
    proposed: &Proposed,
) -> Result<Option<Transfer>, Failure> {
    let catalogue = &engine.state().catalogue;
    let place = |location| catalogue.locations.name(location).clone();
    let fields = Fields {
        from: place(proposed.from),
        to: place(proposed.to),
        reason: proposed.reason,
        policy: Some(proposed.policy.clone()),
        run: Some(run.clone()),
        order: None,
        reference: None,
        expected_at: None,
        lines: proposed.lines.iter().map(|(sku, units)| (catalogue.skus.name(*sku).clone(), *units)).collect(),
    };
    let digest = bodies::digest(&fields, proposed.ready, true);
    let mut tries = 0;
    loop {
        let make =
            Make { name: name.clone(), digest, fields: fields.clone(), ready: proposed.ready, allow_partial: true };
        let told = engine.run(|engine, done| engine.submit(Command::Make(Box::new(make)), caller.cause(), done));
        match told {
            Ok(Outcome::Put { thing: Some(thing), .. }) => {
                let Thing::Transfers(told) = *thing else { return Ok(None) };
                return Ok(match *told {
                    TransferAnswer::Made(transfer) | TransferAnswer::Transfer(transfer) => Some(transfer),
                    TransferAnswer::Policy(..) | TransferAnswer::Run(_) => None,
                });
            }
            Ok(_) => return Ok(None),
            Err(Failure::Refused(refusal)) => {
                tracing::debug!(run = run.as_str(), transfer = name.as_str(), %refusal, "cannot create a transfer");
                return Ok(None);
            }
            Err(Failure::Overloaded(_)) if tries < TRIES => {
                tries += 1;
                std::thread::sleep(PATIENCE);
            }
            Err(failure) => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time() {
        let name = Name::from("rr-1".to_owned());
        let turn = Turn::take(&name);
        assert!(turn.is_ok() && Turn::take(&name).is_err());
        drop(turn);
        assert!(Turn::take(&name).is_ok());
    }

    #[test]
    fn what_a_transfer_lacks_is_taken_back_from_what_its_cell_gets() {
        let cell = (SkuId(1), LocationId(2));
        let mut items = [RunItem { sku: cell.0, location: cell.1, wanted: 9, given: 9 }];
        assert_eq!([2, 3, 0].map(|units| take_back(&mut items, cell, units)), [1, 0, 0]);
        assert_eq!(items.map(|item| item.given), [4]);
    }
}

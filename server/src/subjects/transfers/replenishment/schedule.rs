//! Policies that run automatically, each day in the local time of the locations that they supply.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anaquel_engine::business_time::{local_day, local_minute};
use anaquel_engine::command::{Completion, Failure, Refusal};
use anaquel_engine::ids::{LocationId, Name, Timestamp, crockford};
use anaquel_engine::state::DurableState;
use anaquel_engine::transfers::policy::Policy;
use anaquel_engine::transfers::replenishment::receivers;

use super::run::Asked;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::digest;

/// The interval between checks for due runs.
const LOOK: Duration = Duration::from_secs(60);

/// For how many minutes a missed run is made up for, after a downtime or another run.
const LATE_MINUTES: u16 = 60;

/// Starts due runs until the server stops.
pub async fn watch(app: App) {
    let mut stopping = app.stopping.clone();
    loop {
        // Local times follow the clock, not the log's time.
        let now = Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default());
        let decides = app.engine.role().decides();
        let due = if decides { due(app.engine.state(), now, app.config.replenishment.cells) } else { Vec::new() };
        for asked in due {
            let name = asked.name.clone();
            let caller = Caller::default();
            let by = caller.clone();
            let submit =
                |engine: &anaquel_engine::Engine, cause, done: Completion| asked.start(engine, by, cause, done);
            match app.execute(&caller, submit).await {
                Ok(_) => tracing::info!(run = name.as_str(), "replenishment ran"),
                // The next check tries again.
                Err(Failure::Refused(refusal @ Refusal::InState { .. })) => {
                    tracing::info!(run = name.as_str(), %refusal, "replenishment waits");
                }
                Err(failure) => tracing::warn!(run = name.as_str(), %failure, "replenishment did not run"),
            }
        }
        if tokio::time::timeout(LOOK, stopping.wait_for(|stopping| *stopping)).await.is_ok() {
            return;
        }
    }
}

/// The runs that are due at `now`: one for each policy and time zone of its locations. A run is named after its day, so
/// that a restart does not repeat it.
fn due(state: &DurableState, now: Timestamp, cells_max: usize) -> Vec<Asked> {
    let places = state.places.load();
    let mut all = Vec::new();
    for (name, _, policy) in state.own.transfers.policies() {
        let Some(at) = policy.at.filter(|_| policy.is_in_force(now)) else { continue };
        let mut zones: BTreeMap<String, Vec<LocationId>> = BTreeMap::new();
        for location in receivers(state, &policy) {
            let Some(place) = places.get(location) else { continue };
            let minute = local_minute(&place.timezone, now);
            if (at..at + LATE_MINUTES).contains(&minute) {
                let day = local_day(&place.timezone, now);
                let zone = place.timezone.iana_name().unwrap_or("UTC");
                zones.entry(run_name(&name, zone, day)).or_default().push(location);
            }
        }
        let is_over = |run: &String| state.own.transfers.run(run).is_some();
        for (run, to_locations) in zones.into_iter().filter(|(run, _)| !is_over(run)) {
            let policy = Policy { to_locations, to_groups: Vec::new(), ..(*policy).clone() };
            all.push(Asked { name: Name::from(run), policies: vec![(name.clone(), Arc::new(policy))], cells_max });
        }
    }
    all
}

fn run_name(policy: &Name, zone: &str, day: i32) -> String {
    format!("rr-{day}-{}", crockford(digest("replenishment", &format!("{policy}\0{zone}")), 12))
}

//! Streams of a node that follows another: they begin and go on while it is in contact, and wait for what it does not have yet.

use std::time::Duration;

use anaquel_engine::feed::Start;
use tokio::sync::watch;

use crate::app::App;
use crate::http::problem::{Problem, Slug};

/// How long a node that is behind waits until it gets to a cursor.
const REACH: Duration = Duration::from_secs(2);

/// Waits until this node has the record of a cursor that another node gave: false if it does not get there in time.
pub(super) async fn reach(app: &App, start: &Start) -> bool {
    let Start::Cursor(cursor) = start else { return true };
    let (engine, seq) = (&app.engine, cursor.seq);
    if engine.role().decides() || seq <= engine.state().view.seq() || !engine.identity().has_told(cursor.epoch, seq) {
        return true;
    }
    let mut visible = app.visible.clone();
    tokio::time::timeout(REACH, visible.wait_for(|visible| *visible >= seq)).await.is_ok()
}

/// Whether streams may begin on this node.
pub(super) fn may_begin(app: &App) -> Result<(), Problem> {
    match app.node.is_lost() {
        true => {
            Err(Problem::new(Slug::Overloaded, "this node is not in contact with the one that it follows; try another"))
        }
        false => Ok(()),
    }
}

/// Returns when contact with the node that is followed is lost.
pub(super) async fn lost(losses: &mut watch::Receiver<bool>) {
    if losses.wait_for(|lost| *lost).await.is_err() {
        std::future::pending().await
    }
}

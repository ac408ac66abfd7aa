//! The marks of commands that came with format 10.

use anaquel_engine::event::*;
use anaquel_engine::stock::event::Event as StockEvent;

use super::replaced;
use super::v9_trading::events_of_v9_trading;

/// Three commands, of one, two and three records.
pub(super) fn commands_of_v10() -> Vec<Vec<(Option<Box<Cause>>, Event)>> {
    let moved = || (None, Event::Stock(StockEvent::Counted(Vec::new())));
    vec![vec![(None, replaced())], events_of_v9_trading(), vec![moved(), moved(), moved()]]
}

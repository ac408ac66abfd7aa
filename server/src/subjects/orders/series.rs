//! The series of a receipt that names none: the one that issues such receipts at this place, through this channel.

use anaquel_engine::Engine;
use anaquel_engine::ids::{LocationId, Name};
use anaquel_engine::orders::command::{Command, ReceiptFields, StepFields, Teller};
use anaquel_engine::receipts::series::{ReceiptKind, Series};

/// Completes the receipt that a command asks for.
pub fn complete(engine: &Engine, command: &mut Command) {
    match command {
        Command::Place(place) => fill(engine, place.receipt.as_mut(), &place.teller, false),
        Command::Sell(sell) => fill(engine, sell.receipt.as_mut(), &sell.teller, false),
        Command::Step(step) => {
            let (receipt, takes_back) = match &mut step.what {
                StepFields::Confirm { receipt, .. } | StepFields::Collect { receipt, .. } => (receipt.as_mut(), false),
                StepFields::Cancel { receipt, .. } | StepFields::Refunds(_, receipt) => (receipt.as_mut(), true),
                _ => return,
            };
            fill(engine, receipt, &step.teller, takes_back);
        }
        Command::After(_, command) => complete(engine, command),
    }
}

/// Completes a receipt without a series, if there is a single one that fits best; `takes_back` asks for a credit note.
pub fn fill(engine: &Engine, receipt: Option<&mut ReceiptFields>, teller: &Teller, takes_back: bool) {
    let Some(receipt) = receipt.filter(|receipt| receipt.series.is_none()) else { return };
    let kind = match (takes_back, &receipt.recipient) {
        (true, _) => ReceiptKind::CreditNote,
        (false, Some(_)) => ReceiptKind::Invoice,
        (false, None) => ReceiptKind::Receipt,
    };
    receipt.series = find(engine, kind, &teller.channel, teller.location);
}

/// The open series of a kind that fits a place and a channel: one that names the place before one that names the channel
/// alone, before one that names neither. `None` if there is none, or if several fit equally well.
fn find(engine: &Engine, kind: ReceiptKind, channel: &Name, location: Option<LocationId>) -> Option<Name> {
    let location = location.map(|id| engine.state().catalogue.locations.name(id));
    let fits = |series: &Series| {
        series.kind == kind
            && !series.closed
            && (series.channels.is_empty() || series.channels.contains(channel))
            && (series.locations.is_empty() || location.is_some_and(|at| series.locations.contains(at)))
    };
    let rank = |series: &Series| (!series.locations.is_empty(), !series.channels.is_empty());
    let mut best: Option<((bool, bool), Name, bool)> = None;
    for standing in engine.state().own.receipts.all_series() {
        let Some(series) = standing.series.as_ref().filter(|series| fits(series)) else { continue };
        let rank = rank(series);
        match &mut best {
            Some((known, _, is_single)) if *known == rank => *is_single = false,
            Some((known, ..)) if *known > rank => {}
            _ => best = Some((rank, standing.name.clone(), true)),
        }
    }
    best.filter(|(.., is_single)| *is_single).map(|(_, name, _)| name)
}

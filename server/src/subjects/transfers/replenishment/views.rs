//! JSON of replenishment.

use anaquel_engine::Engine;
use anaquel_engine::ids::{Name, Seq};
use anaquel_engine::transfers::policy::{Policy, Run, RunItem};
use anaquel_engine::transfers::replenishment::{Explained, Proposed, ReplenishmentPlan, Verdict};
use serde_json::{Value, json};

use crate::subjects::transfers::views;
use crate::wire::time;

/// A policy with the `seq` of its last change.
pub fn policy(engine: &Engine, name: &str, seq: Seq, policy: &Policy) -> Value {
    let mut item = views::policy(engine, name, policy);
    if let Value::Object(members) = &mut item {
        members.insert("seq".to_owned(), seq.into());
    }
    item
}

/// The result of a run, in numbers.
pub fn ran(seq: Seq, run: &Run) -> Value {
    json!({"run": run.name.as_str(), "seq": seq, "made": run.made, "short": run.short})
}

/// The transfers of a plan, up to `bytes_max` bytes.
pub fn planned(engine: &Engine, plan: &ReplenishmentPlan, bytes_max: usize) -> Value {
    let catalogue = &engine.state().catalogue;
    let transfer = |proposed: &Proposed| {
        let line = |(sku, units): &(_, u32)| json!({"sku": catalogue.skus.name(*sku).as_str(), "quantity": units});
        json!({
            "policy": proposed.policy.as_str(),
            "from": catalogue.locations.name(proposed.from).as_str(),
            "to": catalogue.locations.name(proposed.to).as_str(),
            "reason": proposed.reason.as_str(),
            "lines": proposed.lines.iter().map(line).collect::<Vec<_>>(),
        })
    };
    let (mut bytes, mut transfers) = (0, Vec::new());
    for proposed in &plan.transfers {
        let item = transfer(proposed);
        bytes += item.to_string().len();
        if bytes > bytes_max && !transfers.is_empty() {
            break;
        }
        transfers.push(item);
    }
    let left_out = plan.transfers.len() - transfers.len();
    json!({
        "run": null,
        "seq": plan.seq,
        "made": plan.transfers.len(),
        "short": plan.short,
        "transfers": transfers,
        "transfers_left_out": left_out,
    })
}

/// The need of a cell, and what it got.
pub fn item(engine: &Engine, item: &RunItem) -> Value {
    let catalogue = &engine.state().catalogue;
    json!({
        "sku": catalogue.skus.name(item.sku).as_str(),
        "location": catalogue.locations.name(item.location).as_str(),
        "wanted": item.wanted,
        "given": item.given,
    })
}

/// The facts about a cell.
pub fn explained(sku: &str, location: &str, explained: &Explained) -> Value {
    let cell = &explained.cell;
    let verdict = |(name, verdict, gives): &(Name, Verdict, u32)| {
        let (word, below, up_to, wanted) = match *verdict {
            Verdict::NotInForce => ("not_in_force", None, None, 0),
            Verdict::OtherSku => ("other_sku", None, None, 0),
            Verdict::OtherPlace => ("other_location", None, None, 0),
            Verdict::Uncounted => ("uncounted", None, None, 0),
            Verdict::DoesNotSell => ("does_not_sell", None, None, 0),
            Verdict::Enough { below } => ("enough", Some(below), None, 0),
            Verdict::Needs { below, up_to, wanted } => ("needs", Some(below), Some(up_to), wanted),
        };
        json!({
            "policy": name.as_str(),
            "verdict": word,
            "below": below,
            "up_to": up_to,
            "wanted": wanted,
            "gives": gives,
        })
    };
    let cover = cell.days_of_cover();
    json!({
        "seq": explained.seq,
        "sku": sku,
        "location": location,
        "position": cell.position(),
        "parts": {
            "on_hand": cell.on_hand,
            "reserved": cell.reserved,
            "safety_stock": cell.safety_stock,
            "waiting": cell.waiting,
            "incoming": cell.incoming,
            "drafts_in": cell.drafts_in,
            "drafts_out": cell.drafts_out,
        },
        "may_leave": (cell.available - cell.drafts_out).max(0),
        "per_day": rounded(cell.per_day),
        "days_of_cover": cover.is_finite().then(|| rounded(cover)),
        "last_sale_at": cell.last_sale.map(time),
        "policies": explained.verdicts.iter().map(verdict).collect::<Vec<_>>(),
    })
}

/// Three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

//! Decides issuers and series, invoices in place of receipts, and what an authority said.

use std::sync::Arc;

use super::answer::ReceiptAnswer;
use super::command::{Command, Invoice};
use super::event::{Event, FiscalTold, IssuerSet, SeriesSet};
use super::issue::{Ask, Content, issue};
use super::issuer::Issuer;
use super::receipt::{FiscalAnswer, FiscalState, Issued, ReceiptId};
use super::series::{NUMBER_CHARACTERS_MAX, Series};
use crate::answers::Thing;
use crate::decide::{Decide, Decision, effect_of, unknown};
use crate::ids::{Name, Seq};
use crate::kernel::cause::Cause;
use crate::kernel::holder::Holder;
use crate::kernel::version::{Precondition, Version};
use crate::refusal::{Failure, Refusal};

/// Decides a command of receipts.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::SetIssuer(name, issuer, precondition) => {
            set_issuer(cx, name, issuer.map(|issuer| *issuer), &precondition, cause)
        }
        Command::SetSeries(name, series, precondition) => {
            set_series(cx, name, series.map(|series| *series), &precondition, cause)
        }
        Command::Invoice(invoice) => invoice_for(cx, *invoice, cause),
        Command::TellFiscal(id, told) => tell_fiscal(cx, id, *told, cause),
        #[cfg(test)]
        Command::Issue(asked) => {
            let mut all: Vec<Arc<Issued>> = Vec::new();
            for asked in asked {
                let issued = issue(cx, asked, &all)?;
                all.push(issued);
            }
            log_issued(cx, all, cause)
        }
    }
}

fn thing(told: ReceiptAnswer) -> Thing {
    Thing::Receipts(Box::new(told))
}

fn in_use(kind: &'static str, name: &Name, holder: Holder) -> Failure {
    Refusal::InUse { kind, name: name.clone(), holders: vec![holder] }.into()
}

fn check_version(precondition: &Precondition, current: Option<Seq>) -> Result<(), Failure> {
    match precondition.holds(current.map(Version::new)) {
        true => Ok(()),
        false => Err(Refusal::StaleVersion { actual: current.unwrap_or(0) }.into()),
    }
}

fn set_issuer(
    cx: &mut Decide<'_>,
    name: Name,
    issuer: Option<Issuer>,
    precondition: &Precondition,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let known = cx.draft.own.receipts.issuer(cx.state, &name);
    check_version(precondition, known.as_ref().map(|known| known.version))?;
    let before = known.as_ref().and_then(|known| known.issuer());
    match &issuer {
        None => {
            if known.is_none() {
                return Err(Refusal::NotFound("issuer").into());
            }
            let series = cx.draft.own.receipts.series_of(cx.state, &name);
            if !series.is_empty() {
                let held = Holder::of("series", series.into_iter().map(|series| series.name.to_string()));
                return Err(in_use("issuer", &name, held));
            }
        }
        Some(issuer) => {
            let issued = known.as_ref().map_or(0, |known| known.position);
            // Its chain says the rest, of every receipt.
            let chained = |issuer: &Issuer| {
                let Issuer { tax_id, country, timezone, scheme, environment, .. } = issuer.clone();
                (tax_id, country, timezone, scheme, environment)
            };
            if issued > 0 && before.is_some_and(|before| chained(before) != chained(issuer)) {
                return Err(in_use("issuer", &name, Holder::counted("receipts", issued)));
            }
        }
    }
    let told = thing(ReceiptAnswer::Issuer(name.clone(), issuer.clone()));
    if let Some(known) = known.as_ref().filter(|_| issuer.is_some() && before == issuer.as_ref()) {
        return Ok(cx.tell_thing(cause, known.version, told));
    }
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::IssuerSet(Box::new(IssuerSet { name, issuer })));
    Ok(cx.tell_thing(cause, seq, told))
}

fn set_series(
    cx: &mut Decide<'_>,
    name: Name,
    series: Option<Series>,
    precondition: &Precondition,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let known = cx.draft.own.receipts.series(cx.state, &name);
    check_version(precondition, known.as_ref().map(|known| known.version))?;
    let before = known.as_ref().and_then(|known| known.series.as_deref());
    let used = known.as_ref().map_or(0, |known| known.count());
    match &series {
        None if known.is_none() => return Err(Refusal::NotFound("series").into()),
        None if used > 0 => return Err(in_use("series", &name, Holder::counted("receipts", used))),
        None => {}
        Some(series) => {
            if used > 0
                && let Some(before) = before
                && (!before.numbers_like(series) || (before.closed && !series.closed))
            {
                return Err(in_use("series", &name, Holder::counted("receipts", used)));
            }
            check_series(cx, &name, series, before)?;
        }
    }
    if let Some(known) = known.as_ref().filter(|_| series.is_some() && before == series.as_ref()) {
        let told = thing(ReceiptAnswer::Series(known.clone()));
        return Ok(cx.tell_thing(cause, known.version, told));
    }
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::SeriesSet(Box::new(SeriesSet { name: name.clone(), series })));
    let told = cx.draft.own.receipts.series_or_new(cx.state, &name);
    Ok(cx.tell_thing(cause, seq, thing(ReceiptAnswer::Series(told))))
}

/// Checks what a series names, and that no other of its issuer prints what it prints. Names that it had may stay.
fn check_series(cx: &Decide<'_>, name: &Name, series: &Series, before: Option<&Series>) -> Result<(), Failure> {
    let draft = &cx.draft.own.receipts;
    if draft.issuer(cx.state, &series.issuer).is_none() {
        return Err(unknown("issuer", &series.issuer));
    }
    for (at, location) in series.locations.iter().enumerate() {
        let had = before.is_some_and(|before| before.locations.contains(location));
        if !had && cx.draft.own_location(location).is_none() {
            return Err(unknown(&format!("locations[{at}]"), location));
        }
    }
    for (at, channel) in series.channels.iter().enumerate() {
        let had = before.is_some_and(|before| before.channels.contains(channel));
        if !had && !cx.draft.takes_channel(cx.draft.known_channel(channel)) {
            return Err(cx.state.catalogue.undeclared_channel(&format!("channels[{at}]"), channel).into());
        }
    }
    let longest = series.number(series.first).len();
    if longest > NUMBER_CHARACTERS_MAX {
        let reason = format!("prints numbers of {longest} characters; a number has at most {NUMBER_CHARACTERS_MAX}");
        return Err(Refusal::invalid("prefix", reason).into());
    }
    for other in draft.series_of(cx.state, &series.issuer) {
        let clash = other.series.as_ref().filter(|_| other.name != *name).and_then(|of| of.clash(series));
        if let Some(number) = clash {
            return Err(Refusal::NumberTaken { series: other.name, number }.into());
        }
    }
    Ok(())
}

/// Logs receipts by themselves, and answers with the last of them.
fn log_issued(cx: &mut Decide<'_>, all: Vec<Arc<Issued>>, cause: &mut Option<Box<Cause>>) -> Decision {
    let id = all.last().map(|issued| issued.id.clone()).ok_or(Refusal::NotFound("receipt"))?;
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::ReceiptsIssued(all));
    tell_receipt(cx, seq, &id, cause)
}

fn tell_receipt(cx: &mut Decide<'_>, seq: Seq, id: &ReceiptId, cause: &mut Option<Box<Cause>>) -> Decision {
    let receipt = cx.draft.own.receipts.receipt(cx.state, id).ok_or(Refusal::NotFound("receipt"))?;
    Ok(cx.tell_thing(cause, seq, thing(ReceiptAnswer::Receipt(Box::new(receipt)))))
}

fn invoice_for(cx: &mut Decide<'_>, asked: Invoice, cause: &mut Option<Box<Cause>>) -> Decision {
    let find = |id: &ReceiptId| cx.draft.own.receipts.receipt(cx.state, id);
    // Where and how it was bought is where and how the first of them was.
    let first = asked.receipts.first().and_then(find).ok_or(Refusal::NotFound("receipt"))?.issued;
    let latest = asked.receipts.iter().filter_map(find).map(|receipt| receipt.issued.occurred_at).max();
    let ask = Ask {
        field: "",
        series: asked.series,
        recipient: Some(asked.recipient),
        channel: first.channel.clone(),
        location: first.location.clone(),
        till: first.till.clone(),
        order: None,
        returned: None,
        customer: None,
        occurred_at: latest.unwrap_or(first.occurred_at),
        currency: first.currency,
        content: Content::InPlaceOf(asked.receipts),
        tenders: Vec::new(),
        entropy: asked.entropy,
        records_before: 0,
    };
    let issued = issue(cx, ask, &[])?;
    log_issued(cx, vec![issued], cause)
}

fn tell_fiscal(cx: &mut Decide<'_>, id: ReceiptId, told: FiscalAnswer, cause: &mut Option<Box<Cause>>) -> Decision {
    let known = cx.draft.own.receipts.receipt(cx.state, &id).ok_or(Refusal::NotFound("receipt"))?;
    if let Some((seq, _, before)) = &known.after.fiscal
        && *before == told
    {
        return tell_receipt(cx, *seq, &id, cause);
    }
    let passes = match (known.fiscal_state(), told.state) {
        (FiscalState::Pending, FiscalState::Accepted | FiscalState::Rejected)
        | (FiscalState::Rejected, FiscalState::Accepted) => true,
        (FiscalState::None | FiscalState::Pending | FiscalState::Accepted | FiscalState::Rejected, _) => false,
    };
    if !passes {
        let state = known.fiscal_state().as_str();
        return Err(Refusal::Spent { kind: "receipt", name: id.to_string(), state, by: None }.into());
    }
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::FiscalTold(Box::new(FiscalTold { receipt: id.clone(), told })));
    tell_receipt(cx, seq, &id, cause)
}

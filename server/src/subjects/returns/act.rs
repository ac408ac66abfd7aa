//! Takes goods back, and takes returns through their lives.

use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::answers::Thing;
use anaquel_engine::command::Outcome;
use anaquel_engine::engine::archive::Needed;
use anaquel_engine::ids::{Name, Seq, crockford};
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::command::{Sell, Teller};
use anaquel_engine::orders::payment::PaymentState;
use anaquel_engine::orders::{Order, ReturnLink};
use anaquel_engine::prices::book::PriceTarget;
use anaquel_engine::prices::list::Currency;
use anaquel_engine::returns::command::{Cancel, Command, Inspect, LineFields, Money, Of, Receive, Refunds, TakeBack};
use anaquel_engine::returns::{Return, ReturnAnswer, ReturnState};
use http::StatusCode;

use super::bodies::{
    self, ExchangeBody, InspectBody, ReceiptMember, ReceiveBody, ReturnBody, ReturnCancelBody, ReturnRefundsBody,
};
use super::views;
use crate::app::{App, Executed};
use crate::archived;
use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, unexpected};
use crate::subjects::orders::act::needs_key;
use crate::subjects::orders::bodies::limits::{self, LINES_MAX, REFUNDS_MAX};
use crate::subjects::orders::bodies::sale::AskedSale;
use crate::subjects::orders::bodies::teller::Told;
use crate::subjects::orders::bodies::{money, place, receipt};
use crate::subjects::orders::compose::{self, Request};
use crate::subjects::orders::decided::executed;
use crate::subjects::orders::series;
use crate::wire::{currency, outside_name};

/// A return by its name, from memory or from the archive.
///
/// # Errors
/// There is none.
pub async fn find(app: &App, caller: &Caller, id: &str) -> Result<Arc<Return>, Problem> {
    let returned = archived::returned(app, caller.who, id).await?;
    returned.filter(|returned| sees(app, caller, returned)).ok_or_else(|| Problem::not_found("return"))
}

/// The same of a return that may come to any place: one that is announced concerns everybody who takes goods back.
///
/// # Errors
/// There is none, or it is another's.
pub async fn find_announced(app: &App, caller: &Caller, id: &str) -> Result<Arc<Return>, Problem> {
    let returned = archived::returned(app, caller.who, id).await?;
    let concerns = |returned: &Arc<Return>| returned.state == ReturnState::Announced || sees(app, caller, returned);
    returned.filter(concerns).ok_or_else(|| Problem::not_found("return"))
}

/// Whether a return concerns a caller: for one bound to locations, by where the goods came; for one bound only to channels,
/// by the channel through which they came, or their order was made.
pub fn sees(app: &App, caller: &Caller, returned: &Return) -> bool {
    let Some(principal) = &caller.principal else { return true };
    let state = app.engine.state();
    let is_own = |channel: &Name| caller.may_use_channel("channel", Some(channel.as_str())).is_ok();
    match principal.identity.locations.is_empty() {
        true => {
            let order = returned.order.as_ref().and_then(|name| state.own.orders.named(name.as_str()));
            is_own(&returned.channel) || order.is_some_and(|order| is_own(&order.channel) || is_own(&order.begun_in))
        }
        false => {
            let location = returned.location.map(|id| state.catalogue.locations.name(id).as_str());
            location.is_some() && caller.may_use_location("location", location).is_ok()
        }
    }
}

/// What a step of a return needs in memory: itself, and its order.
fn of_return(name: &Name) -> Needed {
    Needed { returns: vec![name.clone()], ..Needed::default() }
}

/// The name of a new record of the server's.
fn made_name(prefix: &str) -> Result<Name, Problem> {
    outside_name("return", &format!("{prefix}-{}", crockford(crate::random()?, 12)))
}

/// A return as a request means it, as far as it needs no prices.
struct Asked {
    of: Of,
    customer: Option<Box<str>>,
    currency: Option<Currency>,
    lines: Vec<LineFields>,
    money: Money,
    exchange: Option<AskedSale>,
}

/// Takes goods back, announces them, or works out what they would bring.
///
/// # Errors
/// What is wrong with the request, what cannot come back, or why the server accepts no writes.
pub async fn take_back(app: &App, caller: &Caller, digest: u64, body: ReturnBody) -> Result<Reply, Problem> {
    check_members(&body)?;
    let name = match &body.name {
        Some(text) => outside_name("return", text)?,
        None if body.dry_run => Name::from(String::new()),
        None => {
            needs_key(caller, "if return is left out")?;
            made_name("r")?
        }
    };
    let told = Told {
        channel: Some(&body.channel),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: None,
        offline: false,
    };
    let teller = told.teller(&app.engine, caller, None)?;
    let charges = bodies::charges(body.charges.clone())?;
    let made = match &body.name {
        Some(name) => archived::returned(app, caller.who, name).await?.filter(|known| known.digest == digest),
        None => None,
    };
    let of = of(app, caller, &body, made.as_deref())?;
    let order = order_of(app, caller, &of).await?;
    let asked = read(&app.engine, caller, &body, of, order.as_deref())?;
    let exchange_name = made_name("o")?;
    let compose = |engine: &Engine, is_preview: bool| {
        // A repeat is answered with the return as it is: it is priced no more, and never too late.
        let is_made = engine.state().own.returns.named(name.as_str()).is_some_and(|known| known.digest == digest);
        let occurred_at = match is_made || is_preview {
            true => None,
            false => Told { occurred_at: body.occurred_at.as_deref(), ..Told::default() }.late(engine, caller)?,
        };
        let teller = Teller { occurred_at, ..teller.clone() };
        let mut money = asked.money.clone();
        series::fill(engine, money.receipt.as_mut(), &teller, true);
        let (of, lines) = match is_made {
            true => (asked.of.clone(), asked.lines.clone()),
            false => {
                money.exchange = exchange(engine, caller, &asked, (&exchange_name, &teller))?.map(Box::new);
                priced(engine, &asked, &teller)?
            }
        };
        Ok::<_, Problem>(TakeBack {
            name: name.clone(),
            digest,
            teller,
            of,
            customer: asked.customer.clone(),
            currency: asked.currency,
            lines,
            charges: charges.clone(),
            money,
            is_announced: body.announced,
        })
    };
    if body.dry_run {
        if let Of::Receipt(id) = &asked.of
            && order.is_none()
            && archived::receipt(app, caller.who, id).await?.is_none()
        {
            return Err(Problem::not_found("receipt"));
        }
        let asked = compose(&app.engine, true)?;
        let (engine, order) = (app.engine.clone(), order.map(|order| (*order).clone()));
        let returned = app.reads.run(caller.who, move || engine.preview_return(&asked, order)).await??;
        return Ok(Reply::ok(views::preview(&app.engine, &returned.map_err(Problem::from)?).to_string()));
    }
    let submit = |engine: &Engine| Ok(Command::TakeBack(Box::new(compose(engine, false)?)));
    let needed = needed(&asked.of, order.as_deref(), body.name.as_ref().map(|_| &name));
    run(app, caller, &needed, submit).await
}

/// What a return needs in memory: its order, and itself, if its caller named it.
fn needed(of: &Of, order: Option<&Order>, own: Option<&Name>) -> Needed {
    let mut needed = Needed { returns: own.cloned().into_iter().collect(), ..Needed::default() };
    if let Some(order) = order {
        needed.orders.push(order.name.clone());
        // What an exchange paid goes to the tenders of the first order.
        let exchanged = order.payments.iter().filter(|payment| payment.tender == Tender::Exchange);
        let exchanged = exchanged.filter_map(|payment| payment.reference.as_deref());
        needed.returns.extend(exchanged.map(|name| Name::from(name.to_owned())));
        let taken = |link: &&ReturnLink| link.refunds.iter().any(|part| part.tender == Tender::Exchange);
        needed.returns.extend(order.returns.iter().filter(taken).map(|link| link.name.clone()));
    }
    if let Of::Receipt(id) = of {
        needed.receipts.push(id.clone());
    }
    needed
}

/// Checks what a return may not say together.
fn check_members(body: &ReturnBody) -> Result<(), Problem> {
    let on_receipt = body.bought_on.is_some() || matches!(&body.receipt, Some(ReceiptMember::On(_)));
    if body.order.is_some() && on_receipt {
        return Err(Problem::invalid("order", "is given beside a receipt; send one of both"));
    }
    if body.occurred_at.is_some() && body.name.is_none() {
        let reason = "is required with occurred_at: a repeat is known by it once its idempotency key is forgotten";
        return Err(Problem::invalid("return", reason));
    }
    if body.announced {
        for (field, is_given) in [
            ("exchange", body.exchange.is_some()),
            ("refunds", body.refunds.is_some()),
            ("receipt", matches!(&body.receipt, Some(ReceiptMember::Note(_)))),
            ("occurred_at", body.occurred_at.is_some()),
        ] {
            if is_given {
                return Err(Problem::invalid(field, "is given with announced; send it when the goods come"));
            }
        }
    } else if body.location.is_none() {
        return Err(Problem::invalid("location", "is required: goods come back to a location"));
    }
    // What is told late may be of an order that nobody knows yet.
    let has_source = (body.order.is_some() || on_receipt) && body.occurred_at.is_none();
    if has_source && body.currency.is_some() {
        return Err(Problem::invalid("currency", "is that of the order; leave it out"));
    }
    if has_source && body.customer.is_some() {
        return Err(Problem::invalid("customer", "is that of the order; leave it out"));
    }
    if body.dry_run && body.occurred_at.is_some() {
        return Err(Problem::invalid("occurred_at", "is given with dry_run, which is worked out as of now"));
    }
    Ok(())
}

/// Where the goods come from.
fn of(app: &App, caller: &Caller, body: &ReturnBody, made: Option<&Return>) -> Result<Of, Problem> {
    match (&body.order, body.on_receipt()?) {
        (Some(order), _) => Ok(Of::Order(outside_name("order", order)?)),
        (None, Some(receipt)) => Ok(Of::Receipt(receipt)),
        (None, None) => {
            caller.may(&[Scope::Refund]).map_err(|problem| problem.with("field", "order"))?;
            let currency = made.map_or_else(|| currency_of(&app.engine, body), |made| Ok(made.currency))?;
            Ok(Of::NoSale(currency, compose::NO_PRICES))
        }
    }
}

/// The order of a return, from memory or from the archive, if it is known.
async fn order_of(app: &App, caller: &Caller, of: &Of) -> Result<Option<Arc<Order>>, Problem> {
    let name = match of {
        Of::NoSale(..) => None,
        Of::Order(name) => Some(name.clone()),
        Of::Receipt(id) => {
            let receipt = archived::receipt(app, caller.who, id).await?;
            receipt.and_then(|receipt| receipt.issued.order.as_ref().map(|(_, name)| name.clone()))
        }
    };
    match name {
        Some(name) => archived::order(app, caller.who, name.as_str()).await,
        None => Ok(None),
    }
}

fn read(engine: &Engine, caller: &Caller, body: &ReturnBody, of: Of, order: Option<&Order>) -> Result<Asked, Problem> {
    let lines = bodies::lines(&body.lines, body.announced)?;
    let currency = match &of {
        Of::Order(_) | Of::Receipt(_) => match order {
            Some(order) => Some(order.currency),
            None => currency_of(engine, body).ok(),
        },
        Of::NoSale(currency, _) => Some(*currency),
    };
    let exchange = body.exchange.clone().zip(currency).map(|(body, currency)| sale(body, currency)).transpose()?;
    if body.exchange.is_some() && exchange.is_none() {
        return Err(Problem::invalid("exchange", "needs an order that is known; sell it by itself"));
    }
    Ok(Asked {
        of,
        customer: limits::customer(body.customer.as_deref())?,
        currency,
        lines,
        money: Money {
            refunds: bodies::refunds(body.refunds.clone())?,
            may_divide: caller.may(&[Scope::Refund]).is_ok(),
            exchange: None,
            receipt: body.note()?,
        },
        exchange,
    })
}

/// The currency of goods without a sale: the request's, or that of their prices.
fn currency_of(engine: &Engine, body: &ReturnBody) -> Result<Currency, Problem> {
    if let Some(text) = &body.currency {
        return Ok(Currency(currency::read("currency", text)?));
    }
    let skus = &engine.state().catalogue.skus;
    let known: Vec<_> = body.lines.iter().filter_map(|line| skus.id(line.sku.as_deref()?)).collect();
    let only = engine.state().only_currency(&known);
    only.ok_or_else(|| {
        let reason = "is required: the goods have prices in no currency, or in several";
        Problem::invalid("currency", reason)
    })
}

/// What is taken in exchange.
fn sale(body: ExchangeBody, currency: Currency) -> Result<AskedSale, Problem> {
    limits::count("exchange.lines", body.lines.len(), 1, LINES_MAX)?;
    let lines = body.lines.into_iter().enumerate().map(|(at, line)| line.read(place::LinePlace::Exchange(at), at));
    let lines: Vec<_> = lines.collect::<Result<_, Problem>>()?;
    place::unique_lines(lines.iter())?;
    Ok(AskedSale {
        till_reference: None,
        customer: None,
        currency,
        cart: None,
        lines,
        charges: Vec::new(),
        payments: money::payments(body.payments, Some(PaymentState::Captured))?,
        codes: Vec::new(),
        expected_total: None,
        receipt: receipt::of_step(body.receipt)?,
        self_checkout: None,
    })
}

/// What goods without a sale are worth, from one exact read.
fn priced(engine: &Engine, asked: &Asked, teller: &Teller) -> Result<(Of, Vec<LineFields>), Problem> {
    let mut lines = asked.lines.clone();
    let Of::NoSale(currency, _) = &asked.of else { return Ok((asked.of.clone(), lines)) };
    let state = engine.state();
    let Some(location) = teller.location else { return Err(Problem::invalid("location", "is required")) };
    let place = PriceTarget::Location(location, state.catalogue.locations.name(location).clone());
    let sku = |line: &LineFields| line.sku.as_ref().and_then(|name| state.catalogue.skus.id(name.as_str()));
    let skus: Vec<_> = lines.iter().map(sku).collect();
    let now = engine.now();
    let (pricing, worths) = state.worth_without_sale(&teller.channel, &place, *currency, now, &skus);
    for (at, (line, worth)) in lines.iter_mut().zip(worths).enumerate() {
        if line.sku.is_none() {
            return Err(Problem::invalid(&format!("lines[{at}].sku"), "is required for goods without a sale"));
        }
        if worth.amount.is_none() && teller.occurred_at.is_none() {
            return Err(views::unpriced(line));
        }
        line.worth = Some(worth);
    }
    Ok((Of::NoSale(*currency, pricing), lines))
}

fn exchange(
    engine: &Engine,
    caller: &Caller,
    asked: &Asked,
    (name, teller): (&Name, &Teller),
) -> Result<Option<Sell>, Problem> {
    let Some(sale) = &asked.exchange else { return Ok(None) };
    if teller.occurred_at.is_none() {
        sale.may_price(caller)?;
    }
    let mut sell = compose::sell(&Request { engine, name, digest: 0, teller, caller }, sale)?;
    series::fill(engine, sell.receipt.as_mut(), teller, false);
    Ok(Some(sell))
}

/// Takes announced goods back.
///
/// # Errors
/// What is wrong with the request, what cannot come back, or why the server accepts no writes.
pub async fn receive(app: &App, caller: &Caller, id: &str, body: ReceiveBody) -> Result<Reply, Problem> {
    let returned = find_announced(app, caller, id).await?;
    needs_key(caller, "with lines")?;
    let lines = bodies::received(body.lines)?;
    let charges = body.charges.map(bodies::charges).transpose()?;
    let money = Money {
        refunds: bodies::refunds(body.refunds)?,
        may_divide: caller.may(&[Scope::Refund]).is_ok(),
        exchange: None,
        receipt: receipt::of_step(body.receipt)?,
    };
    let told = Told {
        channel: Some(&body.channel),
        location: Some(&body.location),
        till: body.till.as_deref(),
        occurred_at: body.occurred_at.as_deref(),
        offline: false,
    };
    let submit = |engine: &Engine| {
        let teller = told.teller(engine, caller, None)?;
        let (name, lines) = (returned.name.clone(), lines.clone());
        let (charges, mut money) = (charges.clone(), money.clone());
        series::fill(engine, money.receipt.as_mut(), &teller, true);
        Ok(Command::Receive(Box::new(Receive { name, teller, lines, charges, money })))
    };
    run(app, caller, &of_return(&returned.name), submit).await
}

/// Books what became of goods that somebody looked at.
///
/// # Errors
/// What is wrong with the request, or why the server accepts no writes.
pub async fn inspect(app: &App, caller: &Caller, id: &str, body: InspectBody) -> Result<Reply, Problem> {
    let returned = find(app, caller, id).await?;
    needs_key(caller, "with lines")?;
    may_use_place(app, caller, &returned)?;
    let lines = bodies::inspected(&body.lines)?;
    let told = Told { occurred_at: body.occurred_at.as_deref(), ..Told::default() };
    let submit = |engine: &Engine| {
        let teller = Teller { location: returned.location, ..told.teller(engine, caller, Some(&returned.channel))? };
        Ok(Command::Inspect(Box::new(Inspect { name: returned.name.clone(), teller, lines: lines.clone() })))
    };
    run(app, caller, &of_return(&returned.name), submit).await
}

/// Who is bound to locations looks at the goods that lie there.
fn may_use_place(app: &App, caller: &Caller, returned: &Return) -> Result<(), Problem> {
    let name = returned.location.map(|id| app.engine.state().catalogue.locations.name(id).as_str());
    caller.may_use_location("return", name)
}

/// Reports refunds of a return.
///
/// # Errors
/// What is wrong with the request, or why the server accepts no writes.
pub async fn refund(app: &App, caller: &Caller, id: &str, body: ReturnRefundsBody) -> Result<Reply, Problem> {
    let returned = find(app, caller, id).await?;
    needs_key(caller, "with refunds")?;
    if body.channel.is_none() {
        caller.may_use_channel("channel", Some(returned.channel.as_str()))?;
    }
    limits::count("refunds", body.refunds.len(), 1, REFUNDS_MAX)?;
    let refunds = money::refunds(body.refunds)?;
    let may_divide = caller.may(&[Scope::Refund]).is_ok();
    let told = Told {
        channel: body.channel.as_deref(),
        location: body.location.as_deref(),
        till: body.till.as_deref(),
        occurred_at: body.occurred_at.as_deref(),
        offline: false,
    };
    let submit = |engine: &Engine| {
        let teller = told.teller(engine, caller, Some(&returned.channel))?;
        let (name, refunds) = (returned.name.clone(), refunds.clone());
        Ok(Command::Refunds(Box::new(Refunds { name, teller, refunds, may_divide })))
    };
    run(app, caller, &of_return(&returned.name), submit).await
}

/// Cancels an announced return.
///
/// # Errors
/// The goods came, or why the server accepts no writes.
pub async fn cancel(app: &App, caller: &Caller, id: &str, body: ReturnCancelBody) -> Result<Reply, Problem> {
    let returned = find(app, caller, id).await?;
    caller.may_use_channel("channel", Some(returned.channel.as_str()))?;
    let reason = limits::reason(body.reason)?;
    let submit = |engine: &Engine| {
        let teller = Told::default().teller(engine, caller, Some(&returned.channel))?;
        Ok(Command::Cancel(Box::new(Cancel { name: returned.name.clone(), teller, reason: reason.clone() })))
    };
    run(app, caller, &of_return(&returned.name), submit).await
}

async fn run(
    app: &App,
    caller: &Caller,
    needed: &Needed,
    compose: impl Fn(&Engine) -> Result<Command, Problem> + Send + Sync,
) -> Result<Reply, Problem> {
    let after = |engine: &Engine, seen: Seq| Ok(Command::After(seen, Box::new(compose(engine)?)));
    let Executed { outcome, replayed } = executed(app, caller, needed, after, Problem::from).await?;
    let thing = match outcome {
        Outcome::Put { thing: Some(thing), .. } => thing,
        outcome => return Err(unexpected(&outcome)),
    };
    let ReturnAnswer { returned, is_made } = match *thing {
        Thing::Returns(answer) => *answer,
        other => return Err(unexpected(&Outcome::Put { seq: 0, thing: Some(Box::new(other)) })),
    };
    let item = views::item(&app.engine, &returned);
    let status = if is_made { StatusCode::CREATED } else { StatusCode::OK };
    let reply = Reply::new(status, item.to_string()).replayed(replayed);
    Ok(if is_made { reply.at(format!("/v1/returns/{}", returned.name)) } else { reply })
}

//! Receipts of the demo retailer, and what came back.

use anaquel_engine::Engine;
use anaquel_engine::ids::{LocationId, Name};
use anaquel_engine::kernel::version::Precondition;
use anaquel_engine::orders::command::ReceiptFields;
use anaquel_engine::receipts::command::Command as ReceiptCommand;
use anaquel_engine::receipts::issuer::{Environment, Issuer, Scheme};
use anaquel_engine::receipts::series::{ReceiptKind, Series};
use anaquel_engine::returns::Condition;
use anaquel_engine::returns::command::{Command, LineFields, Money, Of, TakeBack};

use crate::demo::names::{name, teller};

/// The series of the demo retailer: receipts of its shops, and credit notes.
const SERIES: [(&str, ReceiptKind, &str); 2] =
    [("ES-SHOP-27", ReceiptKind::Receipt, "S27-"), ("ES-BACK-27", ReceiptKind::CreditNote, "B27-")];

/// Sets the issuer and its series.
pub fn issuers(engine: &Engine) -> anyhow::Result<()> {
    let issuer = Issuer {
        tax_id: "B00000000".to_owned(),
        name: "Anaquel Demo, S.L.".to_owned(),
        address: "Calle Mayor 1, 28013 Madrid".to_owned(),
        country: *b"ES",
        timezone: "Europe/Madrid".to_owned(),
        scheme: Scheme::None,
        environment: Environment::Test,
    };
    let set = ReceiptCommand::SetIssuer(name("demo-es")?, Some(Box::new(issuer)), Precondition::default());
    engine.run(|engine, done| engine.submit(set, None, done))?;
    for (id, kind, prefix) in SERIES {
        let series = Series {
            issuer: name("demo-es")?,
            kind,
            prefix: prefix.to_owned(),
            digits: 6,
            first: 1,
            locations: Vec::new(),
            channels: Vec::new(),
            closed: false,
        };
        let set = ReceiptCommand::SetSeries(name(id)?, Some(Box::new(series)), Precondition::default());
        engine.run(|engine, done| engine.submit(set, None, done))?;
    }
    Ok(())
}

/// A document of one of the series.
pub fn document(series: &str) -> anyhow::Result<ReceiptFields> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(ReceiptFields { series: Some(name(series)?), recipient: None, entropy })
}

/// Takes a unit of a sale back, to be looked at, and announces the goods of an order.
pub fn load(engine: &Engine, store: LocationId, sale: &Name, order: &Name) -> anyhow::Result<()> {
    let back = take(store, ("R-1001", sale), false)?;
    engine.run(|engine, done| engine.submit(Command::TakeBack(Box::new(back)), None, done))?;
    let back = take(store, ("R-1002", order), true)?;
    engine.run(|engine, done| engine.submit(Command::TakeBack(Box::new(back)), None, done))?;
    Ok(())
}

fn take(store: LocationId, (id, of): (&str, &Name), is_announced: bool) -> anyhow::Result<TakeBack> {
    let line = LineFields {
        line: Some("1".into()),
        sku: None,
        quantity: 1,
        condition: Some(Condition::Inspect),
        reason: Some("too small".into()),
        worth: None,
    };
    let receipt = if is_announced { None } else { Some(document("ES-BACK-27")?) };
    Ok(TakeBack {
        name: name(id)?,
        digest: 0,
        teller: teller("pos", Some(store), None)?,
        of: Of::Order(of.clone()),
        customer: None,
        currency: None,
        lines: vec![line],
        charges: Vec::new(),
        money: Money { refunds: None, may_divide: false, exchange: None, receipt },
        is_announced,
    })
}

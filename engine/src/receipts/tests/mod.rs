//! Receipts through a whole engine: issued by themselves, as other subjects issue them inside their records.

mod documents;
mod numbers;
mod standing;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::answer::ReceiptAnswer;
use super::command::{Command, Invoice};
use super::issue::{Ask, AskCharge, AskLine, Content};
use super::issuer::{Environment, Issuer, Scheme};
use super::receipt::{Receipt, ReceiptId, Recipient, Tendered};
use super::series::{ReceiptKind, Series};
use crate::answers::Thing;
use crate::engine::recovery::Options;
use crate::engine::verify::Auditor;
use crate::ids::{Name, Timestamp};
use crate::journal::LogOptions;
use crate::journal::memory::MemoryDisk;
use crate::kernel::cause::{Cause, IdempotencyKey};
use crate::kernel::tender::Tender;
use crate::kernel::version::Precondition;
use crate::outcome::Outcome;
use crate::prices::list::Currency;
use crate::refusal::{Failure, Refusal};
use crate::settings::{NameSettings, Settings};
use crate::{Clock, Engine};

const START_MS: u64 = 1_800_000_000_400;
const EUR: Currency = Currency(*b"EUR");

/// Time stands still until a test moves it.
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn id(text: &str) -> ReceiptId {
    ReceiptId::parse(text).expect("an id")
}

fn settings() -> Settings {
    let settings = Settings::default();
    Settings { names: NameSettings { accept_undeclared_channels: true, ..settings.names }, ..settings }
}

struct House {
    engine: Engine,
    clock: Arc<Hand>,
    /// Random bits of keys.
    drawn: AtomicU64,
}

fn issuer(scheme: Scheme) -> Issuer {
    Issuer {
        tax_id: "B12345678".into(),
        name: "Tienda S.L.".into(),
        address: "Calle Mayor 1, Madrid".into(),
        country: *b"ES",
        timezone: "Europe/Madrid".into(),
        scheme,
        environment: Environment::Production,
    }
}

fn series(issuer: &str, kind: ReceiptKind, prefix: &str) -> Series {
    let (prefix, issuer) = (prefix.to_owned(), name(issuer));
    Series { issuer, kind, prefix, digits: 6, first: 1, locations: Vec::new(), channels: Vec::new(), closed: false }
}

fn recipient() -> Recipient {
    Recipient {
        tax_id: "12345678Z".into(),
        name: "Ana".into(),
        address: "Calle Menor 2".into(),
        postcode: Some("28001".into()),
        country: *b"ES",
    }
}

fn line(line: &str, quantity: u64, unit_amount: u64, amount: u64) -> AskLine {
    let (sku, name) = (name("SHIRT"), Some("Camisa".into()));
    AskLine { line: line.into(), sku, name, quantity, unit_amount, amount, tax_rate: Some(2100) }
}

fn charge(of: &str, amount: u64) -> AskCharge {
    AskCharge { charge: of.into(), amount, tax_rate: Some(2100) }
}

impl House {
    fn on(disk: MemoryDisk) -> Self {
        let clock = Arc::new(Hand(AtomicU64::new(START_MS)));
        let engine = Engine::in_memory(disk, settings(), clock.clone(), None).expect("the disk is whole");
        Self { engine, clock, drawn: AtomicU64::new(0) }
    }

    fn on_disk(directory: &Path, clock: Arc<Hand>, drawn: u64) -> Self {
        let log = LogOptions { reserve_bytes: 0, ..LogOptions::default() };
        let options = Options { log, settings: settings(), entropy: 42, trust_clock: true, role: None };
        let (engine, _) = Engine::open(directory, options, clock.clone(), None).expect("the log is whole");
        Self { engine, clock, drawn: AtomicU64::new(drawn) }
    }

    /// One issuer `es` with series of each kind.
    fn open(scheme: Scheme) -> Self {
        let house = Self::on(MemoryDisk::default());
        house.furnish(scheme);
        house
    }

    fn furnish(&self, scheme: Scheme) {
        self.set_issuer("es", Some(issuer(scheme))).expect("an issuer");
        let kinds = [("R", ReceiptKind::Receipt), ("I", ReceiptKind::Invoice), ("C", ReceiptKind::CreditNote)];
        for (of, kind) in kinds {
            self.set_series(of, Some(series("es", kind, &format!("{of}-")))).expect("a series");
        }
    }

    fn run(&self, command: Command, cause: Option<Box<Cause>>) -> Result<ReceiptAnswer, Failure> {
        match self.engine.run(|engine, done| engine.submit(command, cause, done))? {
            Outcome::Put { thing: Some(thing), .. } => match *thing {
                Thing::Receipts(told) => Ok(*told),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn set_issuer(&self, of: &str, issuer: Option<Issuer>) -> Result<ReceiptAnswer, Failure> {
        self.run(Command::SetIssuer(name(of), issuer.map(Box::new), Precondition::default()), None)
    }

    fn set_series(&self, of: &str, series: Option<Series>) -> Result<ReceiptAnswer, Failure> {
        self.run(Command::SetSeries(name(of), series.map(Box::new), Precondition::default()), None)
    }

    fn ask(&self, of: &str, content: Content) -> Ask {
        let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
        let mut entropy = [0; 16];
        entropy[..8].copy_from_slice(&drawn.to_le_bytes());
        Ask {
            field: "receipt.",
            series: name(of),
            recipient: None,
            channel: name("pos"),
            location: Some(name("es-001")),
            till: Some("1".into()),
            order: Some((1, name("W-1"))),
            returned: None,
            customer: Some(name("c-81")),
            occurred_at: Timestamp(START_MS),
            currency: EUR,
            content,
            tenders: vec![Tendered { tender: Tender::Cash, amount: 100, given: Some(200) }],
            entropy,
            records_before: 0,
        }
    }

    fn sold(&self, of: &str, lines: Vec<AskLine>) -> Ask {
        self.ask(of, Content::Sold(lines, Vec::new()))
    }

    fn back(&self, of: &str, from: &str, lines: Vec<AskLine>) -> Ask {
        self.ask(of, Content::TakenBack(lines.into_iter().map(|line| (id(from), line)).collect(), Vec::new()))
    }

    fn try_issue(&self, asked: Vec<Ask>) -> Result<Receipt, Failure> {
        match self.run(Command::Issue(asked), None)? {
            ReceiptAnswer::Receipt(receipt) => Ok(*receipt),
            other => panic!("{other:?}"),
        }
    }

    fn issue(&self, asked: Ask) -> Receipt {
        self.try_issue(vec![asked]).expect("a receipt")
    }

    fn invoice(&self, of: &str, receipts: &[&str]) -> Result<Receipt, Failure> {
        let (receipts, series) = (receipts.iter().map(|text| id(text)).collect(), name(of));
        let entropy = self.sold("R", Vec::new()).entropy;
        match self
            .run(Command::Invoice(Box::new(Invoice { receipts, series, recipient: recipient(), entropy })), None)?
        {
            ReceiptAnswer::Receipt(receipt) => Ok(*receipt),
            other => panic!("{other:?}"),
        }
    }

    fn get(&self, text: &str) -> Receipt {
        Arc::unwrap_or_clone(self.engine.state().own.receipts.get(&id(text)).expect("a receipt"))
    }

    fn next(&self, of: &str) -> u64 {
        self.engine.state().own.receipts.series(of).expect("a series").next
    }

    /// The whole log, checked by a second implementation, which recomputes every chain.
    fn audit(&self) {
        let mut auditor = Auditor::default();
        for record in self.engine.events(0, usize::MAX).expect("the log is readable") {
            auditor.check(&record).unwrap_or_else(|what| panic!("record {}: {what}", record.seq));
        }
        auditor.compare(self.engine.state()).expect("memory is what the log says");
    }
}

fn keyed(scope: u128) -> Option<Box<Cause>> {
    let idempotency = Some(IdempotencyKey { key: format!("k-{scope}"), scope, fingerprint: 7 });
    Some(Box::new(Cause { idempotency, ..Cause::default() }))
}

fn refusal<T: std::fmt::Debug>(told: Result<T, Failure>) -> Refusal {
    match told {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// The field that a request was refused for.
fn field<T: std::fmt::Debug>(told: Result<T, Failure>) -> String {
    match refusal(told) {
        Refusal::Invalid { field, .. } | Refusal::SeriesElsewhere { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

//! Requests about transfers.

use anaquel_engine::Engine;
use anaquel_engine::ids::{Name, Timestamp};
use anaquel_engine::transfers::command::{Fields, Make, Receive, Ship, Units};
use anaquel_engine::transfers::{Reason, Transfer, TransferState};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::{name, optional_name, outside_name, parse_time, quantity, sku_name};

/// The maximum number of lines of a transfer.
const LINES_MAX: usize = 1000;

/// A time within this distance of now counts as now.
const NOW_MS: u64 = 120_000;

/// The maximum age of an event that is reported late.
const OFFLINE_DAYS: u64 = 30;

/// A transfer to create, or the new content of a draft.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferBody {
    /// Its id; created by the server if left out.
    #[schema(example = "T-2027-118")]
    pub transfer: Option<String>,
    /// The location that the goods leave.
    #[schema(example = "mx-w01")]
    pub from: String,
    /// The location that receives the goods.
    #[schema(example = "mx-014")]
    pub to: String,
    /// `on_demand`, `replenishment`, `rebalance`, `return` or `order`.
    #[schema(example = "on_demand")]
    pub reason: String,
    /// The lines: up to 1,000, each SKU once.
    pub lines: Vec<TransferLineBody>,
    /// When it is expected. Without a date, none of it is promised before it arrives.
    #[schema(example = "2035-01-10T09:00:00Z")]
    pub expected_at: Option<String>,
    /// The caller's own document.
    pub reference: Option<String>,
    /// The order whose backorders it supplies.
    pub order: Option<String>,
    /// Whether it is made ready in the same step.
    #[serde(default)]
    pub ready: bool,
    /// Whether fewer units than requested are accepted.
    #[serde(default)]
    pub allow_partial: bool,
}

/// One line of a transfer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferLineBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units.
    #[schema(example = 12)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
}

/// Makes a transfer ready.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferReadyBody {
    /// When it is expected; unchanged if left out.
    pub expected_at: Option<String>,
    /// Whether fewer units than requested are accepted.
    #[serde(default)]
    pub allow_partial: bool,
}

/// Ships a transfer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipBody {
    /// Only these units; the rest is released.
    pub lines: Option<Vec<TransferLineBody>>,
    /// When it is expected; unchanged if left out.
    pub expected_at: Option<String>,
    /// The carrier's tracking number.
    pub tracking: Option<String>,
    /// The time of the shipment, if it is reported late.
    pub occurred_at: Option<String>,
}

/// The arrival of one line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivedBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units that go to the shelf.
    #[schema(example = 11)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// Damaged units, which go to the quarantine.
    #[serde(default)]
    pub damaged: u32,
}

/// Receives a transfer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiveBody {
    /// The lines that arrive, each SKU once.
    #[serde(default)]
    pub lines: Vec<ArrivedBody>,
    /// The document of the arrival; it counts once per transfer.
    pub reference: Option<String>,
    /// Whether the rest is missing.
    #[serde(default)]
    pub close: bool,
    /// The time of the arrival, if it is reported late.
    pub occurred_at: Option<String>,
}

/// Cancels a transfer, or its outstanding part.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferCancelBody {
    /// `returned` or `written_off`: what happens to units in transit.
    pub units: Option<String>,
}

/// The one of `all` with this name.
fn one_of<T: Copy>(field: &str, text: &str, all: &[T], as_str: impl Fn(T) -> &'static str) -> Result<T, Problem> {
    let names = || all.iter().map(|one| as_str(*one)).collect::<Vec<_>>().join(", ");
    let found = all.iter().copied().find(|one| as_str(*one) == text);
    found.ok_or_else(|| Problem::invalid(field, format!("{text:?} is not one of {}", names())))
}

/// Parses a reason.
pub fn parse_reason(text: &str) -> Result<Reason, Problem> {
    one_of("reason", text, &Reason::ALL, Reason::as_str)
}

/// Parses a state.
pub fn parse_state(text: &str) -> Result<TransferState, Problem> {
    one_of("state", text, &TransferState::ALL, TransferState::as_str)
}

fn date(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| parse_time(field, text)).transpose()
}

/// The time of an event that is reported late; `None` if it is now.
fn happened(engine: &Engine, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(at) = date("occurred_at", text)? else { return Ok(None) };
    let now = engine.now();
    if at.since_ms(now) > NOW_MS {
        return Err(Problem::invalid("occurred_at", "is more than 120 seconds in the future"));
    }
    if now.since_ms(at) > OFFLINE_DAYS * 86_400_000 {
        return Err(Problem::invalid(
            "occurred_at",
            format!(
                "is more than {OFFLINE_DAYS} days ago; send a count \
            instead"
            ),
        ));
    }
    Ok(Some(at).filter(|_| now.since_ms(at) > NOW_MS))
}

fn lines(rows: &[TransferLineBody]) -> Result<Vec<(Name, u32)>, Problem> {
    if !(1..=LINES_MAX).contains(&rows.len()) {
        return Err(Problem::invalid("lines", format!("has {} entries; send 1 to {LINES_MAX}", rows.len())));
    }
    let read = |(at, row): (usize, &TransferLineBody)| {
        let sku = sku_name(format!("lines[{at}].sku"), &row.sku)?;
        Ok((sku, quantity(format!("lines[{at}].quantity"), row.quantity)?))
    };
    rows.iter().enumerate().map(read).collect()
}

impl TransferBody {
    /// The content, validated.
    pub fn fields(&self) -> Result<Fields, Problem> {
        Ok(Fields {
            from: name("from", &self.from)?,
            to: name("to", &self.to)?,
            reason: parse_reason(&self.reason)?,
            policy: None,
            run: None,
            order: optional_name("order", self.order.as_deref())?,
            reference: optional_name("reference", self.reference.as_deref())?,
            expected_at: date("expected_at", self.expected_at.as_deref())?,
            lines: lines(&self.lines)?,
        })
    }

    /// The command that creates the transfer `name`. The digest covers its content: the same content again is the same
    /// transfer.
    pub fn into_make(self, name: Name) -> Result<Make, Problem> {
        let fields = self.fields()?;
        let (ready, allow_partial) = (self.ready, self.allow_partial);
        Ok(Make { name, digest: digest(&fields, ready, allow_partial), fields, ready, allow_partial })
    }
}

/// A digest of what is asked for. The log keeps it, so it is of an encoding of its own, which stays as it is.
pub(super) fn digest(fields: &Fields, ready: bool, allow_partial: bool) -> u64 {
    let Fields { from, to, reason, policy, run, order, reference, expected_at, lines } = fields;
    let names = [Some(from), Some(to), policy.as_ref(), run.as_ref()].map(|name| name.map(Name::as_str));
    let lines: Vec<_> = lines.iter().map(|(sku, quantity)| (sku.as_str(), quantity)).collect();
    let expected_at = expected_at.map(|date| date.0);
    let said =
        serde_json::json!([1, names, reason.as_str(), order, reference, expected_at, lines, ready, allow_partial]);
    let digest = blake3::hash(said.to_string().as_bytes());
    let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*head)
}

impl ShipBody {
    /// The command.
    pub fn into_ship(self, engine: &Engine, transfer: Name) -> Result<Ship, Problem> {
        Ok(Ship {
            transfer,
            lines: self.lines.as_deref().map(lines).transpose()?,
            expected_at: date("expected_at", self.expected_at.as_deref())?,
            tracking: optional_name("tracking", self.tracking.as_deref())?,
            occurred_at: happened(engine, self.occurred_at.as_deref())?,
        })
    }
}

impl TransferReadyBody {
    /// When it is expected.
    pub fn date(&self) -> Result<Option<Timestamp>, Problem> {
        date("expected_at", self.expected_at.as_deref())
    }
}

impl ReceiveBody {
    /// The command.
    pub fn into_receive(self, engine: &Engine, transfer: Name) -> Result<Receive, Problem> {
        if self.lines.len() > LINES_MAX {
            let reason = format!("has {} entries; at most {LINES_MAX} are allowed", self.lines.len());
            return Err(Problem::invalid("lines", reason));
        }
        let read = |(at, row): (usize, &ArrivedBody)| {
            let field = |name: &str| format!("lines[{at}].{name}");
            let sku = sku_name(field("sku"), &row.sku)?;
            // All units of a line may be damaged.
            let units = match (row.quantity, row.damaged) {
                (0, 1..) => 0,
                (units, _) => quantity(field("quantity"), units)?,
            };
            if row.damaged > 0 {
                quantity(field("damaged"), row.damaged.into())?;
            }
            Ok((sku, units, row.damaged))
        };
        let lines = self.lines.iter().enumerate().map(read).collect::<Result<_, Problem>>()?;
        Ok(Receive {
            transfer,
            lines,
            reference: optional_name("reference", self.reference.as_deref())?,
            closes: self.close,
            occurred_at: happened(engine, self.occurred_at.as_deref())?,
        })
    }
}

impl TransferCancelBody {
    /// What happens to units in transit.
    pub fn units(&self) -> Result<Option<Units>, Problem> {
        match self.units.as_deref() {
            None => Ok(None),
            Some("returned") => Ok(Some(Units::Returned)),
            Some("written_off") => Ok(Some(Units::WrittenOff)),
            Some(other) => Err(Problem::invalid("units", format!("{other:?} is not returned or written_off"))),
        }
    }
}

/// A transfer by its public id.
pub fn find(engine: &Engine, id: &str) -> Result<std::sync::Arc<Transfer>, Problem> {
    engine.state().own.transfers.named(id).ok_or_else(|| Problem::not_found("transfer"))
}

/// Parses the id of a transfer.
pub fn transfer_name(id: &str) -> Result<Name, Problem> {
    outside_name("transfer", id)
}

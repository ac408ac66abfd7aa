//! Requests about inbound supply.

use anaquel_engine::Engine;
use anaquel_engine::command::SupplyFields;
use anaquel_engine::event::SupplyKind;
use anaquel_engine::level::LINE_QUANTITY_MAX;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::{name, outside_name, parse_time, sku_name};

/// The maximum number of supplies in one request.
const ROWS_MAX: usize = 1000;

/// Inbound supply.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppliesBody {
    /// Up to 1,000; all or none.
    pub supplies: Vec<SupplyBody>,
}

/// One supply of one cell; its id, SKU and location are its identity.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SupplyBody {
    /// The caller's own document.
    #[schema(example = "PO-4711")]
    pub supply: String,
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// The location that receives it.
    #[schema(example = "mx-014")]
    pub location: String,
    /// Units still inbound; 0 for none. After some units arrived, sending the former quantity again changes nothing.
    /// For a supply that arrived completely, or that was ended after a part arrived, only a larger quantity opens it
    /// again, minus the units that arrived.
    #[schema(example = 40)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
    /// When they are expected; may be left out if it is known.
    #[schema(example = "2026-12-01T09:00:00Z")]
    pub expected_at: Option<String>,
    /// `purchase_order` (default) or `in_transit`.
    pub kind: Option<String>,
}

impl SuppliesBody {
    /// The rows, validated.
    pub fn into_rows(self, engine: &Engine) -> Result<Vec<SupplyFields>, Problem> {
        let rows = self.supplies.len();
        if !(1..=ROWS_MAX).contains(&rows) {
            return Err(Problem::invalid("supplies", format!("has {rows} entries; send 1 to {ROWS_MAX}")));
        }
        let state = engine.state();
        let read = |(at, body): (usize, SupplyBody)| {
            let field = |name: &str| format!("supplies[{at}].{name}");
            let expected_at = body.expected_at.map(|text| parse_time(field("expected_at"), &text)).transpose()?;
            let kind = body.kind.as_deref().map_or(Ok(SupplyKind::default()), parse_kind);
            Ok(SupplyFields {
                line: 0,
                name: outside_name(field("supply"), &body.supply)?,
                kind: kind.map_err(|reason| Problem::invalid(&field("kind"), reason))?,
                sku: state.sku_ref(&sku_name(field("sku"), &body.sku)?),
                location: state.location_ref(&name(field("location"), &body.location)?),
                quantity: open(body.quantity).map_err(|reason| Problem::invalid(&field("quantity"), reason))?,
                expected_at,
                as_of: None,
            })
        };
        self.supplies.into_iter().enumerate().map(read).collect()
    }
}

/// Inbound units.
pub fn open(value: i64) -> Result<u32, String> {
    u32::try_from(value)
        .ok()
        .filter(|units| *units <= LINE_QUANTITY_MAX)
        .ok_or_else(|| format!("{value} is not between 0 and {LINE_QUANTITY_MAX}"))
}

/// Parses a kind of supply.
pub fn parse_kind(text: &str) -> Result<SupplyKind, String> {
    [SupplyKind::PurchaseOrder, SupplyKind::InTransit]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("{text:?} is not purchase_order or in_transit"))
}

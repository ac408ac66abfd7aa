//! The receipt that a step of an order asks for.

use anaquel_engine::orders::command::ReceiptFields;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::subjects::receipts::bodies::RecipientBody;
use crate::subjects::receipts::routes::entropy;
use crate::subjects::receipts::views::read_key;
use crate::wire::name;

/// The receipt that is issued in the same step: its number is used only if the step is done.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptOfStepBody {
    /// The series; one of credit notes takes back what is cancelled. Left out, the one that issues receipts of this kind at
    /// this location through this channel.
    #[schema(example = "ES-STORE-27")]
    pub series: Option<String>,
    /// To whom it is made out; an invoice needs it.
    pub recipient: Option<RecipientBody>,
    /// The key of the customer's copy, 32 hexadecimal digits that nobody can guess: a till that prints a provisional receipt
    /// offline draws it itself. Drawn by the server if left out.
    pub key: Option<String>,
}

/// The receipt of an order, or of one of its fulfilments.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderReceiptBody {
    /// The series; one of credit notes takes back what is cancelled.
    #[schema(example = "ES-WEB-27")]
    pub series: String,
    /// Only of this fulfilment.
    pub fulfilment: Option<String>,
    /// To whom it is made out; an invoice needs it.
    pub recipient: Option<RecipientBody>,
    /// The channel of the caller; the order's if left out.
    pub channel: Option<String>,
    /// The till.
    pub till: Option<String>,
    /// The location.
    pub location: Option<String>,
}

/// Reads a receipt that a step asks for; `field` is the path of its object, with a point behind it.
///
/// # Errors
/// The field that is wrong.
pub fn read(series: Option<&str>, recipient: Option<RecipientBody>, field: &str) -> Result<ReceiptFields, Problem> {
    let recipient = recipient.map(|given| given.into_recipient(&format!("{field}recipient"))).transpose()?;
    let series = series.map(|text| name(format!("{field}series"), text)).transpose()?;
    Ok(ReceiptFields { series, recipient, entropy: entropy()? })
}

/// Reads the `receipt` of a body.
///
/// # Errors
/// The field that is wrong.
pub fn of_step(given: Option<ReceiptOfStepBody>) -> Result<Option<ReceiptFields>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let fields = read(given.series.as_deref(), given.recipient, "receipt.")?;
    let Some(key) = given.key else { return Ok(Some(fields)) };
    let entropy = read_key(&key).ok_or_else(|| {
        Problem::invalid("receipt.key", "must be 32 hexadecimal digits in small letters, drawn at random")
    })?;
    Ok(Some(ReceiptFields { entropy, ..fields }))
}

//! Requests about issuers, series and receipts.

use anaquel_engine::business_time;
use anaquel_engine::ids::Name;
use anaquel_engine::receipts::ReceiptId;
use anaquel_engine::receipts::issuer::{Environment, Issuer, Scheme};
use anaquel_engine::receipts::receipt::{FiscalAnswer, FiscalState, REPLACES_MAX, Recipient};
use anaquel_engine::receipts::series::{DIGITS_MAX, FIRST_MAX, NUMBER_CHARACTERS_MAX, ReceiptKind, Series};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::wire::patch::{self, Said};
use crate::wire::{TEXT_BYTES_MAX, name};

/// The longest tax number, in characters.
const TAX_ID_MAX: usize = 20;

/// Characters that a number or a tax number must not have: they delimit what is hashed and what a QR code says.
const DELIMITERS: &str = "\"'<>=&";

/// The longest signature, in bytes.
const SIGNATURE_BYTES_MAX: usize = 16_384;

/// The most errors that an authority may tell of one receipt.
const ERRORS_MAX: usize = 100;

/// The most values of one condition.
const LIST_MAX: usize = 10_000;

/// An issuer of receipts. A field that is left out stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerBody {
    /// The number under which the tax authority knows it.
    #[schema(example = "B12345678", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub tax_id: Said<String>,
    /// Its legal name.
    #[schema(example = "Anaquel Moda S.L.", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub name: Said<String>,
    /// Its address.
    #[schema(example = "Calle Mayor 1, 28013 Madrid", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub address: Said<String>,
    /// ISO 3166 code of its country.
    #[schema(example = "ES", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub country: Said<String>,
    /// Its time zone: its receipts are dated there.
    #[schema(example = "Europe/Madrid", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub timezone: Said<String>,
    /// How its receipts are chained: `none` (the default) or `verifactu`, which is for issuers in Spain.
    #[schema(example = "verifactu", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub scheme: Said<String>,
    /// `production` (the default) or `test`: which of the authority's systems the QR codes lead to.
    #[schema(example = "test", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub environment: Said<String>,
}

/// A series of numbers. A field that is left out stays as it is; `null` and `[]` take it out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesBody {
    /// Its issuer.
    #[schema(example = "es", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub issuer: Said<String>,
    /// `receipt`, `invoice` or `credit_note`.
    #[schema(example = "receipt", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub kind: Said<String>,
    /// What its numbers begin with.
    #[schema(example = "WEB-27-", value_type = Option<String>)]
    #[serde(deserialize_with = "patch::said")]
    pub prefix: Said<String>,
    /// The digits that its numbers have at least; the default is 6.
    #[schema(example = 6, value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub digits: Said<i64>,
    /// Its first number; the default is 1.
    #[schema(example = 1, value_type = Option<i64>)]
    #[serde(deserialize_with = "patch::whole")]
    pub first: Said<i64>,
    /// Only at these locations; at all, if there are none.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub locations: Said<Vec<String>>,
    /// Only through these channels.
    #[schema(example = json!(["web"]), value_type = Option<Vec<String>>)]
    #[serde(deserialize_with = "patch::said")]
    pub channels: Said<Vec<String>>,
    /// Whether it issues no more. What is closed after its first number stays closed.
    #[schema(value_type = Option<bool>)]
    #[serde(deserialize_with = "patch::said")]
    pub closed: Said<bool>,
}

/// To whom a receipt is made out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientBody {
    /// The number under which the tax authority knows them.
    #[schema(example = "12345678Z")]
    pub tax_id: String,
    /// Their name.
    #[schema(example = "Ana García")]
    pub name: String,
    /// Their address.
    #[schema(example = "Calle Menor 2, Madrid")]
    pub address: String,
    /// Their postcode.
    #[schema(example = "28001")]
    pub postcode: Option<String>,
    /// ISO 3166 code of their country.
    #[schema(example = "ES")]
    pub country: String,
}

/// The invoice in place of simplified receipts.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceBody {
    /// The series of the invoice.
    #[schema(example = "ES-INVOICE-27")]
    pub series: String,
    /// To whom it is made out.
    pub recipient: RecipientBody,
    /// Further receipts that it replaces, of the same issuer and currency: 100 at most, the one of the path included.
    #[serde(default)]
    pub receipts: Vec<String>,
}

/// What an authority, or the software that signs for it, said of a receipt.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FiscalBody {
    /// `accepted` or `rejected`.
    #[schema(example = "accepted")]
    pub state: String,
    /// The authority's id of it.
    #[schema(example = "A-3RT56789XYZ12")]
    pub authority_id: Option<String>,
    /// A signature.
    pub signature: Option<String>,
    /// What its QR code says, in place of what the server works out.
    pub qr: Option<String>,
    /// What is wrong with it.
    #[serde(default)]
    pub errors: Vec<String>,
}

/// A text that people read: 1 to 1,024 bytes, without control characters.
fn text(field: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    match text {
        "" => Err(Problem::invalid(field, "must not be empty")),
        text if text.len() > most => Err(Problem::invalid(field, format!("is longer than {most} bytes"))),
        text if text.chars().any(char::is_control) => {
            Err(Problem::invalid(field, "contains a control character; write one line of text"))
        }
        text => Ok(text.to_owned()),
    }
}

/// A text of ASCII 32 to 126 without the delimiters.
fn plain(field: &str, text: &str) -> Result<(), Problem> {
    match text.chars().find(|c| !(' '..='~').contains(c) || DELIMITERS.contains(*c)) {
        Some(c) => {
            let reason = format!("contains {c:?}; characters are those of ASCII from space to ~ without \" ' < > = &");
            Err(Problem::invalid(field, reason))
        }
        None => Ok(()),
    }
}

fn tax_id(field: &str, said: &str) -> Result<String, Problem> {
    let said = text(field, said, TAX_ID_MAX)?;
    plain(field, &said)?;
    Ok(said)
}

fn country(field: &str, text: &str) -> Result<[u8; 2], Problem> {
    let code = <[u8; 2]>::try_from(text.as_bytes()).ok().filter(|code| code.iter().all(u8::is_ascii_uppercase));
    code.ok_or_else(|| {
        let shown: String = text.chars().take(20).collect();
        Problem::invalid(
            field,
            format!("{shown:?} is not a country; write two capital letters of ISO 3166, such as ES"),
        )
    })
}

fn one_of<T: Copy>(field: &str, said: &str, all: &[(T, &str)]) -> Result<T, Problem> {
    let found = all.iter().find(|(_, name)| *name == said);
    found.map(|(value, _)| *value).ok_or_else(|| {
        let shown: String = said.chars().take(20).collect();
        let names: Vec<_> = all.iter().map(|(_, name)| *name).collect();
        Problem::invalid(field, format!("{shown:?} is not one of {}", names.join(", ")))
    })
}

/// A required field: what is said, or what is there.
fn required<T: Clone>(field: &str, said: Said<T>, known: Option<T>) -> Result<T, Problem> {
    match said {
        Some(Some(value)) => Ok(value),
        Some(None) => Err(Problem::invalid(field, "is null, and an issuer or a series cannot be without it")),
        None => known.ok_or_else(|| Problem::invalid(field, "is needed")),
    }
}

impl IssuerBody {
    /// The issuer from here on: what it says now, where nothing new is said.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn into_issuer(self, known: Option<&Issuer>) -> Result<Issuer, Problem> {
        let code = required("country", self.country, known.map(|known| known.country().to_owned()))?;
        let scheme = match self.scheme {
            Some(said) => {
                let all = Scheme::ALL.map(|scheme| (scheme, scheme.as_str()));
                said.map_or(Ok(Scheme::None), |said| one_of("scheme", &said, &all))?
            }
            None => known.map_or(Scheme::None, |known| known.scheme),
        };
        let environment = match self.environment {
            Some(said) => {
                let all = Environment::ALL.map(|environment| (environment, environment.as_str()));
                said.map_or(Ok(Environment::Production), |said| one_of("environment", &said, &all))?
            }
            None => known.map_or(Environment::Production, |known| known.environment),
        };
        let timezone = required("timezone", self.timezone, known.map(|known| known.timezone.clone()))?;
        business_time::zone(&timezone).map_err(|reason| Problem::invalid("timezone", reason))?;
        let said = required("tax_id", self.tax_id, known.map(|known| known.tax_id.clone()))?;
        let issuer = Issuer {
            tax_id: tax_id("tax_id", &said)?,
            name: text("name", &required("name", self.name, known.map(|known| known.name.clone()))?, TEXT_BYTES_MAX)?,
            address: text(
                "address",
                &required("address", self.address, known.map(|known| known.address.clone()))?,
                TEXT_BYTES_MAX,
            )?,
            country: country("country", &code)?,
            timezone,
            scheme,
            environment,
        };
        if issuer.scheme == Scheme::Verifactu && issuer.country != *b"ES" {
            let reason = format!("verifactu is for issuers in Spain, and country is {}; write none", issuer.country());
            return Err(Problem::invalid("scheme", reason));
        }
        Ok(issuer)
    }
}

/// Names of a condition, each once, in order.
fn names(field: &str, said: Said<Vec<String>>, known: Option<&Vec<Name>>) -> Result<Vec<Name>, Problem> {
    let Some(said) = said else { return Ok(known.cloned().unwrap_or_default()) };
    let said = said.unwrap_or_default();
    if said.len() > LIST_MAX {
        return Err(Problem::invalid(field, format!("has {} entries; up to {LIST_MAX} are taken", said.len())));
    }
    let named = said.iter().enumerate().map(|(at, text)| name(format!("{field}[{at}]"), text));
    let mut named = named.collect::<Result<Vec<_>, _>>()?;
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

/// A number within bounds: what is said, what is there, or the default.
fn number(field: &str, said: Said<i64>, known: Option<u64>, default: u64, most: u64) -> Result<u64, Problem> {
    let value = match said {
        None => return Ok(known.unwrap_or(default)),
        Some(None) => return Ok(default),
        Some(Some(value)) => value,
    };
    let read = u64::try_from(value).ok().filter(|value| (1..=most).contains(value));
    read.ok_or_else(|| Problem::invalid(field, format!("{value} is not between 1 and {most}")))
}

impl SeriesBody {
    /// The series from here on: what it says now, where nothing new is said.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn into_series(self, known: Option<&Series>) -> Result<Series, Problem> {
        let kind = required("kind", self.kind, known.map(|known| known.kind.as_str().to_owned()))?;
        let issuer = required("issuer", self.issuer, known.map(|known| known.issuer.to_string()))?;
        let prefix = match self.prefix {
            Some(said) => said.unwrap_or_default(),
            None => known.map(|known| known.prefix.clone()).unwrap_or_default(),
        };
        plain("prefix", &prefix)?;
        let digits = known.map(|known| known.digits.into());
        let digits = number("digits", self.digits, digits, 6, DIGITS_MAX.into())? as u8;
        if prefix.len() + usize::from(digits) > NUMBER_CHARACTERS_MAX {
            let most = NUMBER_CHARACTERS_MAX - usize::from(digits);
            let reason = format!("has {} characters; with {digits} digits it has at most {most}", prefix.len());
            return Err(Problem::invalid("prefix", reason));
        }
        Ok(Series {
            issuer: name("issuer", &issuer)?,
            kind: one_of("kind", &kind, &ReceiptKind::ALL.map(|kind| (kind, kind.as_str())))?,
            prefix,
            digits,
            first: number("first", self.first, known.map(|known| known.first), 1, FIRST_MAX)?,
            locations: names("locations", self.locations, known.map(|known| &known.locations))?,
            channels: names("channels", self.channels, known.map(|known| &known.channels))?,
            closed: match self.closed {
                Some(said) => said.unwrap_or(false),
                None => known.is_some_and(|known| known.closed),
            },
        })
    }
}

impl RecipientBody {
    /// The recipient; `field` is the path of the object.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn into_recipient(self, field: &str) -> Result<Recipient, Problem> {
        let at = |name: &str| format!("{field}.{name}");
        let postcode = self.postcode.filter(|postcode| !postcode.trim().is_empty());
        Ok(Recipient {
            tax_id: tax_id(&at("tax_id"), &self.tax_id)?,
            name: text(&at("name"), &self.name, TEXT_BYTES_MAX)?,
            address: text(&at("address"), &self.address, TEXT_BYTES_MAX)?,
            postcode: postcode.map(|postcode| text(&at("postcode"), &postcode, 20)).transpose()?,
            country: country(&at("country"), &self.country)?,
        })
    }
}

impl InvoiceBody {
    /// The receipts that it replaces: the one of the path, then the others.
    ///
    /// # Errors
    /// The receipt that is none, or there are too many.
    pub fn read_receipts(&self, of_path: &ReceiptId) -> Result<Vec<ReceiptId>, Problem> {
        let mut all = vec![of_path.clone()];
        for (at, text) in self.receipts.iter().enumerate() {
            let id = ReceiptId::parse(text).ok_or_else(|| {
                Problem::invalid(&format!("receipts[{at}]"), "is not a receipt; write <series>:<number>")
            })?;
            // The one of the path may stand among them.
            if id != *of_path {
                all.push(id);
            }
        }
        match all.len() {
            count if count > REPLACES_MAX => {
                let reason = format!("names {count} receipts with that of the path; at most {REPLACES_MAX} are taken");
                Err(Problem::invalid("receipts", reason))
            }
            _ => Ok(all),
        }
    }
}

/// Reads a state of a receipt with the authority.
///
/// # Errors
/// It is none of them.
pub fn fiscal_state(field: &str, said: &str) -> Result<FiscalState, Problem> {
    one_of(field, said, &FiscalState::ALL.map(|state| (state, state.as_str())))
}

impl FiscalBody {
    /// What was said.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn into_answer(self) -> Result<FiscalAnswer, Problem> {
        let said = [FiscalState::Accepted, FiscalState::Rejected].map(|state| (state, state.as_str()));
        let state = one_of("state", &self.state, &said)?;
        if self.errors.len() > ERRORS_MAX {
            let reason = format!("has {} entries; up to {ERRORS_MAX} are taken", self.errors.len());
            return Err(Problem::invalid("errors", reason));
        }
        let short =
            |field: &str, said: Option<String>, most: usize| said.map(|said| text(field, &said, most)).transpose();
        let errors = self.errors.iter().enumerate();
        let errors = errors.map(|(at, error)| text(&format!("errors[{at}]"), error, TEXT_BYTES_MAX));
        Ok(FiscalAnswer {
            state,
            authority_id: short("authority_id", self.authority_id, TEXT_BYTES_MAX)?,
            signature: short("signature", self.signature, SIGNATURE_BYTES_MAX)?,
            qr: short("qr", self.qr, TEXT_BYTES_MAX)?,
            errors: errors.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn field<T: std::fmt::Debug>(read: Result<T, Problem>) -> String {
        read.unwrap_err().into_field_and_reason().0.unwrap()
    }

    #[test]
    fn an_issuer_is_checked_field_by_field() {
        let body = |change: Value| {
            let mut body =
                json!({"tax_id": "B1", "name": "N", "address": "A", "country": "ES", "timezone": "Europe/Madrid"});
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            serde_json::from_value::<IssuerBody>(body).unwrap()
        };
        let issuer = body(json!({})).into_issuer(None).unwrap();
        assert_eq!((issuer.scheme, issuer.environment), (Scheme::None, Environment::Production));
        for (change, wrong) in [
            (json!({"tax_id": "B&1"}), "tax_id"),
            (json!({"tax_id": null}), "tax_id"),
            (json!({"tax_id": "B".repeat(21)}), "tax_id"),
            (json!({"name": " "}), "name"),
            (json!({"address": "a\nb"}), "address"),
            (json!({"country": "es"}), "country"),
            (json!({"country": "PT", "scheme": "verifactu"}), "scheme"),
            (json!({"timezone": "Europe/Madrit"}), "timezone"),
            (json!({"scheme": "ticketbai"}), "scheme"),
            (json!({"environment": "staging"}), "environment"),
        ] {
            assert_eq!(field(body(change.clone()).into_issuer(None)), wrong, "{change}");
        }
        // A field that is left out stays.
        let moved: IssuerBody = serde_json::from_value(json!({"address": "B"})).unwrap();
        let moved = moved.into_issuer(Some(&issuer)).unwrap();
        assert_eq!(moved, Issuer { address: "B".into(), ..issuer });
    }

    #[test]
    fn a_series_is_checked_field_by_field() {
        let body = |change: Value| {
            let mut body = json!({"issuer": "es", "kind": "receipt", "prefix": "A-"});
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            serde_json::from_value::<SeriesBody>(body).unwrap()
        };
        let series = body(json!({"channels": ["web", "app", "web"]})).into_series(None).unwrap();
        assert_eq!((series.digits, series.first, series.channels.len(), series.closed), (6, 1, 2, false));
        for (change, wrong) in [
            (json!({"kind": "bill"}), "kind"),
            (json!({"issuer": null}), "issuer"),
            (json!({"prefix": "A=1"}), "prefix"),
            (json!({"prefix": "\u{f1}"}), "prefix"),
            (json!({"prefix": "A".repeat(55)}), "prefix"),
            (json!({"digits": 0}), "digits"),
            (json!({"digits": 19}), "digits"),
            (json!({"first": 0}), "first"),
            (json!({"channels": ["a b"]}), "channels[0]"),
        ] {
            assert_eq!(field(body(change.clone()).into_series(None)), wrong, "{change}");
        }
        let open: SeriesBody = serde_json::from_value(json!({"channels": []})).unwrap();
        assert_eq!(open.into_series(Some(&series)).unwrap(), Series { channels: Vec::new(), ..series });
    }
}

//! Requests about carts.

use anaquel_engine::carts::command::{HoldTarget, LineFields, Make};
use anaquel_engine::carts::line::{CODES_MAX, LINES_MAX, UNITS_MAX};
use anaquel_engine::carts::merge::MergeRule;
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::Name;
use anaquel_engine::prices::list::Currency;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;
use crate::subjects::reservations::bodies::ttl;
use crate::wire::{currency, name, outside_name, sku_name};

/// The shortest life of a cart, in seconds.
pub const TTL_MIN: i64 = 60;

/// The longest: 90 days.
pub const TTL_MAX: i64 = 7_776_000;

/// The life of a cart that asks for none: 30 days.
const TTL_DEFAULT: i64 = 2_592_000;

/// The purposes of a hold.
pub const PURPOSES: [Purpose; 4] = [Purpose::Cart, Purpose::CarryOut, Purpose::Pickup, Purpose::Delivery];

/// A cart to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartBody {
    /// Its id; created by the server if left out.
    #[schema(example = "k-5")]
    pub cart: Option<String>,
    /// The channel that begins it.
    #[schema(example = "web")]
    pub channel: String,
    /// The currency of its prices.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The customer. Their open cart in this currency, if they have one, gets the lines instead.
    #[schema(example = "c-81")]
    pub customer: Option<String>,
    /// The location at which prices and stock are looked up.
    #[schema(example = "es-001")]
    pub location: Option<String>,
    /// Up to 100 lines; at least one for a cart without a customer.
    #[serde(default)]
    pub lines: Vec<CartLineBody>,
    /// Up to 20 codes.
    #[serde(default)]
    pub codes: Vec<String>,
    /// How long the cart lives after each change, 60 to 7,776,000; 2,592,000 if left out.
    #[serde(default, deserialize_with = "crate::wire::whole::optional")]
    pub ttl_seconds: Option<i64>,
}

/// One line of a cart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartLineBody {
    /// Its id in the cart; the SKU if left out.
    pub line: Option<String>,
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units; 0 takes the line out.
    #[schema(example = 2)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
}

/// Lines to set; the others stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartLinesBody {
    /// The channel of the request.
    #[schema(example = "web")]
    pub channel: String,
    /// 1 to 100 lines, each once.
    pub lines: Vec<CartLineBody>,
    /// The secret of the cart, for a key that is bound to other channels.
    pub token: Option<String>,
    /// The customer of the cart, for the same purpose.
    pub customer: Option<String>,
}

/// The customer that a cart gets.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartCustomerBody {
    /// The customer.
    #[schema(example = "c-81")]
    pub customer: String,
    /// What remains of a SKU that this cart and the customer's open one have: `max` (if left out), `sum`, `mine` (this
    /// cart's) or `theirs`.
    #[schema(example = "max")]
    pub merge: Option<String>,
    /// The secret of the cart, for a key that is bound to other channels.
    pub token: Option<String>,
}

/// Promises a cart's lines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartHoldBody {
    /// The channel of the request.
    #[schema(example = "web")]
    pub channel: String,
    /// `cart`, `carry_out`, `pickup` or `delivery`.
    #[schema(example = "pickup")]
    pub purpose: String,
    /// The location; or a `group`.
    #[schema(example = "es-001")]
    pub location: Option<String>,
    /// The group, anywhere in which the units may be; or a `location`.
    pub group: Option<String>,
    /// The time to live of the hold, 1 to 2,678,400.
    #[schema(example = 900)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub ttl_seconds: i64,
    /// Whether fewer units than the cart has are accepted.
    #[serde(default)]
    pub allow_partial: bool,
    /// The secret of the cart, for a key that is bound to other channels.
    pub token: Option<String>,
    /// The customer of the cart, for the same purpose.
    pub customer: Option<String>,
}

/// Closes a cart.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartCloseBody {
    /// The secret of the cart, for a key that is bound to other channels.
    pub token: Option<String>,
    /// The customer of the cart, for the same purpose.
    pub customer: Option<String>,
}

/// Finds a cart by its secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartFindBody {
    /// The secret.
    #[schema(example = "0123456789abcdef0123456789abcdef")]
    pub token: String,
}

/// Parses the id of a customer.
///
/// # Errors
/// It is an address or a number: people are known by what identifies them.
pub fn customer_name(field: &str, text: &str) -> Result<Name, Problem> {
    match text.contains('@') || text.starts_with('+') {
        true => Err(Problem::invalid(
            field,
            "looks like an address or a phone number, which are identifiers; send the customer's id",
        )
        .with("identifiers", "email, phone")),
        false => outside_name(field, text),
    }
}

/// Parses the id of a cart.
pub fn cart_name(text: &str) -> Result<Name, Problem> {
    outside_name("cart", text)
}

/// Parses the secret of a cart: 32 hexadecimal digits.
pub fn parse_token(text: &str) -> Result<u128, Problem> {
    let is_token = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let token = is_token.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    token.ok_or_else(|| Problem::invalid("token", "is not the 32 hexadecimal digits of a cart's token"))
}

/// A secret as text.
pub fn token_text(token: u128) -> String {
    format!("{token:032x}")
}

fn units(field: &str, value: i64) -> Result<u32, Problem> {
    let units = u32::try_from(value).ok().filter(|units| *units <= UNITS_MAX);
    units.ok_or_else(|| Problem::invalid(field, format!("{value} is not between 0 and {UNITS_MAX}")))
}

fn lines(rows: &[CartLineBody]) -> Result<Vec<LineFields>, Problem> {
    if rows.len() > LINES_MAX {
        return Err(Problem::invalid("lines", format!("has {} entries; send at most {LINES_MAX}", rows.len())));
    }
    let read = |(at, row): (usize, &CartLineBody)| {
        let line = row.line.as_deref().map(|line| outside_name(format!("lines[{at}].line"), line));
        Ok(LineFields {
            line: line.transpose()?,
            sku: sku_name(format!("lines[{at}].sku"), &row.sku)?,
            quantity: units(&format!("lines[{at}].quantity"), row.quantity)?,
        })
    };
    rows.iter().enumerate().map(read).collect()
}

impl CartBody {
    /// The command that creates the cart `name`. The digest covers its content: the same content again is the same cart.
    pub fn into_make(self, name: Name, token: u128) -> Result<Make, Problem> {
        if self.codes.len() > CODES_MAX {
            let reason = format!("has {} entries; send at most {CODES_MAX}", self.codes.len());
            return Err(Problem::invalid("codes", reason));
        }
        let code = |(at, code): (usize, &String)| {
            outside_name(format!("codes[{at}]"), code).map(|code| Box::from(code.as_str()))
        };
        let ttl_seconds = self.ttl_seconds.unwrap_or(TTL_DEFAULT);
        if !(TTL_MIN..=TTL_MAX).contains(&ttl_seconds) {
            let reason = format!("{ttl_seconds} is not between {TTL_MIN} and {TTL_MAX}");
            return Err(Problem::invalid("ttl_seconds", reason));
        }
        let mut make = Make {
            name,
            digest: 0,
            token,
            channel: crate::wire::name("channel", &self.channel)?,
            customer: self.customer.as_deref().map(|text| customer_name("customer", text)).transpose()?,
            location: self.location.as_deref().map(|text| crate::wire::name("location", text)).transpose()?,
            currency: Currency(currency::read("currency", &self.currency)?),
            lines: lines(&self.lines)?,
            codes: self.codes.iter().enumerate().map(code).collect::<Result<_, Problem>>()?,
            ttl_seconds: ttl_seconds as u32,
        };
        make.digest = digest(&make);
        Ok(make)
    }
}

/// A digest of the request. The log keeps it, so it is of an encoding of its own, which stays as it is.
fn digest(make: &Make) -> u64 {
    let Make { channel, customer, location, currency, lines, codes, ttl_seconds, .. } = make;
    let names = [Some(channel), customer.as_ref(), location.as_ref()].map(|name| name.map(Name::as_str));
    let line = |LineFields { line, sku, quantity }: &LineFields| {
        serde_json::json!([line.as_ref().map(Name::as_str), sku.as_str(), quantity])
    };
    let lines: Vec<_> = lines.iter().map(line).collect();
    let said = serde_json::json!([1, names, currency.as_str(), lines, codes, ttl_seconds]);
    let digest = blake3::hash(said.to_string().as_bytes());
    let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*head)
}

impl CartLinesBody {
    /// The rows.
    pub fn rows(&self) -> Result<Vec<LineFields>, Problem> {
        match self.lines.is_empty() {
            true => Err(Problem::invalid("lines", format!("is empty; send 1 to {LINES_MAX}"))),
            false => lines(&self.lines),
        }
    }
}

impl CartCustomerBody {
    /// The rule of a merge.
    pub fn rule(&self) -> Result<MergeRule, Problem> {
        let Some(text) = self.merge.as_deref() else { return Ok(MergeRule::default()) };
        let found = MergeRule::ALL.into_iter().find(|rule| rule.as_str() == text);
        found.ok_or_else(|| Problem::invalid("merge", format!("{text:?} is not max, sum, mine or theirs")))
    }
}

impl CartHoldBody {
    /// Where the units are promised.
    pub fn target(&self) -> Result<HoldTarget, Problem> {
        match (&self.location, &self.group) {
            (Some(location), None) => Ok(HoldTarget::Location(name("location", location)?)),
            (None, Some(group)) => Ok(HoldTarget::Group(name("group", group)?)),
            (None, None) => Err(Problem::invalid("location", "is missing; name a location or a group")),
            (Some(_), Some(_)) => Err(Problem::invalid("group", "is given beside location; name one of both")),
        }
    }

    /// The purpose.
    pub fn purpose(&self) -> Result<Purpose, Problem> {
        let text = self.purpose.as_str();
        let found = PURPOSES.into_iter().find(|purpose| purpose.as_str() == text);
        found.ok_or_else(|| Problem::invalid("purpose", format!("{text:?} is not cart, carry_out, pickup or delivery")))
    }

    /// The time to live of the hold.
    pub fn ttl(&self) -> Result<u32, Problem> {
        ttl(self.ttl_seconds)
    }
}

//! What is said at the exit of a self check-out.

use anaquel_engine::ids::Name;
use serde::Deserialize;
use utoipa::ToSchema;

use super::limits::{self, LINES_MAX};
use crate::http::problem::Problem;
use crate::wire::{optional_name, quantity};

/// The longest code that is compared.
const CODE_BYTES_MAX: usize = 64;

/// Lets the customer of a self check-out pass.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExitBody {
    /// The code that the customer shows.
    #[schema(example = "7K2M9Q4T")]
    pub code: String,
    /// What is in the bag, if somebody looked: another content than what was paid stops the customer.
    pub checked: Option<Vec<CheckedBody>>,
    /// Who looked.
    #[schema(example = "maria")]
    pub actor: Option<String>,
}

/// Units of a SKU in the bag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckedBody {
    /// The SKU.
    #[schema(example = "TSHIRT-RED-M")]
    pub sku: String,
    /// Units, at least 1.
    #[schema(example = 1)]
    #[serde(deserialize_with = "crate::wire::whole::required")]
    pub quantity: i64,
}

/// What is said at an exit, validated.
#[derive(Debug, Clone)]
pub struct AskedExit {
    /// The code.
    pub code: String,
    /// What is in the bag.
    pub checked: Option<Vec<(Name, u32)>>,
    /// Who looked.
    pub actor: Option<Box<str>>,
}

impl ExitBody {
    /// The same, validated.
    ///
    /// # Errors
    /// What is wrong.
    pub fn read(self) -> Result<AskedExit, Problem> {
        if self.code.trim().is_empty() || self.code.len() > CODE_BYTES_MAX {
            return Err(Problem::invalid(
                "code",
                format!("must have 1 to {CODE_BYTES_MAX} bytes; send the code as shown"),
            ));
        }
        let read = |(at, body): (usize, CheckedBody)| {
            let field = format!("checked[{at}].sku");
            let sku = Name::parse_sku(&body.sku).map_err(|error| Problem::invalid(&field, error))?;
            Ok((sku, quantity(format!("checked[{at}].quantity"), body.quantity)?))
        };
        let checked = match self.checked {
            None => None,
            Some(rows) => {
                limits::count("checked", rows.len(), 0, LINES_MAX)?;
                Some(rows.into_iter().enumerate().map(read).collect::<Result<_, Problem>>()?)
            }
        };
        Ok(AskedExit { code: self.code, checked, actor: optional_name("actor", self.actor.as_deref())? })
    }
}

//! The holds that a reservation replaces: one, or a list.

use std::borrow::Cow;
use std::fmt;

use anaquel_engine::command::SUPERSEDES_MAX;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The value of `supersedes`: an id, a list of ids, or nothing.
#[derive(Debug)]
pub enum Supersedes {
    /// One.
    One(String),
    /// Up to 16; duplicates count once.
    Several(Vec<String>),
}

impl PartialSchema for Supersedes {
    fn schema() -> RefOr<Schema> {
        let id = || ObjectBuilder::new().schema_type(Type::String).pattern(Some("^r-"));
        let several = ArrayBuilder::new().items(id()).max_items(Some(SUPERSEDES_MAX));
        let none = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null));
        let one_of = OneOfBuilder::new().item(id()).item(several).item(none);
        let said = "The hold that this reservation replaces, or a list of up to 16, such as a guest's cart and the \
             customer's own: all in one step";
        one_of.description(Some(said)).into()
    }
}

impl ToSchema for Supersedes {
    fn name() -> Cow<'static, str> {
        "Supersedes".into()
    }
}

impl Default for Supersedes {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Supersedes {
    /// The ids as they are written.
    pub fn ids(&self) -> &[String] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Several(ids) => ids,
        }
    }

    /// The field path of one of them.
    pub fn field(&self, at: usize) -> String {
        match self {
            Self::One(_) => "supersedes".to_owned(),
            Self::Several(_) => format!("supersedes[{at}]"),
        }
    }
}

impl<'de> Deserialize<'de> for Supersedes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ids;

        impl<'de> Visitor<'de> for Ids {
            type Value = Supersedes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a reservation, or a list of them")
            }

            fn visit_str<E>(self, id: &str) -> Result<Supersedes, E> {
                Ok(Supersedes::One(id.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Supersedes, E> {
                Ok(Supersedes::default())
            }

            fn visit_none<E>(self) -> Result<Supersedes, E> {
                Ok(Supersedes::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Supersedes, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Supersedes, A::Error> {
                let mut ids = Vec::new();
                while let Some(id) = seq.next_element()? {
                    ids.push(id);
                }
                Ok(Supersedes::Several(ids))
            }
        }

        deserializer.deserialize_any(Ids)
    }
}

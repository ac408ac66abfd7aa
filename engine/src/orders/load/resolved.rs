//! The names of a row: known ones, and those that the load may create.

use crate::decide::left::{CHANNELS_MAX, IDS_MAX, no_ids_left};
use crate::decide::{Decide, unknown};
use crate::ids::{LOCATIONS_MAX, LocationId, Name, SkuId};
use crate::kernel::name_ref::NameRef;
use crate::orders::decide::step::business_date;
use crate::orders::imported::SaleFields;
use crate::orders::payment::Origin;
use crate::refusal::{Failure, Refusal};
use crate::stock::decide::if_past;

/// What the rows of a file may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Whether unknown names are created.
    pub create: bool,
    /// Whether stock moves.
    pub stock: bool,
    /// Who introduces names.
    pub by: u64,
}

/// A refusal of a column.
pub(crate) fn wrong(field: &str, reason: impl Into<String>) -> Failure {
    Refusal::invalid(field, reason).into()
}

impl Options {
    /// Where and when a row happened, however long ago.
    ///
    /// # Errors
    /// A channel or a location is unknown, or the time is ahead of the log.
    pub(crate) fn origin(&self, cx: &mut Decide<'_>, row: &SaleFields) -> Result<Origin, Failure> {
        let told_at = if_past(cx, row.occurred_at, || "occurred_at".to_owned())?;
        let occurred_at = told_at.unwrap_or(cx.draft.now);
        self.channel(cx, &row.channel)?;
        let location = self.location(cx, &row.location)?;
        Ok(Origin {
            channel: row.channel.clone(),
            location: Some(location),
            till: row.till.clone(),
            occurred_at,
            business_date: business_date(cx, Some(location), occurred_at),
        })
    }

    /// The SKU of a row.
    ///
    /// # Errors
    /// It is unknown, and may not be created.
    pub(crate) fn sku(&self, cx: &mut Decide<'_>, name: &Name) -> Result<SkuId, Failure> {
        match self.create {
            true => {
                let id = cx.draft.intern_sku(&NameRef::New(name.clone()));
                id.ok_or_else(|| no_ids_left("sku", IDS_MAX))
            }
            false => cx.draft.known_sku(name).ok_or_else(|| unknown("sku", name)),
        }
    }

    fn location(&self, cx: &mut Decide<'_>, name: &Name) -> Result<LocationId, Failure> {
        let id = match self.create {
            true => {
                let id = cx.draft.intern_location(&NameRef::New(name.clone()));
                id.ok_or_else(|| no_ids_left("location", LOCATIONS_MAX))?
            }
            false => cx.draft.known_location(name).ok_or_else(|| unknown("location", name))?,
        };
        match cx.draft.is_quarantine(id) {
            true => Err(wrong("location", format!("{name} is a quarantine, which sells nothing; name its location"))),
            false => Ok(id),
        }
    }

    /// Makes a channel that nobody declared, if that is allowed, and refuses any other.
    fn channel(&self, cx: &mut Decide<'_>, name: &Name) -> Result<(), Failure> {
        let known = cx.draft.known_channel(name);
        if self.create && known.is_none() {
            let id = cx.draft.intern_channel(&NameRef::New(name.clone()));
            return id.map(drop).ok_or_else(|| no_ids_left("channel", CHANNELS_MAX));
        }
        if !cx.draft.takes_channel(known) {
            return Err(cx.state.catalogue.undeclared_channel("channel", name).into());
        }
        if known.is_none() {
            if cx.state.catalogue.is_retired_channel(name.as_str()) {
                return Err(cx.state.catalogue.retired_channel("channel", name).into());
            }
            cx.draft.make_up_channel(&NameRef::New(name.clone()), self.by, &|| "channel".to_owned())?;
        }
        Ok(())
    }
}

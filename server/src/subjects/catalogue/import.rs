//! Files of locations, groups, SKUs and channels.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::command::{LocationFields, Row, Rows, SkuFields};
use anaquel_engine::event::ImportKind;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Name, SkuId};

use crate::files::cells::{
    Cells, Numbers, Wrong, flag as read_flag, held_back, name, names, sku, text as read_text, wrong,
};
use crate::files::csv;
use crate::files::export::{Texts, row};
use crate::files::kind::{FileKind, FileRow, flag, list, number, text, word};
use crate::subjects::catalogue::bodies::{ATTRIBUTES_MAX, coordinates, decimals, services};
use crate::subjects::catalogue::{hours, trading};
use crate::wire::{TEXT_BYTES_MAX, location_kind};

/// Locations.
pub static LOCATIONS: FileKind = FileKind {
    kind: ImportKind::Locations,
    columns: &[
        word("location"),
        text("name"),
        word("kind"),
        number("latitude"),
        number("longitude"),
        word("timezone"),
        flag("pickup"),
        flag("ship"),
        list("groups"),
        word("hours"),
        word("special_hours"),
        word("pickup_cutoff"),
        number("pickup_minutes"),
        word("transfer_group"),
        number("transfer_minutes"),
        word("currency"),
        text("address"),
        list("barcodes"),
    ],
    required: 1,
    either: &[],
    attributes: false,
    creates: false,
    empty: |_| Rows::Locations(Vec::new()),
    read: read_location,
    export: export_locations,
};

/// Groups and their locations.
pub static GROUPS: FileKind = FileKind {
    kind: ImportKind::Groups,
    columns: &[word("group"), list("locations")],
    required: 2,
    either: &[],
    attributes: false,
    creates: false,
    empty: |_| Rows::Groups(Vec::new()),
    read: read_group,
    export: export_groups,
};

/// SKUs.
pub static SKUS: FileKind = FileKind {
    kind: ImportKind::Skus,
    columns: &[
        word("sku"),
        text("name"),
        word("gtin"),
        text("unit"),
        number("decimals"),
        text("product"),
        list("categories"),
        flag("tracked"),
        word("tax_class"),
    ],
    required: 1,
    either: &[],
    attributes: true,
    creates: false,
    empty: |_| Rows::Skus(Vec::new()),
    read: read_sku,
    export: export_skus,
};

/// Channels.
pub static CHANNELS: FileKind = FileKind {
    kind: ImportKind::Channels,
    columns: &[word("channel"), number("buffer")],
    required: 1,
    either: &[],
    attributes: false,
    creates: false,
    empty: |_| Rows::Channels(Vec::new()),
    read: read_channel,
    export: export_channels,
};

fn read_location(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Locations(rows) = rows else { return Ok(()) };
    let FileRow { line, mut cells, numbers, engine } = row;
    let state = engine.state();
    let location = name(&mut cells, "location")?;
    rows.push(Row { line, id: state.location_ref(&location), fields: location_fields(&mut cells, &numbers)? });
    Ok(())
}

fn read_group(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Groups(rows) = rows else { return Ok(()) };
    let FileRow { line, mut cells, .. } = row;
    let group = name(&mut cells, "group")?;
    let members = names(cells.remove("locations").unwrap_or_default().as_str(), "locations")?;
    rows.push((line, group, members));
    Ok(())
}

fn read_sku(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Skus(rows) = rows else { return Ok(()) };
    let FileRow { line, mut cells, numbers, engine } = row;
    let state = engine.state();
    let sku = sku(&mut cells)?;
    rows.push(Row { line, id: state.sku_ref(&sku), fields: sku_fields(cells, &numbers)? });
    Ok(())
}

fn read_channel(rows: &mut Rows, row: FileRow<'_>) -> Result<(), Wrong> {
    let Rows::Channels(rows) = rows else { return Ok(()) };
    let FileRow { line, mut cells, numbers, .. } = row;
    let channel = name(&mut cells, "channel")?;
    rows.push((line, channel, cells.remove("buffer").map(|text| held_back("buffer", &text, &numbers)).transpose()?));
    Ok(())
}

fn location_fields(cells: &mut Cells, numbers: &Numbers) -> Result<LocationFields, Wrong> {
    let kind = cells
        .remove("kind")
        .map(|text| location_kind(&text.to_ascii_lowercase()).map_err(|reason| wrong("kind", reason)))
        .transpose()?;
    let latitude = cells.remove("latitude").map(|text| numbers.degrees("latitude", &text)).transpose()?;
    let longitude = cells.remove("longitude").map(|text| numbers.degrees("longitude", &text)).transpose()?;
    let coordinates = match (latitude, longitude) {
        (None, None) => None,
        (Some(latitude), Some(longitude)) => {
            Some(coordinates(latitude, longitude).map_err(|(field, reason)| wrong(field, reason))?)
        }
        (None, Some(_)) => return Err(wrong("latitude", "is required beside longitude")),
        (Some(_), None) => return Err(wrong("longitude", "is required beside latitude")),
    };
    let hours =
        cells.remove("hours").map(|text| hours::parse_text(&text).map_err(|r| wrong("hours", r))).transpose()?;
    let special = cells.remove("special_hours").map(|text| hours::parse_special_text(&text)).transpose();
    let special = special.map_err(|reason| wrong("special_hours", reason))?;
    let timezone = hours::zone(cells.remove("timezone")).map_err(|reason| wrong("timezone", reason))?;
    let mut minutes = |column: &str| cells.remove(column).map(|text| numbers.whole(column, &text)).transpose();
    let (pickup_minutes, transfer_minutes) = (minutes("pickup_minutes")?, minutes("transfer_minutes")?);
    let (cutoff, group) = (cells.remove("pickup_cutoff"), cells.remove("transfer_group"));
    let services = services(
        (hours.into(), special.into()),
        cutoff.into(),
        pickup_minutes.into(),
        group.into(),
        transfer_minutes.into(),
    );
    let barcodes = cells.remove("barcodes").map(|text| csv::unlist(&text));
    let trading = trading::fields(cells.remove("currency").into(), cells.remove("address").into(), barcodes.into())
        .map_err(|told| wrong(told.column(), told.reason))?;
    Ok(LocationFields {
        trading,
        services: services.map_err(|(field, reason)| wrong(field, reason))?,
        name: read_text(cells, "name")?.into(),
        kind: kind.into(),
        coordinates: coordinates.into(),
        timezone: timezone.into(),
        pickup: cells.remove("pickup").map(|text| read_flag("pickup", &text)).transpose()?.into(),
        ship: cells.remove("ship").map(|text| read_flag("ship", &text)).transpose()?.into(),
        groups: cells.remove("groups").map(|text| names(&text, "groups")).transpose()?.into(),
    })
}

fn categories(text: &str) -> Result<Vec<String>, Wrong> {
    let categories = csv::unlist(text);
    if categories.len() > ATTRIBUTES_MAX {
        return Err(wrong(
            "categories",
            format!("has {} entries; at most {ATTRIBUTES_MAX} are allowed", categories.len()),
        ));
    }
    match categories.iter().any(|category| category.len() > TEXT_BYTES_MAX) {
        true => Err(wrong("categories", format!("has an entry longer than {TEXT_BYTES_MAX} bytes; shorten it"))),
        false => Ok(categories),
    }
}

fn sku_fields(mut cells: Cells, numbers: &Numbers) -> Result<SkuFields, Wrong> {
    let places = cells.remove("decimals").map(|text| {
        numbers.whole("decimals", &text).and_then(|value| decimals(value).map_err(|reason| wrong("decimals", reason)))
    });
    let fields = SkuFields {
        name: read_text(&mut cells, "name")?.into(),
        gtin: read_text(&mut cells, "gtin")?.into(),
        unit: read_text(&mut cells, "unit")?.into(),
        decimals: places.transpose()?.into(),
        product: read_text(&mut cells, "product")?.into(),
        categories: cells.remove("categories").map(|text| categories(&text)).transpose()?.into(),
        tracked: cells.remove("tracked").map(|text| read_flag("tracked", &text)).transpose()?.into(),
        tax_class: cells
            .remove("tax_class")
            .map(|text| Name::parse(&text).map_err(|e| wrong("tax_class", e)))
            .transpose()?
            .into(),
        ..SkuFields::default()
    };
    let attribute = |(column, value): (String, String)| {
        if value.len() > TEXT_BYTES_MAX {
            return Err(wrong(&column, format!("is longer than {TEXT_BYTES_MAX} bytes; shorten it")));
        }
        Ok((column.strip_prefix("attr.").unwrap_or(&column).to_owned(), value))
    };
    Ok(SkuFields { attributes: cells.into_iter().map(attribute).collect::<Result<_, _>>()?, ..fields })
}

fn export_locations(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    let catalogue = &engine.state().catalogue;
    writeln!(out, "{}", LOCATIONS.header())?;
    let mut rows = 0;
    for id in (0..catalogue.locations.count()).map(LocationId) {
        // An undeclared name stays undeclared when its export is imported again.
        let Some(details) = catalogue.locations.details(id).map(|set| set.details.clone()) else { continue };
        let mut groups: Vec<_> =
            catalogue.groups_of(id).into_iter().map(|g| catalogue.groups.name(g).to_string()).collect();
        // A set, in an order independent of the order of creation.
        groups.sort_unstable();
        let services = catalogue.services(id).map(|set| set.details.clone()).unwrap_or_default();
        let worked = catalogue.hours(id).details;
        let trading = catalogue.trading(id).map(|set| set.details.clone()).unwrap_or_default();
        let degrees = |of: fn((f64, f64)) -> f64| details.coordinates.map(|at| of(at).to_string()).unwrap_or_default();
        let fields = [
            texts.cell(catalogue.locations.name(id).as_str()),
            texts.optional(details.name.as_deref()),
            details.kind.as_str().to_owned(),
            degrees(|(latitude, _)| latitude),
            degrees(|(_, longitude)| longitude),
            texts.optional(details.timezone.as_deref()),
            details.pickup.to_string(),
            details.ship.to_string(),
            texts.cell(&csv::list(groups.iter().map(String::as_str))),
            hours::text(worked.weekly.as_deref()),
            hours::special_text(&worked.special),
            services.pickup_cutoff.map(hours::clock).unwrap_or_default(),
            services.pickup_minutes.to_string(),
            services
                .brought_from
                .map(|brought| texts.cell(catalogue.groups.name(brought.from).as_str()))
                .unwrap_or_default(),
            services.brought_from.map(|brought| brought.minutes.to_string()).unwrap_or_default(),
            trading.currency.map(|currency| currency.as_str().to_owned()).unwrap_or_default(),
            texts.optional(trading.address.as_deref()),
            csv::list(trading.barcodes.iter().map(String::as_str)),
        ];
        row(out, &fields)?;
        rows += 1;
    }
    Ok(rows)
}

fn export_groups(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    let catalogue = &engine.state().catalogue;
    writeln!(out, "group,locations")?;
    let mut rows = 0;
    for id in (0..catalogue.groups.count()).map(GroupId) {
        let Some(members) = catalogue.groups.details(id).map(|set| set.details.locations.clone()) else { continue };
        let members: Vec<_> = members.into_iter().map(|member| catalogue.locations.name(member).to_string()).collect();
        let members = csv::list(members.iter().map(String::as_str));
        row(out, &[texts.cell(catalogue.groups.name(id).as_str()), texts.cell(&members)])?;
        rows += 1;
    }
    Ok(rows)
}

fn export_skus(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    let registry = &engine.state().catalogue.skus;
    let all = || (0..registry.count()).map(SkuId).filter_map(|id| Some((id, registry.details(id)?)));
    let mut attributes: Vec<String> = Vec::new();
    for (_, set) in all() {
        for key in set.details.attributes.keys() {
            if let Err(at) = attributes.binary_search(key) {
                attributes.insert(at, key.clone());
            }
        }
    }
    let mut rows = 0;
    let columns: String = attributes.iter().map(|key| format!(",attr.{key}")).collect();
    writeln!(out, "sku,name,gtin,unit,decimals,product,categories,tracked,tax_class{columns}")?;
    for (id, set) in all() {
        let details = &set.details;
        let mut fields = vec![
            texts.cell(registry.name(id).as_str()),
            texts.optional(details.name.as_deref()),
            texts.optional(details.gtin.as_deref()),
            texts.optional(details.unit.as_deref()),
            details.decimals.to_string(),
            texts.optional(details.product.as_deref()),
            texts.cell(&csv::list(details.categories.iter().map(String::as_str))),
            engine.state().catalogue.is_tracked(id).to_string(),
            engine.state().own.prices.tax_class_of(id),
        ];
        let value = |key: &String| texts.optional(details.attributes.get(key).map(String::as_str));
        fields.extend(attributes.iter().map(value));
        row(out, &fields)?;
        rows += 1;
    }
    Ok(rows)
}

fn export_channels(engine: &Engine, texts: Texts, out: &mut dyn Write) -> io::Result<u64> {
    let registry = &engine.state().catalogue.channels;
    writeln!(out, "channel,buffer")?;
    let mut rows = 0;
    for id in (0..registry.count()).map(ChannelId).filter(|id| registry.is_live(*id)) {
        // An undeclared channel stays undeclared when its export is imported again.
        let Some(set) = registry.details(id) else { continue };
        row(out, &[texts.cell(registry.name(id).as_str()), set.details.buffer.to_string()])?;
        rows += 1;
    }
    Ok(rows)
}

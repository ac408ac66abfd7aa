//! The subjects of the API, one folder each.

pub mod carts;
pub mod catalogue;
pub mod events;
pub mod feeds;
pub mod find;
pub mod keys;
pub mod nodes;
pub mod operating;
pub mod orders;
pub mod pickup;
pub mod prices;
pub mod receipts;
pub mod reservations;
pub mod returns;
pub mod rules;
pub mod sourcing;
pub mod stock;
pub mod subject;
pub mod supply;
pub mod transfers;
pub mod what_if;

use crate::files::kind::{ExportKind, FileKind};
use subject::Subject;

/// All subjects, in the order of the API's page.
pub static SUBJECTS: &[&Subject] = &[
    &stock::SUBJECT,
    &supply::SUBJECT,
    &reservations::SUBJECT,
    &sourcing::SUBJECT,
    &pickup::SUBJECT,
    &catalogue::SUBJECT,
    &prices::SUBJECT,
    &carts::SUBJECT,
    &orders::SUBJECT,
    &receipts::SUBJECT,
    &returns::SUBJECT,
    &find::SUBJECT,
    &rules::SUBJECT,
    &what_if::SUBJECT,
    &transfers::SUBJECT,
    &feeds::SUBJECT,
    &events::SUBJECT,
    &keys::SUBJECT,
    &nodes::SUBJECT,
    &operating::SUBJECT,
];

/// The kinds of files of all subjects.
pub fn file_kinds() -> [&'static FileKind; 9] {
    use catalogue::import::{CHANNELS, GROUPS, LOCATIONS, SKUS};

    [
        &LOCATIONS,
        &GROUPS,
        &SKUS,
        &stock::import::STOCK,
        &supply::import::SUPPLY,
        &prices::import::PRICES,
        &rules::import::RULES,
        &CHANNELS,
        &orders::import::SALES,
    ]
}

/// The kind of file with a name.
pub fn file_kind(name: &str) -> Option<&'static FileKind> {
    file_kinds().into_iter().find(|kind| kind.kind.as_str() == name)
}

/// The kinds of files that an export writes: those that an import reads, and records of which a file is only read.
pub fn export_kinds() -> Vec<ExportKind> {
    let of = |kind: &FileKind| ExportKind { name: kind.kind.as_str(), export: kind.export };
    let read = file_kinds().map(of);
    read.into_iter().chain([orders::export::ORDERS, receipts::export::RECEIPTS, returns::export::RETURNS]).collect()
}

/// The kind of export with a name.
pub fn export_kind(name: &str) -> Option<ExportKind> {
    export_kinds().into_iter().find(|kind| kind.name == name)
}

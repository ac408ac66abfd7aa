//! The records of the archive that came with format 9.

use anaquel_engine::archive::event::{Archived, Event as ArchiveEvent, Recalled};
use anaquel_engine::archive::{Bytes, Kept, Left};
use anaquel_engine::event::*;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::orders::{OrderId, SaleRow};
use anaquel_engine::receipts::Receipt;
use anaquel_engine::receipts::receipt::After;
use anaquel_engine::receipts::version::ReceiptVersion;

use super::name;
use super::v9::{issued, order};

fn row() -> SaleRow {
    SaleRow {
        seq: 12,
        nth: 1,
        time: Timestamp(12),
        occurred_at: Timestamp(11),
        business_date: 20_820,
        channel: name("pos"),
        location: None,
        till: Some("7".into()),
        order: Some(name("W-1")),
        returned: None,
        receipt: None,
        customer: None,
        line: Some("1".into()),
        charge: None,
        sku: None,
        quantity: -2,
        amount: -598,
        discount: 0,
        tax_rate: Some(2100),
        currency: order().currency,
        absorbed: true,
    }
}

/// What came with format 9 of the archive.
pub(super) fn events_of_v9_archive() -> Vec<(Option<Box<Cause>>, Event)> {
    let receipt = Receipt { issued: issued().into(), after: After { touched: 3, ..After::default() } };
    let archived = Archived {
        place: anaquel_engine::archive::Place { file: 2, at: 1 << 33 },
        previous: 11,
        left: vec![
            Left::Order { id: OrderId(4), version: 9 },
            Left::Return { id: anaquel_engine::returns::ReturnId(5), version: 7 },
            Left::Receipt { id: issued().id, version: ReceiptVersion { told: 8, touched: 3 } },
        ],
        bytes: Bytes(vec![1, 2, 3]),
    };
    let kept = vec![Kept::Order(Box::new(order())), Kept::Rows(vec![row()]), Kept::Receipt(Box::new(receipt))];
    let events = [ArchiveEvent::Archived(Box::new(archived)), ArchiveEvent::Recalled(Box::new(Recalled { kept }))];
    events.into_iter().map(|event| (None, Event::Archive(event))).collect()
}

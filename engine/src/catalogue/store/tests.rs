use super::Catalogue;
use crate::catalogue::details::{GroupDetails, SkuDetails};
use crate::catalogue::gtin::Gtin;
use crate::ids::{GroupId, LocationId, SkuId};

#[test]
fn a_sku_is_found_by_each_of_its_gtins_until_it_has_others() {
    let catalogue = Catalogue::default();
    let details = |gtin: &str| SkuDetails { gtin: Some(gtin.into()), ..SkuDetails::default() };
    let found = |text: &str| catalogue.skus_of_gtin(Gtin::parse(text).expect("a GTIN"));
    catalogue.fold_sku(SkuId(2), 1, details("036000291452;4006381333931"));
    catalogue.fold_sku(SkuId(1), 2, details("0036000291452"));
    assert_eq!(found("036000291452"), [SkuId(1), SkuId(2)]);
    assert_eq!(found("4006381333931"), [SkuId(2)]);
    catalogue.fold_sku(SkuId(2), 3, details("96385074"));
    assert_eq!((found("036000291452"), found("4006381333931")), (vec![SkuId(1)], vec![]));
    catalogue.fold_sku(SkuId(1), 4, SkuDetails::default());
    assert!(found("00036000291452").is_empty());
}

#[test]
fn leaving_a_group_is_seen_from_the_location() {
    let catalogue = Catalogue::default();
    let group = |locations: &[u32]| GroupDetails { locations: locations.iter().map(|l| LocationId(*l)).collect() };
    catalogue.fold_group(GroupId(1), 1, group(&[3, 4]));
    catalogue.fold_group(GroupId(0), 2, group(&[4]));
    assert_eq!(catalogue.groups_of(LocationId(4)), vec![GroupId(0), GroupId(1)]);
    catalogue.fold_group(GroupId(1), 3, group(&[3]));
    assert_eq!(catalogue.groups_of(LocationId(4)), vec![GroupId(0)]);
}

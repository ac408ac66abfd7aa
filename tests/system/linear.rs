//! What concurrent callers are told is one order of the log; `anaquel-loadtest linear` checks more of it.

use anaquel_tests::folder::folder;

/// 20,000 requests of eight callers on four cells.
#[test]
fn every_answer_has_its_place_in_one_order() {
    let seed = anaquel_seeds::seed();
    let folder = folder();
    let report =
        anaquel_loadtest::linear::run(anaquel_tests::binary(), &folder.path().join("data"), 20_000, 8, seed.value());
    let report = report.expect("every answer is borne out by the log");
    assert!(report.writes > 5_000 && report.reads > 5_000 && report.refused > 100, "{report:?}");
}

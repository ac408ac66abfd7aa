//! What concurrent callers are told is one order of the log; `anaquel-loadtest linear` checks more of it.

/// 20,000 requests of eight callers on four cells. The seed is printed; with `ANAQUEL_SEED` set, that one is run.
#[test]
fn every_answer_has_its_place_in_one_order() {
    let seed = std::env::var("ANAQUEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7919);
    eprintln!("seed {seed}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = anaquel_loadtest::linear::run(anaquel_tests::binary(), &folder.path().join("data"), 20_000, 8, seed);
    let report = report.expect("every answer is borne out by the log");
    assert!(report.writes > 5_000 && report.reads > 5_000 && report.refused > 100, "{report:?}");
}

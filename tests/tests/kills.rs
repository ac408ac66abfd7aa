//! Kill -9 under load; `anaquel-loadtest kill` does more of it.

/// Twenty rounds. The seed is printed; with `ANAQUEL_SEED` set, that one is run.
#[test]
fn no_acknowledged_write_is_lost_in_twenty_kills() {
    let seed = std::env::var("ANAQUEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7919);
    eprintln!("seed {seed}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = anaquel_loadtest::kill::run(anaquel_tests::binary(), folder.path(), 20, seed);
    let report = report.expect("no promise is broken");
    assert!(report.acknowledged > 100, "{report:?}");
}

//! Lossless subscribers through cuts and kills, held to the log. The full size is a command of its own:
//! `anaquel-loadtest gapless`.

use anaquel_loadtest::live::gapless::{GaplessPlan, run};
use anaquel_tests::binary;
use anaquel_tests::folder::folder;

#[test]
fn nothing_is_missed_and_nothing_is_told_twice() {
    let folder = folder();
    let seed = anaquel_seeds::seed();
    let plan = GaplessPlan { changes: 150_000, kills: 4, subscribers: 6, seed: seed.value() };
    let report = run(binary(), &folder.path().join("data"), plan).unwrap();
    println!("{report:?}");
    assert_eq!(report.kills, 4);
    assert!(report.cells > 10_000 && report.resumed >= 4 * 6, "{report:?}");
}

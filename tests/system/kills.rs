//! Kill -9, failing disks and power cuts under load; `anaquel-loadtest kill`, `inject` and `power` do more of it.

use anaquel_tests::folder::folder;

/// Twenty rounds.
#[test]
fn no_acknowledged_write_is_lost_in_twenty_kills() {
    let seed = anaquel_seeds::seed();
    let folder = folder();
    let report = anaquel_loadtest::kill::run(anaquel_tests::binary(), folder.path(), 20, seed.value());
    let report = report.expect("no promise is broken");
    assert!(report.acknowledged > 100 && report.ended == 0, "{report:?}");
}

/// Five kills while tills sell with receipts, in series of both schemes of chains.
#[test]
fn no_sale_and_no_number_is_lost_or_doubled_in_five_kills() {
    let seed = anaquel_seeds::seed();
    let folder = folder();
    let report = anaquel_loadtest::selling::kills::run(anaquel_tests::binary(), folder.path(), 5, seed.value());
    let report = report.expect("no promise is broken");
    assert!(report.acknowledged > 20 && report.refused > 0 && report.repeated >= report.acknowledged, "{report:?}");
    // Those that were cut off before they happened are sold by their repeat.
    assert!(report.receipts >= report.acknowledged, "{report:?}");
    assert!(report.has_script || std::env::var("CI").as_deref() != Ok("true"), "python3 is absent");
}

/// The first two calls of every kind by which the server writes fail, or are its last. Where strace cannot be had, this
/// says so.
#[test]
fn no_acknowledged_write_is_lost_where_calls_to_the_disk_fail() {
    if let Err(error) = anaquel_loadtest::inject::is_possible() {
        eprintln!("not run: {error:#}");
        return;
    }
    let seed = anaquel_seeds::seed();
    let folder = folder();
    let faults = anaquel_loadtest::inject::faults();
    let done = anaquel_loadtest::inject::run(anaquel_tests::binary(), folder.path(), &faults, 1..=2, seed.value());
    let report = done.expect("what was acknowledged is there");
    assert!(report.kills.acknowledged > 0 && report.kills.rounds == 2 * faults.len() as u64, "{report:?}");
}

/// Thirty power cuts on a disk in a file, and as many without flushing as it takes to lose something. Mounting needs root:
/// where that is not to be had, this says so.
#[test]
fn no_acknowledged_write_is_lost_in_thirty_power_cuts() {
    if let Err(error) = anaquel_loadtest::power::is_possible() {
        eprintln!("not run: {error:#}");
        return;
    }
    let seed = anaquel_seeds::seed();
    for without_sync in [true, false] {
        let folder = folder();
        let done = anaquel_loadtest::power::run(anaquel_tests::binary(), folder.path(), 30, seed.value(), without_sync);
        let report = done.expect("what was acknowledged is there, if it was flushed");
        assert!(report.acknowledged > 0 && (without_sync || report.rounds == 30), "{report:?}");
    }
}

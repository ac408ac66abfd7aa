//! Every scenario of the load test, small: it ends with an audit of every answer, or fails.

use anaquel_loadtest::scenario::{ScenarioPlan, ScenarioReport, run};
use anaquel_tests::folder::folder;
use anaquel_tests::shared_data;
use clap::Parser;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    plan: ScenarioPlan,
}

fn scenario(arguments: &[&str]) -> ScenarioReport {
    let Cli { plan } = Cli::parse_from([&["test"], arguments].concat());
    run(&plan, None).unwrap_or_else(|error| panic!("{arguments:?}: {error:?}"))
}

/// Requests of a kind that were done, and refused.
fn counts(report: &ScenarioReport, kind: &str) -> (u64, u64) {
    let row = report.kinds.iter().find(|row| format!("{:?}", row.kind) == kind);
    row.map_or((0, 0), |row| (row.done, row.refused))
}

#[test]
fn an_ordinary_day_over_http_and_over_sockets() {
    let folder = folder();
    let out = folder.path().to_str().expect("a path that is text");
    for protocol in ["http", "socket"] {
        let report =
            scenario(&["mixed", "--protocol", protocol, "--rate", "200..600/2", "--seconds", "3", "--out", out]);
        assert!(counts(&report, "Availability").0 > 900, "{report:?}");
        let visits = ["Availability", "Reserve", "Movement"].iter().map(|kind| counts(&report, kind).0).sum::<u64>();
        assert_eq!(visits + report.unsent, 1200);
        let page = std::fs::read_to_string(folder.path().join("report.html")).expect("a page");
        assert!(page.contains("<svg") && !page.contains("NaN"), "it has its plots");
        assert!(!page.contains("://") && !page.contains("src="), "it needs nothing else");
        let json = std::fs::read(folder.path().join("report.json")).expect("a file");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json.pointer("/scenario").and_then(|name| name.as_str()), Some("mixed"));
    }
}

#[test]
fn a_flash_sale_sells_exactly_what_there_is() {
    let report = scenario(&["flash-sale", "--units", "500", "--rate", "500", "--seconds", "3"]);
    assert_eq!(counts(&report, "Reserve"), (500, 1000), "{report:?}");
}

#[test]
fn subscribers_who_are_all_cut_off_all_come_back() {
    let report =
        scenario(&["reconnect-storm", "--subscribers", "50", "--storms", "3", "--rate", "200", "--seconds", "4"]);
    assert_eq!(counts(&report, "Resume").0, 150, "{report:?}");
}

/// Part of a real quarter; needs the tills' data, which is no part of this project.
#[test]
fn a_store_day() {
    let Some(folder) = shared_data("dunnhumby-2017q1") else { return };
    let folder = folder.to_str().expect("a path that is text");
    let report = scenario(&["store-day", "--folder", folder, "--lines", "20000", "--speed", "200000"]);
    assert!(counts(&report, "Movement").0 > 1000 && counts(&report, "Collect").0 > 100, "{report:?}");
}

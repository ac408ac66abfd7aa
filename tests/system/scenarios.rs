//! Every scenario of the load test, small: it ends with an audit of every answer, or fails.

use anaquel_loadtest::scenario::{ScenarioPlan, ScenarioReport, run};
use anaquel_loadtest::selling::checkout::{self, CheckoutPlan};
use anaquel_loadtest::selling::last_unit;
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

/// Carts that become orders: most are paid and collected, some cancelled, some expire; each is counted in the end.
#[test]
fn a_checkout_by_carts_and_orders() {
    let report = scenario(&["checkout", "--orders", "--rate", "100", "--seconds", "3"]);
    let [cart, order, paid, collected] = ["Cart", "Order", "Confirm", "Collect"].map(|kind| counts(&report, kind).0);
    assert!(cart + report.unsent == 300 && order == cart, "{report:?}");
    assert!(paid > 150 && collected == paid, "{report:?}");
}

/// Part of a real quarter; needs the tills' data, which is no part of this project.
#[test]
fn a_store_day() {
    let Some(folder) = shared_data("dunnhumby-2017q1") else { return };
    let folder = folder.to_str().expect("a path that is text");
    let report = scenario(&["store-day", "--folder", folder, "--lines", "20000", "--speed", "200000"]);
    assert!(counts(&report, "Sale").0 > 1000 && counts(&report, "Collect").0 > 100, "{report:?}");
    assert!(counts(&report, "Return").0 > 40, "{report:?}");
}

/// The same over the socket, where tills sell, too.
#[test]
fn a_store_day_over_sockets() {
    let Some(folder) = shared_data("dunnhumby-2017q1") else { return };
    let folder = folder.to_str().expect("a path that is text");
    let plan = ["store-day", "--folder", folder, "--lines", "5000", "--speed", "200000", "--protocol", "socket"];
    let report = scenario(&plan);
    assert!(counts(&report, "Sale").0 > 300 && counts(&report, "Return").0 > 5, "{report:?}");
}

/// Two thousand buyers by carts, orders and sales in three channels, for a hundred units.
#[test]
fn a_crowd_in_three_channels_buys_exactly_what_there_is() {
    let seed = anaquel_seeds::seed();
    let folder = folder();
    let plan = CheckoutPlan { buyers: 2000, units: 100, seed: seed.value() };
    let report = checkout::run(anaquel_tests::binary(), folder.path(), plan).expect("everything adds up");
    assert_eq!(report.sold.values().map(|sums| sums.units).sum::<i64>(), 100, "{report:?}");
    assert!(report.sold.len() == 3 && report.refused > 1000 && report.repeated > 0, "{report:?}");
    assert!(report.chain.is_some() || std::env::var("CI").as_deref() != Ok("true"), "python3 is absent");
}

/// Two hundred orders, each with two tills that want its last unit back.
#[test]
fn the_last_unit_of_an_order_comes_back_once() {
    let folder = folder();
    let report = last_unit::run(anaquel_tests::binary(), folder.path(), 200).expect("each comes back once");
    assert!(report.taken.iter().sum::<u64>() == 200 && report.credit_notes > 200, "{report:?}");
}

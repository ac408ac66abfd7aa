//! Whole-system tests, in one binary: they start the real server and know nothing of its insides.
//!
//! They belong to the package of the server, so that cargo builds what they start. One file:
//! `cargo test --workspace --test system loading::`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod archive;
mod attacks;
mod backup;
mod bad_input;
mod browsers;
mod carts;
mod closed;
mod commands;
mod contract;
mod decisions;
mod defaults;
mod documents;
mod door;
mod examples;
mod faults;
mod files;
mod find;
mod follow;
mod foreign;
mod gapless;
mod holds;
mod hours;
mod http;
mod imports;
mod keys;
mod kills;
mod limits;
mod linear;
mod loading;
mod monitoring;
mod names;
mod nodes;
mod openapi;
mod order_carts;
mod order_money;
mod order_parts;
mod order_returns;
mod orders;
mod prices;
mod promise;
mod proxies;
mod receipts;
mod repeats;
mod replenishment;
mod return_trials;
mod returns;
mod revoke;
mod round_trips;
mod sales;
mod scenarios;
mod screen_calls;
mod screen_jobs;
mod screen_keys;
mod screen_ops;
mod screen_restarts;
mod screen_scans;
mod screen_shop;
mod screen_slow;
mod screens;
mod secrets;
mod self_checkout;
mod shelf;
mod shop_page;
mod sold_elsewhere;
mod sourcing;
mod start;
mod store;
mod stream;
mod supply;
mod till_sales;
mod tools;
mod transfers;
mod uncounted;
mod upgrade;
mod what_if;

#[test]
fn the_server_that_is_started_is_the_one_that_cargo_built() {
    let built = std::path::Path::new(env!("CARGO_BIN_EXE_anaquel")).canonicalize().unwrap();
    assert_eq!(anaquel_tests::binary().canonicalize().unwrap(), built);
}

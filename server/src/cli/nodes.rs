//! `anaquel promote`: who decides.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::args::PromoteArgs;
use crate::cli::client;
use crate::cli::remote::{FLAGS, Remote};

/// Makes a node decide.
///
/// # Errors
/// It cannot be reached, or refuses.
pub fn promote(args: &PromoteArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::new(FLAGS, &args.url, args.ca.as_deref())?;
    let body = json!({"i_stopped_it": args.i_stopped_it}).to_string();
    let told = client::post(&remote, "/v1/promote", "application/json", body.as_bytes())?;
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64);
    let after = number(&told, "after").unwrap_or_default();
    println!("epoch               {}", told.get("epoch").and_then(Value::as_str).unwrap_or_default());
    println!("after               {after}");
    match told.get("could_be_lost").filter(|lost| !lost.is_null()) {
        None => println!("ok: {remote} decides; the node that it followed stopped, and nothing is lost"),
        Some(lost) => {
            match number(lost, "contact_seconds") {
                Some(seconds) => println!("last heard          {seconds} seconds ago"),
                None => println!("last heard          never"),
            }
            match number(lost, "known_seq") {
                Some(known) => {
                    println!("could be lost       records {} to {known}, and what came after them", after + 1)
                }
                None => println!("could be lost       records after {after}, if there were any"),
            }
            println!("ok: {remote} decides; do not start the node that it followed without --follow");
        }
    }
    Ok(ExitCode::SUCCESS)
}

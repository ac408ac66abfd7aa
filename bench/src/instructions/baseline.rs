//! The baseline of the counts, in `bench/instructions.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::allocations::Allocations;

/// Counts by case, each of one operation.
#[derive(Debug, Default)]
pub struct Baseline {
    /// The compiler of the baseline.
    pub compiler: String,
    /// The processor of the baseline: the C library chooses how to copy and clear memory by the processor.
    pub processor: String,
    pub instructions: BTreeMap<String, f64>,
    pub allocations: BTreeMap<String, Allocations>,
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

/// The compiler in use.
///
/// # Errors
/// It is not found.
pub fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("running rustc")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The processor of this machine, by everything that distinguishes models; empty if unknown.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |field: &str| {
        let line = text.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == field));
        line.map_or("", |(_, value)| value.trim())
    };
    ["model name", "cpu family", "model", "stepping"].map(of).join(" ").trim().to_owned()
}

impl Baseline {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read() -> anyhow::Result<Self> {
        let path = path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let file: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let of = |what: &str| file.get(what).and_then(Value::as_object).cloned().unwrap_or_default();
        let number = |value: &Value, field: &str| value.get(field).and_then(Value::as_f64).unwrap_or(f64::NAN);
        Ok(Self {
            compiler: file.get("compiler").and_then(Value::as_str).unwrap_or_default().to_owned(),
            processor: file.get("processor").and_then(Value::as_str).unwrap_or_default().to_owned(),
            instructions: of("instructions").iter().filter_map(|(name, v)| Some((name.clone(), v.as_f64()?))).collect(),
            allocations: of("allocations")
                .into_iter()
                .map(|(name, v)| (name, Allocations { number: number(&v, "number"), bytes: number(&v, "bytes") }))
                .collect(),
        })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self) -> anyhow::Result<()> {
        // Whole instructions; for rare allocations, hundredths.
        let hundredths = |count: f64| (count * 100.0).round() / 100.0;
        let instructions: Map<_, _> =
            self.instructions.iter().map(|(name, n)| (name.clone(), json!(n.round()))).collect();
        let allocations = self.allocations.iter().map(|(name, Allocations { number, bytes })| {
            (name.clone(), json!({"number": hundredths(*number), "bytes": hundredths(*bytes)}))
        });
        let allocations: Map<_, _> = allocations.collect();
        let file = json!({
            "compiler": self.compiler, "processor": self.processor, "instructions": instructions, "allocations": allocations,
        });
        std::fs::write(path(), serde_json::to_string_pretty(&file)? + "\n")?;
        Ok(())
    }

    /// Prints the counts beside the baseline; returns those that are too far off.
    pub fn tell(&self, known: &Self, tolerances: &BTreeMap<&str, f64>) -> Vec<String> {
        let mut off = Vec::new();
        println!(
            "{:<60} {:>12} {:>9} {:>11} {:>9} {:>11} {:>9}",
            "each", "instructions", "", "allocations", "", "bytes", ""
        );
        for (name, count) in &self.instructions {
            let tolerance = tolerances.get(name.as_str()).copied().unwrap_or_default();
            let mut told = |what: &str, count: f64, before: Option<f64>| {
                let change = before.map(|before| change(count, before));
                if change.is_none_or(|change| change.is_nan() || change.abs() > tolerance) {
                    off.push(format!("{what} of {name}"));
                }
                change.map_or("new".to_owned(), |change| format!("{:+.1} %", change * 100.0))
            };
            let instructions = told("instructions", *count, known.instructions.get(name).copied());
            print!("{name:<60} {count:>12.0} {instructions:>9}");
            if let Some(Allocations { number, bytes }) = self.allocations.get(name) {
                let before = known.allocations.get(name);
                let numbers = told("allocations", *number, before.map(|before| before.number));
                let of_bytes = told("bytes", *bytes, before.map(|before| before.bytes));
                print!(" {number:>11.2} {numbers:>9} {bytes:>11.0} {of_bytes:>9}");
            }
            println!();
        }
        off
    }
}

/// The change of a count. Counts below one are compared as one: a table that grows once in a thousand times grows in
/// one run and not in another.
fn change(count: f64, before: f64) -> f64 {
    (count - before) / before.max(1.0)
}

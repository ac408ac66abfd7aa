//! The results: as a table for the terminal, as Markdown, and as a plot.

use std::fmt::Write as _;
use std::path::Path;

use super::calls::{Calls, Counter};
use super::look::{Made, Seen};
use super::plan::ComparisonPlan;
use super::usage::{ByName, Spent};

/// The start of the section of `RESULTS.md` that each run replaces.
const BEGIN: &str = "<!-- peers: written by the command below -->\n";

/// The end of the section.
const END: &str = "<!-- peers: end -->\n";

/// Replaces the text between the two marks in `before` with `section`; only the section if the marks are absent.
fn inserted(before: &str, section: &str) -> String {
    let around = before.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = around.unwrap_or_default();
    format!("{head}{BEGIN}{section}{END}{tail}")
}

/// The bare handler.
pub const BARE: &str = "bare axum handler, nothing done";
/// Anaquel over HTTP.
pub const HTTP: &str = "Anaquel, HTTP";
/// The same with the log in files.
pub const HTTP_FILES: &str = "Anaquel, HTTP, log in files";
/// The same with authentication: an API key, and a fresh `Idempotency-Key` each.
pub const HTTP_KEY: &str = "Anaquel, HTTP, API key and Idempotency-Key";
/// The same with a token in place of the key.
pub const HTTP_TOKEN: &str = "Anaquel, HTTP, token and Idempotency-Key";
/// The same with one hot cell.
pub const HTTP_HOT: &str = "Anaquel, HTTP, one hot cell";
/// Anaquel over the socket.
pub const SOCKET: &str = "Anaquel, socket, pipelined";

/// The prefix of Anaquel's names.
const OURS: &str = "Anaquel";

/// The suffix of the name of Redis that flushes before it answers.
const ALWAYS: &str = "AOF always";

/// One measurement, per reservation.
#[derive(Debug)]
struct Measured {
    rate: f64,
    p50: Option<f64>,
    spent: Spent,
    by_name: ByName,
}

/// One contender under one load.
#[derive(Debug)]
pub struct Row {
    who: String,
    how: String,
    /// Round by round.
    measured: Vec<Measured>,
    /// System calls per reservation.
    calls: Option<Calls>,
}

impl Row {
    /// A row without measurements.
    pub fn new(who: &str, how: &str) -> Self {
        Self { who: who.to_owned(), how: how.to_owned(), measured: Vec::new(), calls: None }
    }

    fn sorted(&self, of: impl Fn(&Measured) -> Option<f64>) -> Vec<f64> {
        let mut values: Vec<_> = self.measured.iter().filter_map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The median of the measurements; `None` if there are none.
    fn median_of(&self, of: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        let values = self.sorted(of);
        values.get(values.len() / 2).copied()
    }

    fn median(&self) -> f64 {
        self.median_of(|of| Some(of.rate)).unwrap_or(f64::NAN)
    }

    /// Microseconds of CPU time.
    fn cpu(&self) -> f64 {
        self.median_of(|of| Some(of.spent.cpu / 1000.0)).unwrap_or(f64::NAN)
    }

    fn spread(&self) -> (f64, f64) {
        let rates = self.sorted(|of| Some(of.rate));
        (rates.first().copied().unwrap_or(f64::NAN), rates.last().copied().unwrap_or(f64::NAN))
    }

    /// The cost of one reservation: microseconds of CPU time in total and in the kernel, voluntary and involuntary
    /// context switches, system calls, futex calls, reservations per flush, and the median latency.
    fn costs(&self) -> [String; 8] {
        let told =
            |value: Option<f64>, digits: usize| value.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
        let of = |field: fn(&Spent) -> f64| self.median_of(|of| Some(field(&of.spent)));
        let calls = |field: fn(&Calls) -> f64| self.calls.as_ref().map(field);
        let a_flush = calls(|calls| calls.flushes).filter(|&flushes| flushes > 0.0).map(|flushes| 1.0 / flushes);
        [
            told(of(|spent| spent.cpu / 1000.0), 1),
            told(of(|spent| spent.kernel / 1000.0), 1),
            told(of(|spent| spent.waits), 2),
            told(of(|spent| spent.preempted), 2),
            told(calls(|calls| calls.all), 2),
            told(calls(|calls| calls.futex), 2),
            told(a_flush, 1),
            told(self.median_of(|of| of.p50), 2),
        ]
    }

    /// The threads by name, the most expensive first: microseconds and switches per reservation, in the round with
    /// the median time.
    fn threads(&self) -> Vec<(&str, f64, f64)> {
        let mut rounds: Vec<_> = self.measured.iter().collect();
        rounds.sort_by(|a, b| a.spent.cpu.total_cmp(&b.spent.cpu));
        let Some(round) = rounds.get(rounds.len() / 2) else { return Vec::new() };
        let told = round.by_name.iter().map(|(name, spent)| {
            let switches = spent.waits + spent.preempted;
            (name.as_str(), spent.cpu / 1000.0, switches)
        });
        let mut threads: Vec<_> = told.filter(|&(_, cpu, _)| cpu >= 0.05).collect();
        threads.sort_by(|a, b| b.1.total_cmp(&a.1));
        threads
    }
}

/// The report of a comparison.
#[derive(Debug)]
pub struct ComparisonReport {
    rows: Vec<Row>,
    /// The planned number of measurements.
    wanted: usize,
    conditions: String,
    command: String,
    /// The load generator for HTTP.
    driver: &'static str,
    /// The tool that counted system calls.
    counter: Option<Counter>,
}

impl ComparisonReport {
    /// A report of the rows for `plan`.
    pub fn new(rows: Vec<Row>, plan: &ComparisonPlan, driver: &'static str, counter: Option<Counter>) -> Self {
        let conditions =
            format!("{}; {} interleaved rounds of {} s", crate::machine::describe(), plan.rounds, plan.seconds);
        let ComparisonPlan { seconds, rounds, .. } = plan;
        let command = format!("anaquel-loadtest -- peers --seconds {seconds} --rounds {rounds} --out bench");
        let wanted = rows.len() * plan.rounds;
        Self { rows, wanted, conditions, command, driver, counter }
    }

    /// Adds a measurement of the `nth` row; returns a line about it.
    pub fn measured(&mut self, nth: usize, made: Made, seen: Seen) -> String {
        let each = made.made as f64;
        let Some(row) = self.rows.get_mut(nth) else { return String::new() };
        match seen {
            Seen::Calls(calls) => {
                let calls = calls.each(each);
                row.calls = Some(calls);
                format!("{:.2} system calls each, {:.2} of them futex", calls.all, calls.futex)
            }
            Seen::Usage(by_name) => {
                let by_name: ByName = by_name.into_iter().map(|(name, spent)| (name, spent.each(each))).collect();
                let mut spent = Spent::default();
                by_name.values().for_each(|of| spent.add(of));
                row.measured.push(Measured { rate: made.rate, p50: made.p50, spent, by_name });
                let switches = spent.waits + spent.preempted;
                format!(
                    "{:.0} a second, {:.1} µs of CPU and {switches:.2} switches each",
                    made.rate,
                    spent.cpu / 1000.0
                )
            }
        }
    }

    /// Rows with at least one measurement.
    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.measured.is_empty())
    }

    /// The missing measurements, if the run ended early.
    fn missing(&self) -> Option<String> {
        let made: usize = self.rows.iter().map(|row| row.measured.len()).sum();
        (made < self.wanted).then(|| format!("{made} of {} measurements; the rest was not made", self.wanted))
    }

    /// The best load of each contender, in the order of measurement.
    fn best(&self) -> Vec<&Row> {
        let mut best: Vec<&Row> = Vec::new();
        for row in self.rows() {
            match best.iter_mut().find(|of| of.who == row.who) {
                Some(of) if of.median() < row.median() => *of = row,
                Some(_) => {}
                None => best.push(row),
            }
        }
        best
    }

    /// Best against best, if both were measured.
    fn ratios(&self) -> Vec<(String, f64)> {
        let best = self.best();
        let is_redis = |row: &&&Row| row.who.ends_with(ALWAYS);
        let is_pipelined_redis = |row: &&&Row| row.who.contains("AOF always, pipelined");
        let is_postgres = |row: &&&Row| row.who.starts_with("PostgreSQL") && !row.who.ends_with("hot cell");
        let is_hot_postgres = |row: &&&Row| row.who.starts_with("PostgreSQL") && row.who.ends_with("hot cell");
        let pairs = [
            (HTTP, best.iter().find(|row| row.who == BARE)),
            (HTTP, best.iter().find(is_redis)),
            (HTTP, best.iter().find(is_postgres)),
            (HTTP_HOT, best.iter().find(is_hot_postgres)),
            (SOCKET, best.iter().find(is_pipelined_redis)),
        ];
        let ratio = |(ours, theirs): (&str, Option<&&Row>)| {
            let (ours, theirs) = (best.iter().find(|row| row.who == ours)?, theirs?);
            Some((format!("{} against {}", ours.who, theirs.who), ours.median() / theirs.median()))
        };
        pairs.into_iter().filter_map(ratio).collect()
    }

    /// CPU time against the comparable contender, at the same number of connections.
    fn cpu_ratios(&self) -> Vec<(String, String, f64)> {
        let is_bare: fn(&str) -> bool = |who| who == BARE;
        let is_always: fn(&str) -> bool = |who| who.ends_with(ALWAYS);
        let is_open: fn(&str) -> bool = |who| who == HTTP;
        let pairs = [
            (HTTP, is_bare),
            (HTTP, is_always),
            (HTTP_FILES, is_open),
            (HTTP_FILES, is_always),
            (HTTP_KEY, is_open),
            (HTTP_TOKEN, is_open),
            (HTTP_HOT, is_open),
        ];
        let mut ratios = Vec::new();
        for (ours, is_theirs) in pairs {
            for ours in self.rows().filter(|row| row.who == ours) {
                let theirs = self.rows().find(|row| is_theirs(&row.who) && row.how == ours.how);
                let told = |theirs: &Row| format!("{} against {}", ours.who, theirs.who);
                ratios.extend(theirs.map(|theirs| (told(theirs), ours.how.clone(), ours.cpu() / theirs.cpu())));
            }
        }
        ratios
    }

    /// For the terminal.
    pub fn table(&self) -> String {
        let mut text = format!("durable reservations of one unit a second: {}\n", self.conditions);
        let missing = self.missing().map(|missing| format!("  {missing}\n"));
        text.push_str(&missing.unwrap_or_default());
        for row in self.rows() {
            let (low, high) = row.spread();
            let _ = writeln!(text, "  {:<44} {:<36} {:>9.0}   {low:.0} to {high:.0}", row.who, row.how, row.median());
        }
        for (what, ratio) in self.ratios() {
            let _ = writeln!(text, "  {what}: {ratio:.2} times");
        }
        let _ = writeln!(
            text,
            "each: µs of CPU, in the kernel; switches by itself, preempted; system calls, futex; a flush; median ms"
        );
        for row in self.rows() {
            let _ = write!(text, "  {:<44} {:<36}", row.who, row.how);
            for cost in row.costs() {
                let _ = write!(text, " {cost:>7}");
            }
            text.push('\n');
        }
        for row in self.rows().filter(|row| row.who.starts_with(OURS)) {
            let threads =
                row.threads().into_iter().map(|(name, cpu, switches)| format!("{name} {cpu:.1} ({switches:.2})"));
            let _ = writeln!(text, "  {}, {}: {}", row.who, row.how, threads.collect::<Vec<_>>().join(", "));
        }
        for (what, how, ratio) in self.cpu_ratios() {
            let _ = writeln!(text, "  CPU of {what}, {how}: {ratio:.2} times");
        }
        text
    }

    /// Writes `RESULTS.md` and `results.svg`. Of a `RESULTS.md` with a section between [`BEGIN`] and [`END`], only that
    /// section is replaced.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join("RESULTS.md");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        crate::out::replace(&path, &inserted(&before, &self.markdown()))?;
        crate::out::replace(&folder.join("results.svg"), &self.plot())
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "## Beside what a team would use instead\n\n\
             Written by `cargo run --release -p {}`: {}. The client shares the cores with \
             the servers. Every contender takes one unit of one of 100,000 cells (or of one that all want), keeps a record of \
             who has it, and has flushed it to disk before it answers, unless the line says otherwise. HTTP is driven by {}, \
             whoever answers. PostgreSQL does both in \
             one statement and is driven by `pgbench`, Redis in a Lua script and by `redis-benchmark`; all three were \
             asked afterwards whether every reservation that was answered is in their books, and `anaquel verify` added \
             Anaquel's log up again.\n\n\
             ![Reservations a second](results.svg)\n\n\
             {}| who | how | a second, median | from | to |\n| --- | --- | ---: | ---: | ---: |\n",
            self.command,
            self.conditions,
            self.driver,
            self.missing().map(|missing| format!("{missing}.\n\n")).unwrap_or_default()
        );
        for row in self.rows() {
            let (low, high) = row.spread();
            let _ = writeln!(text, "| {} | {} | {:.0} | {low:.0} | {high:.0} |", row.who, row.how, row.median());
        }
        text.push_str("\n| best against best | times |\n| --- | ---: |\n");
        for (what, ratio) in self.ratios() {
            let _ = writeln!(text, "| {what} | {ratio:.2} |");
        }
        self.costs(&mut text);
        text
    }

    /// The cost of a reservation, by contender.
    fn costs(&self, text: &mut String) {
        let counted = match self.counter {
            Some(counter) => format!("counted by `{}` in a round of its own", counter.name()),
            None => "not counted, as neither `perf` nor `strace` may".to_owned(),
        };
        let _ = write!(
            text,
            "\n### What one reservation costs\n\n\
             Of the server's process, with all its threads and children, for each reservation: medians. CPU and switches are \
             read in `/proc`; system calls are {counted}. A flush is an `fsync` or `fdatasync`, whatever it is for.\n\n\
             | who | how | CPU, µs | in the kernel | waits | preempted | system calls | futex calls | reservations a flush \
             | median, ms |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for row in self.rows() {
            let _ = writeln!(text, "| {} | {} | {} |", row.who, row.how, row.costs().join(" | "));
        }
        text.push_str("\n| CPU | how | times |\n| --- | --- | ---: |\n");
        for (what, how, ratio) in self.cpu_ratios() {
            let _ = writeln!(text, "| {what} | {how} | {ratio:.2} |");
        }
        text.push_str("\n| whose threads | how | CPU, µs, and switches of each reservation |\n| --- | --- | --- |\n");
        for row in self.rows().filter(|row| row.who.starts_with(OURS)) {
            let threads =
                row.threads().into_iter().map(|(name, cpu, switches)| format!("{name} {cpu:.1} ({switches:.2})"));
            let _ = writeln!(text, "| {} | {} | {} |", row.who, row.how, threads.collect::<Vec<_>>().join(", "));
        }
    }

    /// Bars of the best medians, on one scale.
    fn plot(&self) -> String {
        const LEFT: f64 = 330.0;
        const WIDTH: f64 = 480.0;
        const STEP: f64 = 30.0;
        let best = self.best();
        let most = best.iter().map(|row| row.median()).fold(1.0, f64::max);
        let height = STEP * best.len() as f64 + 40.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
             <rect width=\"900\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text x=\"10\" y=\"22\" font-weight=\"bold\">Durable reservations a second, best setting of each</text>\n"
        );
        for (nth, row) in best.iter().enumerate() {
            let (y, length) = (40.0 + STEP * nth as f64, WIDTH * row.median() / most);
            let colour = if row.who.starts_with(OURS) { "#1f6f54" } else { "#9aa5ad" };
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"20\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{:.0}</text>",
                LEFT - 8.0,
                y + 15.0,
                row.who,
                LEFT + length + 6.0,
                y + 15.0,
                row.median()
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_replaces_its_own_section_alone() {
        let (first, second) = (inserted("", "one\n"), inserted("", "two\n"));
        assert_eq!(inserted(&first, "two\n"), second);
        assert_eq!(inserted(&format!("before\n{first}after\n"), "two\n"), format!("before\n{second}after\n"));
    }

    /// A round of one second in which each reservation takes `cpu` microseconds of one thread.
    fn usage(cpu: f64, made: u64) -> Seen {
        let spent = Spent { cpu: cpu * 1000.0 * made as f64, kernel: 0.0, waits: made as f64, preempted: 0.0 };
        Seen::Usage(ByName::from([("worker".to_owned(), spent)]))
    }

    fn report(rows: &[(&str, &str, &[f64])]) -> ComparisonReport {
        let plan = ComparisonPlan { connections: vec![64], seconds: 1, rounds: 3, only: Vec::new(), out: None };
        let named = rows.iter().map(|(who, how, _)| Row::new(who, how)).collect();
        let mut report = ComparisonReport::new(named, &plan, "wrk", Some(Counter::Perf));
        for (nth, (.., rates)) in rows.iter().enumerate() {
            for &rate in *rates {
                let made = Made { rate, made: rate as u64, p50: None };
                report.measured(nth, made, usage(1000.0 / rate, made.made));
            }
        }
        report
    }

    #[test]
    fn best_settings_are_compared() {
        let rows: [(&str, &str, &[f64]); 6] = [
            (BARE, "64", &[100.0, 300.0, 200.0]),
            (HTTP, "64", &[90.0, 80.0, 10.0]),
            (HTTP, "256", &[100.0, 110.0, 100.0]),
            ("Redis 7, AOF always", "64", &[50.0]),
            ("Redis 7, AOF always, pipelined", "50", &[20.0]),
            (SOCKET, "16", &[80.0]),
        ];
        let mut report = report(&rows);
        let ratios: Vec<_> = report.ratios().into_iter().map(|(_, ratio)| ratio).collect();
        assert_eq!(ratios, [0.5, 2.0, 4.0]);
        assert!(report.markdown().contains("| Anaquel, HTTP | 256 | 100 | 100 | 110 |"), "{}", report.markdown());
        assert_eq!(report.plot().matches("<rect").count(), 1 + 5);
        let cpu: Vec<_> = report.cpu_ratios().into_iter().map(|(.., ratio)| (ratio * 100.0).round()).collect();
        assert_eq!(cpu, [250.0, 63.0], "12.5 µs against 5 and 20");
        let calls = Calls { all: 720.0, futex: 80.0, flushes: 8.0 };
        report.measured(1, Made { rate: 80.0, made: 80, p50: None }, Seen::Calls(calls));
        let row = "| Anaquel, HTTP | 64 | 12.5 | 0.0 | 1.00 | 0.00 | 9.00 | 1.00 | 10.0 | – |";
        assert!(report.markdown().contains(row), "{}", report.markdown());
        assert!(report.markdown().contains("| Anaquel, HTTP | 64 | worker 12.5 (1.00) |"), "{}", report.markdown());
    }

    #[test]
    fn what_was_measured_before_an_end_is_told_with_what_is_missing() {
        let report = report(&[(BARE, "64", &[100.0]), (HTTP, "64", &[])]);
        for text in [report.table(), report.markdown()] {
            assert!(text.contains("1 of 6 measurements") && text.contains(BARE), "{text}");
            assert!(!text.contains("NaN") && !text.contains(&format!("| {HTTP} |")), "{text}");
        }
        assert!(!report.plot().contains("NaN"), "{}", report.plot());
    }
}

//! What was measured, as a table for the terminal, as Markdown, and as a plot.

use std::fmt::Write as _;
use std::path::Path;

use super::plan::Plan;

/// Where the section of `RESULTS.md` begins that is written anew by each run.
const BEGIN: &str = "<!-- peers: written by the command below -->\n";

/// Where it ends.
const END: &str = "<!-- peers: end -->\n";

/// `before` with `section` in place of what stands between the two marks; the section alone where they are absent.
fn inserted(before: &str, section: &str) -> String {
    let around = before.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = around.unwrap_or_default();
    format!("{head}{BEGIN}{section}{END}{tail}")
}

/// The bare handler.
pub const BARE: &str = "bare axum handler, nothing done";
/// Anaquel over HTTP.
pub const HTTP: &str = "Anaquel, HTTP";
/// The same, everybody wanting one cell.
pub const HTTP_HOT: &str = "Anaquel, HTTP, one hot cell";
/// Anaquel over the socket.
pub const SOCKET: &str = "Anaquel, socket, pipelined";

/// One contender in one setting.
#[derive(Debug)]
pub struct Row {
    who: String,
    how: String,
    /// Reservations a second, round by round.
    pub rates: Vec<f64>,
}

impl Row {
    /// Nothing measured yet.
    pub fn new(who: &str, how: &str) -> Self {
        Self { who: who.to_owned(), how: how.to_owned(), rates: Vec::new() }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates
    }

    fn median(&self) -> f64 {
        let rates = self.sorted();
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn spread(&self) -> (f64, f64) {
        let rates = self.sorted();
        (rates.first().copied().unwrap_or(f64::NAN), rates.last().copied().unwrap_or(f64::NAN))
    }
}

/// All of it.
#[derive(Debug)]
pub struct Report {
    rows: Vec<Row>,
    /// Measurements that were wanted.
    wanted: usize,
    conditions: String,
    command: String,
}

impl Report {
    /// Of the rows that `plan` made.
    pub fn new(rows: Vec<Row>, plan: &Plan) -> Self {
        let conditions =
            format!("{}; {} interleaved rounds of {} s", crate::machine::describe(), plan.rounds, plan.seconds);
        let Plan { seconds, rounds, .. } = plan;
        let command = format!("anaquel-loadtest -- peers --seconds {seconds} --rounds {rounds} --out bench");
        let wanted = rows.len() * plan.rounds;
        Self { rows, wanted, conditions, command }
    }

    /// One more rate of the `nth` row.
    pub fn measured(&mut self, nth: usize, rate: f64) {
        if let Some(row) = self.rows.get_mut(nth) {
            row.rates.push(rate);
        }
    }

    /// Those that were measured at least once.
    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.rates.is_empty())
    }

    /// What is missing, if it ended early.
    fn missing(&self) -> Option<String> {
        let made: usize = self.rows.iter().map(|row| row.rates.len()).sum();
        (made < self.wanted).then(|| format!("{made} of {} measurements; the rest was not made", self.wanted))
    }

    /// The best setting of each contender, in the order in which they were measured.
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

    /// Best against best, where both were measured.
    fn ratios(&self) -> Vec<(String, f64)> {
        let best = self.best();
        let is_redis = |row: &&&Row| row.who.ends_with("AOF always");
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
             who has it, and has flushed it to disk before it answers, unless the line says otherwise. PostgreSQL does both in \
             one statement and is driven by `pgbench`, Redis in a Lua script and by `redis-benchmark`; all three were \
             asked afterwards whether every reservation that was answered is in their books, and `anaquel verify` added \
             Anaquel's log up again.\n\n\
             ![Reservations a second](results.svg)\n\n\
             {}| who | how | a second, median | from | to |\n| --- | --- | ---: | ---: | ---: |\n",
            self.command,
            self.conditions,
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
        text
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
            let colour = if row.who.starts_with("Anaquel") { "#1f6f54" } else { "#9aa5ad" };
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

    #[test]
    fn best_settings_are_compared() {
        let row = |who: &str, how: &str, rates: &[f64]| Row { rates: rates.to_vec(), ..Row::new(who, how) };
        let rows = vec![
            row(BARE, "64", &[100.0, 300.0, 200.0]),
            row(HTTP, "64", &[90.0, 80.0, 10.0]),
            row(HTTP, "256", &[100.0, 110.0, 100.0]),
            row("Redis 7, AOF always", "50", &[50.0]),
            row("Redis 7, AOF always, pipelined", "50", &[20.0]),
            row(SOCKET, "16", &[80.0]),
        ];
        let report = Report::new(rows, &Plan { seconds: 1, rounds: 3, only: String::new(), out: None });
        let ratios: Vec<_> = report.ratios().into_iter().map(|(_, ratio)| ratio).collect();
        assert_eq!(ratios, [0.5, 2.0, 4.0]);
        assert!(report.markdown().contains("| Anaquel, HTTP | 256 | 100 | 100 | 110 |"), "{}", report.markdown());
        assert_eq!(report.plot().matches("<rect").count(), 1 + 5);
    }

    #[test]
    fn what_was_measured_before_an_end_is_told_with_what_is_missing() {
        let rows = vec![Row::new(BARE, "64"), Row::new(HTTP, "64")];
        let mut report = Report::new(rows, &Plan { seconds: 1, rounds: 3, only: String::new(), out: None });
        report.measured(0, 100.0);
        for text in [report.table(), report.markdown()] {
            assert!(text.contains("1 of 6 measurements") && text.contains(BARE), "{text}");
            assert!(!text.contains("NaN") && !text.contains(&format!("| {HTTP} |")), "{text}");
        }
        assert!(!report.plot().contains("NaN"), "{}", report.plot());
    }
}

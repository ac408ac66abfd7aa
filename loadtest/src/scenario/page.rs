//! The report as one page without scripts, style sheets or images from elsewhere.

use std::fmt::Write;

use std::path::Path;

use anyhow::Context;

use super::measure::KindRow;
use super::report::ScenarioReport;

/// Writes `report.json` and `report.html`.
///
/// # Errors
/// The folder cannot be written.
pub fn write(report: &ScenarioReport, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(report)?)?;
    std::fs::write(folder.join("report.html"), html(report))?;
    eprintln!("wrote {}", folder.join("report.html").display());
    Ok(())
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 34.0;
const TOP: f64 = 12.0;

const COLOURS: [&str; 7] = ["#1f6f54", "#c2571a", "#4059ad", "#a23b72", "#6b7a8f", "#b8860b", "#2a9d8f"];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;\
color:#1c2430;background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;\
width:100%}td,th{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #dde3ea}td:first-child,th:first-child\
{text-align:left}svg{width:100%;height:auto}p.proof{background:#eef6f2;padding:.7rem 1rem;border-left:4px solid #1f6f54}";

/// One line of a plot.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Whether a plot has a logarithmic scale.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    Logarithmic,
}

pub(super) fn html(report: &ScenarioReport) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<style>{STYLE}</style>\n\
         <h1>{0}</h1>\n<p>Visits a second: {1}; over {2} connections ({3}), {4} demand, {5:.0} s, seed {6}, on {7}. \
         Latencies count from when a request was due.</p>\n<p class=\"proof\">{8}</p>\n",
        escape(&format!("Anaquel under load: {}", report.scenario)),
        escape(&report.rate),
        report.connections,
        report.protocol,
        report.pattern,
        report.seconds,
        report.seed,
        escape(&report.machine),
        escape(&report.proof()),
    );
    page.push_str(&table(&report.kinds));
    // The last second is not a whole one.
    let whole = report.timeline.split_last().map_or(&[][..], |(_, whole)| whole);
    let seconds = |value: &dyn Fn(&super::SecondRow) -> f64, name: &str| Series {
        name: name.to_owned(),
        points: whole.iter().map(|row| (row.second as f64, value(row))).collect(),
    };
    let latency = [
        seconds(&|row| row.p50, "median"),
        seconds(&|row| row.p99, "99th percentile"),
        seconds(&|row| row.max, "slowest"),
    ];
    page.push_str(&plot("Latency over time, ms", "second", Scale::Logarithmic, &latency));
    let rates = [seconds(&|row| row.answered as f64, "answered"), seconds(&|row| row.shed as f64, "shed")];
    page.push_str(&plot("Answers a second", "second", Scale::Linear, &rates));
    let quantiles: Vec<_> = report.kinds.iter().map(of_quantiles).collect();
    let nines = "nines: 1 is the 90th percentile, 2 the 99th, 3 the 99.9th";
    page.push_str(&plot("Latency by percentile, ms", nines, Scale::Logarithmic, &quantiles));
    if report.timeline.iter().any(|row| row.resident.is_some()) {
        let mib = |row: &super::SecondRow| row.resident.unwrap_or(0) as f64 / f64::from(1 << 20);
        page.push_str(&plot(
            "Resident memory of the server, MiB",
            "second",
            Scale::Linear,
            &[seconds(&mib, "resident")],
        ));
    }
    page.push_str("</html>\n");
    page
}

fn of_quantiles(row: &KindRow) -> Series {
    let nines = |quantile: f64| -(1.0 - quantile).log10();
    let points = row.quantiles.iter().filter(|(quantile, _)| *quantile < 1.0);
    Series { name: row.kind.to_string(), points: points.map(|(quantile, ms)| (nines(*quantile), *ms)).collect() }
}

fn table(rows: &[KindRow]) -> String {
    let mut text = String::from(
        "<table>\n<tr><th>request<th>done<th>refused<th>shed<th>a second<th>median ms<th>90th<th>99th<th>99.9th<th>slowest</tr>\n",
    );
    for row in rows {
        let _ = writeln!(text, "<tr><td>{}<td>{}</tr>", row.kind, row.figures().join("<td>"));
    }
    text.push_str("</table>\n");
    text
}

/// Lines over one axis, from 0 (or the power of ten below the minimum) to the maximum.
fn plot(title: &str, across: &str, scale: Scale, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|of| &of.points);
    let last = points().map(|(x, _)| *x).fold(1.0, f64::max);
    let most = points().map(|(_, y)| *y).fold(0.01, f64::max);
    let least = points().map(|(_, y)| *y).filter(|y| *y > 0.0).fold(most, f64::min);
    let (low, high) = match scale {
        Scale::Linear => (0.0, most * 1.05),
        Scale::Logarithmic => (least.log10().floor(), most.log10().ceil().max(least.log10().floor() + 1.0)),
    };
    let x = |value: f64| LEFT + value / last * (WIDTH - LEFT - 20.0);
    let y = |value: f64| {
        let at = if scale == Scale::Linear { value } else { value.max(10_f64.powf(low)).log10() };
        TOP + (1.0 - (at - low) / (high - low)) * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = format!(
        "<h2>{}</h2>\n<svg viewBox=\"0 0 {WIDTH} {}\" font-family=\"system-ui,sans-serif\" font-size=\"12\" role=\"img\">\n",
        escape(title),
        HEIGHT + 22.0
    );
    let marks: Vec<f64> = match scale {
        Scale::Linear => (0..=4).map(|nth| most * f64::from(nth) / 4.0).collect(),
        Scale::Logarithmic => (low as i32..=high as i32).map(|power| 10_f64.powi(power)).collect(),
    };
    for mark in marks {
        let at = y(mark);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#dde3ea\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - 20.0,
            LEFT - 6.0,
            at + 4.0,
            number(mark)
        );
    }
    for nth in 0..=5 {
        let value = last * f64::from(nth) / 5.0;
        let (at, below) = (x(value), HEIGHT - BOTTOM + 16.0);
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", number(value));
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#6b7a8f\">{across}</text>",
        WIDTH - 20.0,
        HEIGHT
    );
    let mut legend = LEFT;
    for (of, colour) in series.iter().zip(COLOURS) {
        let line: Vec<_> = of.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{}\"/>\
             <rect x=\"{legend}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            line.join(" "),
            HEIGHT + 6.0,
            legend + 14.0,
            HEIGHT + 15.0,
            escape(&of.name)
        );
        legend += 30.0 + 7.5 * of.name.len() as f64;
    }
    svg.push_str("</svg>\n");
    svg
}

fn number(value: f64) -> String {
    if value >= 10.0 || (value - value.round()).abs() < 1e-6 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_keeps_its_lines_inside() {
        let series = [
            Series { name: "a<b".into(), points: vec![(0.0, 0.2), (5.0, 900.0)] },
            Series { name: "b".into(), points: Vec::new() },
        ];
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let svg = plot("t", "x", scale, &series);
            assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            let points = svg.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            for point in points.split(' ') {
                let (x, y) = point.split_once(',').unwrap_or_default();
                let (x, y): (f64, f64) = (x.parse().unwrap_or(-1.0), y.parse().unwrap_or(-1.0));
                assert!((LEFT..=WIDTH).contains(&x) && (TOP - 0.1..=HEIGHT - BOTTOM + 0.1).contains(&y), "{x}, {y}");
            }
        }
    }
}

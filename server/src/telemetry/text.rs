//! Histograms that the engine keeps, in the text format of Prometheus.

use std::fmt::Write;

use anaquel_engine::histogram::Counted;

/// Appends a histogram to the text; `per` is the number of its units in one unit of the metric.
pub fn histogram(text: &mut String, name: &str, help: &str, counted: &Counted, per: f64) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} histogram\n");
    for (bound, count) in &counted.cumulative {
        let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {count}", *bound as f64 / per);
    }
    let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {}", counted.count);
    let _ = writeln!(text, "{name}_sum {}", counted.sum as f64 / per);
    let _ = write!(text, "{name}_count {}\n\n", counted.count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_written_as_prometheus_reads_it() {
        let counted = Counted { cumulative: vec![(50, 1), (1_000_000, 3)], count: 4, sum: 6_000_050 };
        let mut text = String::new();
        histogram(&mut text, "x_seconds", "How long", &counted, 1e6);
        let expected = "# HELP x_seconds How long\n# TYPE x_seconds histogram\nx_seconds_bucket{le=\"0.00005\"} 1\n\
                        x_seconds_bucket{le=\"1\"} 3\nx_seconds_bucket{le=\"+Inf\"} 4\nx_seconds_sum 6.00005\n\
                        x_seconds_count 4\n\n";
        assert_eq!(text, expected);
    }
}

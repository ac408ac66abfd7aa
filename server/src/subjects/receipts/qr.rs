//! A QR code as SVG.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};

/// The side of a code in millimetres, without its quiet zone: rules ask for 30 to 40.
const SIDE_MM: i32 = 35;

/// Modules of the quiet zone around a code.
const QUIET: i32 = 4;

/// The code of a text, at the level M exactly; `None` if the text is too long for one.
pub fn svg(text: &str) -> Option<String> {
    let segments = QrSegment::make_segments(text);
    let level = QrCodeEcc::Medium;
    let code = QrCode::encode_segments_advanced(&segments, level, Version::MIN, Version::MAX, None, false).ok()?;
    let side = code.size() + 2 * QUIET;
    // In micrometres, so that the code itself is as large as it should be.
    let micrometres = 1000 * SIDE_MM * side / code.size();
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|at| code.get_module(*at, y)).count() as i32;
            if run > 0 {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    Some(format!(
        "<svg class=\"qr\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"QR\" \
         width=\"{0}.{1:03}mm\" height=\"{0}.{1:03}mm\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>",
        micrometres / 1000,
        micrometres % 1000,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_as_large_as_rules_ask_for_and_draws_every_module() {
        let text =
            "https://www2.agenciatributaria.gob.es/wlpl/TIKE-CONT/ValidarQR?nif=89890001K&numserie=12345678%2FG33";
        let drawn = svg(text).expect("it fits");
        let segments = QrSegment::make_segments(text);
        let code =
            QrCode::encode_segments_advanced(&segments, QrCodeEcc::Medium, Version::MIN, Version::MAX, None, false);
        let code = code.expect("it fits");
        assert_eq!(code.error_correction_level(), QrCodeEcc::Medium);
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = dark.filter(|(x, y)| code.get_module(*x, *y)).count();
        let runs = drawn.split('M').skip(2).map(|run| {
            let run = run.split_once('h').expect("a run").1;
            run.split_once('v').expect("a run").0.parse::<usize>().expect("a length")
        });
        assert_eq!(runs.sum::<usize>(), dark);
        let width = drawn.split("width=\"").nth(1).and_then(|rest| rest.split_once("mm")).expect("a width").0;
        let width: f64 = width.parse().expect("a number");
        let inner = width * f64::from(code.size()) / f64::from(code.size() + 8);
        assert!((30.0..=40.0).contains(&inner), "{inner}");
        assert!(svg(&"x".repeat(4000)).is_none());
    }
}

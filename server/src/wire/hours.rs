//! Opening hours on the wire: `{"mon": "10:00-14:00,17:00-20:30"}`, or in a file `mon 10:00-14:00,17:00-20:30;tue …`.

use std::collections::BTreeMap;

use anaquel_engine::places::DAY_MINUTES;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads hours by day: spans in minutes since Monday 00:00, ascending.
pub fn parse(days: &BTreeMap<String, String>) -> Result<Vec<(u16, u16)>, String> {
    let mut spans = Vec::new();
    for (day, text) in days {
        let number = DAYS.iter().position(|known| known == day);
        let number = number.ok_or_else(|| format!("{day:?} is not one of {}", DAYS.join(", ")))?;
        let midnight = number as u16 * DAY_MINUTES;
        for span in text.split(',').map(str::trim).filter(|span| !span.is_empty()) {
            let (from, to) = span.split_once('-').ok_or_else(|| format!("{span:?} is not like 10:00-20:00"))?;
            let (from, to) = (minute(from)?, minute(to)?);
            if from >= to {
                return Err(format!("{span:?} ends before it begins; hours past midnight belong to the next day"));
            }
            spans.push((midnight + from, midnight + to));
        }
    }
    spans.sort_unstable();
    let overlap = spans.windows(2).any(|pair| matches!(pair, [(_, to), (from, _)] if from < to));
    if overlap { Err("two spans overlap".into()) } else { Ok(spans) }
}

/// The same from one text, as a file has it.
pub fn parse_text(text: &str) -> Result<Vec<(u16, u16)>, String> {
    let mut days = BTreeMap::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (day, spans) = part.split_once(' ').ok_or_else(|| format!("{part:?} is not like mon 10:00-20:00"))?;
        days.insert(day.to_owned(), spans.to_owned());
    }
    parse(&days)
}

/// Hours by day.
pub fn by_day(spans: &[(u16, u16)]) -> BTreeMap<&'static str, String> {
    let mut days: BTreeMap<&'static str, String> = BTreeMap::new();
    for (from, to) in spans {
        let Some(day) = DAYS.get(usize::from(from / DAY_MINUTES)) else { continue };
        let midnight = from / DAY_MINUTES * DAY_MINUTES;
        let text = days.entry(day).or_default();
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&format!("{}-{}", clock(from - midnight), clock(to - midnight)));
    }
    days
}

/// Hours in one text.
pub fn text(spans: &[(u16, u16)]) -> String {
    let days = by_day(spans);
    let of = |day: &&str| days.get(day).map(|spans| format!("{day} {spans}"));
    DAYS.iter().filter_map(of).collect::<Vec<_>>().join(";")
}

/// Reads a time of the day.
pub fn minute(text: &str) -> Result<u16, String> {
    let wrong = || format!("{text:?} is not a time of the day like 18:30");
    let (hours, minutes) = text.trim().split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| digits.parse::<u16>().ok().filter(|_| digits.len() == 2);
    let (hours, minutes) = number(hours).zip(number(minutes)).ok_or_else(wrong)?;
    let minute = hours * 60 + minutes;
    if minutes > 59 || minute > DAY_MINUTES { Err(wrong()) } else { Ok(minute) }
}

/// A time of the day.
pub fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_come_back_as_they_went() {
        let text_in = "mon 10:00-14:00,17:00-24:00;sun 00:00-23:59";
        let spans = parse_text(text_in).expect("good hours");
        assert_eq!(spans, [(600, 840), (1020, 1440), (8640, 10079)]);
        assert_eq!(text(&spans), text_in);
    }

    #[test]
    fn nonsense_is_told() {
        for bad in [
            "mon",
            "mo 10:00-20:00",
            "mon 20:00-10:00",
            "mon 10-20",
            "mon 10:00-25:00",
            "mon 10:00-12:00,11:00-13:00",
            "mon 10:60-12:00",
        ] {
            assert!(parse_text(bad).is_err(), "{bad}");
        }
        assert!(parse_text("").expect("none at all").is_empty());
    }
}

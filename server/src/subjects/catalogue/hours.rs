//! Time zones, hours and dates on the wire: `{"mon": "10:00-14:00,17:00-20:30", "tue": "closed"}`, or in a file
//! `mon 10:00-14:00,17:00-20:30;tue closed`; dates likewise: `[{"date": "2027-01-06", "hours": []}]`, or
//! `2027-01-06 closed;2027-01-05 10:00-22:00`. A given value without any span means closed; a value that is left out
//! means unknown.

use std::collections::BTreeMap;

use anaquel_engine::business_time::{self, DAY_MINUTES, Span, SpecialDates};
use jiff::civil::Date;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The word for a day without hours.
const CLOSED: &str = "closed";

/// The maximum number of special dates of one location.
const SPECIAL_MAX: usize = 1_000;

/// The maximum number of spans of one day.
const SPANS_MAX: usize = 48;

/// A date with other hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpecialDay {
    /// The date in the location's own calendar.
    #[schema(example = "2027-01-06")]
    pub date: String,
    /// The hours on this date; empty, or `closed`, for none.
    #[schema(value_type = Option<Vec<String>>, example = json!(["10:00-14:00"]))]
    #[serde(default, deserialize_with = "spans", skip_serializing_if = "Option::is_none")]
    pub hours: Option<Vec<String>>,
    /// True, in place of `hours`, for a date without hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<bool>,
}

/// Spans of a day: a list, or one text with commas.
fn spans<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Spans;

    impl<'de> Visitor<'de> for Spans {
        type Value = Option<Vec<String>>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("spans like [\"10:00-14:00\", \"17:00-20:00\"], or [] for closed")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.split(',').map(str::to_owned).collect()))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut spans = Vec::new();
            while let Some(span) = items.next_element::<String>()? {
                if spans.len() >= SPANS_MAX {
                    return Err(A::Error::custom(format!("a day has more than {SPANS_MAX} spans; join some")));
                }
                spans.push(span);
            }
            Ok(Some(spans))
        }
    }

    deserializer.deserialize_any(Spans)
}

impl SpecialDay {
    fn read(&self) -> Result<Vec<Span>, String> {
        let date = &self.date;
        let spans = parse_spans(self.hours.iter().flatten().map(String::as_str))
            .map_err(|reason| format!("{}: {reason}", shorten(date)))?;
        match (&self.hours, self.closed) {
            (None, Some(true)) | (Some(_), None) => Ok(spans),
            (Some(_), Some(closed)) if closed == spans.is_empty() => Ok(spans),
            (None, _) => {
                Err(format!("{} has no hours; add them, or write [] if the location is closed", shorten(date)))
            }
            (Some(_), Some(true)) => Err(format!("{} is closed, and has hours; write one of both", shorten(date))),
            (Some(_), Some(false)) => Err(format!(
                "{} is not closed, and has no hours; add them, or set closed to \
                true",
                shorten(date)
            )),
        }
    }
}

/// The part of a wrong value that an error shows.
fn shorten(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// The text of a cell for hours or dates that a JSON row contains; `None` for another value.
pub fn of_json(column: &str, value: &Value) -> Option<Result<String, String>> {
    match (column, value) {
        ("hours", Value::Object(_)) => {
            Some(read_json(value).and_then(|days| parse(&days)).map(|week| text(Some(&week))))
        }
        ("special_hours", Value::Array(items)) if items.is_empty() => Some(Ok(NONE.to_owned())),
        ("special_hours", Value::Array(_)) => {
            let days: Result<Vec<SpecialDay>, String> = read_json(value);
            Some(days.and_then(|days| parse_special(&days)).map(|dates| special_text(&dates)))
        }
        _ => None,
    }
}

fn read_json<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// Parses a time zone: a name of the tz database.
pub fn zone(text: Option<String>) -> Result<Option<String>, String> {
    text.map(|name| business_time::zone(&name).map(|_| name)).transpose()
}

/// Parses hours by day: spans in minutes since Monday 00:00, ascending.
pub fn parse(days: &BTreeMap<String, String>) -> Result<Vec<Span>, String> {
    parse_days(days.iter().map(|(day, text)| (day.as_str(), text.as_str())))
}

/// The words of a file, which identify the parser in its errors.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// The same from one text of a file. A day may occur more than once.
pub fn parse_text(text: &str) -> Result<Vec<Span>, String> {
    if text.trim().eq_ignore_ascii_case(CLOSED) {
        return Ok(Vec::new());
    }
    let parts = parts(text).map(|part| {
        let split = part.split_once(char::is_whitespace);
        split.ok_or_else(|| format!("{} is not like mon 10:00-20:00, or mon closed", shorten(part)))
    });
    parse_days(parts.collect::<Result<Vec<_>, _>>()?.into_iter())
}

fn parse_days<'a>(days: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Span>, String> {
    let mut week: [Vec<Span>; 7] = Default::default();
    let mut closed = [false; 7];
    for (day, text) in days {
        let number = DAYS.iter().position(|known| known.eq_ignore_ascii_case(day));
        let number = number.ok_or_else(|| format!("{} is not one of {}", shorten(day), DAYS.join(", ")))?;
        let spans = parse_spans(text.split(',')).map_err(|reason| format!("{day}: {reason}"))?;
        let (Some(of_day), Some(is_closed)) = (week.get_mut(number), closed.get_mut(number)) else { continue };
        *is_closed |= spans.is_empty();
        of_day.extend(spans);
        if *is_closed && !of_day.is_empty() {
            return Err(format!("{day} is closed, and has hours; write one of both"));
        }
        if of_day.len() > SPANS_MAX {
            return Err(format!("{day} has more than {SPANS_MAX} spans"));
        }
    }
    let mut all = Vec::new();
    for (number, mut spans) in (0..).zip(week) {
        sort(&mut spans).map_err(|reason| format!("{}: {reason}", DAYS.get(usize::from(number)).unwrap_or(&"")))?;
        all.extend(spans.into_iter().map(|(from, to)| (number * DAY_MINUTES + from, number * DAY_MINUTES + to)));
    }
    Ok(all)
}

/// Parses dates.
pub fn parse_special(days: &[SpecialDay]) -> Result<SpecialDates, String> {
    special(days.iter().map(|day| Ok((day.date.as_str(), day.read()?))))
}

/// The same from one text of a file. A date may occur more than once.
pub fn parse_special_text(text: &str) -> Result<SpecialDates, String> {
    if text.trim() == NONE {
        return Ok(Vec::new());
    }
    special(parts(text).map(|part| {
        let split = part.split_once(char::is_whitespace);
        let wrong = || format!("{} is not like 2027-01-06 closed, or 2027-01-05 10:00-22:00", shorten(part));
        let (date, spans) = split.ok_or_else(wrong)?;
        Ok((date, parse_spans(spans.split(',')).map_err(|reason| format!("{}: {reason}", shorten(date)))?))
    }))
}

/// The text in a file for a location without special dates.
const NONE: &str = "none";

fn special<'a>(days: impl Iterator<Item = Result<(&'a str, Vec<Span>), String>>) -> Result<SpecialDates, String> {
    let mut dates: BTreeMap<i32, Vec<Span>> = BTreeMap::new();
    for day in days {
        let (date, spans) = day?;
        let day = day_of(date)?;
        let is_closed = spans.is_empty();
        let known = dates.get(&day).map(Vec::is_empty);
        if known.is_some_and(|known| known != is_closed) {
            return Err(format!("{date} is closed, and has hours; write one of both"));
        }
        let of_day = dates.entry(day).or_default();
        of_day.extend(spans);
        sort(of_day).map_err(|reason| format!("{date}: {reason}"))?;
        if of_day.len() > SPANS_MAX {
            return Err(format!("{date} has more than {SPANS_MAX} spans"));
        }
        if dates.len() > SPECIAL_MAX {
            return Err(format!("more than {SPECIAL_MAX} dates; remove past ones"));
        }
    }
    Ok(dates.into_iter().collect())
}

/// Days from 1970-01-01 to a date.
fn day_of(text: &str) -> Result<i32, String> {
    let is_plain = text.len() == 10;
    let date = text.parse::<Date>().ok().filter(|date| is_plain && (1970..=2109).contains(&date.year()));
    let date = date.ok_or_else(|| format!("{} is not a date like 2027-01-06", shorten(text)))?;
    date.since(jiff::civil::date(1970, 1, 1)).map(|span| span.get_days()).map_err(|error| error.to_string())
}

/// The date of a day.
fn date_of(day: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.checked_add(jiff::Span::new().days(day)).map(|date| date.to_string()).unwrap_or_default()
}

/// Parses the spans of one day; `None` for a closed day.
fn parse_spans<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Span>, String> {
    let mut spans = Vec::new();
    let mut closed = false;
    for text in texts.map(str::trim).filter(|text| !text.is_empty()) {
        if text.eq_ignore_ascii_case(CLOSED) {
            closed = true;
            continue;
        }
        let (from, to) = text.split_once('-').ok_or_else(|| format!("{} is not like 10:00-20:00", shorten(text)))?;
        let (from, to) = (minute(from)?, minute(to)?);
        if from >= to {
            let remedy = "hours past midnight belong to the next day: 20:00-24:00, and 00:00-02:00 there";
            return Err(format!("{} ends before it begins; {remedy}", shorten(text)));
        }
        spans.push((from, to));
    }
    if closed && !spans.is_empty() {
        return Err("is closed, and has hours; write one of both".into());
    }
    if spans.len() > SPANS_MAX {
        return Err(format!("a day has more than {SPANS_MAX} spans; join some"));
    }
    sort(&mut spans)?;
    Ok(spans)
}

fn sort(spans: &mut [Span]) -> Result<(), String> {
    spans.sort_unstable();
    let overlap = spans.windows(2).any(|pair| matches!(pair, [(_, to), (from, _)] if from < to));
    if overlap { Err("two spans overlap; join them".into()) } else { Ok(()) }
}

/// Hours by day, each day named; `None` if unknown.
pub fn by_day(spans: Option<&[Span]>) -> Option<BTreeMap<&'static str, String>> {
    let spans = spans?;
    let of_day = |number: u16| {
        let midnight = number * DAY_MINUTES;
        let of = spans.iter().filter(move |(from, _)| from / DAY_MINUTES == number);
        written(of.map(|(from, to)| (from - midnight, to - midnight)), ",")
    };
    Some((0..).zip(DAYS).map(|(number, day)| (day, of_day(number))).collect())
}

/// Spans of one day, or the word for none.
fn written(spans: impl Iterator<Item = Span>, between: &str) -> String {
    let texts: Vec<String> = spans.map(|(from, to)| format!("{}-{}", clock(from), clock(to))).collect();
    if texts.is_empty() { CLOSED.to_owned() } else { texts.join(between) }
}

/// Hours as one text.
pub fn text(spans: Option<&[Span]>) -> String {
    let Some(days) = by_day(spans) else { return String::new() };
    let of = |day: &&str| Some(format!("{day} {}", days.get(day)?));
    DAYS.iter().filter_map(of).collect::<Vec<_>>().join(";")
}

/// Dates as JSON.
pub fn special_days(dates: &[(i32, Vec<Span>)]) -> Vec<SpecialDay> {
    let span = |(from, to): &Span| format!("{}-{}", clock(*from), clock(*to));
    let day = |(day, spans): &(i32, Vec<Span>)| SpecialDay {
        date: date_of(*day),
        hours: Some(spans.iter().map(span).collect()),
        closed: None,
    };
    dates.iter().map(day).collect()
}

/// Dates as one text.
pub fn special_text(dates: &[(i32, Vec<Span>)]) -> String {
    let day = |(day, spans): &(i32, Vec<Span>)| format!("{} {}", date_of(*day), written(spans.iter().copied(), ","));
    dates.iter().map(day).collect::<Vec<_>>().join(";")
}

/// Parses a time of day.
pub fn minute(text: &str) -> Result<u16, String> {
    let wrong = || format!("{} is not a time of day like 09:30 or 18:30", shorten(text));
    let (hours, minutes) = text.trim().split_once(':').ok_or_else(wrong)?;
    let is_digits = |digits: &str| digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = |digits: &str| digits.parse::<u16>().ok().filter(|_| is_digits(digits));
    let (hours, minutes) = number(hours).zip(number(minutes)).ok_or_else(wrong)?;
    let minute = hours * 60 + minutes;
    if minutes > 59 || minute > DAY_MINUTES { Err(wrong()) } else { Ok(minute) }
}

/// A time of day.
pub fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_come_back_as_they_went() {
        let spans = parse_text("mon 10:00-14:00;mon 17:00-24:00;sun 00:00-23:59").expect("good hours");
        assert_eq!(spans, [(600, 840), (1020, 1440), (8640, 10079)]);
        let written = text(Some(&spans));
        assert!(written.starts_with("mon 10:00-14:00,17:00-24:00;tue closed;"), "{written}");
        assert_eq!(parse_text(&written), Ok(spans));
        let never = parse_text("closed").expect("a week without hours");
        assert_eq!(parse_text(&text(Some(&never))), Ok(Vec::new()));
        assert_eq!(text(None), "");
    }

    #[test]
    fn dates_come_back_as_they_went() {
        let dates =
            parse_special_text("2027-01-06 closed;2027-01-05 10:00-14:00;2027-01-05 17:00-22:00").expect("dates");
        assert_eq!(special_text(&dates), "2027-01-05 10:00-14:00,17:00-22:00;2027-01-06 closed");
        assert_eq!(parse_special(&special_days(&dates)), Ok(dates));
    }

    #[test]
    fn rows_of_json_say_the_same() {
        let cell = |column: &str, value: Value| of_json(column, &value);
        let week = cell("hours", serde_json::json!({"mon": "10:00-14:00,17:00-20:00", "tue": "", "wed": "closed"}));
        let week = week.expect("hours").expect("good hours");
        assert_eq!(parse_text(&week), Ok(vec![(600, 840), (1020, 1200)]));
        assert_eq!(parse_text(&cell("hours", serde_json::json!({})).expect("hours").expect("closed")), Ok(Vec::new()));
        let dates =
            serde_json::json!([{"date": "2027-01-06", "closed": true}, {"date": "2027-01-05", "hours": "10:00-11:00"}]);
        let dates = cell("special_hours", dates).expect("dates").expect("good dates");
        assert_eq!(dates, "2027-01-05 10:00-11:00;2027-01-06 closed");
        assert_eq!(cell("special_hours", serde_json::json!([])), Some(Ok("none".to_owned())));
        assert_eq!(parse_special_text("none"), Ok(Vec::new()));
        assert!(cell("special_hours", serde_json::json!([{"date": "2027-01-06"}])).expect("dates").is_err());
        assert!(cell("hours", serde_json::json!({"mon": 7})).expect("hours").is_err());
        assert_eq!(cell("hours", serde_json::json!("mon 10:00-11:00")), None);
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
            "mon 10:00-12:00;mon 11:00-13:00",
            "mon 10:60-12:00",
            "mon +1:00-12:00",
            "mon closed;mon 10:00-12:00",
            "mon 10:00-12:00,closed",
        ] {
            assert!(parse_text(bad).is_err(), "{bad}");
        }
        for bad in [
            "2027-02-30 closed",
            "2027-1-6 closed",
            "2027-01-06",
            "2027-01-06 closed;2027-01-06 10:00-12:00",
            "x closed",
        ] {
            assert!(parse_special_text(bad).is_err(), "{bad}");
        }
    }
}

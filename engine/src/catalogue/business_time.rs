//! Business time: the opening hours of a location, in real minutes, on the location's own clock.
//!
//! A location is open at an instant if its wall clock then shows a minute inside one of the spans of that date. So a
//! minute that the clock skips is never worked, and one that it shows twice is worked twice: minutes of work are real
//! minutes, also in the nights when clocks change. All questions about hours, cut-offs and local dates use this module.

use std::collections::BTreeMap;

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;

use crate::ids::Timestamp;

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// From a minute of the day to a later one, exclusive.
pub type Span = (u16, u16);

/// Dates, in days since 1970-01-01 and ascending, with their own spans in minutes of that day; no spans means closed.
pub type SpecialDates = Vec<(i32, Vec<Span>)>;

/// A day that is open from midnight to midnight.
const WHOLE_DAY: Span = (0, DAY_MINUTES);

const DAY_SECONDS: i64 = 86_400;

/// How far ahead work is searched, in days.
pub const HORIZON_DAYS: i32 = 31;

const HORIZON_SECONDS: i64 = HORIZON_DAYS as i64 * DAY_SECONDS;

/// 1970-01-01 was a Thursday.
const WEEKDAY_OF_DAY_0: i64 = 3;

/// The opening hours of a location.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusinessHours {
    /// Spans in minutes since Monday 00:00, ascending; no span crosses midnight. `None` if hours are unknown: then work
    /// is possible at any time. Without spans, the location is closed.
    pub weekly: Option<Vec<Span>>,
    /// Dates, in days since 1970-01-01, with their own spans in minutes of that day; no spans means closed.
    pub special: BTreeMap<i32, Vec<Span>>,
    /// The cut-off: an order that arrives in an opening at or after this minute of the day waits for the next opening.
    /// The cut-off belongs to the opening that contains it, and does not affect others, nor dates with unknown hours.
    pub cutoff: Option<u16>,
}

/// An opening: a span of a date, with the span of the next date that continues it over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    day: i32,
    first: Span,
    then: Option<Span>,
}

/// The real time of one span of a date, between two changes of the clock, as seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    day: i32,
    span: Span,
    from: i64,
    to: i64,
}

impl BusinessHours {
    /// The spans of a date.
    fn of_day(&self, day: i32) -> impl Iterator<Item = Span> + '_ {
        let special = self.special.get(&day);
        let weekday = (i64::from(day) + WEEKDAY_OF_DAY_0).rem_euclid(7) as u16;
        let midnight = weekday * DAY_MINUTES;
        let weekly = self.weekly.iter().flatten().filter(move |(from, _)| from / DAY_MINUTES == weekday);
        let weekly = weekly.map(move |(from, to)| (from - midnight, to - midnight));
        // Only special dates are given: on all others, work is possible at any time.
        let always = self.weekly.is_none().then_some(WHOLE_DAY);
        let regular = weekly.chain(always).filter(move |_| special.is_none());
        special.into_iter().flatten().copied().chain(regular)
    }

    /// Whether the hours of all days are unknown.
    fn is_unknown(&self) -> bool {
        self.weekly.is_none() && self.special.is_empty()
    }

    /// Whether the hours of a date are known.
    fn is_known_on(&self, day: i32) -> bool {
        self.weekly.is_some() || self.special.contains_key(&day)
    }

    /// Pieces of real opening time, in order, from `from` to `to` (seconds since 1970).
    fn pieces(&self, timezone: &TimeZone, from: i64, to: i64, mut visit: impl FnMut(Piece) -> bool) {
        let mut at = from;
        while at < to {
            let Ok(instant) = Instant::from_second(at) else { return };
            let offset = i64::from(timezone.to_offset(instant).seconds());
            let next = timezone.following(instant).next().map_or(to, |change| change.timestamp().as_second());
            // A rule of the zone may repeat the given instant.
            let end = if next > at { next.min(to) } else { to };
            let (first, last) = ((at + offset).div_euclid(DAY_SECONDS), (end - 1 + offset).div_euclid(DAY_SECONDS));
            for day in first..=last {
                let Ok(number) = i32::try_from(day) else { return };
                let midnight = day * DAY_SECONDS - offset;
                for span in self.of_day(number) {
                    let real = |minute: u16| midnight + i64::from(minute) * 60;
                    let piece = Piece { day: number, span, from: real(span.0).max(at), to: real(span.1).min(end) };
                    if piece.from < piece.to && !visit(piece) {
                        return;
                    }
                }
            }
            at = end;
        }
    }

    /// The opening that contains a span of a date. Spans that continue over midnight are one opening; a day that is
    /// open from midnight to midnight is one opening by itself.
    fn opening(&self, day: i32, span: Span) -> Opening {
        let goes_on = |(from, to): Span| from > 0 && to == DAY_MINUTES;
        let went_on = |(from, to): Span| from == 0 && to < DAY_MINUTES;
        if went_on(span)
            && let Some(before) = self.of_day(day - 1).find(|before| goes_on(*before))
        {
            return Opening { day: day - 1, first: before, then: Some(span) };
        }
        let then = if goes_on(span) { self.of_day(day + 1).find(|after| went_on(*after)) } else { None };
        Opening { day, first: span, then }
    }

    /// The opening that an order at `second` has missed, because `second` is at or after its cut-off.
    fn missed(&self, timezone: &TimeZone, second: i64) -> Option<Opening> {
        let cutoff = self.cutoff?;
        let mut opening = None;
        self.pieces(timezone, second, second + 1, |piece| {
            opening = Some((piece.day, self.opening(piece.day, piece.span)));
            false
        });
        let (day, opening) = opening.filter(|(day, _)| self.is_known_on(*day))?;
        let within = |(from, to): Span| (from..to).contains(&cutoff);
        let ends = match opening.then {
            _ if within(opening.first) => i64::from(cutoff),
            Some(then) if within(then) => i64::from(DAY_MINUTES + cutoff),
            _ => return None,
        };
        let minute = (second + local_offset(timezone, second)).rem_euclid(DAY_SECONDS) / 60;
        (i64::from(day - opening.day) * i64::from(DAY_MINUTES) + minute >= ends).then_some(opening)
    }

    /// Pieces of real time to work on an order that arrives at `second`, in order, within the horizon.
    fn worked(&self, timezone: &TimeZone, second: i64, mut visit: impl FnMut(Piece) -> bool) {
        let missed = self.missed(timezone, second);
        self.pieces(timezone, second, second + HORIZON_SECONDS, |piece| {
            let is_missed = missed.is_some_and(|missed| missed == self.opening(piece.day, piece.span));
            is_missed || visit(piece)
        });
    }

    /// The time when `minutes` of work on an order that arrives at `now` are done. An order that arrives in an opening
    /// at or after its cut-off waits for the next one. `None` if that takes longer than 31 days.
    pub fn after_work(&self, timezone: &TimeZone, now: Timestamp, minutes: u32) -> Option<Timestamp> {
        if self.is_unknown() {
            return Some(now.plus_seconds(u64::from(minutes) * 60));
        }
        let (mut left_ms, now_ms) = (i64::from(minutes) * 60_000, i64::try_from(now.0).ok()?);
        let mut done = None;
        self.worked(timezone, now_ms.div_euclid(1000), |piece| {
            let start = (piece.from * 1000).max(now_ms);
            if start + left_ms <= piece.to * 1000 {
                done = Some(start + left_ms);
                return false;
            }
            left_ms -= piece.to * 1000 - start;
            true
        });
        u64::try_from(done?).ok().map(Timestamp)
    }

    /// The date on which work on an order that arrives at `now` begins, in the location's calendar: days since
    /// 1970-01-01. It is the date of the opening that contains `now`, or of the next one. `None` if there is none
    /// within 31 days.
    pub fn day_of_work(&self, timezone: &TimeZone, now: Timestamp) -> Option<i32> {
        if self.is_unknown() {
            return Some(local_day(timezone, now));
        }
        let mut day = None;
        self.worked(timezone, (now.0 / 1000) as i64, |piece| {
            day = Some(piece.day);
            false
        });
        day
    }

    /// Whether the location is open at an instant.
    pub fn is_open(&self, timezone: &TimeZone, at: Timestamp) -> bool {
        let second = (at.0 / 1000) as i64;
        let mut open = false;
        self.pieces(timezone, second, second + 1, |_| {
            open = true;
            false
        });
        open
    }
}

fn local_offset(timezone: &TimeZone, second: i64) -> i64 {
    Instant::from_second(second).map_or(0, |instant| i64::from(timezone.to_offset(instant).seconds()))
}

/// The date at `now` in `timezone`: days since 1970-01-01.
pub fn local_day(timezone: &TimeZone, now: Timestamp) -> i32 {
    let second = (now.0 / 1000) as i64;
    (second + local_offset(timezone, second)).div_euclid(DAY_SECONDS) as i32
}

/// The minute of the day at `now` in `timezone`.
pub fn local_minute(timezone: &TimeZone, now: Timestamp) -> u16 {
    let second = (now.0 / 1000) as i64;
    ((second + local_offset(timezone, second)).rem_euclid(DAY_SECONDS) / 60) as u16
}

/// The date at `at` in `timezone`: year, month, day.
pub fn local_date(timezone: &TimeZone, at: Timestamp) -> (i16, i8, i8) {
    let date = timezone.to_datetime(instant(at)).date();
    (date.year(), date.month(), date.day())
}

/// A time in `timezone`, with its offset: `2024-01-01T19:20:30+01:00`.
pub fn with_offset(timezone: &TimeZone, at: Timestamp) -> String {
    let (offset, local) = (timezone.to_offset(instant(at)), timezone.to_datetime(instant(at)));
    let minutes = offset.seconds().abs() / 60;
    let sign = if offset.seconds() < 0 { '-' } else { '+' };
    format!("{}{sign}{:02}:{:02}", local.strftime("%Y-%m-%dT%H:%M:%S"), minutes / 60, minutes % 60)
}

fn instant(at: Timestamp) -> Instant {
    i64::try_from(at.0).ok().and_then(|ms| Instant::from_millisecond(ms).ok()).unwrap_or_default()
}

/// A time zone that was checked when it was set; UTC if this build no longer knows it.
pub fn known_zone(name: &str) -> TimeZone {
    jiff::tz::db().get(name).unwrap_or(TimeZone::UTC)
}

/// A time zone by its exact name in the tz database of this build.
///
/// # Errors
/// The name does not exist; the message suggests one.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    let database = jiff::tz::db();
    let known: Vec<String> = database.available().map(|found| found.to_string()).collect();
    if known.iter().any(|found| found == name) {
        return database.get(name).map_err(|error| error.to_string());
    }
    let shown: String = name.chars().take(NAME_SHOWN).collect();
    if name.trim().is_empty() {
        return Err("is empty; write a name of the tz database, such as \"Europe/Madrid\", or leave it out".to_owned());
    }
    if is_offset(name) {
        return Err(format!(
            "{shown:?} is an offset and not a time zone, and clocks change; write the name of the place in the tz \
             database, such as \"Europe/Madrid\""
        ));
    }
    Err(match meant(name, &known) {
        Some(found) => format!("{shown:?} is not a time zone of the tz database; write {found:?}"),
        None => {
            format!(
                "{shown:?} is not a time zone of the tz database; write a name such as \"Europe/Madrid\" or \"UTC\""
            )
        }
    })
}

/// Letters of a wrong name that an error shows, and that are compared.
const NAME_SHOWN: usize = 64;

/// Whether a name is an offset from UTC instead of a place.
fn is_offset(name: &str) -> bool {
    let name = name.trim();
    let digits = ["GMT", "UTC", "Z", ""].iter().find_map(|prefix| {
        let (head, rest) = name.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest)?.trim_start().strip_prefix(['+', '-', '\u{2212}'])
    });
    let is_digits = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    digits.is_some_and(|rest| !rest.is_empty() && is_digits(rest))
}

/// The most similar name: one that a longer text contains, one that differs in case or spaces, a city without its
/// continent, or one that differs in few letters.
fn meant<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let plain = |text: &str| text.trim().replace([' ', '-'], "_").to_lowercase();
    let embedded = || name.split_whitespace().find_map(|word| known.iter().find(|found| *found == word));
    let written: String = name.chars().take(NAME_SHOWN).collect();
    let written = plain(&written);
    if written.is_empty() {
        return None;
    }
    let same = || known.iter().find(|found| plain(found) == written);
    let city = || known.iter().find(|found| found.rsplit_once('/').is_some_and(|(_, city)| plain(city) == written));
    let near = || {
        let near = known.iter().map(|found| (distance(&plain(found), &written), found));
        // Short names are abbreviations: another one is not similar.
        let near = near.filter(|(distance, found)| *distance <= found.len().min(written.len()) / 4);
        near.min_by_key(|(distance, _)| *distance).map(|(_, found)| found)
    };
    let words = || embedded().filter(|found| found.contains('/'));
    words().or_else(same).or_else(city).or_else(near).map(String::as_str)
}

/// The number of letters to change, add, remove or swap with their neighbour between two words.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut next = vec![at + 1];
        for (to, against) in other.iter().enumerate() {
            let of = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let changed = of(&row, to) + usize::from(letter != against);
            let mut best = changed.min(of(&next, to) + 1).min(of(&row, to + 1) + 1);
            let earlier = |letters: &[char], at: usize| at.checked_sub(1).and_then(|at| letters.get(at).copied());
            if earlier(&one, at) == Some(*against) && earlier(&other, to) == Some(*letter) {
                best = best.min(of(&before, to - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        let instant: Instant = text.parse().expect("a time");
        Timestamp(instant.as_millisecond() as u64)
    }

    fn told(time: Option<Timestamp>) -> String {
        time.map_or_else(
            || "never".into(),
            |time| Instant::from_millisecond(time.0 as i64).expect("a time").to_string(),
        )
    }

    fn zone_of(name: &str) -> TimeZone {
        zone(name).expect("a zone of the tz database")
    }

    fn every_day(spans: &[Span]) -> BusinessHours {
        let days = (0..7).flat_map(|day| spans.iter().map(move |(from, to)| (day * 1440 + from, day * 1440 + to)));
        BusinessHours { weekly: Some(days.collect()), ..BusinessHours::default() }
    }

    fn day(date: &str) -> i32 {
        let date: jiff::civil::Date = date.parse().expect("a date");
        let epoch = jiff::civil::date(1970, 1, 1);
        (date - epoch).get_days()
    }

    #[test]
    fn minutes_of_work_are_real_minutes_when_clocks_change() {
        let always = every_day(&[(0, 1440)]);
        let table = [
            ("Europe/Stockholm", "2025-10-26T01:30:00Z", 15, "2025-10-26T01:45:00Z"),
            ("Europe/Stockholm", "2026-03-29T00:30:00Z", 120, "2026-03-29T02:30:00Z"),
            ("Europe/Madrid", "2027-10-31T01:30:00Z", 15, "2027-10-31T01:45:00Z"),
            ("Europe/Madrid", "2027-10-31T00:50:00Z", 60, "2027-10-31T01:50:00Z"),
            ("Australia/Lord_Howe", "2027-04-03T14:45:00Z", 60, "2027-04-03T15:45:00Z"),
            ("America/Santiago", "2026-09-06T03:30:00Z", 60, "2026-09-06T04:30:00Z"),
        ];
        for (timezone, now, minutes, ready) in table {
            assert_eq!(told(always.after_work(&zone_of(timezone), at(now), minutes)), ready, "{timezone} {now}");
        }
    }

    #[test]
    fn a_skipped_minute_is_never_worked_and_a_repeated_one_twice() {
        let night = every_day(&[(120, 180)]);
        let madrid = zone_of("Europe/Madrid");
        // On 2027-03-28 the clock skips 02:00 to 03:00; the next night has that hour.
        assert_eq!(told(night.after_work(&madrid, at("2027-03-28T00:00:00Z"), 30)), "2027-03-29T00:30:00Z");
        // On 2027-10-31 that hour occurs twice.
        assert_eq!(told(night.after_work(&madrid, at("2027-10-31T00:00:00Z"), 90)), "2027-10-31T01:30:00Z");
    }

    #[test]
    fn a_cut_off_belongs_to_the_opening_into_which_it_falls() {
        let hours = BusinessHours { cutoff: Some(13 * 60), ..every_day(&[(600, 840), (1020, 1200)]) };
        let utc = TimeZone::UTC;
        let ready = |now| told(hours.after_work(&utc, at(now), 30));
        assert_eq!(ready("2027-01-11T12:59:00Z"), "2027-01-11T13:29:00Z");
        assert_eq!(ready("2027-01-11T13:00:00Z"), "2027-01-11T17:30:00Z", "after the morning's cut-off");
        assert_eq!(ready("2027-01-11T18:00:00Z"), "2027-01-11T18:30:00Z", "the evening has none");
        assert_eq!(ready("2027-01-11T21:00:00Z"), "2027-01-12T10:30:00Z");
    }

    #[test]
    fn special_days_replace_those_of_the_week_and_given_but_empty_is_closed() {
        let mut hours = every_day(&[(600, 1200)]);
        hours.special.insert(day("2027-01-06"), Vec::new());
        hours.special.insert(day("2027-01-05"), vec![(600, 1320)]);
        let madrid = zone_of("Europe/Madrid");
        assert_eq!(told(hours.after_work(&madrid, at("2027-01-05T20:30:00Z"), 60)), "2027-01-07T09:30:00Z");
        assert!(!hours.is_open(&madrid, at("2027-01-06T12:00:00Z")));
        assert!(hours.is_open(&madrid, at("2027-01-05T20:59:00Z")));
        let closed = BusinessHours { weekly: Some(Vec::new()), ..BusinessHours::default() };
        assert_eq!(closed.after_work(&madrid, at("2027-01-11T03:30:00Z"), 0), None);
        let unknown = BusinessHours::default();
        assert_eq!(told(unknown.after_work(&madrid, at("2027-01-11T03:30:00Z"), 15)), "2027-01-11T03:45:00Z");
    }

    #[test]
    fn what_goes_on_over_midnight_is_one_opening() {
        // Fridays from 20:00 to 02:00; a cut-off at 23:00, or at 01:00.
        let night = |cutoff| BusinessHours {
            weekly: Some(vec![(4 * 1440 + 1200, 5 * 1440), (5 * 1440, 5 * 1440 + 120)]),
            cutoff: Some(cutoff),
            ..BusinessHours::default()
        };
        let ready = |cutoff, now| told(night(cutoff).after_work(&TimeZone::UTC, at(now), 30));
        assert_eq!(ready(23 * 60, "2027-01-08T22:59:00Z"), "2027-01-08T23:29:00Z");
        assert_eq!(ready(23 * 60, "2027-01-08T23:00:00Z"), "2027-01-15T20:30:00Z");
        assert_eq!(ready(23 * 60, "2027-01-09T00:30:00Z"), "2027-01-15T20:30:00Z", "the same opening, after midnight");
        assert_eq!(ready(60, "2027-01-08T23:00:00Z"), "2027-01-08T23:30:00Z");
        assert_eq!(ready(60, "2027-01-09T01:00:00Z"), "2027-01-15T20:30:00Z");
    }

    #[test]
    fn a_cut_off_means_nothing_where_nobody_said_when_people_work() {
        let mut hours = BusinessHours { cutoff: Some(600), ..BusinessHours::default() };
        let ready = |hours: &BusinessHours, now| told(hours.after_work(&TimeZone::UTC, at(now), 30));
        assert_eq!(ready(&hours, "2027-01-11T12:00:00Z"), "2027-01-11T12:30:00Z");
        hours.special.insert(day("2027-01-12"), Vec::new());
        assert_eq!(ready(&hours, "2027-01-11T12:00:00Z"), "2027-01-11T12:30:00Z");
        assert_eq!(ready(&hours, "2027-01-12T12:00:00Z"), "2027-01-13T00:30:00Z", "closed that day");
    }

    #[test]
    fn an_order_is_taken_up_on_the_day_of_its_opening() {
        let mut hours = BusinessHours { cutoff: Some(18 * 60), ..every_day(&[(600, 1200)]) };
        hours.special.insert(day("2027-01-06"), Vec::new());
        let madrid = zone_of("Europe/Madrid");
        let taken_up = |hours: &BusinessHours, now| hours.day_of_work(&madrid, at(now));
        assert_eq!(taken_up(&hours, "2027-01-05T16:59:00Z"), Some(day("2027-01-05")));
        assert_eq!(
            taken_up(&hours, "2027-01-05T17:00:00Z"),
            Some(day("2027-01-07")),
            "after the cut-off, a holiday next"
        );
        assert_eq!(taken_up(&hours, "2027-01-05T23:30:00Z"), Some(day("2027-01-07")));
        assert_eq!(taken_up(&BusinessHours::default(), "2027-01-05T23:30:00Z"), Some(day("2027-01-06")), "local date");
        let closed = BusinessHours { weekly: Some(Vec::new()), ..BusinessHours::default() };
        assert_eq!(taken_up(&closed, "2027-01-05T12:00:00Z"), None);
    }

    #[test]
    fn only_names_of_the_tz_database_are_zones() {
        let mut count = 0;
        for name in jiff::tz::db().available() {
            assert!(zone(name.as_str()).is_ok(), "{name}");
            count += 1;
        }
        assert!(count > 590, "{count} zones are bundled");
        let table = [
            ("Europe/Madird", "write \"Europe/Madrid\""),
            ("Europe/Mdarid", "write \"Europe/Madrid\""),
            ("europe/madrid", "write \"Europe/Madrid\""),
            (" Europe/Madrid", "write \"Europe/Madrid\""),
            ("Europe/Madrid\n", "write \"Europe/Madrid\""),
            ("Madrid", "write \"Europe/Madrid\""),
            ("Mexico City", "write \"America/Mexico_City\""),
            ("America/Mexico City", "write \"America/Mexico_City\""),
            ("Amercia/Santiago", "write \"America/Santiago\""),
            ("Australia/Lord Howe", "write \"Australia/Lord_Howe\""),
            ("GMT-06:00 America/Chicago", "write \"America/Chicago\""),
            ("(UTC+01:00) Europe/Stockholm", "write \"Europe/Stockholm\""),
            ("utc", "write \"UTC\""),
            ("Mars/Phobos", "write a name such as"),
            ("CEST", "write a name such as"),
            ("Romance Standard Time", "write a name such as"),
            ("GMT+1", "is an offset"),
            ("+01:00", "is an offset"),
            ("UTC-6", "is an offset"),
            ("", "is empty"),
            ("  ", "is empty"),
            ("posix/Europe/Madrid", "tz database"),
            ("Europe/Madrid\0", "tz database"),
            ("../../etc/localtime", "tz database"),
        ];
        for (name, hint) in table {
            let refused = zone(name).expect_err(name);
            assert!(refused.contains(hint), "{name:?}: {refused}");
        }
        assert!(zone(&"x".repeat(100_000)).expect_err("no zone").len() < 300);
    }

    /// A slow model: steps minute by minute and reads the wall clock. Returns when the work is done, and the day it
    /// begins.
    fn model(
        hours: &BusinessHours,
        timezone: &TimeZone,
        now: Timestamp,
        minutes: u32,
    ) -> (Option<Timestamp>, Option<i32>) {
        let wall = |minute: i64| {
            let zoned = Instant::from_second(minute * 60).expect("a time").to_zoned(timezone.clone());
            (day(&zoned.date().to_string()), zoned.hour() as u16 * 60 + zoned.minute() as u16)
        };
        let spans_of = |day: i32| -> Vec<Span> {
            let weekday = (day + 3).rem_euclid(7) as u16;
            match (hours.special.get(&day), &hours.weekly) {
                (Some(spans), _) => spans.clone(),
                (None, None) => vec![(0, 1440)],
                (None, Some(weekly)) => weekly
                    .iter()
                    .filter(|(from, _)| from / 1440 == weekday)
                    .map(|(from, to)| (from - weekday * 1440, to - weekday * 1440))
                    .collect(),
            }
        };
        // The day and minute at which the opening that contains a minute began.
        let opening_at = |day: i32, at: u16| -> Option<(i32, u16)> {
            let span = spans_of(day).into_iter().find(|(from, to)| (*from..*to).contains(&at))?;
            let before = spans_of(day - 1).into_iter().find(|(from, to)| *from > 0 && *to == 1440);
            match before.filter(|_| span.0 == 0 && span.1 < 1440) {
                Some((from, _)) => Some((day - 1, from)),
                None => Some((day, span.0)),
            }
        };
        let opening = |minute: i64| {
            let (day, at) = wall(minute);
            opening_at(day, at).map(|opening| (opening, day, at))
        };
        let first = (now.0 / 60_000) as i64;
        let refused = opening(first).filter(|(opening, day, at)| {
            let Some(cutoff) = hours.cutoff.filter(|_| hours.weekly.is_some() || hours.special.contains_key(day))
            else {
                return false;
            };
            let ends = [opening.0, opening.0 + 1].into_iter().find(|day| opening_at(*day, cutoff) == Some(*opening));
            ends.is_some_and(|end| (*day, *at) >= (end, cutoff))
        });
        let is_worked = |minute: i64| {
            let found = opening(minute);
            found.is_some_and(|(opening, ..)| refused.is_none_or(|(other, ..)| other != opening))
        };
        let (mut left, mut began) = (minutes, None);
        for minute in (first..first + 31 * 1440).filter(|minute| is_worked(*minute)) {
            began = began.or(Some(wall(minute).0));
            if left == 0 {
                return (Some(Timestamp(minute as u64 * 60_000)), began);
            }
            left -= 1;
            if left == 0 {
                return (Some(Timestamp((minute as u64 + 1) * 60_000)), began);
            }
        }
        (None, began)
    }

    /// Zones of the tz database. Zones with unusual clock changes are as likely as all others together.
    fn some_zone() -> impl Strategy<Value = String> {
        const UNUSUAL: [&str; 12] = [
            "Europe/Madrid",
            "America/Mexico_City",
            "America/Santiago",
            "Australia/Sydney",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
            "America/St_Johns",
            "America/Nuuk",
            "Antarctica/Troll",
            "Asia/Tehran",
            "Pacific/Chatham",
            "Asia/Beirut",
        ];
        let all: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        prop_oneof![proptest::sample::select(all), proptest::sample::select(&UNUSUAL[..]).prop_map(str::to_owned)]
    }

    fn some_spans() -> impl Strategy<Value = Vec<Span>> {
        let cut = prop_oneof![4 => 0..=1440u16, 1 => Just(0), 1 => Just(1440)];
        proptest::collection::btree_set(cut, 0..7).prop_map(|cuts| {
            let cuts: Vec<u16> = cuts.into_iter().collect();
            cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(160))]

        #[test]
        fn every_answer_is_that_of_a_slow_walk_from_minute_to_minute(
            timezone in some_zone(),
            week in proptest::collection::vec(some_spans(), 7),
            is_known in proptest::bool::weighted(0.9),
            special in proptest::collection::vec((0..10i32, some_spans()), 0..4),
            cutoff in proptest::option::of(0..1440u16),
            // 2020 to 2035.
            minute in 26_297_280..34_714_080i64,
            near_change in proptest::bool::weighted(0.6),
            work in prop_oneof![0..600u32, Just(0), 0..10_000u32],
        ) {
            let zone = zone_of(&timezone);
            // Times near clock changes are more likely than in a uniform choice.
            let start = Instant::from_second(minute * 60).expect("a time");
            let change = zone.following(start).next().map(|change| change.timestamp().as_second() / 60);
            let minute = change.filter(|_| near_change).map_or(minute, |change| change - minute % 900);
            let weekly = (0..).zip(&week).flat_map(|(day, spans)| {
                spans.iter().map(move |(from, to)| (day * 1440 + from, day * 1440 + to))
            });
            let now = Timestamp(minute as u64 * 60_000);
            let today = local_day(&zone, now);
            let hours = BusinessHours {
                weekly: is_known.then(|| weekly.collect()),
                special: special.into_iter().map(|(ahead, spans)| (today - 2 + ahead, spans)).collect(),
                cutoff,
            };
            if hours.weekly.is_some() || !hours.special.is_empty() {
                let (done, began) = model(&hours, &zone, now, work);
                prop_assert_eq!(told(hours.after_work(&zone, now, work)), told(done));
                prop_assert_eq!(hours.day_of_work(&zone, now), began);
            }
            prop_assert_eq!(local_day(&zone, now), day(&start_of(now, &zone)));
        }
    }

    fn start_of(now: Timestamp, zone: &TimeZone) -> String {
        Instant::from_millisecond(now.0 as i64).expect("a time").to_zoned(zone.clone()).date().to_string()
    }
}

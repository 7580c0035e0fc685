//! Moments as people read them, in the zone of the request.

use jiff::tz::TimeZone;
use tsdb::{Timestamp, Window};

/// `Thu 5 Mar 2026, 06:32:44`; a moment beyond the calendar is its number.
pub fn long(at: Timestamp, zone: &TimeZone) -> String {
    written("%a %-d %b %Y, %H:%M:%S", at, zone)
}

/// `2026-03-05 06:32:44`
pub fn sortable(at: Timestamp, zone: &TimeZone) -> String {
    written("%Y-%m-%d %H:%M:%S", at, zone)
}

/// `2026-03-05T06:32:44Z`
pub fn iso(at: Timestamp) -> String {
    written("%Y-%m-%dT%H:%M:%SZ", at, &TimeZone::UTC)
}

/// Both ends and the zone: `Thu 5 Mar 2026, 06:00:00 – 07:00:00 · UTC`. A date that is the same is not said twice.
pub fn range(window: Window, zone: &TimeZone) -> String {
    let from = long(window.from, zone);
    let until = long(window.until, zone);
    let same_day = from.split(',').next() == until.split(',').next();
    let until = if same_day { until.split(", ").last().unwrap_or(&until) } else { &until };
    format!("{from} – {until} · {}", zone_name(zone))
}

/// The zone's name in the tz database.
pub fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

fn written(format: &str, at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_second(at.0) {
        Ok(moment) => zone.to_datetime(moment).strftime(format).to_string(),
        Err(_) => at.0.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::range;
    use jiff::tz::TimeZone;
    use tsdb::{Timestamp, Window};

    #[test]
    fn a_date_is_said_once() {
        let window = |from, until| Window { from: Timestamp(from), until: Timestamp(until) };
        assert_eq!(
            range(window(1_712_065_043, 1_712_068_643), &TimeZone::UTC),
            "Tue 2 Apr 2024, 13:37:23 – 14:37:23 · UTC"
        );
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(
            range(window(1_711_839_600, 1_711_926_000), &berlin),
            "Sun 31 Mar 2024, 00:00:00 – Mon 1 Apr 2024, 01:00:00 · Europe/Berlin"
        );
    }
}

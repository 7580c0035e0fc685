//! From, until and interval texts, in any time zone: a moment or an error, and the same one each time.

use super::NOW;
use jiff::tz::TimeZone;
use query::attime;

/// Reads the text as a moment, as both ends of a window, and as an interval.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for zone in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
        let zone = TimeZone::get(zone).expect("bundled");
        let moment = attime::parse(text, NOW, &zone);
        assert_eq!(moment.as_ref().ok(), attime::parse(text, NOW, &zone).as_ref().ok());
        let _ = attime::window(Some(text), None, NOW, &zone);
        let _ = attime::window(None, Some(text), NOW, &zone);
        if let Some((from, until)) = text.split_once('\n') {
            let _ = attime::window(Some(from), Some(until), NOW, &zone);
        }
    }
    let _ = attime::interval_secs(text);
}

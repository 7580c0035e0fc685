//! `from`, `until`, `now` and `tz` of a request: the window that it is about.

use crate::error::Error;
use jiff::tz::TimeZone;
use query::attime;
use tsdb::{Timestamp, Window};

use super::params::{Params, invalid};
use crate::app::App;

/// The window of a request and the clock and zone it was read with.
#[derive(Clone, Debug)]
pub struct Span {
    /// From and until, in order and not equal.
    pub window: Window,
    /// The clock, or `now=`.
    pub now: Timestamp,
    /// `tz=`, or the server's zone.
    pub zone: TimeZone,
}

impl Span {
    /// Reads a window; without one it is the last day (`default_from` says otherwise for the page).
    ///
    /// # Errors
    /// When a time cannot be understood or the window is empty.
    pub fn read(params: &Params, app: &App, default_from: &str) -> Result<Span, Error> {
        let zone = zone(params, app);
        let clock = (app.clock)();
        let now = time(params, "now", "now", clock, &zone)?;
        let from = time(params, "from", default_from, now, &zone)?;
        let until = time(params, "until", "now", now, &zone)?;
        if from == until {
            return Err(Error::BadRequest("Invalid parameters (Invalid empty time range)".to_owned()));
        }
        let window = Window { from: from.min(until), until: from.max(until) };
        Ok(Span { window, now, zone })
    }

    /// The window of events: from 1970 until now where the request does not say. It may be a single moment.
    ///
    /// # Errors
    /// When a time cannot be understood.
    pub fn from_first(params: &Params, app: &App) -> Result<Window, Error> {
        let zone = zone(params, app);
        let now = time(params, "now", "now", (app.clock)(), &zone)?;
        let from = if params.has("from") { time(params, "from", "now", now, &zone)? } else { Timestamp(0) };
        Ok(Window { from, until: time(params, "until", "now", now, &zone)? })
    }

    /// Checks the times of a find, which graphite-web parses and then does not use; `-1` means unlimited there.
    ///
    /// # Errors
    /// When a time cannot be understood.
    pub fn check(params: &Params, app: &App) -> Result<(), Error> {
        let zone = zone(params, app);
        let now = time(params, "now", "now", (app.clock)(), &zone)?;
        for name in ["from", "until"] {
            if params.last(name) != Some("-1") {
                time(params, name, "now", now, &zone)?;
            }
        }
        Ok(())
    }
}

/// An unknown zone is silently the server's, as in graphite-web: dashboards carry zones of browsers.
pub fn zone(params: &Params, app: &App) -> TimeZone {
    params.filled("tz").and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(|| app.zone.clone())
}

fn time(params: &Params, name: &str, default: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Error> {
    let value = params.last(name).unwrap_or(default);
    attime::parse(value, now, zone).map_err(|why| invalid(name, value, why))
}

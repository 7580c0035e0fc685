//! Units of vital signs: a picture whose series all show a signal of one unit says so on its axis, unless it was given a
//! unit of its own.

use super::{Picture, Unit};
use ::query::Series;
use std::borrow::Cow;
use vitals::Signal;

/// The unit of a series of a device's signal, such as `bpm` for `….vitals.DEVICE.hr`.
pub fn signal_unit(name: &str) -> Option<Unit> {
    Signal::of_series(name).map(|signal| Unit::Named(signal.unit.to_owned()))
}

/// The picture with its signals' unit, where they have one in common.
pub(super) fn in_its_unit<'a>(series: &[Series], picture: &'a Picture) -> Cow<'a, Picture> {
    let mut units = series.iter().map(|one| signal_unit(&one.name));
    match units.next().flatten() {
        Some(unit) if picture.unit == Unit::Si && units.all(|other| other.as_ref() == Some(&unit)) => {
            Cow::Owned(Picture { unit, ..picture.clone() })
        }
        _ => Cow::Borrowed(picture),
    }
}

//! The value axis: its two ends and its ticks, at steps of 1, 2, 2.5 or 5 times a power of ten (or what is round in the
//! unit). Any input gives an axis of finite, different ends.

use super::label::{self, Unit};
use crate::draw::bridge::Along;

/// What an axis is made from.
pub(in crate::draw) struct Wish<'a> {
    /// Smallest and largest value to show, if there is any.
    pub data: Option<(f64, f64)>,
    /// Areas stand on zero; lines only when their values are not far above it.
    pub zero: Zero,
    /// An end that was asked for.
    pub min: Option<f64>,
    /// An end that was asked for.
    pub max: Option<f64>,
    /// A step that was asked for; one that would make a hundred ticks and more is none.
    pub step: Option<f64>,
    /// Above 1 where the axis is to be logarithmic.
    pub log_base: Option<f64>,
    /// What the values are.
    pub unit: &'a Unit,
    /// Most ticks there is room for.
    pub ticks_max: usize,
    /// All values are whole numbers.
    pub whole: bool,
}

/// Whether zero is part of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::draw) enum Zero {
    /// Only if the values spread over more than half of their distance from it.
    Auto,
    /// Always.
    Always,
}

/// An axis; `from < to`, both finite, ticks ascending and within.
#[derive(Clone, Debug)]
pub(in crate::draw) struct ValueAxis {
    pub from: f64,
    pub to: f64,
    pub ticks: Vec<f64>,
    pub labels: Vec<String>,
    pub log: bool,
}

impl ValueAxis {
    /// How values lie along it.
    pub(in crate::draw) fn along(&self) -> Along {
        Along { from: self.from, to: self.to, log: self.log }
    }
}

/// Beyond this the distance of two values is not finite.
const VALUE_MAX: f64 = 8e307;

/// Makes an axis.
pub(in crate::draw) fn axis(wish: &Wish<'_>) -> ValueAxis {
    if let Some(base) = wish.log_base {
        return logarithmic(wish, base);
    }
    let (low, high) = range(wish);
    let asked = wish.step.filter(|step| step.is_finite() && *step > 0.0 && (high - low) / step < 100.0);
    let step = asked.unwrap_or_else(|| step(low, high, wish));
    let (mut from, mut to) = (low, high);
    if wish.min.is_none() {
        from = ((low / step + 1e-9).floor() * step).max(-VALUE_MAX);
    }
    if wish.max.is_none() {
        to = ((high / step - 1e-9).ceil() * step).min(VALUE_MAX);
    }
    // Where few ticks fit, the next one may be far from the data; then the axis ends between two.
    let slack = (high - low) * 0.07;
    if wish.max.is_none() && high != 0.0 && (to - high) > 0.3 * (to - from) {
        to = high + slack;
    }
    if wish.min.is_none() && low != 0.0 && (low - from) > 0.3 * (to - from) {
        from = low - slack;
    }
    if to <= from {
        to = from + (from.abs() * 1e-6).max(step).max(f64::MIN_POSITIVE);
    }
    let ticks = multiples(from, to, step, wish.ticks_max);
    let labels = label::ticks(&ticks, step, wish.unit);
    ValueAxis { from, to, ticks, labels, log: false }
}

/// From a whole power of the base to another, which are its ticks; between two of ten there are ticks at 2 and 5.
fn logarithmic(wish: &Wish<'_>, base: f64) -> ValueAxis {
    let above_zero = |v: Option<f64>| v.filter(|v| v.is_finite() && *v > 0.0).map(|v| v.clamp(1e-300, VALUE_MAX));
    let high = above_zero(wish.data.map(|(_, high)| high)).unwrap_or(base);
    let low = above_zero(wish.data.map(|(low, _)| low)).unwrap_or((high / base.powi(3)).max(1e-300));
    let power = |v: f64| v.ln() / base.ln();
    let whole = |power: f64| base.powf(power).clamp(1e-300, VALUE_MAX);
    let from = above_zero(wish.min).unwrap_or_else(|| whole((power(low) + 1e-9).floor()));
    let mut to = above_zero(wish.max).unwrap_or_else(|| whole((power(high) - 1e-9).ceil()));
    if to <= from {
        to = from * base;
    }
    let (first, last) = ((power(from) - 1e-9).ceil(), (power(to) + 1e-9).floor());
    let count = (last - first + 1.0).clamp(0.0, 2000.0) as usize;
    let every = count.div_ceil(wish.ticks_max.max(2)).max(1);
    let mut ticks: Vec<f64> = (0..count).step_by(every).map(|k| whole(first + k as f64)).collect();
    if ticks.len() < 3 && base == 10.0 {
        let decades = (first as i32 - 1)..=(last as i32);
        ticks = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(decade))).collect();
    }
    ticks.retain(|tick| (from * (1.0 - 1e-9)..=to * (1.0 + 1e-9)).contains(tick));
    if ticks.len() < 2 {
        ticks = vec![from, to];
    }
    let labels = ticks.iter().flat_map(|tick| label::ticks(&[*tick], *tick, wish.unit)).collect();
    ValueAxis { from, to, ticks, labels, log: true }
}

/// An axis of as many steps as `beside` has, so that both share their grid lines.
pub(in crate::draw) fn aligned(wish: &Wish<'_>, beside: &ValueAxis) -> ValueAxis {
    let steps = beside.ticks.len().saturating_sub(1);
    let asked = wish.min.is_some() || wish.max.is_some() || wish.step.is_some() || wish.log_base.is_some();
    let even = beside.ticks.first() == Some(&beside.from) && beside.ticks.last() == Some(&beside.to);
    if asked || !even || steps == 0 {
        return axis(wish);
    }
    let (low, high) = range(wish);
    let raw = high / steps as f64 - low / steps as f64;
    for step in round_steps(raw, wish.unit).into_iter().filter(|&step| step >= raw * (1.0 - 1e-9)) {
        let from = (low / step + 1e-9).floor() * step;
        let to = from + step * steps as f64;
        if to >= high * (1.0 - 1e-12) && to.is_finite() && to > from {
            let ticks: Vec<f64> = (0..=steps).map(|i| from + step * i as f64).collect();
            let labels = label::ticks(&ticks, step, wish.unit);
            return ValueAxis { from, to, ticks, labels, log: false };
        }
    }
    axis(wish)
}

/// The two ends before they are rounded to steps; different and finite.
fn range(wish: &Wish<'_>) -> (f64, f64) {
    let finite = |v: Option<f64>| v.filter(|v| v.is_finite()).map(|v| v.clamp(-VALUE_MAX, VALUE_MAX));
    let (min, max) = (finite(wish.min), finite(wish.max));
    let (mut low, mut high) = wish.data.unwrap_or((0.0, 1.0));
    (low, high) = (low.clamp(-VALUE_MAX, VALUE_MAX), high.clamp(-VALUE_MAX, VALUE_MAX));
    let always = wish.zero == Zero::Always;
    let flat = (high - low).abs() <= 1e-12 * low.abs().max(high.abs());
    if low >= 0.0 && (always || flat || low < high / 2.0) {
        low = 0.0;
    } else if high <= 0.0 && (always || flat || high > low / 2.0) {
        high = 0.0;
    }
    if flat {
        // A line that never changes stands in the open, not on the frame.
        match () {
            () if high > 0.0 => high *= 1.1,
            () if low < 0.0 => low *= 1.1,
            () => high = 1.0,
        }
    }
    low = min.unwrap_or(low);
    high = max.unwrap_or(high);
    if low >= high {
        // The end that was asked for stays; the other moves away from it.
        let room = (low.abs() * 0.1).max(1.0);
        if max.is_some() && min.is_none() {
            low = high - room;
        } else {
            high = low + room;
        }
    }
    (low.clamp(-VALUE_MAX, VALUE_MAX), high.clamp(-VALUE_MAX, VALUE_MAX))
}

/// Steps around the size `raw`, ascending.
fn round_steps(raw: f64, unit: &Unit) -> Vec<f64> {
    let exponent = raw.log10().floor().clamp(-305.0, 306.0) as i32;
    let decimal = (-1..=2).flat_map(|shift| {
        let power = 10_f64.powi((exponent + shift).clamp(-307, 307));
        [1.0, 2.0, 2.5, 5.0].map(|factor| factor * power)
    });
    match unit.round_steps() {
        Some(steps) if raw >= steps[0] / 2.0 && raw <= steps[steps.len() - 1] => steps,
        _ => decimal.collect(),
    }
}

/// The step that gives most of the wanted ticks with the least room wasted above and below the data.
fn step(low: f64, high: f64, wish: &Wish<'_>) -> f64 {
    let wanted = wish.ticks_max.clamp(2, 7) as f64;
    let span = high - low;
    let raw = (span / (wanted - 1.0)).max(f64::MIN_POSITIVE * 1e10);
    let mut best = (f64::INFINITY, raw);
    for step in round_steps(raw, wish.unit) {
        if wish.whole && step.fract() != 0.0 && wish.unit != &Unit::Percent {
            continue;
        }
        let from = if wish.min.is_none() { (low / step + 1e-9).floor() * step } else { low };
        let to = if wish.max.is_none() { (high / step - 1e-9).ceil() * step } else { high };
        let ticks = (to / step - from / step + 1e-6).floor() + 1.0;
        let waste = (to - from) / span - 1.0;
        let quarter = (step / 10_f64.powf(step.log10().floor()) - 2.5).abs() < 1e-6;
        // One tick too few costs as much as a sixth of the height; one too many does not fit at all.
        let few = (wanted.min(5.0) - ticks).max(0.0) / 6.0;
        let many = if ticks > wanted + 0.5 { 10.0 + ticks } else { 0.0 };
        let cost = waste + few + many + if quarter { 0.06 } else { 0.0 };
        if cost < best.0 {
            best = (cost, step);
        }
    }
    best.1
}

fn multiples(from: f64, to: f64, step: f64, ticks_max: usize) -> Vec<f64> {
    let first = (from / step - 1e-6).ceil();
    let last = (to / step + 1e-6).floor();
    let count = (last - first + 1.0).clamp(0.0, 100.0) as usize;
    // More than fit only when both ends were asked for: then every second, third, … of them.
    let every = count.div_ceil(ticks_max.max(2)).max(1);
    (0..count)
        .map(|i| first + i as f64)
        .filter(|k| every == 1 || k.rem_euclid(every as f64) == 0.0)
        .map(|k| (k * step).clamp(from, to))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(low: f64, high: f64) -> Wish<'static> {
        Wish {
            data: Some((low, high)),
            zero: Zero::Auto,
            min: None,
            max: None,
            step: None,
            log_base: None,
            unit: &Unit::Si,
            ticks_max: 7,
            whole: false,
        }
    }

    #[test]
    fn ticks_are_round_and_zero_is_in_where_it_tells_something() {
        let check = |low, high, want: &[&str]| assert_eq!(axis(&wish(low, high)).labels, want);
        check(13.5, 128.0, &["0", "25", "50", "75", "100", "125", "150"]);
        check(32.2, 34.9, &["32.0", "32.5", "33.0", "33.5", "34.0", "34.5", "35.0"]);
        check(5.0, 5.0, &["0", "1", "2", "3", "4", "5", "6"]);
        check(-3.0, 3.0, &["−3", "−2", "−1", "0", "1", "2", "3"]);
        check(0.0, 0.0, &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn whole_numbers_have_whole_ticks() {
        let axis = axis(&Wish { whole: true, ..wish(0.0, 3.0) });
        assert_eq!(axis.labels, ["0", "1", "2", "3"]);
    }

    #[test]
    fn a_step_that_was_asked_for_is_taken_where_it_makes_an_axis() {
        let labels = |step| axis(&Wish { step: Some(step), ..wish(0.0, 90.0) }).labels;
        assert_eq!(labels(30.0), ["0", "30", "60", "90"]);
        assert_eq!(labels(1e-6), axis(&wish(0.0, 90.0)).labels);
    }

    #[test]
    fn logarithmic_axes_have_powers() {
        let axis = |low, high, base| axis(&Wish { log_base: Some(base), ..wish(low, high) });
        assert_eq!(axis(3.0, 4e4, 10.0).labels, ["1", "10", "100", "1k", "10k", "100k"]);
        assert_eq!(axis(20.0, 70.0, 10.0).labels, ["10", "20", "50", "100"]);
        assert_eq!(axis(1.0, 9.0, 2.0).labels, ["1", "2", "4", "8", "16"]);
        assert_eq!(axis(-5.0, 100.0, 10.0).labels, ["0.1", "1", "10", "100"]);
        let numbers = [0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, f64::MAX, f64::MIN, 5e-324];
        for low in numbers {
            for high in numbers {
                for base in [1.0001, std::f64::consts::E, 2.0, 10.0, 1e6] {
                    let axis = axis(low.min(high), high.max(low), base);
                    assert!(
                        0.0 < axis.from && axis.from < axis.to && axis.to.is_finite(),
                        "{low} {high} {base} {axis:?}"
                    );
                    assert!((2..=40).contains(&axis.ticks.len()), "{low} {high} {base} {axis:?}");
                }
            }
        }
    }

    #[test]
    fn any_input_gives_a_finite_axis() {
        let numbers = [0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, -1e-300, f64::MAX, f64::MIN, 5e-324, 1e15 + 1.0, 1e15];
        for low in numbers {
            for high in numbers {
                for ends in [(None, None), (Some(low), None), (None, Some(high)), (Some(f64::NAN), Some(low))] {
                    for zero in [Zero::Auto, Zero::Always] {
                        let (min, max) = ends;
                        let axis = axis(&Wish { min, max, zero, ..wish(low.min(high), high.max(low)) });
                        assert!(
                            axis.from < axis.to && axis.from.is_finite() && axis.to.is_finite(),
                            "{low} {high} {axis:?}"
                        );
                        assert!(axis.ticks.len() <= 8, "{low} {high} {axis:?}");
                        assert!(axis.ticks.iter().all(|t| *t >= axis.from && *t <= axis.to), "{low} {high} {axis:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_second_axis_shares_the_grid_of_the_first() {
        let left = axis(&wish(43.0, 158.0));
        let right = aligned(&wish(30.2, 35.7), &left);
        assert_eq!(left.ticks.len(), right.ticks.len());
        assert!(right.from <= 30.2 && right.to >= 35.7);
    }
}

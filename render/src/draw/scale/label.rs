//! Numbers as people read them: three significant figures with a prefix for single values, equal decimals and one
//! unit for the ticks of an axis.

/// What the values of an axis are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Numbers with k, M, G, …
    #[default]
    Si,
    /// Numbers as they are.
    Plain,
    /// Bytes with KiB, MiB, …
    Binary,
    /// Durations given in seconds.
    Seconds,
    /// Durations given in milliseconds.
    Milliseconds,
    /// Hundredths, already multiplied by 100.
    Percent,
    /// Numbers with k, M, G, … and `/s`.
    PerSecond,
    /// Numbers with k, M, G, … and this after a space: `bpm`, `mmHg`, `°C`.
    Named(String),
}

/// A prefix or unit: how much of the axis' own unit it is, and how it is written after the number.
struct Rung {
    size: f64,
    suffix: &'static str,
}

const fn rung(size: f64, suffix: &'static str) -> Rung {
    Rung { size, suffix }
}

const PLAIN: [Rung; 1] = [rung(1.0, "")];
const SI: [Rung; 7] =
    [rung(1.0, ""), rung(1e3, "k"), rung(1e6, "M"), rung(1e9, "G"), rung(1e12, "T"), rung(1e15, "P"), rung(1e18, "E")];
const BYTES: [Rung; 7] = [
    rung(1.0, " B"),
    rung(1024.0, " KiB"),
    rung(1_048_576.0, " MiB"),
    rung(1_073_741_824.0, " GiB"),
    rung(1_099_511_627_776.0, " TiB"),
    rung(1_125_899_906_842_624.0, " PiB"),
    rung(1_152_921_504_606_846_976.0, " EiB"),
];
const SECONDS: [Rung; 6] = [
    rung(1e-6, " µs"),
    rung(1e-3, " ms"),
    rung(1.0, " s"),
    rung(60.0, " min"),
    rung(3600.0, " h"),
    rung(86_400.0, " d"),
];
const MILLISECONDS: [Rung; 6] =
    [rung(1e-3, " µs"), rung(1.0, " ms"), rung(1e3, " s"), rung(6e4, " min"), rung(3.6e6, " h"), rung(8.64e7, " d")];

impl Unit {
    fn rungs(&self) -> &'static [Rung] {
        match self {
            Unit::Plain | Unit::Percent => &PLAIN,
            Unit::Si | Unit::PerSecond | Unit::Named(_) => &SI,
            Unit::Binary => &BYTES,
            Unit::Seconds => &SECONDS,
            Unit::Milliseconds => &MILLISECONDS,
        }
    }

    /// What follows the number and its rung.
    fn tail(&self) -> String {
        match self {
            Unit::Percent => "%".to_owned(),
            Unit::PerSecond => "/s".to_owned(),
            Unit::Named(name) => format!(" {name}"),
            _ => String::new(),
        }
    }

    /// Steps that look round in this unit, if they are not those of the decimal system.
    pub(in crate::draw) fn round_steps(&self) -> Option<Vec<f64>> {
        let second = match self {
            Unit::Seconds => 1.0,
            Unit::Milliseconds => 1e3,
            Unit::Binary => {
                let within = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
                return Some(BYTES.iter().flat_map(|rung| within.map(|n| n * rung.size)).collect());
            }
            _ => return None,
        };
        let minutes = [10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0];
        let hours = [1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 120.0, 240.0, 480.0, 1200.0, 2400.0].map(|h| h * 3600.0);
        Some(minutes.into_iter().chain(hours).map(|s| s * second).collect())
    }
}

/// The typographic minus is as wide as a digit; a hyphen is not.
fn signed(negative: bool, magnitude: &str) -> String {
    if negative { format!("−{magnitude}") } else { magnitude.to_owned() }
}

/// A single value to three significant figures: `842 ms`, `1.12 s`, `28.1k/s`, `5`.
pub fn value(v: f64, unit: &Unit) -> String {
    if !v.is_finite() {
        return "–".to_owned();
    }
    let magnitude = v.abs();
    let rungs = unit.rungs();
    // 999.5 would be written as 1000: it belongs to the next rung already.
    let fits = |rung: &&Rung| magnitude >= rung.size * 0.9995;
    let rung = match rungs.iter().rev().find(fits) {
        Some(rung) => rung,
        // Below the smallest rung: 0 and fractions of it.
        None => &rungs[if matches!(unit, Unit::Seconds | Unit::Milliseconds) && magnitude == 0.0 { 1 } else { 0 }],
    };
    // Far beyond the last rung a power of ten says more than a prefix.
    let rung = if magnitude >= rung.size * 1e6 { &rungs[0] } else { rung };
    let scaled = magnitude / rung.size;
    let digits = figures(scaled, rung.size == 1.0);
    signed(v < 0.0 && scaled != 0.0, &format!("{digits}{}{}", rung.suffix, unit.tail()))
}

/// Three significant figures; a whole number of the unit itself is written as one.
fn figures(magnitude: f64, is_base: bool) -> String {
    if magnitude == 0.0 || (is_base && magnitude.fract() == 0.0 && magnitude < 1e6) {
        return format!("{magnitude}");
    }
    if !(0.000_999_5..1e6).contains(&magnitude) {
        return scientific(magnitude, 2);
    }
    let places = [99.95, 9.995, 0.9995, 0.09995, 0.009_995];
    let decimals = places.iter().position(|&limit| magnitude >= limit).unwrap_or(5);
    format!("{magnitude:.decimals$}")
}

fn scientific(magnitude: f64, decimals: usize) -> String {
    let text = format!("{magnitude:.decimals$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// The labels of an axis' ticks: all in one unit and with as many decimals as the step needs.
pub(in crate::draw) fn ticks(values: &[f64], step: f64, unit: &Unit) -> Vec<String> {
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let (tail, rungs) = (unit.tail(), unit.rungs());
    let smallest_shown = rungs[0].size * 1e-3;
    let plain_limit = rungs[rungs.len() - 1].size * if rungs.len() == 1 { 1e9 } else { 1e4 };
    if largest != 0.0 && (largest < smallest_shown || largest >= plain_limit) {
        // From the leading digit of the largest tick to the last one the step can change.
        let decimals = (largest.log10().floor() - step.log10().floor()).clamp(0.0, 14.0) as usize + 1;
        let size = rungs[0].size;
        let write = |v: &f64| match *v {
            0.0 => format!("0{}{tail}", rungs[0].suffix),
            v => signed(v < 0.0, &format!("{}{}{tail}", scientific(v.abs() / size, decimals), rungs[0].suffix)),
        };
        return values.iter().map(write).collect();
    }
    let (rung, decimals) = rung_for(rungs, largest, step);
    values
        .iter()
        .map(|v| {
            let scaled = v.abs() / rung.size;
            // What rounds to zero is the zero line; it has no sign and needs no prefix.
            if scaled < step / rung.size * 1e-6 {
                let suffix = if rung.suffix.starts_with(' ') { rung.suffix } else { "" };
                return format!("0{suffix}{tail}");
            }
            signed(*v < 0.0, &format!("{scaled:.decimals$}{}{tail}", rung.suffix))
        })
        .collect()
}

/// The largest rung that needs no decimals; one decimal rather than five digits.
fn rung_for(rungs: &'static [Rung], largest: f64, step: f64) -> (&'static Rung, usize) {
    let first = rungs.iter().rposition(|rung| largest >= rung.size * 0.9995).unwrap_or(0);
    for at in (1..=first).rev() {
        let decimals = decimals(step / rungs[at].size);
        let digits_below = largest / rungs[at - 1].size;
        let written = (largest / rungs[at].size).log10().floor().max(0.0) as usize + 1 + decimals;
        if decimals == 0 || (written <= 4 && digits_below >= 9999.5) {
            return (&rungs[at], decimals);
        }
    }
    (&rungs[0], decimals(step / rungs[0].size))
}

/// How many decimals a step and its multiples need.
fn decimals(step: f64) -> usize {
    let mut scaled = step;
    for decimals in 0..12 {
        if (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1e-3) && scaled.round() > 0.0 {
            return decimals;
        }
        scaled *= 10.0;
    }
    12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_figures() {
        let cases = [
            (0.0, Unit::Si, "0"),
            (5.0, Unit::Si, "5"),
            (5.25, Unit::Si, "5.25"),
            (999.4, Unit::Si, "999"),
            (999.6, Unit::Si, "1.00k"),
            (28_140.0, Unit::PerSecond, "28.1k/s"),
            (-1_234_567.0, Unit::Si, "−1.23M"),
            (0.001_234, Unit::Si, "0.00123"),
            (0.000_123_4, Unit::Si, "1.23e-4"),
            (1e300, Unit::Si, "1e300"),
            (-8.476e281, Unit::PerSecond, "−8.48e281/s"),
            (346.2, Unit::Milliseconds, "346 ms"),
            (1120.0, Unit::Milliseconds, "1.12 s"),
            (65.13, Unit::Milliseconds, "65.1 ms"),
            (0.0, Unit::Milliseconds, "0 ms"),
            (7200.0, Unit::Seconds, "2.00 h"),
            (1536.0, Unit::Binary, "1.50 KiB"),
            (4.131, Unit::Percent, "4.13%"),
            (66.72, Unit::Named("bpm".into()), "66.7 bpm"),
            (f64::NAN, Unit::Si, "–"),
        ];
        for (v, unit, want) in cases {
            assert_eq!(value(v, &unit), want, "{v} {unit:?}");
        }
    }

    #[test]
    fn ticks_share_a_unit_and_their_decimals() {
        let check = |values: &[f64], step, unit: Unit, want: &[&str]| assert_eq!(ticks(values, step, &unit), want);
        check(&[0.0, 200.0, 400.0, 1200.0], 200.0, Unit::Milliseconds, &["0 ms", "200 ms", "400 ms", "1200 ms"]);
        check(&[0.0, 2500.0, 10_000.0], 2500.0, Unit::Si, &["0", "2.5k", "10.0k"]);
        check(&[0.0, 20_000.0, 100_000.0], 20_000.0, Unit::PerSecond, &["0/s", "20k/s", "100k/s"]);
        check(&[-0.5, 0.0, 0.5], 0.5, Unit::Si, &["−0.5", "0", "0.5"]);
        check(&[36.5, 36.75, 37.0], 0.25, Unit::Named("°C".into()), &["36.50 °C", "36.75 °C", "37.00 °C"]);
        check(&[0.0, 1e300], 1e300, Unit::Si, &["0", "1e300"]);
        check(&[0.0, 5e-301, 1e-300], 5e-301, Unit::Si, &["0", "5e-301", "1e-300"]);
        check(&[0.0, 1_048_576.0], 1_048_576.0, Unit::Binary, &["0 MiB", "1 MiB"]);
        check(&[1_000_000.0, 1_000_020.0], 20.0, Unit::Si, &["1000000", "1000020"]);
    }
}

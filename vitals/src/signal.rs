//! The signals, as one table. The keys are the words used in series names (`vitals.DEVICE.hr`).

/// How a signal arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Many samples a second while a reading lasts.
    Waveform,
    /// One number every second or so while a reading lasts.
    Numeric,
    /// One number a reading.
    Episodic,
}

/// One thing that a device measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal {
    /// The node that names it in a series.
    pub key: &'static str,
    /// How it arrives.
    pub kind: Kind,
    /// The unit as a person reads it beside an axis.
    pub unit: &'static str,
    /// Samples a second during a reading; 0 for [`Kind::Episodic`].
    pub nominal_hz: f64,
    /// The smallest and largest value a living person shows, in `unit`.
    pub plausible: (f64, f64),
}

impl Signal {
    /// The signal with this key, such as `hr`.
    pub fn by_key(key: &str) -> Option<&'static Signal> {
        SIGNALS.iter().find(|signal| signal.key == key)
    }

    /// The signal that a series shows, when it is one of a device's: `vitals.DEVICE.SIGNAL`, whatever prefix stands
    /// before `vitals` and with nothing after the signal (a rate or a quality of the signal has another unit).
    pub fn of_series(name: &str) -> Option<&'static Signal> {
        let name = name.split(';').next().unwrap_or(name);
        let mut nodes = name.rsplit('.');
        let (key, _device, family) = (nodes.next()?, nodes.next()?, nodes.next()?);
        if family == "vitals" { Signal::by_key(key) } else { None }
    }
}

/// Every signal of the product. Ranges are the physiologic ones of 11073 and jSQI, not a device's rails.
pub const SIGNALS: &[Signal] = &[
    numeric("hr", "bpm", 1.0, (20.0, 250.0)),
    numeric("pr", "bpm", 1.0, (20.0, 250.0)),
    numeric("spo2", "%", 1.0, (50.0, 100.0)),
    numeric("temp", "°C", 0.2, (15.0, 45.0)),
    numeric("pi", "%", 1.0, (0.02, 20.0)),
    waveform("ecg", "mV", 300.0, (-5.0, 5.0)),
    waveform("ppg", "adu", 100.0, (f64::MIN, f64::MAX)),
    episodic("sys", "mmHg", (60.0, 260.0)),
    episodic("dia", "mmHg", (30.0, 160.0)),
    episodic("map", "mmHg", (40.0, 200.0)),
    episodic("bp_sys", "mmHg", (60.0, 260.0)),
    episodic("bp_dia", "mmHg", (30.0, 160.0)),
    episodic("bp_map", "mmHg", (40.0, 200.0)),
];

const fn numeric(key: &'static str, unit: &'static str, nominal_hz: f64, plausible: (f64, f64)) -> Signal {
    Signal { key, kind: Kind::Numeric, unit, nominal_hz, plausible }
}

const fn waveform(key: &'static str, unit: &'static str, nominal_hz: f64, plausible: (f64, f64)) -> Signal {
    Signal { key, kind: Kind::Waveform, unit, nominal_hz, plausible }
}

const fn episodic(key: &'static str, unit: &'static str, plausible: (f64, f64)) -> Signal {
    Signal { key, kind: Kind::Episodic, unit, nominal_hz: 0.0, plausible }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_ranges_run_upwards() {
        for (i, signal) in SIGNALS.iter().enumerate() {
            assert!(SIGNALS[..i].iter().all(|earlier| earlier.key != signal.key), "{} twice", signal.key);
            assert!(signal.plausible.0 < signal.plausible.1, "{}", signal.key);
            assert_eq!(signal.kind == Kind::Episodic, signal.nominal_hz == 0.0, "{}", signal.key);
        }
    }

    #[test]
    fn a_series_of_a_device_has_its_signals_unit() {
        assert_eq!(Signal::of_series("vitals.dev1.hr").map(|s| s.unit), Some("bpm"));
        assert_eq!(Signal::of_series("stats.gauges.vitals.dev1.temp;cohort=a").map(|s| s.unit), Some("°C"));
        assert_eq!(Signal::of_series("vitals.dev1.hr.rate"), None);
        assert_eq!(Signal::of_series("web.dev1.hr"), None);
        assert_eq!(Signal::of_series("hr"), None);
    }
}

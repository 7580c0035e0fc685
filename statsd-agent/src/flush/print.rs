//! A flush as statsd's console backend prints it: counters, timers, gauges, the timers' statistics, rates and sets, as Node
//! prints an object. Gathered while the points are put out, and only where somebody wants it.

use super::statistics::Statistics;
use crate::inspect::{Form, Value, inspect};

/// What is printed beside the interval's results.
#[derive(Clone, Debug)]
pub struct Print {
    /// Plain, or with colours and depth (statsd's `prettyprint`).
    pub form: Form,
    /// statsd's `pctThreshold`: the percentiles as the configuration states them.
    pub thresholds: Vec<Value>,
}

/// One flush, growing.
#[derive(Default)]
pub struct Page {
    counters: Vec<(String, Value)>,
    timers: Vec<(String, Value)>,
    gauges: Vec<(String, Value)>,
    timer_data: Vec<(String, Value)>,
    counter_rates: Vec<(String, Value)>,
    sets: Vec<(String, Value)>,
}

impl Page {
    /// A counter's sum and rate.
    pub fn counter(&mut self, name: &str, sum: f64, rate: f64) {
        self.counters.push((name.into(), Value::Number(sum)));
        self.counter_rates.push((name.into(), Value::Number(rate)));
    }

    /// A timer's samples, sorted as statistics leave them, and its statistics.
    pub fn timer(&mut self, name: &str, values: &[f64], statistics: &Statistics, results: &[(u32, f64)]) {
        const HISTOGRAM: &str = "histogram";
        let mut entries: Vec<(String, Value)> = Vec::with_capacity(results.len());
        let mut bins = Vec::new();
        for &(number, value) in results {
            let stat = &statistics.names()[number as usize];
            match stat.strip_prefix(HISTOGRAM).and_then(|rest| rest.strip_prefix('.')) {
                Some(bin) => bins.push((bin.to_owned(), Value::Number(value))),
                None => entries.push((stat.clone(), Value::Number(value))),
            }
        }
        if !bins.is_empty() {
            entries.push((HISTOGRAM.into(), Value::Object(bins)));
        }
        self.timers.push((name.into(), Value::numbers(values)));
        self.timer_data.push((name.into(), Value::Object(entries)));
    }

    /// A gauge's value.
    pub fn gauge(&mut self, name: &str, value: f64) {
        self.gauges.push((name.into(), Value::Number(value)));
    }

    /// A set's members in the order of their coming. Members are keys of an object there: whole numbers come first.
    pub fn set(&mut self, name: &str, members: &[&[u8]]) {
        let mut texts: Vec<String> =
            members.iter().map(|member| String::from_utf8_lossy(member).into_owned()).collect();
        crate::inspect::order_as_keys(&mut texts, |text| text);
        self.sets.push((name.into(), Value::list(texts.into_iter().map(Value::Text).collect())));
    }

    /// The text, without the line that says when.
    pub fn text(self, print: &Print) -> String {
        let thresholds = Value::list(print.thresholds.clone());
        let parts = [
            ("counters", Value::Object(self.counters)),
            ("timers", Value::Object(self.timers)),
            ("gauges", Value::Object(self.gauges)),
            ("timer_data", Value::Object(self.timer_data)),
            ("counter_rates", Value::Object(self.counter_rates)),
            ("sets", Value::Object(self.sets)),
            ("pctThreshold", thresholds),
        ];
        let parts = parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        inspect(&Value::Object(parts), print.form)
    }
}

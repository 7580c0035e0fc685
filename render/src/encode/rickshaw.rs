//! `format=rickshaw`: points as `{"x": time, "y": value}`, as the chart library of that name reads them.

use super::{Charset, JsonWriter, Layout};
use query::Series;

/// The whole answer; always ASCII. A NaN is `null`: graphite-web's bare `NaN` is no JSON.
pub fn encode(series: &[Series], layout: Layout) -> String {
    let mut json = JsonWriter::new(Charset::Ascii, layout);
    json.begin_list();
    for one in series {
        json.begin_map();
        json.key("target");
        json.string(&one.name);
        json.key("datapoints");
        json.begin_list();
        let step = i64::from(one.step.secs());
        let times = (one.start.0..one.end.0).step_by(step.unsigned_abs() as usize);
        for (at, &value) in times.zip(&one.values) {
            json.begin_map();
            json.key("x");
            json.integer(at);
            json.key("y");
            json.number(value);
            json.end_map();
        }
        json.end_list();
        json.end_map();
    }
    json.end_list();
    json.finish()
}

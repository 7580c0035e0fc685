//! kymo in carbon's place: the real statsd, carbon-relay and carbon-aggregator send to its receivers, and /render shows what
//! was sent.

use super::original::{Original, Site, now, send_tcp, send_udp};
use crate::ports::ports;
use crate::running::Running;

const SECONDS: &str = "[all]\npattern = .*\nretentions = 1s:1h\n";
const SUMS: &str = "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = sum\n";

/// kymo with a store of its own, where its own series are seen too, by the site's rules.
fn serve(site: &Site) -> Running {
    let [_, _, rules @ ..] = site.flags();
    Running::start(&site.path("kymo-data"), &rules.each_ref().map(String::as_str))
}

fn total(values: &[f64]) -> f64 {
    values.iter().sum()
}

fn statsd_reaches_kymo(protocol: &str) {
    let site = Site::new(SECONDS, SUMS);
    let kymo = serve(&site);
    let [statsd, console] = ports();
    let config = format!(
        "graphiteHost: '127.0.0.1', graphitePort: {}, graphitePicklePort: {}, graphiteProtocol: '{protocol}', \
         flushInterval: 500, deleteCounters: true, deleteTimers: true",
        kymo.carbon.port(),
        kymo.pickle.port(),
    );
    let Some(_statsd) = site.statsd(statsd, console, &config) else { return };
    // statsd opens its console before its UDP socket is sure to be open.
    kymo.wait("stats.gauges.ready", |values| {
        send_udp(statsd, "ready:1|g");
        !values.is_empty()
    });
    send_udp(statsd, "web.hits:3|c|@0.5\nweb.hits:4|c\nweb.load:-12.75|g\nweb.time:320|ms\nweb.time:100|ms|#env:prod");
    assert_eq!(kymo.wait("stats_counts.web.hits", |values| !values.is_empty()), [10.0], "{protocol}");
    assert_eq!(kymo.wait("stats.timers.web.time.upper", |values| !values.is_empty()), [320.0]);
    assert_eq!(kymo.wait("stats.timers.web.time.upper;env=prod", |values| !values.is_empty()), [100.0]);
    assert!(kymo.wait("stats.gauges.web.load", |values| !values.is_empty()).iter().all(|&value| value == -12.75));
    let own = |name: &str| format!("sumSeries(kymo.carbon.{name}.count)");
    kymo.wait(&own("points"), |values| total(values) > 10.0);
    assert_eq!(total(&kymo.values(&own("{nan,bad,refused}"))), 0.0);
}

#[test]
fn statsds_text_is_shown() {
    statsd_reaches_kymo("text");
}

#[test]
fn statsds_pickles_are_shown() {
    statsd_reaches_kymo("pickle");
}

/// carbon-relay before kymo, with its line receiver's port.
fn relay(site: &Site, protocol: &str, destination: u16) -> Option<(Original, u16)> {
    let [line, pickle] = ports();
    let conf = format!(
        "LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = {line}\nPICKLE_RECEIVER_INTERFACE = 127.0.0.1\n\
         PICKLE_RECEIVER_PORT = {pickle}\nRELAY_METHOD = consistent-hashing\nDESTINATION_PROTOCOL = {protocol}\n\
         DESTINATIONS = 127.0.0.1:{destination}:a\nMAX_DATAPOINTS_PER_MESSAGE = 100\n\
         MAX_QUEUE_SIZE = 10000\n"
    );
    Some((site.carbon("carbon-relay.py", line, &conf)?, line))
}

#[test]
fn what_carbon_relay_forwards_is_shown() {
    for protocol in ["line", "pickle"] {
        let site = Site::new(SECONDS, SUMS);
        let kymo = serve(&site);
        let destination = if protocol == "line" { kymo.carbon } else { kymo.pickle };
        let Some((_relay, line)) = relay(&site, protocol, destination.port()) else { return };
        let at = now();
        let lines: String = (0..1000).map(|n| format!("relayed.n{:03} {}.25 {}\n", n % 250, n, at - n / 250)).collect();
        send_tcp(line, &format!("{lines}relayed.tagged;b=2;a=1 7 {at}\nrelayed.unknown nan {at}\n"));
        let sum: f64 = (0..1000).map(|n| f64::from(n) + 0.25).sum();
        let shown = kymo.wait("summarize(sumSeries(relayed.n*),'1h','sum')", |values| total(values) == sum);
        assert_eq!(total(&shown), sum, "{protocol}");
        assert_eq!(kymo.wait("relayed.tagged;a=1;b=2", |values| !values.is_empty()), [7.0]);
        assert_eq!(kymo.values("relayed.n007"), [757.25, 507.25, 257.25, 7.25]);
        kymo.wait("sumSeries(kymo.carbon.points.count)", |values| total(values) == 1001.0);
        let pickles = total(&kymo.values("sumSeries(kymo.carbon.pickles.count)"));
        assert!(if protocol == "line" { pickles == 0.0 } else { pickles >= 10.0 }, "{protocol}: {pickles}");
    }
}

#[test]
fn what_carbon_aggregator_sums_is_shown() {
    let site = Site::new(SECONDS, SUMS);
    site.write("conf/aggregation-rules.conf", "all.<what> (1) = sum host.*.<what>\n");
    let kymo = serve(&site);
    let [line, pickle] = ports();
    let conf = format!(
        "LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = {line}\nPICKLE_RECEIVER_INTERFACE = 127.0.0.1\n\
         PICKLE_RECEIVER_PORT = {pickle}\nDESTINATIONS = 127.0.0.1:{}\nFORWARD_ALL = True\n",
        kymo.pickle.port(),
    );
    let Some(_aggregator) = site.carbon("carbon-aggregator.py", line, &conf) else { return };
    let at = now();
    send_tcp(line, &format!("host.a.load 1.5 {at}\nhost.b.load 2.25 {at}\n"));
    assert_eq!(kymo.wait("all.load", |values| values == [3.75]), [3.75]);
    assert_eq!(kymo.wait("host.b.load", |values| !values.is_empty()), [2.25]);
}

//! The configuration file as users write it.

use super::*;
use statsd_agent::config::Backend;
use statsd_agent::inspect::Form;
use statsd_agent::listen::overhear::KeyFlush;
use statsd_agent::listen::repeat::{Target, Way};
use std::net::SocketAddr;

#[test]
fn the_example_of_the_original_is_read() {
    let file = parse("/*\nRequired: { port }\n*/\n{\n  graphitePort: 2013\n, graphiteHost: \"127.0.0.1\"\n, port: 8135\n, backends: [ \"./backends/graphite\" ]\n}\n").unwrap();
    let carbon = file.carbon.unwrap();
    assert_eq!((carbon.host.as_str(), carbon.port), ("127.0.0.1", 2013));
    assert_eq!(file.config.servers, [Server::Udp(SocketAddr::from(([0, 0, 0, 0], 8135)))]);
    assert_eq!(file.config.console.unwrap().config_text.lines().last(), Some("flushInterval: 10000"));
    assert_eq!(file.warnings, Vec::<String>::new());
    assert!(file.keys.contains("port") && !file.keys.contains("address"));
}

#[test]
fn what_is_not_said_has_the_defaults_of_the_original() {
    let file = parse("{}").unwrap();
    let flush = &file.config.flush;
    assert_eq!((flush.interval_ms, flush.idle.gauges_max_ttl, flush.names.legacy), (10_000, 1, true));
    assert_eq!(flush.timers.percentiles, [Percentile::parse("90").unwrap()]);
    assert!(file.carbon.is_none() && file.warnings[0].contains("nothing is sent"));
}

#[test]
fn servers_may_be_several() {
    let text = "{servers: [{server: './servers/tcp', port: 1}, {server: './servers/tcp', socket: '/tmp/s', socket_mod: '0666'},
        {address_ipv6: true, port: 2, wrong: 1}]}";
    let file = parse(text).unwrap();
    let expect = [
        Server::Tcp("[::]:1".parse().unwrap()),
        Server::Unix { path: "/tmp/s".into(), mode: Some(0o666) },
        Server::Udp("[::]:2".parse().unwrap()),
    ];
    assert_eq!(file.config.servers, expect);
    assert!(file.warnings.iter().any(|warning| warning.starts_with("servers[2].wrong is unknown")));
}

#[test]
fn idle_rules_fall_back_to_the_general_one() {
    let file =
        parse("{deleteIdleStats: true, deleteGauges: false, gaugesMaxTTL: 3, percentThreshold: [99.9, '75', -10]}")
            .unwrap();
    let idle = file.config.flush.idle;
    assert!(idle.delete_counters && idle.delete_timers && idle.delete_sets && !idle.delete_gauges);
    assert_eq!(idle.gauges_max_ttl, 3);
    assert_eq!(file.config.flush.timers.percentiles.len(), 3);
}

#[test]
fn errors_name_the_key_and_what_was_expected() {
    let check = |text: &str, part: &str| {
        let error = format!("{:#}", parse(text).unwrap_err());
        assert!(error.contains(part), "{text}: {error}");
    };
    check("{port: 'x'}", "port: expected a number, found \"x\"");
    check("{port: 70000}", "port: 70000 is not a port");
    check("{flushInterval: 0}", "flushInterval: expected milliseconds");
    check("{percentThreshold: ['x']}", "percentThreshold: expected a percentage or a list of them, found \"x\"");
    check("{histogram: [{metric: '', bins: [{}]}]}", "histogram[0].bins: expected numbers or 'inf'");
    check("{graphite: 1}", "graphite: expected an object");
    check("{graphite: {legacyNamespace: 'no'}}", "graphite.legacyNamespace: expected true or false");
    check("{graphiteProtocol: 'json'}", "graphiteProtocol: expected text or pickle");
    check("{server: './servers/amqp'}", "amqp");
    check("{address: 'no such host'}", "address: \"no such host\" is not an address");
}

#[test]
fn repeaters_names_and_messages_are_read() {
    let text = "{repeater: {host: 'a', port: 1}, repeaterProtocol: 'tcp', backends: ['./backends/repeater', './backends/console'],
        keyFlush: {interval: 5000, percent: 10, log: '/tmp/k'}, dumpMessages: true, console: {prettyprint: true},
        percentThreshold: [90, '50'], log: {backend: 'syslog', application: 'x', level: 'LOG_ERR'}, debug: true,
        title: 'x', healthStatus: 'down', automaticConfigReload: false, limits: {spool_bytes: 5, connections: 7}}";
    let file = parse(text).unwrap();
    let config = &file.config;
    assert_eq!(config.repeaters, [Target { host: "a".into(), port: 1, way: Way::Tcp }]);
    assert_eq!(config.keys, Some(KeyFlush { interval_ms: 5000, percent: 10.0, names: 1_000_000 }));
    assert!(config.messages && !file.reload && config.limits.member_bytes > 0 && config.streams.connections == 7);
    let print = config.print.as_ref().unwrap();
    assert_eq!((print.form, print.thresholds.len()), (Form::PRETTY, 2));
    let console = config.console.as_ref().unwrap();
    assert_eq!((console.backends.as_slice(), console.healthy), (&[Backend::Console][..], false));
    let log = Log::Syslog { application: "x".into(), level: 3 };
    let expect = Telling { debug: true, log, key_file: Some("/tmp/k".into()), title: Some("x".into()) };
    assert_eq!(file.telling, expect);
    assert_eq!(file.warnings, Vec::<String>::new());
}

#[test]
fn what_will_not_happen_is_said() {
    let text = "{backends: ['./backends/amqp'], repeater: [{host: 'x'}], nodes: [], prot: 1, limits: {}}";
    let warnings = parse(text).unwrap().warnings.join("\n");
    for part in ["amqp is not one of kymo's", "nothing is repeated without", "nodes has no effect", "port was meant?"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
    for (text, part) in
        [("{log: {backend: 'x'}}", "log.backend"), ("{limits: {nmaes: 1}}", "nmaes"), ("{repeater: [{}]}", "host")]
    {
        let error = format!("{:#}", parse(text).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}

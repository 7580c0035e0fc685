//! The configuration file as users write it.

use super::*;

#[test]
fn the_example_of_the_original_is_read() {
    let file = parse("/*\nRequired: { port }\n*/\n{\n  graphitePort: 2013\n, graphiteHost: \"127.0.0.1\"\n, port: 8135\n, backends: [ \"./backends/graphite\" ]\n}\n").unwrap();
    let carbon = file.carbon.unwrap();
    assert_eq!((carbon.host.as_str(), carbon.port), ("127.0.0.1", 2013));
    assert_eq!(file.config.servers, [Server::Udp(SocketAddr::from(([0, 0, 0, 0], 8135)))]);
    assert_eq!(file.config.console.unwrap().config_text.lines().last(), Some("backends > 0: ./backends/graphite"));
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
        Server::Tcp(SocketAddr::from(([0, 0, 0, 0], 1))),
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
fn what_is_not_built_is_said() {
    let text =
        "{keyFlush: {interval: 1}, backends: ['./backends/console'], automaticConfigReload: true, title: 'x', prot: 1}";
    let warnings = parse(text).unwrap().warnings.join("\n");
    for part in
        ["console IS NOT BUILT", "keyFlush IS NOT BUILT", "automaticConfigReload", "title has no", "prot is unknown"]
    {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
}

//! Configuration files: statsd's and its proxy's JavaScript object, kymo.toml, carbon's storage rules. Each reader gets the
//! same bytes; errors are as good as settings.

use kymo::config::kymo_toml::KymoToml;
use kymo::config::{access, alerts, js_object, proxy_file, statsd_file};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::path::Path;
use tsdb::Rules;

/// Reads the bytes as each kind of file.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(map) = js_object::parse(text)
        && asks_no_resolver(&map)
    {
        let _ = statsd_file::parse(text);
        let _ = proxy_file::parse(text);
    }
    if let Ok(file) = KymoToml::parse(text) {
        let _ = access::known(&file.access, &file.tokens, &file.users);
        let _ = alerts::rules(&file.alerts);
    }
    let path = Path::new("storage.conf");
    for rules in [Rules::parse(Some((path, text)), None), Rules::parse(None, Some((path, text)))].into_iter().flatten()
    {
        for name in ["a", "stats.timers.web.upper_90", "carbon.agents.host-a.cpuUsage", "a;b=c"] {
            assert!(!rules.settings(name).retention.archives().is_empty());
        }
    }
}

/// Whether every host that would be looked up is an address: a fuzzer must not ask name servers.
fn asks_no_resolver(map: &Map<String, Value>) -> bool {
    map.iter().all(|(key, value)| match value {
        Value::String(host) if ["address", "mgmt_address", "host"].contains(&key.as_str()) => {
            host.parse::<IpAddr>().is_ok()
        }
        Value::Object(inner) => asks_no_resolver(inner),
        Value::Array(list) => list.iter().all(|one| one.as_object().is_none_or(asks_no_resolver)),
        Value::Number(_) => !["address", "mgmt_address", "host"].contains(&key.as_str()),
        _ => true,
    })
}

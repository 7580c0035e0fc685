//! The configuration file of statsd's proxy.js, read for `kymo proxy`: each key becomes a setting of the proxy, or a
//! warning. docs/proxy.md lists the keys.

use super::js_object;
use super::kymo_toml::read_bounded;
use super::statsd_file::object::{Everywhere, Keys};
use super::statsd_file::{reply, servers};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use statsd_agent::config::{Console, StreamLimits};
use statsd_agent::proxy::{Config, Limits, NodeConfig};
use std::path::Path;
use std::thread;

/// Each node has a thread for its checks and a socket in every receiver.
const NODES_MAX: usize = 256;
/// More receivers than this help nobody: the kernel spreads senders, not datagrams, over them.
const RECEIVERS_MAX: u16 = 64;
/// A million keys are 64 MiB in each receiver.
const KNOWN_KEYS_MAX: f64 = 1_048_576.0;
/// Known to proxy.js, or in its example, and without effect on what goes where.
const WITHOUT_EFFECT: &[&str] = &["title", "debug", "log", "udp_version"];

/// What a proxy's configuration file says.
#[derive(Clone, Debug)]
pub struct ProxyFile {
    /// The proxy's settings; what the file does not say has proxy.js's default.
    pub config: Config,
    /// Whether a changed file is read again.
    pub reloads: bool,
    /// What a person should know before relying on the file.
    pub warnings: Vec<String>,
}

/// Reads the file; errors name it and the key.
pub fn read(path: &Path) -> Result<ProxyFile> {
    let text = read_bounded(path)?;
    parse(&text).with_context(|| format!("read {}", path.display()))
}

/// Reads the text of a file.
pub fn parse(text: &str) -> Result<ProxyFile> {
    let map = js_object::parse(text)?;
    let config_text = reply::plain_text(&map);
    let mut file = Keys { path: String::new(), map, warnings: Vec::new() };
    // proxy.js documents `host` and reads `address`.
    if let Some(host) = file.take("host")
        && !file.map.contains_key("address")
    {
        file.map.insert("address".into(), host);
    }
    let ipv6 = matches!(file.map.get("address_ipv6"), Some(Value::Bool(true)));
    let nodes = nodes(&mut file)?;
    let servers = servers(&mut file)?;
    let address = file.address("mgmt_address", "mgmt_port", 8126, Everywhere::Both)?;
    let console = Console { config_text, ..Console::at(address) };
    let check_interval_ms = whole(&mut file, "checkInterval", 10_000.0, 10.0, 86_400_000.0)? as u64;
    let known_keys = whole(&mut file, "cacheSize", 10_000.0, 1.0, KNOWN_KEYS_MAX)? as u32;
    let datagram_bytes = match file.number("datagramBytes")? {
        None => Limits::default().datagram_bytes,
        Some(bytes) if bytes.fract() == 0.0 && (0.0..=65_507.0).contains(&bytes) => bytes as u32,
        Some(bytes) => bail!("datagramBytes: expected 0 to 65507, found {bytes}"),
    };
    let receivers = receivers(&mut file)?;
    let reloads = file.flag("automaticConfigReload")?.unwrap_or(true);
    let left = std::mem::take(&mut file.map);
    for key in left.keys() {
        file.warn(match key.as_str() {
            key if WITHOUT_EFFECT.contains(&key) => format!("{key} has no effect"),
            key => format!("{key} is unknown and ignored"),
        });
    }
    let limits = Limits { known_keys, datagram_bytes };
    let streams = StreamLimits::default();
    let receive_buffer_bytes = statsd_agent::Config::default().receive_buffer_bytes;
    let config =
        Config { servers, receivers, receive_buffer_bytes, streams, nodes, check_interval_ms, ipv6, console, limits };
    Ok(ProxyFile { config, reloads, warnings: file.warnings })
}

fn nodes(file: &mut Keys) -> Result<Vec<NodeConfig>> {
    let list = match file.take("nodes") {
        Some(Value::Array(list)) => list,
        None => bail!("nodes: expected a list of {{ host, port, adminport }}, found nothing"),
        Some(other) => bail!(file.expected("nodes", "a list of { host, port, adminport }", &other)),
    };
    ensure!(list.len() <= NODES_MAX, "nodes: {} of them, where {NODES_MAX} may be", list.len());
    let mut nodes: Vec<NodeConfig> = Vec::new();
    for (i, one) in list.into_iter().enumerate() {
        let mut one = file.inner(&format!("nodes[{i}]"), one)?;
        let path = one.path.clone();
        let host = one.text("host")?.filter(|host| !host.is_empty());
        let host = host.with_context(|| format!("{path}host: expected a name or an address, found nothing"))?;
        let (port, admin_port) = (port(&mut one, "port")?, port(&mut one, "adminport")?);
        file.absorb(one);
        if nodes.iter().any(|node| node.host == host && node.port == port) {
            file.warn(format!("{path}host: {host}:{port} is in the list already; its first place counts"));
        } else {
            nodes.push(NodeConfig { host, port, admin_port });
        }
    }
    if nodes.is_empty() {
        file.warn("nodes is empty: everything received will be dropped".into());
    }
    Ok(nodes)
}

fn port(node: &mut Keys, key: &str) -> Result<u16> {
    let port = node.port(key, 0)?;
    ensure!(port != 0, "{}{key}: expected a port", node.path);
    Ok(port)
}

/// A whole number within bounds; 0 means the default, as in JavaScript's `a || b`.
fn whole(file: &mut Keys, key: &str, default: f64, least: f64, most: f64) -> Result<f64> {
    let value = file.number(key)?.filter(|&value| value != 0.0).unwrap_or(default).round();
    ensure!((least..=most).contains(&value), "{key}: expected a number from {least} to {most}, found {value}");
    Ok(value)
}

/// proxy.js's processes are receiver threads here.
fn receivers(file: &mut Keys) -> Result<u16> {
    let cores = || thread::available_parallelism().map_or(1, |cores| cores.get());
    let receivers = match file.take("forkCount") {
        None => 1,
        Some(Value::String(auto)) if auto == "auto" => cores(),
        Some(value) => match value.as_f64() {
            Some(count) if count.fract() == 0.0 && (0.0..=f64::from(RECEIVERS_MAX)).contains(&count) => count as usize,
            _ => bail!(file.expected("forkCount", &format!("0 to {RECEIVERS_MAX}, or 'auto'"), &value)),
        },
    };
    Ok(receivers.clamp(1, usize::from(RECEIVERS_MAX)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use statsd_agent::config::Server;

    const NODES: &str =
        "nodes: [{host: '127.0.0.1', port: 8127, adminport: 8128}, {host: 'b', port: '8129', adminport: 8130}]";

    #[test]
    fn reads_every_key_of_the_example() {
        let text = format!(
            "/* Required */\n{{\n{NODES},\nserver: './servers/udp', host: '0.0.0.0', port: 8225, udp_version:'udp4',\n\
             mgmt_port: 8226, mgmt_address: '127.0.0.1', forkCount: 2, checkInterval: 1000, cacheSize: 500, title: false,\n\
             log: {{backend: 'stdout'}}, debug: true, automaticConfigReload: false, datagramBytes: 0\n}}\n"
        );
        let file = parse(&text).expect("the example");
        assert_eq!(file.config.servers, [Server::Udp("0.0.0.0:8225".parse().expect("an address"))]);
        assert_eq!(file.config.console.address.to_string(), "127.0.0.1:8226");
        assert_eq!((file.config.receivers, file.config.check_interval_ms, file.reloads), (2, 1000, false));
        assert_eq!((file.config.limits.known_keys, file.config.limits.datagram_bytes), (500, 0));
        let node = |host: &str, port, admin_port| NodeConfig { host: host.into(), port, admin_port };
        assert_eq!(file.config.nodes, [node("127.0.0.1", 8127, 8128), node("b", 8129, 8130)]);
        assert_eq!(file.warnings.len(), 4, "{:?}", file.warnings);
        assert!(file.config.console.config_text.contains("nodes > 0: [object Object]\n"));
    }

    #[test]
    fn defaults_are_those_of_proxy_js() {
        let file = parse(&format!("{{{NODES}}}")).expect("nodes suffice");
        let config = file.config;
        assert_eq!(config.servers, [Server::Udp("0.0.0.0:8125".parse().expect("an address"))]);
        assert_eq!(config.console.address.to_string(), "[::]:8126", "of both families, as Node listens");
        assert_eq!((config.check_interval_ms, config.limits.known_keys, config.receivers), (10_000, 10_000, 1));
        assert!(file.reloads && file.warnings.is_empty());
        let tcp = parse(&format!("{{{NODES}, server: './servers/tcp', address: '127.0.0.1', host: '1.2.3.4'}}"));
        assert_eq!(
            tcp.expect("tcp").config.servers,
            [Server::Tcp("127.0.0.1:8125".parse().expect("an address"))],
            "address is what proxy.js reads"
        );
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let check = |text: &str, part: &str| {
            let error = format!("{:#}", parse(text).expect_err(text));
            assert!(error.contains(part), "{text}: {error}");
        };
        check("{}", "nodes");
        check("{nodes: 5}", "nodes");
        check("{nodes: [{port: 1, adminport: 2}]}", "nodes[0].host");
        check("{nodes: [{host: 'a', port: 70000, adminport: 2}]}", "nodes[0].port");
        check("{nodes: [{host: 'a', port: 1}]}", "nodes[0].adminport");
        check(&format!("{{{NODES}, forkCount: 'many'}}"), "forkCount");
        check(&format!("{{{NODES}, checkInterval: -1}}"), "checkInterval");
        check(&format!("{{{NODES}, datagramBytes: 1e9}}"), "datagramBytes");
        let twice = parse("{nodes: [{host:'a',port:1,adminport:2},{host:'a',port:1,adminport:3}]}").expect("told");
        assert_eq!((twice.config.nodes.len(), twice.warnings.len()), (1, 1));
    }
}

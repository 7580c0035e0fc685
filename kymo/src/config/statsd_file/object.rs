//! An object of the file as it is read: each key is taken once, with the type that it must have; what is left at the end
//! was not understood.

use super::js_text;
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Map, Value};
use std::net::{SocketAddr, ToSocketAddrs};

/// An object's keys; each is taken once, what is left at the end was not understood.
pub(in crate::config) struct Keys {
    pub path: String,
    pub map: Map<String, Value>,
    pub warnings: Vec<String>,
}

/// Every address of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Everywhere {
    /// Of IPv4, unless the key `address_ipv6` says otherwise: a datagram socket.
    Ipv4,
    /// Of both families: a stream socket.
    Both,
}

impl Keys {
    /// A value that is stated; null and undefined are not.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(value @ (Value::String(_) | Value::Number(_))) => Ok(js_text(&value)),
            Some(other) => Err(self.expected(key, "a text", &other)),
        }
    }

    pub fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
                Ok(Some(list.iter().filter_map(js_text).collect()))
            }
            Some(other) => Err(self.expected(key, "a list of texts", &other)),
        }
    }

    pub fn number(&mut self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        // A number in quotes is a number to JavaScript.
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.expected(key, "a number", &value))
    }

    pub fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::Number(number)) => Ok(Some(number.as_f64() != Some(0.0))),
            Some(other) => Err(self.expected(key, "true or false", &other)),
        }
    }

    pub fn port(&mut self, key: &str, default: u16) -> Result<u16> {
        let Some(port) = self.number(key)? else { return Ok(default) };
        ensure!(port.fract() == 0.0 && (0.0..65536.0).contains(&port), "{}{key}: {port} is not a port", self.path);
        // JavaScript's `config.port || 8125` would turn 0 into the default; here it asks for a free port.
        Ok(port as u16)
    }

    /// Node resolves a name itself; what is not said is every address, of the families that Node takes there.
    pub fn address(
        &mut self,
        host_key: &str,
        port_key: &str,
        default_port: u16,
        everywhere: Everywhere,
    ) -> Result<SocketAddr> {
        let port = self.port(port_key, default_port)?;
        let v6 = host_key == "address" && self.flag("address_ipv6")?.unwrap_or(false);
        let stated = self.text(host_key)?.filter(|host| !host.is_empty());
        let both = everywhere == Everywhere::Both;
        let host = stated.unwrap_or_else(|| if v6 || both { "::".into() } else { "0.0.0.0".into() });
        let wrong = || format!("{}{host_key}: {host:?} is not an address", self.path);
        let mut found = (host.as_str(), port).to_socket_addrs().with_context(wrong)?;
        found.find(|address| both || address.is_ipv6() == v6 || host.contains(':')).with_context(wrong)
    }

    pub fn inner(&self, path: &str, value: Value) -> Result<Keys> {
        match value {
            Value::Object(map) => Ok(Keys { path: format!("{}{path}.", self.path), map, warnings: Vec::new() }),
            other => Err(self.expected(path, "an object", &other)),
        }
    }

    /// Takes over the warnings of an inner object, and one for each key that it did not understand.
    pub fn absorb(&mut self, inner: Keys) {
        self.warnings.extend(inner.warnings);
        for key in inner.map.keys() {
            self.warn(format!("{}{key} is unknown and ignored", inner.path));
        }
    }

    pub fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    pub fn expected(&self, key: &str, what: &str, found: &Value) -> anyhow::Error {
        anyhow!("{}{key}: expected {what}, found {found}", self.path)
    }
}

//! Blocks of addresses, as `127.0.0.1` or `10.0.0.0/8`: which proxies are believed.

use std::net::IpAddr;
use std::str::FromStr;

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// The text is no block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no block of addresses such as 127.0.0.1 or 10.0.0.0/8")]
pub struct NetworkError(String);

impl Network {
    /// Whether the address lies in it. An IPv4 address in IPv6's clothes is that IPv4 address.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let unlike = u32::from(first) ^ u32::from(address);
                unlike.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let unlike = u128::from(first) ^ u128::from(address);
                unlike.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).ok().filter(|bits| *bits <= most).ok_or_else(wrong)?;
        Ok(Network { first, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn blocks_hold_their_addresses() {
        for (block, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("192.168.1.128/25", "192.168.1.200", "192.168.1.127"),
            ("0.0.0.0/0", "1.2.3.4", "::1"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
        ] {
            let network: Network = block.parse().unwrap();
            assert!(network.holds(inside.parse().unwrap()), "{block} lacks {inside}");
            assert!(!network.holds(outside.parse().unwrap()), "{block} holds {outside}");
        }
        for bad in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "host"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}

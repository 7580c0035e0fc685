//! `kymo send`: lines to a StatsD server, packed into datagrams as clients do.

use crate::cli::SendArgs;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, stdin};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::process::ExitCode;

/// What fits an Ethernet frame beside its IP and UDP headers; clients pack to the same size.
const DATAGRAM_BYTES: usize = 1432;

/// Sends every line and says how many went out.
pub fn run(args: &SendArgs) -> Result<ExitCode> {
    let to = args.statsd.to_socket_addrs().with_context(|| format!("resolve {}", args.statsd))?.next();
    let to = to.with_context(|| format!("{} has no address", args.statsd))?;
    let from: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(from).context("open a UDP socket")?;
    socket.connect(to).with_context(|| format!("connect to {to}"))?;
    let mut packer = Packer { socket, datagram: Vec::new(), lines: 0, datagrams: 0 };
    if args.lines.is_empty() {
        for line in stdin().lock().lines() {
            packer.push(&line.context("read standard input")?)?;
        }
    } else {
        for text in &args.lines {
            text.lines().try_for_each(|line| packer.push(line))?;
        }
    }
    packer.send()?;
    println!("sent {} lines in {} datagrams to {to}", packer.lines, packer.datagrams);
    Ok(ExitCode::SUCCESS)
}

struct Packer {
    socket: UdpSocket,
    datagram: Vec<u8>,
    lines: u64,
    datagrams: u64,
}

impl Packer {
    /// Refuses what no StatsD server can read, so that a typing error is seen where it was made.
    fn push(&mut self, line: &str) -> Result<()> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        if !line.split_once(':').is_some_and(|(name, rest)| !name.is_empty() && rest.contains('|')) {
            bail!("{line:?} is not a StatsD line such as name:1|c");
        }
        if !self.datagram.is_empty() && self.datagram.len() + 1 + line.len() > DATAGRAM_BYTES {
            self.send()?;
        }
        if !self.datagram.is_empty() {
            self.datagram.push(b'\n');
        }
        self.datagram.extend_from_slice(line.as_bytes());
        self.lines += 1;
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        if !self.datagram.is_empty() {
            self.socket.send(&self.datagram).context("send a datagram")?;
            self.datagrams += 1;
            self.datagram.clear();
        }
        Ok(())
    }
}

//! Ports for programs that are told theirs by an argument or a file before they bind it.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports that nobody listens on, neither TCP nor UDP. They lie below those that the kernel gives out, so that nobody gets
/// one between here and the program that is told to use it; each process of tests begins at another place.
pub fn ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() as u16).wrapping_mul(97) % 20_000;
    let is_free = |port: &u16| {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, *port));
        tcp.is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    };
    let mut free =
        (0..20_000).map(|_| 10_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000).filter(is_free);
    [(); N].map(|()| free.next().expect("one port of 20,000 is free"))
}

//! Flushes to another Graphite: one TCP connection a flush, as statsd. What could not be sent waits in a bounded spool and
//! goes with the next flush; where statsd would have lost it, here only the oldest goes when the spool is full, counted.

use super::outlet::Protocol;
use crate::counters::CarbonOut;
use crate::listen::Shared;
use crate::told::{Teller, Told};
use crossbeam_channel::Receiver;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// Where flushes are sent.
#[derive(Clone, Debug)]
pub struct CarbonTarget {
    /// Name or address; resolved anew for each flush.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the points are written.
    pub protocol: Protocol,
    /// Bytes of unsent flushes to keep.
    pub spool_bytes: usize,
}

/// Flushes that wait for the sender while it waits for the network.
pub const WAITING: usize = 4;

const CONNECT: Duration = Duration::from_secs(5);
const WRITE: Duration = Duration::from_secs(10);
/// How long to wait for the peer's end, which tells a refused flush (reset) from a taken one.
const FAREWELL: Duration = Duration::from_secs(1);

/// Sends what comes until the flush thread ends; the last flush is tried like every other.
pub fn send(
    target: &CarbonTarget,
    bodies: &Receiver<Vec<u8>>,
    teller: Option<&Teller>,
    shared: &Arc<Shared>,
    clock: fn() -> u64,
) {
    let counters = &shared.counters.carbon_out;
    let mut spool = VecDeque::new();
    while let Ok(body) = bodies.recv() {
        spool.push_back(body);
        spool.extend(bodies.try_iter());
        bound(&mut spool, target.spool_bytes, counters);
        let began_ms = clock();
        let last_bytes = spool.back().map_or(0, Vec::len);
        match attempt(target, &spool) {
            Ok(()) => {
                counters.sent.add(spool.len() as u64);
                counters.flush_bytes.set(last_bytes as u64);
                counters.flush_ms.set(clock().saturating_sub(began_ms));
                counters.last_flush_secs.set((clock() + 500) / 1000);
                spool.clear();
            }
            Err(error) => {
                counters.failures.add(1);
                if let Some(teller) = teller
                    && teller.try_send(Told::Unsent(format!("{}:{}: {error}", target.host, target.port))).is_err()
                {
                    shared.counters.told_dropped.add(1);
                }
                counters.last_exception_secs.set((clock() + 500) / 1000);
            }
        }
        counters.spool_bytes.set(spool.iter().map(Vec::len).sum::<usize>() as u64);
    }
}

/// Drops the oldest flushes beyond the bound; the newest always stays to be tried once.
fn bound(spool: &mut VecDeque<Vec<u8>>, bytes: usize, counters: &CarbonOut) {
    let mut held: usize = spool.iter().map(Vec::len).sum();
    while held > bytes && spool.len() > 1 {
        held -= spool.pop_front().map_or(0, |body| body.len());
        counters.spool_dropped.add(1);
    }
}

/// Sends all bodies on one connection. After an error all are sent again: carbon overwrites a point with itself.
fn attempt(target: &CarbonTarget, spool: &VecDeque<Vec<u8>>) -> io::Result<()> {
    let mut stream = connect(target)?;
    stream.set_write_timeout(Some(WRITE))?;
    for body in spool {
        stream.write_all(body)?;
    }
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(FAREWELL))?;
    loop {
        match stream.read(&mut [0; 64]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // A peer that keeps its side open has taken the flush as far as anybody can know.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn connect(target: &CarbonTarget) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    fn target(port: u16, spool_bytes: usize) -> CarbonTarget {
        CarbonTarget { host: "127.0.0.1".into(), port, protocol: Protocol::Text, spool_bytes }
    }

    #[test]
    fn what_a_refused_connection_kept_goes_with_the_next_flush() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let (bodies, receiver) = crossbeam_channel::bounded(WAITING);
        let shared = Shared::new();
        let sender = thread::spawn({
            let shared = Arc::clone(&shared);
            move || send(&target(closed, 8), &receiver, None, &shared, || 1000)
        });
        let counters = &shared.counters.carbon_out;
        for (n, body) in [b"one\n", b"two\n", b"tri\n"].iter().enumerate() {
            bodies.send(body.to_vec()).expect("the sender lives");
            while counters.failures.get() <= n as u64 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        assert_eq!((counters.spool_dropped.get(), counters.spool_bytes.get()), (1, 8));
        let listener = TcpListener::bind(("127.0.0.1", closed)).expect("the same port");
        bodies.send(b"for\n".to_vec()).expect("the sender lives");
        drop(bodies);
        let mut text = String::new();
        listener.accept().expect("a connection").0.read_to_string(&mut text).expect("text");
        assert_eq!(text, "tri\nfor\n", "the oldest went when eight bytes were full");
        sender.join().expect("ended");
        assert_eq!((counters.sent.get(), counters.spool_bytes.get()), (2, 0));
    }
}

//! UDP receivers: one thread for each SO_REUSEPORT socket. Takes batches until the socket is empty, then waits for a
//! datagram or for the flush thread's bell, so that a busy receiver notices a flush edge within a batch and an idle one at
//! once.

use super::mmsg::Batch;
use super::socket::{self, Waits};
use super::{Bell, Post, Shared};
use crate::aggregate::Table;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Batches that a stopping receiver still takes, so that a flood cannot keep it from stopping.
const LAST_BATCHES: u32 = 1024;
/// A pause after a receive error that is not "nothing there", so that a lasting one does not spin.
const PAUSE: Duration = Duration::from_millis(10);

/// `count` sockets on one address, so that the kernel spreads the senders over them. Port 0 is chosen once for all.
///
/// A port that another process holds is refused, although SO_REUSEPORT would let both have it: half of the datagrams in
/// each would look like loss.
pub fn bind(address: SocketAddr, count: u16, buffer_bytes: u32) -> io::Result<Vec<UdpSocket>> {
    if address.port() != 0 {
        drop(UdpSocket::bind(address)?);
    }
    let first = socket::udp(address, buffer_bytes)?;
    let chosen = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(socket::udp(chosen, buffer_bytes)?);
    }
    Ok(sockets)
}

/// Receives StatsD datagrams until the agent stops; ends with the interval handed over.
pub fn receive(socket: &UdpSocket, bell: &Bell, mut post: Post, last_table: Table) {
    let shared = Arc::clone(post.shared());
    let hear = |post: &mut Post, batch: &Batch| {
        let stamp = post.stamp();
        post.echo(batch.datagrams());
        batch.datagrams().for_each(|datagram| post.shard.receive(datagram, stamp));
    };
    each_batch(socket, bell, &shared, &mut post, hear, Post::settle);
    post.close(last_table);
}

/// The loop of a datagram thread: `hear` gets each batch, `settle` runs after each batch and each ring.
pub(crate) fn each_batch<S>(
    socket: &UdpSocket,
    bell: &Bell,
    shared: &Shared,
    state: &mut S,
    mut hear: impl FnMut(&mut S, &Batch),
    mut settle: impl FnMut(&mut S),
) {
    let mut batch = Batch::default();
    let mut waits = Waits::default();
    waits.push(socket.as_fd());
    waits.push(bell.fd());
    let mut last = LAST_BATCHES;
    loop {
        // Before the look at the socket, so that what was sent before the stop is still taken.
        let stopping = shared.is_stopping();
        let empty = take(socket, &mut batch, shared);
        if !empty {
            hear(state, &batch);
        }
        settle(state);
        if stopping {
            last -= 1;
            if empty || last == 0 {
                return;
            }
        } else if empty {
            if waits.wait(-1).is_err() {
                thread::sleep(PAUSE);
            }
            bell.hush();
        }
    }
}

/// One batch into the arena, with its counts. Answers whether there was nothing.
fn take(socket: &UdpSocket, batch: &mut Batch, shared: &Shared) -> bool {
    match batch.receive(socket) {
        Ok(received) => {
            shared.counters.datagrams_truncated.add(received.truncated);
            shared.counters.datagrams_dropped.add(received.dropped);
            false
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::Interrupted {
                shared.counters.receive_errors.add(1);
                thread::sleep(PAUSE);
            }
            true
        }
    }
}

//! recvmmsg: up to 64 datagrams in one call, into one arena that is reused for ever.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// Datagrams for each call. 64 spread the call's cost to nothing and bound the time between two looks at the flush edge.
const DATAGRAMS: usize = 64;
/// The longest UDP payload is 65,507 bytes, so that none is ever cut.
const DATAGRAM_BYTES: usize = 65_536;
/// Room for each datagram: an odd number of cache lines, so that their beginnings do not share one set of the cache.
const STRIDE: usize = DATAGRAM_BYTES + 17 * 64;
/// Room for the kernel's drop count: a header and a u32, rounded up.
const CONTROL_WORDS: usize = 4;

/// The arena and what the last call left in it. 4.3 MB of address space; the kernel touches only the pages it fills.
pub struct Batch {
    arena: Box<[u8]>,
    lengths: Vec<usize>,
    dropped_before: u32,
}

/// What a call brought beside the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Datagrams in the arena now.
    pub datagrams: usize,
    /// Datagrams that were longer than the arena has room for; they are left out.
    pub truncated: u64,
    /// Datagrams that the kernel dropped since the last call.
    pub dropped: u64,
}

impl Default for Batch {
    fn default() -> Batch {
        let arena = vec![0; STRIDE * DATAGRAMS].into_boxed_slice();
        Batch { arena, lengths: Vec::with_capacity(DATAGRAMS), dropped_before: 0 }
    }
}

impl Batch {
    /// Takes what waits on the socket, without waiting for more. Nothing there is an error of kind `WouldBlock`.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<Received> {
        self.lengths.clear();
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: DATAGRAM_BYTES }; DATAGRAMS];
        let mut controls = [[0u64; CONTROL_WORDS]; DATAGRAMS];
        // SAFETY: all-zero bytes are a valid mmsghdr: null pointers, zero lengths, no flags.
        let mut headers: [libc::mmsghdr; DATAGRAMS] = unsafe { zeroed() };
        let rooms = self.arena.chunks_exact_mut(STRIDE);
        for (((header, vector), control), room) in headers.iter_mut().zip(&mut vectors).zip(&mut controls).zip(rooms) {
            vector.iov_base = room.as_mut_ptr().cast();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = size_of::<[u64; CONTROL_WORDS]>() as _;
        }
        let count = DATAGRAMS as libc::c_uint;
        let flags = libc::MSG_DONTWAIT as _;
        // SAFETY: each header points at one vector, which points at a room of the arena that is at least
        // `DATAGRAM_BYTES` long, and at one control buffer of the stated length; headers, vectors, controls and arena all
        // outlive the call and nobody else touches them during it. The descriptor is open while `socket` is borrowed. Safe
        // std receives one datagram a call, which costs the packet path several times as much.
        let got =
            unsafe { libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, flags, std::ptr::null_mut()) };
        if got < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut received = Received::default();
        for header in &headers[..got as usize] {
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            received.truncated += u64::from(cut);
            // A cut datagram keeps its place, empty, so that the others stay where they are.
            self.lengths.push(if cut { usize::MAX } else { header.msg_len as usize });
        }
        received.datagrams = self.lengths.len();
        if let Some(total) = headers[..got as usize].last().and_then(drop_count) {
            received.dropped = u64::from(total.wrapping_sub(self.dropped_before));
            self.dropped_before = total;
        }
        Ok(received)
    }

    /// The datagrams of the last call, in order of arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let rooms = self.arena.chunks_exact(STRIDE);
        rooms.zip(&self.lengths).filter_map(|(room, &len)| room[..DATAGRAM_BYTES].get(..len))
    }
}

/// The socket's running count of datagrams that the kernel dropped, where the message carries one.
fn drop_count(header: &libc::mmsghdr) -> Option<u32> {
    // SAFETY: the header is one that recvmmsg filled in, its control buffer still lives and is aligned as u64;
    // CMSG_FIRSTHDR answers null when the kernel wrote no message.
    let message = unsafe { libc::CMSG_FIRSTHDR(&raw const header.msg_hdr).as_ref() }?;
    if message.cmsg_level != libc::SOL_SOCKET || message.cmsg_type != libc::SO_RXQ_OVFL {
        return None;
    }
    // SAFETY: an SO_RXQ_OVFL message carries a u32, which the kernel wrote behind the header; it may lie unaligned.
    Some(unsafe { libc::CMSG_DATA(message).cast::<u32>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::socket;
    use std::net::{Ipv4Addr, SocketAddr};

    #[test]
    fn receives_every_length_in_order_and_counts_drops() {
        // A buffer too small for what is sent below, so that the kernel must drop.
        let receiver = socket::udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 262_144).expect("a socket");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        sender.connect(receiver.local_addr().expect("bound")).expect("an address");
        let mut batch = Batch::default();
        assert_eq!(batch.receive(&receiver).expect_err("nothing sent").kind(), io::ErrorKind::WouldBlock);
        for len in [0usize, 1, 1432, 65_507] {
            sender.send(&vec![b'x'; len]).expect("sent");
        }
        let received = batch.receive(&receiver).expect("sent above");
        assert_eq!(received, Received { datagrams: 4, truncated: 0, dropped: 0 });
        assert_eq!(batch.datagrams().map(<[u8]>::len).collect::<Vec<_>>(), [0, 1, 1432, 65_507]);
        let sent = 40;
        for _ in 0..sent {
            let _ = sender.send(&[b'x'; 65_507]);
        }
        let (mut got, mut dropped) = (0, 0);
        while let Ok(received) = batch.receive(&receiver) {
            got += received.datagrams as u64;
            dropped += received.dropped;
        }
        // The count comes with the next datagram that fits.
        sender.send(b"x").expect("sent");
        let last = batch.receive(&receiver).expect("sent above");
        assert_eq!(got + dropped + last.dropped, sent);
    }
}

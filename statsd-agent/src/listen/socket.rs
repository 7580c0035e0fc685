//! The system calls that std does not have: SO_REUSEPORT before bind, buffer sizes, poll, the limit of descriptors. Nothing
//! else; what a socket is used for is its neighbours' subject.
#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// A UDP socket bound to `address`, sharing its port with others of this process's user, with a receive buffer of
/// `buffer_bytes` if the kernel gives it, telling with each datagram how many it dropped before.
pub fn udp(address: SocketAddr, buffer_bytes: u32) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: socket() takes plain numbers and answers a new descriptor or -1. Safe std cannot set an option before bind.
    let fd = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was opened just above and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    // A kernel that gives less, or no drop counts, still receives.
    let bytes = i32::try_from(buffer_bytes).unwrap_or(i32::MAX);
    let _ = set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes);
    let _ = set_option(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1);
    bind(&socket, address)?;
    Ok(UdpSocket::from(socket))
}

fn set_option(socket: &OwnedFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the pointer and length describe `value`, which lives through the call; the descriptor is open.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn bind(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    let done = match address {
        SocketAddr::V4(v4) => {
            let name = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            // SAFETY: the pointer and length describe `name`, which lives through the call; the descriptor is open.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const name).cast(), len) }
        }
        SocketAddr::V6(v6) => {
            let name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            let len = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            // SAFETY: as above.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const name).cast(), len) }
        }
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Raises this process's soft limit of open descriptors to its hard one, and answers it: each connection is a descriptor,
/// and the usual soft limit of 1024 dates from select().
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a local rlimit that lives through the call, which fills it. std has no such call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the pointer is to a local rlimit that lives through the call, which only reads it.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

/// Descriptors to wait on; kept from turn to turn so that waiting allocates nothing.
#[derive(Default)]
pub struct Waits(Vec<libc::pollfd>);

impl Waits {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Waits for bytes (or an end, or a connection) on this descriptor too.
    pub fn push(&mut self, fd: BorrowedFd<'_>) {
        let fd: RawFd = fd.as_raw_fd();
        self.0.push(libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    }

    /// Waits until this descriptor takes bytes (or fails).
    pub fn push_writing(&mut self, fd: BorrowedFd<'_>) {
        let fd: RawFd = fd.as_raw_fd();
        self.0.push(libc::pollfd { fd, events: libc::POLLOUT, revents: 0 });
    }

    /// Whether the descriptor pushed as number `at` has something to read, or failed, which reading will tell.
    pub fn is_ready(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(|wait| wait.revents != 0)
    }

    /// Waits until one is ready or the time is over. An interrupted wait is over.
    pub fn wait(&mut self, timeout_ms: i32) -> io::Result<()> {
        for wait in &mut self.0 {
            wait.revents = 0;
        }
        // SAFETY: pointer and count describe the vector, which nobody else touches during the call. A descriptor that was
        // closed since gives POLLNVAL, not undefined behaviour.
        let ready = unsafe { libc::poll(self.0.as_mut_ptr(), self.0.len() as libc::nfds_t, timeout_ms) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        Ok(())
    }
}

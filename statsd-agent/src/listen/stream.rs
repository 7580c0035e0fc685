//! Stream servers: one thread holds all connections of a listener and waits on them together, so that a thousand stalled
//! senders cost a thousand entries of a poll and nothing else. Every buffer, count and silence has a bound.

use super::socket::Waits;
use super::{Bell, Shared};
use crate::config::StreamLimits;
use memchr::{memchr, memrchr};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Bytes read from one connection before the others have their turn.
const CHUNK_BYTES: usize = 65_536;
/// A buffer larger than this is given back when its line is complete.
const KEPT_BYTES: usize = 4096;
/// Connections accepted in one turn.
const ACCEPTS: usize = 64;
/// Turns that a stopping server still takes.
const LAST_TURNS: u32 = 64;
/// How often idle connections are looked for.
const LOOK_MS: i32 = 1000;

/// Where connections come from.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket; its file goes when the listener does.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Listens on a Unix socket. The file of a server that is gone is replaced, that of a running one is not.
    pub fn unix(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && UnixStream::connect(path).is_err() => {
                fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            other => other?,
        };
        if let Some(mode) = mode {
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        Ok(Listener::Unix(listener, path.to_path_buf()))
    }

    fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Listener::Unix(listener, _) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
        }
    }

    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => listener.set_nonblocking(true),
            Listener::Unix(listener, _) => listener.set_nonblocking(true),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            // Somebody may have removed it already.
            let _ = fs::remove_file(path);
        }
    }
}

/// One connection's socket.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// Unix.
    Unix(UnixStream),
}

impl Stream {
    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_nonblocking(true),
            Stream::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
        }
    }

    /// Writes a reply to a connection that never blocks; a peer that does not read within a second has lost it.
    pub fn reply(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        for _ in 0..100 {
            let written = match self {
                Stream::Tcp(stream) => stream.write(bytes),
                Stream::Unix(stream) => stream.write(bytes),
            };
            match written {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(10)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
        Err(ErrorKind::TimedOut.into())
    }
}

/// What is heard on a connection.
pub enum Heard<'a> {
    /// One or more whole lines; the last one lacks its newline only at the end of the connection. Or one frame with its
    /// length, which is shorter than that length says only at the end of the connection.
    Lines(&'a [u8]),
    /// A line longer than allowed, which is skipped; a frame longer than allowed, which ends the connection.
    LineTooLong,
}

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It does.
    Listen,
    /// It is closed.
    Close,
}

/// How bytes become something to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Up to the last newline; the rest waits for more.
    Lines,
    /// Each chunk as it comes, as statsd's console takes its commands.
    Chunks,
    /// A length of four bytes, the highest first, and as many bytes.
    Frames,
}

/// Bytes of a frame's length.
pub const LENGTH_BYTES: usize = 4;

struct Connection {
    stream: Stream,
    held: Vec<u8>,
    skipping: bool,
    heard_ms: u64,
}

/// A listener with its connections.
pub struct Server {
    listener: Listener,
    framing: Framing,
    limits: StreamLimits,
    shared: Arc<Shared>,
    clock: fn() -> u64,
    connections: Vec<Connection>,
    waits: Waits,
    chunk: Box<[u8]>,
}

impl Server {
    /// A server without connections.
    pub fn new(
        listener: Listener,
        framing: Framing,
        limits: StreamLimits,
        shared: Arc<Shared>,
        clock: fn() -> u64,
    ) -> io::Result<Server> {
        listener.set_nonblocking()?;
        let chunk = vec![0; CHUNK_BYTES].into_boxed_slice();
        let (connections, waits) = (Vec::new(), Waits::default());
        Ok(Server { listener, framing, limits, shared, clock, connections, waits, chunk })
    }

    /// Serves until the agent stops. `hear` gets what is heard; `settle` runs after every turn and every ring.
    pub fn serve<S>(
        mut self,
        bell: &Bell,
        state: &mut S,
        mut hear: impl FnMut(&mut S, Heard<'_>, &mut Stream) -> Next,
        mut settle: impl FnMut(&mut S),
    ) {
        let mut last = LAST_TURNS;
        loop {
            let stopping = self.shared.is_stopping();
            let read =
                self.turn(bell, if stopping { 0 } else { LOOK_MS }, &mut |heard, stream| hear(state, heard, stream));
            settle(state);
            if stopping {
                last -= 1;
                if last == 0 || !read {
                    return;
                }
            }
        }
    }

    /// Waits once, reads once from each connection that has something, and accepts. Answers whether anything was read.
    fn turn(&mut self, bell: &Bell, wait_ms: i32, hear: &mut impl FnMut(Heard<'_>, &mut Stream) -> Next) -> bool {
        self.waits.clear();
        self.waits.push(bell.fd());
        self.waits.push(self.listener.fd());
        for connection in &self.connections {
            self.waits.push(connection.stream.fd());
        }
        if self.waits.wait(wait_ms).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        bell.hush();
        let now_ms = (self.clock)();
        let mut read = false;
        // Backwards, because a connection that ends is replaced by the last one.
        for at in (0..self.connections.len()).rev() {
            let connection = &mut self.connections[at];
            let next = if self.waits.is_ready(at + 2) {
                read = true;
                connection.heard_ms = now_ms;
                connection.read(&mut self.chunk, self.framing, self.limits, &self.shared, hear)
            } else if now_ms.saturating_sub(connection.heard_ms) > self.limits.idle_ms {
                self.shared.counters.connections_idle.add(1);
                Next::Close
            } else {
                Next::Listen
            };
            if next == Next::Close {
                self.connections.swap_remove(at);
            }
        }
        if self.waits.is_ready(1) {
            self.accept(now_ms);
        }
        read
    }

    fn accept(&mut self, now_ms: u64) {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok(_) if self.connections.len() >= usize::from(self.limits.connections) => {
                    self.shared.counters.connections_refused.add(1);
                }
                Ok(stream) => {
                    if stream.set_nonblocking().is_ok() {
                        self.shared.counters.connections.add(1);
                        self.connections.push(Connection {
                            stream,
                            held: Vec::new(),
                            skipping: false,
                            heard_ms: now_ms,
                        });
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    // Out of descriptors, most likely: wait for some to be closed.
                    self.shared.counters.receive_errors.add(1);
                    thread::sleep(Duration::from_millis(10));
                    return;
                }
            }
        }
    }
}

impl Connection {
    fn read(
        &mut self,
        chunk: &mut [u8],
        framing: Framing,
        limits: StreamLimits,
        shared: &Shared,
        hear: &mut impl FnMut(Heard<'_>, &mut Stream) -> Next,
    ) -> Next {
        match self.stream.read(chunk) {
            Ok(0) => {
                // The sender ended in the middle of a line, or forgot its newline: statsd loses it, here it counts.
                if !self.held.is_empty() {
                    hear(Heard::Lines(&self.held), &mut self.stream);
                }
                Next::Close
            }
            Ok(n) if framing == Framing::Chunks => hear(Heard::Lines(&chunk[..n]), &mut self.stream),
            Ok(n) if framing == Framing::Frames => self.frames(&chunk[..n], limits.longest_frame_bytes, hear),
            Ok(n) => self.lines(&chunk[..n], limits.longest_line_bytes as usize, hear),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Next::Listen,
            Err(_) => {
                shared.counters.connections_failed.add(1);
                Next::Close
            }
        }
    }

    fn lines(&mut self, chunk: &[u8], longest: usize, hear: &mut impl FnMut(Heard<'_>, &mut Stream) -> Next) -> Next {
        let mut chunk = chunk;
        if self.skipping {
            let Some(end) = memchr(b'\n', chunk) else { return Next::Listen };
            chunk = &chunk[end + 1..];
            self.skipping = false;
        }
        let mut next = Next::Listen;
        if let Some(end) = memrchr(b'\n', chunk) {
            let (whole, rest) = chunk.split_at(end + 1);
            chunk = rest;
            if self.held.is_empty() {
                next = hear(Heard::Lines(whole), &mut self.stream);
            } else {
                self.held.extend_from_slice(whole);
                next = hear(Heard::Lines(&self.held), &mut self.stream);
                self.let_go();
            }
        }
        if self.held.len() + chunk.len() > longest {
            self.let_go();
            self.skipping = true;
            return hear(Heard::LineTooLong, &mut self.stream);
        }
        self.held.extend_from_slice(chunk);
        next
    }

    /// Holds what has come of a frame, never what its length merely promises.
    fn frames(&mut self, chunk: &[u8], longest: u32, hear: &mut impl FnMut(Heard<'_>, &mut Stream) -> Next) -> Next {
        let mut chunk = chunk;
        while !chunk.is_empty() {
            let wanted = match self.held.first_chunk::<LENGTH_BYTES>() {
                None => LENGTH_BYTES,
                Some(length) => LENGTH_BYTES + u32::from_be_bytes(*length) as usize,
            };
            let (part, rest) = chunk.split_at(chunk.len().min(wanted.saturating_sub(self.held.len())));
            chunk = rest;
            self.held.extend_from_slice(part);
            let Some(length) = self.held.first_chunk::<LENGTH_BYTES>().map(|length| u32::from_be_bytes(*length)) else {
                continue;
            };
            if length > longest {
                self.let_go();
                hear(Heard::LineTooLong, &mut self.stream);
                return Next::Close;
            }
            if self.held.len() == LENGTH_BYTES + length as usize {
                let next = hear(Heard::Lines(&self.held), &mut self.stream);
                self.let_go();
                if next == Next::Close {
                    return next;
                }
            }
        }
        Next::Listen
    }

    fn let_go(&mut self) {
        if self.held.capacity() > KEPT_BYTES {
            self.held = Vec::new();
        } else {
            self.held.clear();
        }
    }
}

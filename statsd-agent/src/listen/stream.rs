//! Stream servers: one thread holds all connections of a listener and waits on them together, so that a thousand stalled
//! senders cost a thousand entries of a poll and nothing else. Every buffer, count and silence has a bound; a newcomer for
//! whom there is no room takes the place of whoever has been silent longest.

use super::listener::{Listener, Stream};
use super::socket::Waits;
use super::{Bell, Shared};
use crate::config::StreamLimits;
use memchr::{memchr, memrchr};
use std::io::{self, ErrorKind};
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
/// A connection that was heard within this time keeps its place, however many want one.
const SILENT_MS: u64 = 1000;
/// Replies that wait for peers that do not read, all connections of a server together.
const UNSENT_BYTES: usize = 64 << 20;

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
    /// Something whole was heard, not only opened or begun.
    spoke: bool,
    heard_ms: u64,
    /// What the peer has not taken yet; nothing is read before it has.
    unsent: Vec<u8>,
    closing: bool,
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

    /// Serves until the agent stops. `hear` gets what is heard and a place for the reply; `settle` runs after every turn
    /// and every ring.
    pub fn serve<S>(
        mut self,
        bell: &Bell,
        state: &mut S,
        mut hear: impl FnMut(&mut S, Heard<'_>, &mut Vec<u8>) -> Next,
        mut settle: impl FnMut(&mut S),
    ) {
        let mut last = LAST_TURNS;
        loop {
            let stopping = self.shared.is_stopping();
            let wait_ms = if stopping { 0 } else { LOOK_MS };
            let moved = self.turn(bell, wait_ms, &mut |heard, reply| hear(state, heard, reply));
            settle(state);
            if stopping {
                last -= 1;
                if last == 0 || !moved {
                    return;
                }
            }
        }
    }

    /// Waits once, reads once from each connection that has something, and accepts. Answers whether anything was read or
    /// accepted.
    fn turn(&mut self, bell: &Bell, wait_ms: i32, hear: &mut impl FnMut(Heard<'_>, &mut Vec<u8>) -> Next) -> bool {
        self.waits.clear();
        self.waits.push(bell.fd());
        self.waits.push(self.listener.fd());
        for connection in &self.connections {
            match connection.unsent.is_empty() {
                true => self.waits.push(connection.stream.fd()),
                false => self.waits.push_writing(connection.stream.fd()),
            }
        }
        if self.waits.wait(wait_ms).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        bell.hush();
        let now_ms = (self.clock)();
        let mut moved = false;
        // Backwards, because a connection that ends is replaced by the last one.
        for at in (0..self.connections.len()).rev() {
            let connection = &mut self.connections[at];
            let next = if self.waits.is_ready(at + 2) {
                moved = true;
                connection.turn(&mut self.chunk, self.framing, self.limits, now_ms, &self.shared, hear)
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
        self.bound_unsent();
        let accepting = self.waits.is_ready(1);
        if accepting {
            self.accept(now_ms);
        }
        moved || accepting
    }

    fn accept(&mut self, now_ms: u64) {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok(stream) => {
                    let full = self.connections.len() >= usize::from(self.limits.connections);
                    if full && !self.make_room(now_ms) {
                        self.shared.counters.connections_refused.add(1);
                    } else if stream.set_nonblocking().is_ok() {
                        self.shared.counters.connections.add(1);
                        self.connections.push(Connection::new(stream, now_ms));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_of_the_connection(&error) => {}
                Err(_) => {
                    // Out of descriptors, most likely.
                    self.shared.counters.receive_errors.add(1);
                    if !self.make_room(now_ms) {
                        thread::sleep(Duration::from_millis(10));
                        return;
                    }
                }
            }
        }
    }

    /// Closes the connection that has been silent longest, first of those that never said anything whole. What it had
    /// begun to say is not applied. False when all were heard just now.
    fn make_room(&mut self, now_ms: u64) -> bool {
        let silent = |(_, connection): &(usize, &Connection)| (connection.spoke, connection.heard_ms);
        let Some((at, connection)) = self.connections.iter().enumerate().min_by_key(silent) else { return false };
        if connection.spoke && now_ms.saturating_sub(connection.heard_ms) < SILENT_MS {
            return false;
        }
        self.shared.counters.connections_silent.add(1);
        self.connections.swap_remove(at);
        true
    }

    /// A peer that asks and does not read keeps its reply waiting here; all of them together only up to a bound.
    fn bound_unsent(&mut self) {
        let mut held: usize = self.connections.iter().map(|connection| connection.unsent.len()).sum();
        while held > UNSENT_BYTES {
            let longest = self.connections.iter().enumerate().max_by_key(|(_, connection)| connection.unsent.len());
            let Some((at, _)) = longest else { return };
            held -= self.connections.swap_remove(at).unsent.len();
            self.shared.counters.connections_failed.add(1);
        }
    }
}

/// Errors of accept() that are the new connection's end, not ours.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

impl Connection {
    fn new(stream: Stream, now_ms: u64) -> Connection {
        let (held, unsent) = (Vec::new(), Vec::new());
        Connection { stream, held, skipping: false, spoke: false, heard_ms: now_ms, unsent, closing: false }
    }

    /// What a ready connection has: room for the rest of a reply, or bytes.
    fn turn(
        &mut self,
        chunk: &mut [u8],
        framing: Framing,
        limits: StreamLimits,
        now_ms: u64,
        shared: &Shared,
        hear: &mut impl FnMut(Heard<'_>, &mut Vec<u8>) -> Next,
    ) -> Next {
        let mut next = Next::Listen;
        if self.unsent.is_empty() {
            next = self.read(chunk, framing, limits, now_ms, shared, hear);
        }
        if self.unsent.is_empty() {
            return next;
        }
        self.closing |= next == Next::Close;
        match self.stream.write(&self.unsent) {
            Ok(n) => {
                self.unsent.drain(..n);
                self.heard_ms = now_ms;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => {
                shared.counters.connections_failed.add(1);
                return Next::Close;
            }
        }
        if self.closing && self.unsent.is_empty() { Next::Close } else { Next::Listen }
    }

    fn read(
        &mut self,
        chunk: &mut [u8],
        framing: Framing,
        limits: StreamLimits,
        now_ms: u64,
        shared: &Shared,
        hear: &mut impl FnMut(Heard<'_>, &mut Vec<u8>) -> Next,
    ) -> Next {
        match self.stream.read(chunk) {
            Ok(0) => {
                // The sender ended in the middle of a line, or forgot its newline: statsd loses it, here it counts.
                if !self.held.is_empty() {
                    hear(Heard::Lines(&self.held), &mut self.unsent);
                }
                Next::Close
            }
            Ok(n) if framing == Framing::Frames => self.frames(&chunk[..n], limits.longest_frame_bytes, now_ms, hear),
            Ok(n) if framing == Framing::Chunks => {
                (self.spoke, self.heard_ms) = (true, now_ms);
                hear(Heard::Lines(&chunk[..n]), &mut self.unsent)
            }
            Ok(n) => self.lines(&chunk[..n], limits.longest_line_bytes as usize, now_ms, hear),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Next::Listen,
            Err(_) => {
                shared.counters.connections_failed.add(1);
                Next::Close
            }
        }
    }

    /// A sender is heard when a line of it ends: one that drips byte after byte is as silent as one that stalls.
    fn lines(
        &mut self,
        chunk: &[u8],
        longest: usize,
        now_ms: u64,
        hear: &mut impl FnMut(Heard<'_>, &mut Vec<u8>) -> Next,
    ) -> Next {
        let mut chunk = chunk;
        if self.skipping {
            let Some(end) = memchr(b'\n', chunk) else { return Next::Listen };
            chunk = &chunk[end + 1..];
            self.skipping = false;
        }
        let mut next = Next::Listen;
        if let Some(end) = memrchr(b'\n', chunk) {
            (self.spoke, self.heard_ms) = (true, now_ms);
            let (whole, rest) = chunk.split_at(end + 1);
            chunk = rest;
            if self.held.is_empty() {
                next = hear(Heard::Lines(whole), &mut self.unsent);
            } else {
                self.held.extend_from_slice(whole);
                next = hear(Heard::Lines(&self.held), &mut self.unsent);
                self.let_go();
            }
        }
        if self.held.len() + chunk.len() > longest {
            self.let_go();
            self.skipping = true;
            return hear(Heard::LineTooLong, &mut self.unsent);
        }
        self.held.extend_from_slice(chunk);
        next
    }

    /// Holds what has come of a frame, never what its length merely promises.
    fn frames(
        &mut self,
        chunk: &[u8],
        longest: u32,
        now_ms: u64,
        hear: &mut impl FnMut(Heard<'_>, &mut Vec<u8>) -> Next,
    ) -> Next {
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
                hear(Heard::LineTooLong, &mut self.unsent);
                return Next::Close;
            }
            if self.held.len() == LENGTH_BYTES + length as usize {
                (self.spoke, self.heard_ms) = (true, now_ms);
                let next = hear(Heard::Lines(&self.held), &mut self.unsent);
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

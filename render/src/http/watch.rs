//! A connection whose waiting has an end: for the head of a request, for the next request, for a client that takes its answer.
//!
//! The head has one time for all of it, so that a byte now and then does not help. While a request is answered nothing runs
//! but the client's own taking.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::turned::{Reason, Turned};

/// What a client that was too slow is told, if it still listens.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 78\r\n\
    connection: close\r\n\r\nthe request did not arrive within the time that limits.http_header_secs gives\n";

/// How long each may last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The head of a request.
    pub head: Duration,
    /// Silence between two requests.
    pub idle: Duration,
    /// A client that takes nothing.
    pub write: Duration,
}

/// How many requests began to be answered, and how many were; the service says so. Counted, so that an answer that is done
/// before anybody looks is seen all the same.
#[derive(Clone, Debug, Default)]
pub struct Answering(Arc<[AtomicU64; 2]>);

impl Answering {
    /// One begins.
    pub fn begin(&self) {
        self.0[0].fetch_add(1, Ordering::AcqRel);
    }

    /// It is done.
    pub fn end(&self) {
        self.0[1].fetch_add(1, Ordering::AcqRel);
    }

    fn begun(&self) -> u64 {
        self.0[0].load(Ordering::Acquire)
    }

    fn is(&self) -> bool {
        self.begun() != self.0[1].load(Ordering::Acquire)
    }
}

/// What a read waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Nothing,
    Head,
    Idle,
}

/// The connection.
pub struct Watched<S> {
    socket: S,
    times: Times,
    answering: Answering,
    /// Answers that had begun when it was last looked.
    answers: u64,
    turned: Arc<Turned>,
    /// Whether a part of a head has come, or the first one is awaited.
    begun: bool,
    /// Whether any byte of it has.
    heard: bool,
    waits: Waits,
    reading: Pin<Box<Sleep>>,
    stalled: bool,
    writing: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    /// A connection that was just made: its first head is due.
    pub fn new(socket: S, times: Times, answering: Answering, turned: Arc<Turned>) -> Watched<S> {
        let [reading, writing] = [times.head, times.write].map(|time| Box::pin(sleep(time)));
        Watched {
            socket,
            times,
            answering,
            answers: 0,
            turned,
            begun: true,
            heard: false,
            waits: Waits::Head,
            reading,
            stalled: false,
            writing,
        }
    }

    /// What is waited for now; its time begins when it changes.
    fn wait(&mut self) -> Waits {
        let answers = self.answering.begun();
        if answers != self.answers {
            self.answers = answers;
            (self.begun, self.heard, self.waits) = (false, false, Waits::Nothing);
        }
        let waits = match (self.answering.is(), self.begun) {
            (true, _) => Waits::Nothing,
            (false, true) => Waits::Head,
            (false, false) => Waits::Idle,
        };
        if waits != self.waits {
            self.waits = waits;
            match waits {
                Waits::Nothing => {}
                Waits::Head => self.reading.set(sleep(self.times.head)),
                Waits::Idle => self.reading.set(sleep(self.times.idle)),
            }
        }
        waits
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.socket).poll_read(cx, buf) {
            Poll::Ready(read) => {
                // Takes notice of the answers before it.
                let waits = self.wait();
                if buf.filled().len() > before && waits != Waits::Nothing {
                    (self.begun, self.heard) = (true, true);
                }
                return Poll::Ready(read);
            }
            Poll::Pending => {}
        }
        let waits = self.wait();
        if waits == Waits::Nothing || self.reading.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if waits == Waits::Idle {
            // The end of the stream, between two requests: an orderly close.
            return Poll::Ready(Ok(()));
        }
        self.turned.count(Reason::HeadTooSlow);
        if self.heard {
            // If it is not taken at once, nobody reads there.
            let _ = Pin::new(&mut self.socket).poll_write(cx, TOO_SLOW);
            let _ = Pin::new(&mut self.socket).poll_flush(cx);
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// A client that takes its answer is not idle.
    fn taken(&mut self, cx: &mut Context<'_>, written: &Poll<io::Result<usize>>) {
        if self.waits == Waits::Idle && matches!(written, Poll::Ready(Ok(bytes)) if *bytes > 0) {
            self.reading.set(sleep(self.times.idle));
            // It was just set, and is looked at when it is over.
            let _ = self.reading.as_mut().poll(cx);
        }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = false;
            return written;
        }
        if !self.stalled {
            self.stalled = true;
            self.writing.set(sleep(self.times.write));
        }
        if self.writing.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.turned.count(Reason::AnswerTooSlow);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.taken(cx, &written);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.taken(cx, &written);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if self.wait() != Waits::Nothing {
            // hyper does not read again after an answer until something comes; the time begins here all the same. What it says
            // is looked at by the read that it wakes.
            let _ = self.reading.as_mut().poll(cx);
        }
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::TOO_SLOW;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let text = std::str::from_utf8(TOO_SLOW).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}

//! The accept loop: how many connections there may be, how long each may wait, and how they end. It is ours because a server that
//! never closes a half-sent request is taken down by anybody who can reach it.

use crate::app::App;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::gate::Gate;
use super::turned::Reason;
use super::watch::{Answering, Times, Watched};

/// Headers of a request; hyper's own bound.
const HEADERS_MAX: usize = 100;
/// The least that hyper reads into.
const BUFFER_BYTES_MIN: usize = 8192;
/// Connections that are told at a time that there are too many; further ones are closed without a word.
const TOLD_MAX: usize = 32;
/// What they are told.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 73\r\n\
    retry-after: 1\r\nconnection: close\r\n\r\nas many connections are open as limits.http_connections allow; come back\n";

/// Serves until `stop` is done; requests that are open then have `Limits::drain_secs` to end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let drain = Duration::from_secs(app.limits.drain_secs);
    let door = Door::new(app);
    // Each connection holds a sender, so that the last one's end is the end of the channel.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    let (stopping, stopped) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((socket, peer)) => door.enter(socket, peer, open.clone(), stopped.clone()),
            Err(error) => {
                // Of one connection that is gone already, or of a process without descriptors: others end, then it goes on.
                tracing::warn!("take an HTTP connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop((listener, stopped, stopping, open));
    if tokio::time::timeout(drain, all_closed.recv()).await.is_err() {
        tracing::warn!("connections that were still open {} s after the stop were cut", drain.as_secs());
    }
    Ok(())
}

/// What every connection shares.
struct Door {
    gate: Arc<Gate>,
    places: Arc<Semaphore>,
    told: Arc<Semaphore>,
    guests: Guests,
    times: Times,
    buffer_bytes: usize,
}

impl Door {
    fn new(app: App) -> Door {
        let limits = &app.limits;
        let times = Times {
            head: Duration::from_secs(limits.header_secs),
            idle: Duration::from_secs(limits.idle_secs),
            write: Duration::from_secs(limits.write_secs),
        };
        Door {
            places: Arc::new(Semaphore::new(limits.connections)),
            told: Arc::new(Semaphore::new(TOLD_MAX)),
            guests: Guests::new(limits.connections_per_address),
            times,
            buffer_bytes: limits.header_bytes.max(BUFFER_BYTES_MIN),
            gate: Arc::new(Gate::new(app)),
        }
    }

    /// Serves a connection on a task of its own, if there is room.
    fn enter(&self, socket: TcpStream, peer: SocketAddr, open: mpsc::Sender<()>, stopped: watch::Receiver<()>) {
        let app = self.gate.app();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return self.refuse(socket, Reason::Connections);
        };
        let guest = if app.access.is_proxy(peer.ip()) { Some(None) } else { self.guests.enter(peer.ip()).map(Some) };
        let Some(guest) = guest else { return self.refuse(socket, Reason::ConnectionsOfAddress) };
        // Answers are written whole; waiting for more of them only makes them late.
        let _ = socket.set_nodelay(true);
        let (times, buffer_bytes, gate) = (self.times, self.buffer_bytes, Arc::clone(&self.gate));
        let acceptor = app.tls.as_ref().map(|tls| tls.acceptor());
        tokio::spawn(async move {
            let held = Held { _place: place, _guest: guest, _open: open };
            let connection = Connection { gate, times, buffer_bytes, peer: peer.ip(), stopped };
            match acceptor {
                None => connection.serve(socket).await,
                Some(acceptor) => match tokio::time::timeout(times.head, acceptor.accept(socket)).await {
                    Ok(Ok(socket)) => connection.serve(socket).await,
                    Ok(Err(_)) | Err(_) => connection.gate.app().turned.count(Reason::Handshake),
                },
            }
            drop(held);
        });
    }

    /// Says why, where that is possible in a moment.
    fn refuse(&self, mut socket: TcpStream, reason: Reason) {
        self.gate.app().turned.count(reason);
        let Ok(turn) = Arc::clone(&self.told).try_acquire_owned() else { return };
        if self.gate.app().tls.is_some() {
            return;
        }
        tokio::spawn(async move {
            let telling = async {
                socket.write_all(TOO_MANY).await?;
                socket.shutdown().await?;
                // Closing with something unread would take the answer away again.
                let mut unread = [0; 4096];
                while socket.read(&mut unread).await? > 0 {}
                io::Result::Ok(())
            };
            // Who does not listen is not told.
            let _ = tokio::time::timeout(Duration::from_secs(1), telling).await;
            drop(turn);
        });
    }
}

/// What a connection gives back when it ends.
struct Held {
    _place: OwnedSemaphorePermit,
    _guest: Option<Guest>,
    _open: mpsc::Sender<()>,
}

struct Connection {
    gate: Arc<Gate>,
    times: Times,
    buffer_bytes: usize,
    peer: IpAddr,
    stopped: watch::Receiver<()>,
}

impl Connection {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut self, socket: S) {
        let answering = Answering::default();
        let turned = Arc::clone(&self.gate.app().turned);
        let watched = Watched::new(socket, self.times, answering.clone(), Arc::clone(&turned));
        let service = service_fn(|request: Request<Incoming>| {
            let (gate, answering, peer) = (&self.gate, answering.clone(), self.peer);
            answering.begin();
            async move {
                let answer = gate.answer(request.map(Body::new), peer).await;
                answering.end();
                Ok::<_, Infallible>(answer)
            }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).max_headers(HEADERS_MAX).max_buf_size(self.buffer_bytes);
        server.header_read_timeout(None);
        let mut serving = pin!(server.serve_connection(TokioIo::new(watched), service));
        let served = tokio::select! {
            served = &mut serving => served,
            // The other end of the channel is gone: the server stops.
            _ = self.stopped.changed() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if served.is_err_and(|error| error.is_parse_too_large()) {
            turned.count(Reason::HeadTooLong);
        }
    }
}

/// How many connections each address has. Locked for a look-up; at most as many addresses as connections.
struct Guests {
    most: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of them.
struct Guest {
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Guests {
    fn new(most: usize) -> Guests {
        Guests { most, counts: Arc::default() }
    }

    fn enter(&self, address: IpAddr) -> Option<Guest> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Guest { address, counts: Arc::clone(&self.counts) })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TOO_MANY;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let text = std::str::from_utf8(TOO_MANY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}

//! The HTTP server on threads of its own, and what guards it: who is let in, and the certificate. Both are read again on
//! SIGHUP, so that a token can be taken away without a restart.

use crate::cli::ServeArgs;
use crate::config::Settings;
use crate::config::access::TlsFiles;
use anyhow::{Context, Result, anyhow};
use render::access::Access;
use render::http::{Tls, Turned};
use render::{App, http};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Who is let in, and what the server shows of itself.
pub struct Guard {
    /// Tokens, people, proxies.
    pub access: Arc<Access>,
    /// The certificate.
    pub tls: Option<Arc<Tls>>,
    /// What was turned away.
    pub turned: Arc<Turned>,
    files: Option<TlsFiles>,
}

impl Guard {
    /// As the settings say.
    pub fn of(settings: &Settings) -> Result<Guard> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| anyhow!("ask the system for random bytes: {error}"))?;
        let access = Arc::new(Access::new(settings.known.clone(), salt));
        let tls = settings.tls.as_ref().map(TlsFiles::tls).transpose()?.map(Arc::new);
        Ok(Guard { access, tls, turned: Arc::default(), files: settings.tls.clone() })
    }

    /// The application behind this guard.
    pub fn before(&self, app: App) -> App {
        App { access: Arc::clone(&self.access), tls: self.tls.clone(), turned: Arc::clone(&self.turned), ..app }
    }

    /// Reads the configuration and the certificate again. A mistake in one of them leaves that one as it was.
    pub fn read_again(&self, args: &ServeArgs) {
        match Settings::resolve(args) {
            Ok(settings) => {
                let (tokens, users) = (settings.known.tokens.len(), settings.known.users.len());
                self.access.replace(settings.known);
                tracing::info!("read again: {tokens} tokens, {users} users; other keys need a restart");
            }
            Err(error) => tracing::error!("who is let in stays as it was: {error:#}"),
        }
        if let Some((files, tls)) = self.files.as_ref().zip(self.tls.as_ref()) {
            let read = files.read();
            let replaced = read.and_then(|(certificate, key)| Ok(tls.replace(certificate.as_bytes(), key.as_bytes())?));
            match replaced {
                Ok(()) => tracing::info!("read again: {files}"),
                Err(error) => tracing::error!("the certificate stays as it was: {files}: {error:#}"),
            }
        }
    }
}

/// The HTTP server and the threads it runs on.
pub struct Server {
    runtime: Runtime,
    serving: JoinHandle<std::io::Result<()>>,
    stop: oneshot::Sender<()>,
}

impl Server {
    /// Begins to answer.
    pub fn start(listener: TcpListener, app: App) -> Result<Server> {
        let runtime = Runtime::new().context("start the HTTP server's threads")?;
        let (stop, stopped) = oneshot::channel();
        let serving = runtime.block_on(async { spawn(listener, app, stopped) }).context("start the HTTP server")?;
        Ok(Server { runtime, serving, stop })
    }

    /// Open requests are answered first, for as long as the server's limits allow.
    pub fn stop(self) {
        drop(self.stop);
        match self.runtime.block_on(self.serving) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the HTTP server failed: {error}"),
            Err(error) => tracing::error!("the HTTP server ended early: {error}"),
        }
    }
}

fn spawn(
    listener: TcpListener,
    app: App,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<JoinHandle<std::io::Result<()>>> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let stop = async move {
        // Dropping the sender is the signal.
        let _ = stopped.await;
    };
    Ok(tokio::spawn(http::serve(listener, app, stop)))
}

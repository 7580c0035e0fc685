//! The HTTP client of the commands and of alerts: plain or TLS, within a time, with a token that never stands on a command line.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// A file of a token or of certificates that is larger than this is another file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What becomes of an answer that names another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// It is asked there.
    Followed,
    /// It is the answer.
    Refused,
}

/// A client that waits this long for a whole answer, and that trusts the certificates of this file in place of those that
/// browsers trust.
pub fn agent(timeout: Option<Duration>, roots: Option<&Path>, redirects: Redirects) -> Result<Agent> {
    let mut tls = TlsConfig::builder();
    if let Some(path) = roots {
        tls = tls.root_certs(RootCerts::from(certificates(path)?.into_iter()));
    }
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(if redirects == Redirects::Followed { 10 } else { 0 })
        .max_redirects_will_error(redirects == Redirects::Followed)
        .timeout_global(timeout)
        .tls_config(tls.build())
        .user_agent(concat!("kymo/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.into())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = read(path)?;
    let items = parse_pem(pem.as_bytes()).map(|item| item.with_context(|| format!("read {}", path.display())));
    let mut found = Vec::new();
    for item in items {
        if let PemItem::Certificate(certificate) = item? {
            found.push(certificate);
        }
    }
    ensure!(!found.is_empty(), "{} holds no certificate in PEM form", path.display());
    Ok(found)
}

/// The token in a file, or in the variable KYMO_TOKEN where no file is named.
pub fn token(file: Option<&Path>) -> Result<Option<String>> {
    let token = match file {
        Some(path) => Some(read(path)?.trim().to_owned()),
        None => std::env::var("KYMO_TOKEN").ok().map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
    };
    if let Some(token) = &token {
        ensure!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "the token is no token");
    }
    Ok(token)
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::metadata(path).with_context(|| format!("open {}", path.display()))?.len();
    ensure!(bytes <= FILE_BYTES_MAX, "{} is larger than {FILE_BYTES_MAX} bytes", path.display());
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

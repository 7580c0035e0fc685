//! TLS by rustls: a certificate and its key, which may be exchanged while the server runs.

use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// The certificate that new connections see. Locked to clone or replace a pointer.
pub struct Tls(Mutex<Arc<ServerConfig>>);

/// Why a certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM, or not what it should hold.
    #[error("read the {what}")]
    Pem {
        /// Certificates or the key.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// They do not fit together.
    #[error("use the certificate and its key")]
    Rustls(#[from] rustls::Error),
}

impl Tls {
    /// From a chain of certificates and a key, both as PEM.
    ///
    /// # Errors
    /// One of them cannot be read, or they do not belong together.
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Tls, TlsError> {
        Ok(Tls(Mutex::new(Arc::new(config(certificates, key)?))))
    }

    /// Shows another certificate from the next connection on.
    ///
    /// # Errors
    /// As [`Tls::new`]; what was shown before stays.
    pub fn replace(&self, certificates: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let config = Arc::new(config(certificates, key)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

fn config(certificates: &[u8], key: &[u8]) -> Result<ServerConfig, TlsError> {
    let unread = |what| move |source| TlsError::Pem { what, source };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    let chain = chain.map_err(unread("certificates"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(unread("key"))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config =
        builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

//! TLS with rustls. Certificates are always verified.

use crate::error::SendError;
use crate::pinned::PinnedVerifier;
use fantail_engine::{Cause, Phase};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::{fmt, io};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Which root certificates to trust.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// The roots that the platform trusts.
    #[default]
    Platform,
    /// These certificates and no others: as roots, and each as itself, if a server shows it.
    Roots(Vec<CertificateDer<'static>>),
}

/// Certificates or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is not PEM.
    #[error("not a PEM file with certificates: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// It contains no certificate.
    #[error("not a PEM file with certificates: it contains none")]
    Empty,
    /// The private key cannot be used with the certificate.
    #[error("the private key cannot be used: {0}")]
    Key(String),
}

/// The client certificate, for servers that ask for one.
#[derive(Clone)]
pub struct Identity(Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>);

impl Identity {
    /// A certificate chain and its private key, both in PEM.
    pub fn pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates).collect::<Result<_, _>>()?;
        if chain.is_empty() {
            return Err(TlsError::Empty);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
        Ok(Self(Arc::new((chain, key))))
    }
}

/// Does not print the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(<redacted>)")
    }
}

/// How TLS is used.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// Which root certificates to trust.
    pub trust: Trust,
    /// The client certificate, for servers that ask for one.
    pub identity: Option<Identity>,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub http2: bool,
}

impl Trust {
    /// The certificates of a PEM file, and no others.
    pub fn pem(pem: &[u8]) -> Result<Self, TlsError> {
        let roots: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
        if roots.is_empty() { Err(TlsError::Empty) } else { Ok(Self::Roots(roots)) }
    }
}

/// What connections over TLS share, read when the first is opened. So do clones.
#[derive(Clone)]
pub struct Tls(Arc<Lazy>);

struct Lazy {
    settings: TlsSettings,
    connector: OnceCell<Result<TlsConnector, String>>,
}

impl Tls {
    /// Reads nothing yet.
    pub fn new(settings: TlsSettings) -> Self {
        Self(Arc::new(Lazy { settings, connector: OnceCell::new() }))
    }

    /// Reads the trusted roots, unless that was done before: on a thread of its own, because it takes tens of milliseconds.
    pub(crate) async fn connector(&self) -> Result<&TlsConnector, SendError> {
        let unusable =
            |error: &dyn fmt::Display| SendError::new(Cause::ConfigurationError, Phase::Tls, error.to_string());
        let settings = &self.0.settings;
        let read = || {
            let settings = settings.clone();
            spawn_blocking(move || connector(&settings))
        };
        let connector = self.0.connector.get_or_try_init(read).await.map_err(|stopped| unusable(&stopped))?;
        connector.as_ref().map_err(|error| unusable(error))
    }
}

/// Performs a handshake with the server of this name.
pub(crate) async fn handshake<T>(connector: &TlsConnector, host: &str, io: T) -> Result<TlsStream<T>, SendError>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        SendError::new(Cause::TlsCertificateError, Phase::Tls, "no certificate can be valid for this host")
    })?;
    connector.connect(name, io).await.map_err(|error| handshake_error(&error))
}

fn connector(settings: &TlsSettings) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (added, _unusable) = match &settings.trust {
        Trust::Roots(certificates) => roots.add_parsable_certificates(certificates.iter().cloned()),
        Trust::Platform => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    };
    if added == 0 {
        return Err("no trusted root certificates found on this system".to_owned());
    }
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &settings.trust {
        Trust::Platform => builder.with_root_certificates(roots),
        Trust::Roots(certificates) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let verifier = PinnedVerifier::new(verifier.map_err(|error| error.to_string())?, certificates.clone());
            // Dangerous if it accepted more than certificates that the caller gave.
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match settings.identity.as_ref().map(|identity| &*identity.0) {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| error.to_string())?
        }
    };
    config.alpn_protocols = if settings.http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { Vec::new() };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn handshake_error(error: &io::Error) -> SendError {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return SendError::tls(tls, Phase::Tls);
    }
    let cause = match error.kind() {
        io::ErrorKind::UnexpectedEof => Cause::TlsProtocolError,
        _ => Cause::ConnectionTerminated,
    };
    SendError::new(cause, Phase::Tls, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::poll;
    use std::pin::pin;

    /// The only thread for what blocks is busy, so that roots cannot have been read unless it was done on the caller's.
    #[test]
    fn roots_are_not_read_on_the_thread_that_asks_for_them() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            let busy = spawn_blocking(move || released.recv());
            let tls = Tls::new(TlsSettings::default());
            let mut connector = pin!(tls.connector());
            assert!(poll!(&mut connector).is_pending());
            release.send(()).unwrap();
            // It may have found none on this machine, and has looked.
            let _ = connector.await;
            assert!(tls.clone().0.connector.initialized(), "a clone has what was read");
            busy.await.unwrap().unwrap();
        });
    }
}

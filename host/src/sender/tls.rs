//! TLS by rustls. Certificates are always verified.

use super::error::SendError;
use fantail_engine::{Cause, Phase};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whom to trust.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// The roots that the platform trusts.
    #[default]
    Platform,
    /// These roots and no others.
    Roots(Vec<CertificateDer<'static>>),
}

/// Roots that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is not PEM.
    #[error("not a PEM file with certificates: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// There is not one certificate in it.
    #[error("not a PEM file with certificates: there is none in it")]
    Empty,
}

impl Trust {
    /// The certificates of a PEM file and no others.
    pub fn pem(pem: &[u8]) -> Result<Self, TlsError> {
        let roots: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
        if roots.is_empty() { Err(TlsError::Empty) } else { Ok(Self::Roots(roots)) }
    }
}

/// Opens TLS on a connection.
pub(crate) struct Tls {
    trust: Trust,
    /// Reading the platform's roots takes tens of milliseconds: only when TLS is used.
    connector: OnceLock<Result<TlsConnector, String>>,
}

impl Tls {
    pub(crate) fn new(trust: Trust) -> Self {
        Self { trust, connector: OnceLock::new() }
    }

    pub(crate) async fn handshake(&self, host: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, SendError> {
        let connector = self.connector.get_or_init(|| connector(&self.trust)).as_ref();
        let connector = connector.map_err(|error| SendError::new(Cause::ConfigurationError, Phase::Tls, error))?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| SendError::new(Cause::TlsCertificateError, Phase::Tls, "no certificate can name this host"))?;
        connector.connect(name, tcp).await.map_err(|error| handshake_error(&error))
    }
}

fn connector(trust: &Trust) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let (added, _unusable) = match trust {
        Trust::Roots(certificates) => roots.add_parsable_certificates(certificates.iter().cloned()),
        Trust::Platform => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    };
    if added == 0 {
        return Err("no trusted root certificates found on this system".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn handshake_error(error: &io::Error) -> SendError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let cause = match tls {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Cause::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(_)) => Cause::TlsAlertReceived,
        Some(_) => Cause::TlsProtocolError,
        None if error.kind() == io::ErrorKind::UnexpectedEof => Cause::TlsProtocolError,
        None => Cause::ConnectionTerminated,
    };
    SendError::new(cause, Phase::Tls, error.to_string())
}

//! Certificates that are trusted as themselves.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::sync::Arc;

/// Verifies a server's certificate against roots, and accepts one that is itself among `trusted`: a self-signed one is usually marked as
/// an authority's, or has no issuer among the roots. Its name and validity are verified as of any other.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    roots: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl PinnedVerifier {
    pub(crate) fn new(roots: Arc<WebPkiServerVerifier>, trusted: Vec<CertificateDer<'static>>) -> Self {
        Self { roots, trusted }
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match &verified {
            Err(Error::InvalidCertificate(error))
                if lacks_only_an_issuer(error) && self.trusted.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}

/// What to do about a certificate that is refused, as an addition to what is wrong with it.
pub(crate) fn remedy(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(error) if lacks_only_an_issuer(error) => {
            " (no trusted authority has issued it: --cacert trusts other authorities, or this very certificate)"
        }
        _ => "",
    }
}

/// Whether nothing else is wrong with a certificate. webpki checks its validity before it looks at either; tests hold that.
fn lacks_only_an_issuer(error: &CertificateError) -> bool {
    match error {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(OtherError(error)) => {
            matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

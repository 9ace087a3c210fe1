//! Certificates that are given as trusted, and have no authority above them.

use crate::net::{Net, Rig};
use crate::secure::HOST;
use fantail_engine::Cause;
use fantail_sender::{PoolLimits, Timeouts, TlsSettings, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

struct SelfSigned {
    acceptor: TlsAcceptor,
    pem: String,
}

impl SelfSigned {
    fn new(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.unwrap().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
        Self { acceptor: TlsAcceptor::from(Arc::new(config.unwrap())), pem: certificate.pem() }
    }

    /// A client that trusts `trusted`, of which this is the peer.
    fn rig(&self, trusted: &str) -> Rig {
        let acceptor = self.acceptor.clone();
        let net = Net::new(move |io, _| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut tls) = acceptor.accept(io).await else { return };
                let _ = tls.read(&mut [0; 1024]).await;
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                std::future::pending::<()>().await;
            }
        });
        let trust = Trust::pem(trusted.as_bytes()).unwrap();
        net.rig_with(Timeouts::default(), PoolLimits::default(), TlsSettings { trust, ..TlsSettings::default() })
    }

    async fn outcome(&self, trusted: &str) -> String {
        self.rig(trusted).outcome(&format!("https://{HOST}/")).await
    }
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn refused() -> String {
    format!("{} tls", Cause::TlsCertificateError)
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_given_is_trusted_whether_or_not_it_is_marked_as_an_authority() {
    for change in [|_: &mut CertificateParams| {}, authority] {
        let peer = SelfSigned::new(HOST, change);
        assert_eq!(peer.outcome(&peer.pem).await, "ok");
    }
}

#[tokio::test]
async fn one_that_is_not_given_is_refused_whatever_else_is_trusted() {
    let (peer, other) = (SelfSigned::new(HOST, authority), SelfSigned::new(HOST, authority));
    assert_eq!(peer.outcome(&other.pem).await, refused());
}

#[tokio::test]
async fn the_name_and_validity_of_one_that_is_given_are_verified() {
    for change in [|_: &mut CertificateParams| {}, authority] {
        let elsewhere = SelfSigned::new("elsewhere.test", change);
        assert_eq!(elsewhere.outcome(&elsewhere.pem).await, refused());
        let expired = SelfSigned::new(HOST, |params| {
            change(params);
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        assert_eq!(expired.outcome(&expired.pem).await, refused());
        let early = SelfSigned::new(HOST, |params| {
            change(params);
            params.not_before = date_time_ymd(4000, 1, 1);
        });
        assert_eq!(early.outcome(&early.pem).await, refused());
    }
}

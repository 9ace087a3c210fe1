//! Peers that speak TLS.

use crate::net::{Net, Rig};
use fantail_engine::{Cause, Phase};
use fantail_sender::{PoolLimits, Timeouts, TlsSettings, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;
use tokio::io::DuplexStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The host name of the peers.
pub(crate) const HOST: &str = "secure.test";

/// Accepts TLS connections as [`HOST`], with a certificate of this root.
pub(crate) struct Secure {
    pub(crate) acceptor: TlsAcceptor,
    pem: String,
}

impl Secure {
    pub(crate) fn new(protocols: &[&[u8]], asks_for_certificates: bool) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let (issuer, leaf_key) = (Issuer::new(params, key), KeyPair::generate().unwrap());
        let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if asks_for_certificates {
            let mut roots = RootCertStore::empty();
            roots.add(root.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![leaf.der().clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), pem: root.pem() }
    }

    pub(crate) fn rig<F: Future<Output = ()> + Send + 'static>(
        &self,
        timeouts: Timeouts,
        limits: PoolLimits,
        serve: impl Fn(TlsStream<DuplexStream>, usize) -> F + Send + Sync + 'static,
    ) -> Rig {
        let (acceptor, serve) = (self.acceptor.clone(), Arc::new(serve));
        let net = Net::new(move |io, before| {
            let (acceptor, serve) = (acceptor.clone(), Arc::clone(&serve));
            async move {
                if let Ok(tls) = acceptor.accept(io).await {
                    serve(tls, before).await;
                }
            }
        });
        net.rig_with(timeouts, limits, self.trusted())
    }

    pub(crate) fn trusted(&self) -> TlsSettings {
        TlsSettings { trust: Trust::pem(self.pem.as_bytes()).unwrap(), http2: true, identity: None }
    }
}

/// T15: with TLS 1.3 the alert arrives after our side of the handshake has finished.
#[tokio::test(start_paused = true)]
async fn an_alert_in_place_of_an_answer_is_reported_as_an_alert() {
    for protocols in [&[b"http/1.1".as_slice()][..], &[b"h2".as_slice()][..]] {
        let secure = Secure::new(protocols, true);
        let rig = secure.rig(Timeouts::default(), PoolLimits::default(), |_, _| std::future::ready(()));
        let error = rig.attempt(&format!("https://{HOST}/"), 1).await.err().unwrap();
        assert_eq!((error.cause, error.phase), (Cause::TlsAlertReceived, Phase::Tls), "{error}");
        assert!(error.detail.to_lowercase().contains("certificate"), "{error}");
    }
}

//! Faults of TLS, with certificate authorities that the tests create.

use super::{MS, policy};
use crate::egress::StaticResolver;
use crate::script::{Script, Step, send};
use crate::support::{builder, by_id, failure, origin, requests, run, run_one, status, text};
use fantail::{Cause, Harness, Identity, Phase, Policy, Trust};
use fantail_engine::Request;
use fantail_origin::Origin;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;
use tokio_rustls::TlsAcceptor;

/// A certificate authority.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// A certificate and its key.
struct Leaf {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        Self { pem: root.pem(), root: root.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate for `name` that expires at the start of `year`.
    fn issue(&self, name: &str, year: i32) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        Leaf { certificate: params.signed_by(&key, &self.issuer).unwrap().der().clone(), key }
    }

    /// An acceptor for `secure.test` that negotiates these protocols (ALPN).
    pub(super) fn acceptor(&self, protocols: &[&[u8]]) -> TlsAcceptor {
        acceptor(self.issue("secure.test", 2_999), None, protocols)
    }
}

/// An acceptor with this certificate, which requires a client certificate of `clients` if given.
fn acceptor(leaf: Leaf, clients: Option<&Authority>, protocols: &[&[u8]]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.root.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(vec![leaf.certificate], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// An origin behind this acceptor.
async fn tls_origin(acceptor: TlsAcceptor) -> Origin {
    Origin::on(IpAddr::V4(Ipv4Addr::LOCALHOST), Some(acceptor)).await.unwrap()
}

/// A builder that trusts this authority and resolves `secure.test` and `other.test`.
pub(super) fn builder_trusting(authority: &Authority) -> fantail::Builder {
    let names = StaticResolver::new(&[("secure.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
    builder().resolver(names).trust(Trust::pem(authority.pem.as_bytes()).unwrap())
}

fn harness(authority: &Authority) -> Harness {
    builder_trusting(authority).build().unwrap()
}

/// The cause and phase of a failing request to this port of `secure.test`.
async fn failure_at(authority: &Authority, port: u16) -> (Cause, Phase) {
    let request = Request::get(0, format!("https://secure.test:{port}/"));
    let outcome = run_one(&harness(authority), request, &policy()).await;
    let failure = failure(&outcome);
    (failure.cause, failure.phase)
}

#[tokio::test]
async fn connections_to_a_trusted_server_are_reused() {
    let authority = Authority::new();
    let origin = tls_origin(authority.acceptor(&[])).await;
    let harness = harness(&authority);
    let url = format!("https://secure.test:{}/bytes/100000", origin.address().port());
    for _ in 0..5 {
        let outcome = run_one(&harness, Request::get(0, &url), &Policy::default()).await;
        assert_eq!(text(&outcome).len(), 100_000);
    }
    assert_eq!(origin.counts().connections, 1);
}

#[tokio::test]
async fn concurrent_requests_to_an_http_1_1_server_have_a_connection_each() {
    let authority = Authority::new();
    let origin = tls_origin(authority.acceptor(&[b"http/1.1"])).await;
    let urls = (0..20).map(|_| format!("https://secure.test:{}/delay/100", origin.address().port()));
    let (outcomes, _) = run(&harness(&authority), requests(urls.collect::<Vec<_>>()), &Policy::default()).await;
    assert!(by_id(outcomes).iter().all(|outcome| status(outcome) == Some(200)));
    assert_eq!(origin.counts().peak_in_flight, 20);
}

#[tokio::test]
async fn c8_a_silent_handshake_times_out() {
    let silent = Script::start([Step::Wait]).await;
    let start = Instant::now();
    let failed = failure_at(&Authority::new(), silent.address().port()).await;
    assert_eq!(failed, (Cause::ConnectionTimeout, Phase::Tls));
    assert!(start.elapsed() < 3_000 * MS, "{:?}", start.elapsed());
    silent.all_closed().await;
}

#[tokio::test]
async fn c9_invalid_certificates_fail_before_anything_is_sent_and_are_not_retried() {
    let (trusted, untrusted) = (Authority::new(), Authority::new());
    let self_signed = {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["secure.test".to_owned()]).unwrap();
        Leaf { certificate: params.self_signed(&key).unwrap().der().clone(), key }
    };
    for (what, leaf) in [
        ("expired", trusted.issue("secure.test", 2_020)),
        ("another name", trusted.issue("other.test", 2_999)),
        ("another authority", untrusted.issue("secure.test", 2_999)),
        ("its own authority", self_signed),
    ] {
        let origin = tls_origin(acceptor(leaf, None, &[])).await;
        let again = Policy { retries: Some(2), backoff: Some(MS), ..policy() };
        let request = Request::get(0, format!("https://secure.test:{}/ok", origin.address().port()));
        let outcome = run_one(&harness(&trusted), request, &again).await;
        let failure = failure(&outcome);
        assert_eq!((failure.cause, failure.phase), (Cause::TlsCertificateError, Phase::Tls), "{what}: {failure:?}");
        assert_eq!((outcome.attempts, origin.counts().requests), (1, 0), "{what}");
    }
}

#[tokio::test]
async fn c9_alerts_and_malformed_handshakes_are_distinguished() {
    let alert = |description: u8| vec![Step::Send(vec![0x15, 3, 3, 0, 2, 2, description])];
    for (what, steps, cause) in [
        ("a handshake_failure alert", alert(40), Cause::TlsAlertReceived),
        ("a protocol_version alert", alert(70), Cause::TlsAlertReceived),
        ("plain HTTP", vec![send("HTTP/1.1 400 Bad Request\r\n\r\n")], Cause::TlsProtocolError),
        ("garbage", vec![send([0x16, 9, 9, 0, 1, 0])], Cause::TlsProtocolError),
        ("an end in the middle", vec![send([0x16, 3, 3, 0, 100, 2])], Cause::TlsProtocolError),
        ("an end at once", vec![], Cause::TlsProtocolError),
    ] {
        let script = Script::start(steps).await;
        assert_eq!(failure_at(&Authority::new(), script.address().port()).await, (cause, Phase::Tls), "{what}");
        script.all_closed().await;
    }
    let plain = origin().await;
    assert_eq!(failure_at(&Authority::new(), plain.address().port()).await.1, Phase::Tls);
    assert_eq!(plain.counts().requests, 0, "there is no fallback to plain HTTP");
}

#[tokio::test]
async fn a_client_certificate_is_presented_when_the_server_asks_for_one() {
    let authority = Authority::new();
    let origin = tls_origin(acceptor(authority.issue("secure.test", 2_999), Some(&authority), &[])).await;
    let url = format!("https://secure.test:{}/ok", origin.address().port());
    let anonymous = run_one(&harness(&authority), Request::get(0, &url), &policy()).await;
    assert!(anonymous.result.is_err());
    let leaf = authority.issue("client.test", 2_999);
    let certificate = pem("CERTIFICATE", &leaf.certificate);
    let identity = Identity::pem(certificate.as_bytes(), leaf.key.serialize_pem().as_bytes()).unwrap();
    assert!(!format!("{identity:?}").contains("PRIVATE"));
    let identified = builder_trusting(&authority).identity(identity).build().unwrap();
    assert_eq!(status(&run_one(&identified, Request::get(0, &url), &policy()).await), Some(200));
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64::prelude::BASE64_STANDARD.encode(der))
}

//! HTTPS with a certificate authority of the test's own.

use crate::egress::Names;
use crate::support::{builder, failure, origin, run_one, text};
use fantail::{Cause, Harness, Phase, Policy, Request, Trust};
use fantail_origin::Origin;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// An authority that signs for one name.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(leaf.der().to_vec())],
            PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
        )
        .unwrap();
    Authority { pem: root.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
}

async fn secure_origin(authority: &Authority) -> Origin {
    Origin::on(IpAddr::V4(Ipv4Addr::LOCALHOST), Some(authority.acceptor.clone())).await.unwrap()
}

fn harness(trusted: &Authority) -> Harness {
    let names = Names::new(&[("secure.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
    builder().resolver(names).trust(Trust::pem(trusted.pem.as_bytes()).unwrap()).build().unwrap()
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to_over_connections_that_are_used_again() {
    let authority = authority("secure.test");
    let origin = secure_origin(&authority).await;
    let harness = harness(&authority);
    let url = format!("https://secure.test:{}/bytes/100000", origin.address().port());
    for _ in 0..5 {
        let outcome = run_one(&harness, Request::get(0, &url), &Policy::default()).await;
        assert_eq!(text(&outcome).len(), 100_000);
    }
    assert_eq!(origin.counts().connections, 1);
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_refused_before_anything_is_sent() {
    let (trusted, stranger) = (authority("secure.test"), authority("secure.test"));
    let (origin, foreign) = (secure_origin(&trusted).await, secure_origin(&stranger).await);
    for (host, port) in [("other.test", origin.address().port()), ("secure.test", foreign.address().port())] {
        let request = Request::get(0, format!("https://{host}:{port}/ok"));
        let outcome = run_one(&harness(&trusted), request, &Policy::default()).await;
        let failure = failure(&outcome);
        assert_eq!((failure.cause, failure.phase), (Cause::TlsCertificateError, Phase::Tls), "{failure:?}");
        assert!(!failure.retryable);
    }
    assert_eq!((origin.counts().requests, foreign.counts().requests), (0, 0));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_protocol_error() {
    let authority = authority("secure.test");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tcp, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    let request = Request::get(0, format!("https://secure.test:{port}/"));
    let outcome = run_one(&harness(&authority), request, &Policy::default()).await;
    assert_eq!(failure(&outcome).cause, Cause::TlsProtocolError, "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_is_silent_in_the_handshake_is_left_in_time() {
    let authority = authority("secure.test");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let policy = Policy { connect_timeout: Some(Duration::from_millis(200)), ..Policy::default() };
    let request = Request::get(0, format!("https://secure.test:{port}/"));
    let outcome = run_one(&harness(&authority), request, &policy).await;
    let failure = failure(&outcome);
    assert_eq!((failure.cause, failure.phase), (Cause::ConnectionTimeout, Phase::Tls), "{failure:?}");
    assert!(outcome.timing.total < Duration::from_secs(3), "{:?}", outcome.timing);
    drop(listener);
}

#[tokio::test]
async fn plain_http_is_not_spoken_to_a_tls_port_by_mistake() {
    let plain = origin().await;
    let authority = authority("secure.test");
    let request = Request::get(0, format!("https://secure.test:{}/ok", plain.address().port()));
    let outcome = run_one(&harness(&authority), request, &Policy::default()).await;
    assert_eq!(failure(&outcome).phase, Phase::Tls);
    assert_eq!(plain.counts().requests, 0);
}

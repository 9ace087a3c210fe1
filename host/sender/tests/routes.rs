//! Connections that lead through a proxy or a Unix domain socket, and HTTP/2 without asking.

use crate::net::{MS, Net, Rig, head, text};
use crate::secure::{HOST, Secure};
use fantail_engine::{Cause, Phase};
use fantail_sender::{Egress, PoolLimits, Proxy, Route, SenderConfig, Timeouts, Tls};
use http::StatusCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::UnixListener;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn rig(net: &Net, change: impl FnOnce(&mut SenderConfig)) -> Rig {
    let mut config = net.config();
    change(&mut config);
    net.rig_of(config, Timeouts { connect: 1_000 * MS, ..Timeouts::default() }, PoolLimits::default())
}

/// A proxy that answers every request by itself, and keeps the heads it has read.
fn proxy(answer: &'static str) -> (Net, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&heads);
    let net = Net::new(move |mut io, _| {
        let seen = Arc::clone(&seen);
        async move {
            while let Some(head) = head(&mut io).await {
                seen.lock().unwrap().push(head);
                let _ = io.write_all(answer.as_bytes()).await;
            }
        }
    });
    (net, heads)
}

fn through(url: &str) -> impl FnOnce(&mut SenderConfig) {
    let proxy: Proxy = url.parse().unwrap();
    |config| config.route = Route::Proxy(proxy)
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_sent_the_whole_url_and_its_own_credentials_over_a_connection_that_is_kept() {
    let (net, heads) = proxy(OK);
    let rig = rig(&net, through("http://ada:word@proxy.test:3128"));
    for path in ["one?a=b", "two"] {
        assert_eq!(rig.outcome(&format!("http://origin.test/{path}")).await, "ok");
    }
    let heads = heads.lock().unwrap().clone();
    assert!(heads[0].starts_with("GET http://origin.test/one?a=b HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads[1].starts_with("GET http://origin.test/two HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains("proxy-authorization: Basic YWRhOndvcmQ=\r\n")), "{heads:?}");
    assert_eq!(rig.connected(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_to_https_origins_pass_through_a_tunnel_in_which_the_origin_proves_its_name() {
    let secure = Secure::new(&[b"http/1.1"], false);
    let (acceptor, heads) = (secure.acceptor.clone(), Arc::<Mutex<Vec<String>>>::default());
    let seen = Arc::clone(&heads);
    let net = Net::new(move |mut io: DuplexStream, _| {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        async move {
            let connect = head(&mut io).await.unwrap();
            seen.lock().unwrap().push(connect);
            io.write_all(b"HTTP/1.1 200 tunnel\r\nproxy-agent: x\r\n\r\n").await.unwrap();
            let Ok(mut tls) = acceptor.accept(io).await else { return };
            let mut buffer = [0; 1024];
            while tls.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                let _ = tls.write_all(OK.as_bytes()).await;
            }
        }
    });
    let rig = rig(&net, |config| {
        through("http://ada:word@proxy.test:3128")(config);
        config.tls = Tls::new(secure.trusted());
    });
    for _ in 0..2 {
        assert_eq!(rig.outcome(&format!("https://{HOST}/")).await, "ok");
    }
    let connects = heads.lock().unwrap().clone();
    let start = format!("CONNECT {HOST}:443 HTTP/1.1\r\n");
    assert!(connects.len() == 1 && connects[0].starts_with(&start), "{connects:?}");
    assert!(connects[0].contains("proxy-authorization: Basic ") && !connects[0].contains("GET"), "{connects:?}");
    assert_eq!(rig.outcome("https://elsewhere.test/").await, format!("{} tls", Cause::TlsCertificateError));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_opens_no_tunnel_is_named_with_its_reason_and_without_credentials() {
    for (answer, cause, words) in [
        ("HTTP/1.1 407 no\r\ncontent-length: 0\r\n\r\n", Cause::DestinationUnavailable, "it wants a user name"),
        ("HTTP/1.1 502 no\r\ncontent-length: 3\r\n\r\nbad", Cause::DestinationUnavailable, "status 502"),
        ("220 ready\r\n\r\n", Cause::HttpProtocolError, "the proxy http://proxy.test:3128: "),
        ("", Cause::ConnectionTimeout, "it opened no tunnel within 1s"),
    ] {
        let (net, _) = proxy(answer);
        let rig = rig(&net, through("http://ada:word@proxy.test:3128"));
        let error = rig.get(&format!("https://{HOST}/")).await.err().unwrap();
        assert_eq!((error.cause, error.phase), (cause, Phase::Connect), "{error}");
        assert!(error.detail.contains(words) && !error.detail.contains("word@"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_judges_the_proxys_address_and_addresses_in_urls_and_the_origins_names() {
    let (net, heads) = proxy(OK);
    let outside = rig(&net, |config| {
        through("http://proxy.test:3128")(config);
        config.egress = Egress::public();
    });
    let error = outside.get("http://origin.test/").await.err().unwrap();
    assert_eq!(error.cause, Cause::DestinationIpProhibited);
    assert!(error.detail.starts_with("the proxy http://proxy.test:3128: "), "{error}");
    let inside = rig(&net, |config| {
        through("http://proxy.test:3128")(config);
        config.egress = Egress::nothing().allow("10.0.0.0/8".parse().unwrap());
    });
    let outcome = inside.outcome("http://169.254.169.254/").await;
    assert_eq!(outcome, format!("{} resolve", Cause::DestinationIpProhibited));
    let listed = rig(&net, |config| {
        through("http://proxy.test:3128")(config);
        let egress = Egress::nothing().allow("10.0.0.0/8".parse().unwrap());
        config.egress = egress.origin("http://origin.test".parse().unwrap());
    });
    assert_eq!(listed.outcome("http://other.test/").await, format!("{} request", Cause::HttpRequestDenied));
    assert_eq!((heads.lock().unwrap().len(), outside.connected()), (0, 0));
    assert_eq!(listed.outcome("http://origin.test/").await, "ok");
}

#[tokio::test]
async fn a_unix_socket_is_connected_to_whatever_the_host_is_if_the_policy_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(OK.as_bytes()).await;
                }
            });
        }
    });
    let net = Net::answering(Duration::ZERO, "");
    let with = |egress: Egress, path: &std::path::Path| {
        rig(&net, |config| {
            config.transports = Arc::new(fantail_sender::TcpConnector);
            (config.egress, config.route) = (egress, Route::UnixSocket(path.into()));
        })
    };
    let named = with(Egress::nothing().unix_socket(&path), &path);
    assert_eq!(named.outcome("http://docker.test/info").await, "ok");
    assert_eq!(named.outcome("http://127.0.0.1/info").await, "ok");
    let unnamed = with(Egress::public(), &path).get("http://docker.test/").await.err().unwrap();
    assert_eq!(unnamed.cause, Cause::HttpRequestDenied);
    let only = Egress::nothing().unix_socket(&path).origin("http://a.test".parse().unwrap());
    assert_eq!(with(only, &path).get("http://b.test/").await.err().unwrap().cause, Cause::HttpRequestDenied);
    let missing = folder.path().join("none");
    let error = with(Egress::nothing().unix_socket(&missing), &missing).get("http://a.test/").await.err().unwrap();
    assert_eq!((error.cause, error.phase), (Cause::DestinationUnavailable, Phase::Connect), "{error}");
    assert!(error.detail.contains("none: No such file"), "{error}");
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn http2_is_spoken_with_an_http_origin_by_prior_knowledge_over_one_connection() {
    let net = Net::new(|io, _| async move {
        let mut connection = h2::server::handshake(io).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            assert_eq!(request.uri(), "http://origin.test/");
            let response = http::Response::builder().status(StatusCode::OK).body(()).unwrap();
            let mut body = respond.send_response(response, false).unwrap();
            body.send_data("ok".into(), true).unwrap();
        }
    });
    let rig = rig(&net, |config| config.http2_prior_knowledge = true);
    let all = futures::future::join_all((0..20).map(|_| rig.outcome("http://origin.test/"))).await;
    assert!(all.iter().all(|outcome| outcome == "ok"), "{all:?}");
    assert_eq!(rig.connected(), 1);
    let http1 = Net::answering(Duration::ZERO, OK);
    let unsuitable = self::rig(&http1, |config| config.http2_prior_knowledge = true);
    assert!(unsuitable.outcome("http://origin.test/").await != "ok");
    // Without it nothing changes.
    let plain = Net::answering(Duration::ZERO, OK).rig();
    assert_eq!(text(plain.get("http://origin.test/").await.unwrap()).await.unwrap(), "ok");
}

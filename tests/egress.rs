//! Only addresses that the egress policy approved are connected to.

use crate::support::{builder, cause, failure, harness, origin, run_one};
use fantail::{Cause, Egress, Phase, Policy, Resolve, ResolveError, Timeouts};
use fantail_engine::Request;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// A resolver with a fixed table of names, which sends no queries.
pub(crate) struct StaticResolver(pub(crate) HashMap<&'static str, Vec<IpAddr>>);

impl StaticResolver {
    pub(crate) fn new(names: &[(&'static str, &[&str])]) -> Self {
        let parse = |addresses: &[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        Self(names.iter().map(|(name, addresses)| (*name, parse(addresses))).collect())
    }
}

impl Resolve for StaticResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        let found = self.0.get(host).cloned().ok_or_else(|| ResolveError("NXDOMAIN".to_owned()));
        std::future::ready(found).boxed()
    }
}

/// A resolver that never answers.
struct StalledResolver;

impl Resolve for StalledResolver {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        std::future::pending().boxed()
    }
}

#[tokio::test]
async fn loopback_is_refused_by_default_and_the_detail_says_what_would_allow_it() {
    let origin = origin().await;
    let harness = crate::support::builder_for(Egress::public()).build().unwrap();
    let outcome = run_one(&harness, Request::get(0, origin.url("/ok")), &Policy::default()).await;
    let failure = failure(&outcome);
    assert_eq!((failure.cause, failure.phase), (Cause::DestinationIpProhibited, Phase::Resolve));
    assert_eq!(
        failure.detail.as_deref(),
        Some("127.0.0.1 is refused: loopback (RFC 1122) (--allow-net 127.0.0.1 would allow it)")
    );
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn r3_no_spelling_of_loopback_gets_through() {
    let origin = origin().await;
    let port = origin.address().port();
    // This policy allows nothing, so that even a hole in it sends nothing.
    let harness = crate::support::builder_for(Egress::nothing()).build().unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "127.0.0.1.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "127。0。0。1",
    ] {
        let outcome = run_one(&harness, Request::get(0, format!("http://{host}:{port}/ok")), &Policy::default()).await;
        assert_eq!(cause(&outcome), Some(Cause::DestinationIpProhibited), "{host}: {outcome:?}");
    }
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn r4_only_approved_addresses_of_a_name_are_connected_to() {
    let origin = origin().await;
    let port = origin.address().port();
    let names = StaticResolver::new(&[("mixed.test", &["10.0.0.1", "127.0.0.1"]), ("bad.test", &["10.0.0.1", "::1"])]);
    let harness = builder().resolver(names).build().unwrap();
    let fetch = async |host: &str| {
        run_one(&harness, Request::get(0, format!("http://{host}:{port}/ok")), &Policy::default()).await
    };
    assert!(fetch("mixed.test").await.result.is_ok());
    let refused = fetch("bad.test").await;
    assert_eq!(cause(&refused), Some(Cause::DestinationIpProhibited));
    let unknown = fetch("unknown.test").await;
    let failure = failure(&unknown);
    assert_eq!((failure.cause, failure.phase), (Cause::DnsError, Phase::Resolve));
    assert_eq!(failure.detail.as_deref(), Some("NXDOMAIN"));
}

#[tokio::test]
async fn when_the_first_address_is_dead_the_next_is_tried() {
    let origin = origin().await;
    let names = StaticResolver::new(&[("two.test", &["127.99.99.99", "127.0.0.1"])]);
    let harness = builder().resolver(names).build().unwrap();
    let url = format!("http://two.test:{}/ok", origin.address().port());
    assert!(run_one(&harness, Request::get(0, url), &Policy::default()).await.result.is_ok());
}

#[tokio::test]
async fn a_slow_lookup_fails_with_a_dns_timeout() {
    let harness = builder().resolver(StalledResolver).build().unwrap();
    let policy = Policy { connect_timeout: Some(Duration::from_millis(100)), ..Policy::default() };
    let outcome = run_one(&harness, Request::get(0, "http://slow.test/"), &policy).await;
    let failure = failure(&outcome);
    assert_eq!((failure.cause, failure.phase), (Cause::DnsTimeout, Phase::Resolve));
    assert!(outcome.timing.total < Duration::from_secs(3), "{:?}", outcome.timing);
}

#[tokio::test]
async fn a_slow_connect_fails_with_a_connection_timeout() {
    // A listener whose backlog is full answers no further SYN.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(tcp)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(tcp);
        assert!(waiting.len() < 16, "the backlog never fills");
    }
    let policy = Policy { connect_timeout: Some(Duration::from_millis(200)), ..Policy::default() };
    let outcome = run_one(&harness(), Request::get(0, format!("http://{address}/")), &policy).await;
    let failure = failure(&outcome);
    assert_eq!((failure.cause, failure.phase), (Cause::ConnectionTimeout, Phase::Connect));
    assert!(outcome.timing.total < Duration::from_secs(3), "{:?}", outcome.timing);
}

#[tokio::test]
async fn stricter_timeouts_of_the_harness_override_the_policy() {
    let origin = origin().await;
    let timeouts = Timeouts { head: Duration::from_millis(50), ..Timeouts::default() };
    let harness = builder().timeouts(timeouts).build().unwrap();
    let outcome = run_one(&harness, Request::get(0, origin.url("/hang")), &Policy::default()).await;
    assert_eq!(cause(&outcome), Some(Cause::HttpResponseTimeout));
}

/// With `--deny-net 127.0.0.0/8 --allow-net ::/0`, the IPv4-mapped spelling of a denied address was once let through.
#[tokio::test]
async fn a_denied_network_is_denied_in_ipv4_mapped_addresses_too() {
    let origin = origin().await;
    let egress = Egress::public().allow("::/0".parse().unwrap()).deny("127.0.0.0/8".parse().unwrap());
    let harness = crate::support::builder_for(egress).build().unwrap();
    let url = format!("http://[::ffff:127.0.0.1]:{}/ok", origin.address().port());
    let outcome = run_one(&harness, Request::get(0, url), &Policy::default()).await;
    assert_eq!(cause(&outcome), Some(Cause::DestinationIpProhibited), "{outcome:?}");
    assert_eq!(origin.counts().connections, 0);
}

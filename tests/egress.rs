//! Nothing is connected to that the policy did not approve.

use crate::support::{builder, cause, failure, harness, origin, run_one};
use fantail::{Cause, Egress, Phase, Policy, Resolve, ResolveError, Timeouts};
use fantail_engine::Request;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// A resolver that knows these names and no others, and asks nobody.
pub(crate) struct Names(pub(crate) HashMap<&'static str, Vec<IpAddr>>);

impl Names {
    pub(crate) fn new(names: &[(&'static str, &[&str])]) -> Self {
        let parse = |addresses: &[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        Self(names.iter().map(|(name, addresses)| (*name, parse(addresses))).collect())
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        let found = self.0.get(host).cloned().ok_or_else(|| ResolveError("NXDOMAIN".to_owned()));
        std::future::ready(found).boxed()
    }
}

/// A resolver that never answers.
struct Silence;

impl Resolve for Silence {
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
    // Nothing may be connected to at all, so that even a hole in the policy sends nothing.
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
async fn r4_of_a_names_addresses_only_approved_ones_are_connected_to() {
    let origin = origin().await;
    let port = origin.address().port();
    let names = Names::new(&[("mixed.test", &["10.0.0.1", "127.0.0.1"]), ("bad.test", &["10.0.0.1", "::1"])]);
    let harness = builder().resolver(names).build().unwrap();
    let ask = async |host: &str| {
        run_one(&harness, Request::get(0, format!("http://{host}:{port}/ok")), &Policy::default()).await
    };
    assert!(ask("mixed.test").await.result.is_ok());
    let refused = ask("bad.test").await;
    assert_eq!(cause(&refused), Some(Cause::DestinationIpProhibited));
    let unknown = ask("unknown.test").await;
    let failure = failure(&unknown);
    assert_eq!((failure.cause, failure.phase), (Cause::DnsError, Phase::Resolve));
    assert_eq!(failure.detail.as_deref(), Some("NXDOMAIN"));
}

#[tokio::test]
async fn when_the_first_address_is_dead_the_next_is_tried() {
    let origin = origin().await;
    let names = Names::new(&[("two.test", &["127.99.99.99", "127.0.0.1"])]);
    let harness = builder().resolver(names).build().unwrap();
    let url = format!("http://two.test:{}/ok", origin.address().port());
    assert!(run_one(&harness, Request::get(0, url), &Policy::default()).await.result.is_ok());
}

#[tokio::test]
async fn a_name_that_is_not_resolved_in_time_says_so() {
    let harness = builder().resolver(Silence).build().unwrap();
    let policy = Policy { connect_timeout: Some(Duration::from_millis(100)), ..Policy::default() };
    let outcome = run_one(&harness, Request::get(0, "http://slow.test/"), &policy).await;
    let failure = failure(&outcome);
    assert_eq!((failure.cause, failure.phase), (Cause::DnsTimeout, Phase::Resolve));
    assert!(outcome.timing.total < Duration::from_secs(3), "{:?}", outcome.timing);
}

#[tokio::test]
async fn a_connection_that_is_not_opened_in_time_says_so() {
    // A listener whose queue is full answers no further SYN.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(tcp)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(tcp);
        assert!(waiting.len() < 16, "the queue never fills");
    }
    let policy = Policy { connect_timeout: Some(Duration::from_millis(200)), ..Policy::default() };
    let outcome = run_one(&harness(), Request::get(0, format!("http://{address}/")), &policy).await;
    let failure = failure(&outcome);
    assert_eq!((failure.cause, failure.phase), (Cause::ConnectionTimeout, Phase::Connect));
    assert!(outcome.timing.total < Duration::from_secs(3), "{:?}", outcome.timing);
}

#[tokio::test]
async fn a_harness_may_be_stricter_than_any_policy() {
    let origin = origin().await;
    let timeouts = Timeouts { head: Duration::from_millis(50), ..Timeouts::default() };
    let harness = builder().timeouts(timeouts).build().unwrap();
    let outcome = run_one(&harness, Request::get(0, origin.url("/hang")), &Policy::default()).await;
    assert_eq!(cause(&outcome), Some(Cause::HttpResponseTimeout));
}

/// L2: with `--deny-net 127.0.0.0/8 --allow-net ::/0` the IPv4-mapped spelling of a denied address was let through.
#[tokio::test]
async fn l2_a_denied_network_is_denied_inside_other_addresses_too() {
    let origin = origin().await;
    let egress = Egress::public().allow("::/0".parse().unwrap()).deny("127.0.0.0/8".parse().unwrap());
    let harness = crate::support::builder_for(egress).build().unwrap();
    let url = format!("http://[::ffff:127.0.0.1]:{}/ok", origin.address().port());
    let outcome = run_one(&harness, Request::get(0, url), &Policy::default()).await;
    assert_eq!(cause(&outcome), Some(Cause::DestinationIpProhibited), "{outcome:?}");
    assert_eq!(origin.counts().connections, 0);
}

//! Bodies from empty to many megabytes, one or many at once, arrive intact in both directions.

use crate::stock::Stock;
use crate::support::{build_guest, by_id, failure, harness, origin, requests, run, wasi};
use component_builder::compose;
use fantail::{Body, Policy, Wasi};
use fantail_engine::Request;

mod p3 {
    wasmtime::component::bindgen!({
        inline: "package example:caller;
            world caller { export fastest: async func(mirrors: list<string>) -> result<list<u8>, string>; }",
        require_store_data_send: true,
    });
}

mod p2 {
    wasmtime::component::bindgen!({
        inline: "package example:caller;
            world caller { export fastest: func(mirrors: list<string>) -> result<list<u8>, string>; }",
        require_store_data_send: true,
        exports: { default: async },
    });
}

const MIB: usize = 1 << 20;
const SIZES: [usize; 5] = [0, 1_024, 100_000, 900_000, 8 * MIB];

/// Limits concurrency so that the bodies in flight are at most 64 MiB.
fn policy(size: usize) -> Policy {
    let concurrency = u32::try_from((64 * MIB / size.max(1)).clamp(1, 64)).unwrap();
    Policy { concurrency: Some(concurrency), window: Some(concurrency), max_body: Some(16 << 20), ..Policy::default() }
}

#[tokio::test]
async fn x1_the_harness_receives_bodies_of_every_size_intact_one_or_many_at_once() {
    let (harness, origin) = (harness(), origin().await);
    for size in SIZES {
        let expected = vec![b'x'; size];
        for count in [1, 20, 200] {
            let urls = (0..count).map(|_| origin.url(&format!("/bytes/{size}")));
            let (outcomes, report) = run(&harness, requests(urls), &policy(size)).await;
            assert_eq!(outcomes.len(), count, "{size}: {:?}", report.end);
            for outcome in by_id(outcomes) {
                let Ok(response) = &outcome.result else { panic!("{size}: {:?}", failure(&outcome)) };
                let Body::Bytes(body) = &response.body else { panic!("the body was not kept") };
                assert!(*body == expected, "{size}: {} bytes", body.len());
            }
            assert!(report.receipt.memory < 256 << 20, "{size}, {count}: {:?}", report.receipt);
        }
    }
}

#[tokio::test]
async fn uploads_of_every_size_arrive_intact() {
    let (harness, origin) = (harness(), origin().await);
    for size in SIZES {
        for count in [1, 20, 200] {
            let (url, upload) = (origin.url("/echo"), vec![b'u'; size]);
            let expected = [b"\r\n\r\n".as_slice(), &upload].concat();
            // No more than the component's memory can hold in total.
            let count = count.min(160 * MIB / size.max(1));
            let post = move |id| Request {
                method: "POST".to_owned(),
                body: Some(upload.clone()),
                ..Request::get(id, url.clone())
            };
            let uploads = futures::stream::iter((0..count as u64).map(post));
            let (outcomes, report) = run(&harness, uploads, &policy(size * 2)).await;
            assert_eq!(outcomes.len(), count, "{size}: {:?}", report.end);
            for outcome in by_id(outcomes) {
                let Ok(response) = &outcome.result else { panic!("{size}: {:?}", failure(&outcome)) };
                let Body::Bytes(body) = &response.body else { panic!("the body was not kept") };
                // `/echo` returns the head of the request before its body.
                assert!(body.ends_with(&expected), "{size}: {} bytes", body.len());
            }
        }
    }
}

/// Runs the example caller, composed with the component, with one mirror.
async fn fastest(path: &str) -> Result<Vec<u8>, String> {
    let mirrors = vec![format!("http://mirror.test{path}")];
    match wasi() {
        Wasi::P2 => {
            let caller = compose(&build_guest("fantail-example-caller-p2"), &[fantail::COMPONENT_P2]).unwrap();
            let mut host = Stock::new(&caller, &[]);
            let instance = p2::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
            instance.call_fastest(&mut host.store, &mirrors).await.unwrap()
        }
        Wasi::P3 => {
            let caller = compose(&build_guest("fantail-example-caller"), &[fantail::COMPONENT]).unwrap();
            let mut host = Stock::new(&caller, &[]);
            let instance = p3::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
            host.store.run_concurrent(async |store| instance.call_fastest(store, mirrors).await).await.unwrap().unwrap()
        }
    }
}

/// A host may pass on a content-length that did not frame the body; the body is not cut at it.
#[tokio::test]
async fn a_body_longer_than_its_content_length_is_not_cut_on_other_hosts() {
    for announced in [0, 3, 5, 9] {
        assert_eq!(fastest(&format!("/length/{announced}")).await.as_deref(), Ok(b"hello".as_slice()), "{announced}");
    }
}

#[tokio::test]
async fn x1_the_example_caller_receives_bodies_intact() {
    // The default `max_body` is 1 MiB.
    for size in [0, 1_024, 100_000, 900_000] {
        assert_eq!(fastest(&format!("/bytes/{size}")).await.map(|body| body.len()), Ok(size));
    }
    let failed = fastest("/bytes/8388608").await.unwrap_err();
    assert!(failed.ends_with("body-too-large"), "{failed}");
}

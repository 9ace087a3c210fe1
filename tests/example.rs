//! The example caller: built, composed with the component, and run. README quotes it.

use crate::stock::Stock;
use crate::support::{build_guest, root};
use component_builder::compose;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "package example:caller;
            world caller { export fastest: async func(mirrors: list<string>) -> result<list<u8>, string>; }",
        require_store_data_send: true,
    });
}

async fn fastest(paths: &[&str]) -> Result<Vec<u8>, String> {
    let caller = build_guest("fantail-example-caller");
    let mut host = Stock::new(&compose(&caller, &[fantail::COMPONENT]).unwrap(), &[]);
    let instance = bindings::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let mirrors: Vec<String> = paths.iter().map(|path| format!("http://mirror.test{path}")).collect();
    let result = host.store.run_concurrent(async move |accessor| instance.call_fastest(accessor, mirrors).await);
    result.await.unwrap().unwrap()
}

#[tokio::test]
async fn the_example_returns_the_first_good_answer() {
    assert_eq!(fastest(&["/hang", "/fail", "/ok"]).await, Ok(b"hello".to_vec()));
}

#[tokio::test]
async fn the_example_lists_every_failure_when_no_answer_is_good() {
    let failed = fastest(&["/hang", "/fail"]).await.unwrap_err();
    assert!(failed.contains("/fail: status 500") && failed.contains("/hang: deadline"), "{failed}");
}

#[test]
fn the_readme_quotes_the_examples_verbatim() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let documented = read("host/src/lib.rs");
    let native = documented.split_once("//! ```no_run\n").and_then(|(_, code)| code.split_once("//! ```\n")).unwrap().0;
    let native: String =
        native.lines().map(|line| format!("{}\n", line.strip_prefix("//! ").unwrap_or_default())).collect();
    let examples = [("examples/caller/src/lib.rs", read("examples/caller/src/lib.rs")), ("host/src/lib.rs", native)];
    let path = root().join("README.md");
    for (name, example) in examples {
        let readme = std::fs::read_to_string(&path).unwrap();
        let mark = format!("<!-- {name} -->\n");
        let (before, rest) = readme.split_once(&mark).expect("the mark before the quotation");
        let (quotation, after) = rest.split_once("<!-- end -->").expect("the mark after it");
        let wanted = format!("```rust\n{example}```\n");
        if quotation != wanted && std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, format!("{before}{mark}{wanted}<!-- end -->{after}")).unwrap();
            continue;
        }
        assert_eq!(quotation, wanted, "run this test with BLESS=1 to quote it anew");
    }
}

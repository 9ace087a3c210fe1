//! The example of a caller: built, composed with the component, and run. README quotes it.

use crate::stock::Stock;
use crate::support::{guest, root};
use component_builder::compose;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "package example:caller;
            world caller { export fastest: async func(mirrors: list<string>) -> result<list<u8>, string>; }",
        require_store_data_send: true,
    });
}

async fn fastest(paths: &[&str]) -> Result<Vec<u8>, String> {
    let caller = guest("fantail-example-caller");
    let mut host = Stock::new(&compose(&caller, &[fantail::COMPONENT]).unwrap(), &[]);
    let instance = bindings::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let mirrors: Vec<String> = paths.iter().map(|path| format!("http://mirror.test{path}")).collect();
    let answer = host.store.run_concurrent(async move |accessor| instance.call_fastest(accessor, mirrors).await);
    answer.await.unwrap().unwrap()
}

#[tokio::test]
async fn the_example_gives_the_first_good_answer() {
    assert_eq!(fastest(&["/hang", "/fail", "/ok"]).await, Ok(b"hello".to_vec()));
}

#[tokio::test]
async fn the_example_says_what_became_of_each_when_none_is_good() {
    let failed = fastest(&["/hang", "/fail"]).await.unwrap_err();
    assert!(failed.contains("/fail: status 500") && failed.contains("/hang: deadline"), "{failed}");
}

#[test]
fn readme_quotes_the_example_as_it_is() {
    let example = std::fs::read_to_string(root().join("examples/caller/src/lib.rs")).unwrap();
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) =
        readme.split_once("<!-- examples/caller/src/lib.rs -->\n").expect("the mark before the quotation");
    let (quotation, after) = rest.split_once("<!-- end -->").expect("the mark after it");
    let wanted = format!("```rust\n{example}```\n");
    if quotation != wanted && std::env::var_os("BLESS").is_some() {
        std::fs::write(path, format!("{before}<!-- examples/caller/src/lib.rs -->\n{wanted}<!-- end -->{after}"))
            .unwrap();
        return;
    }
    assert_eq!(quotation, wanted, "run this test with BLESS=1 to quote it anew");
}

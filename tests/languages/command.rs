//! A program in Rust for WASI 0.2.

use crate::stock::Stock;
use crate::support::build_guest;
use component_builder::compose;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;

#[tokio::test]
async fn a_program_for_wasi_0_2_fetches_its_arguments() {
    let program = compose(&build_guest("fantail-example-command-p2"), &[fantail::COMPONENT_P2]).unwrap();
    let printed = MemoryOutputPipe::new(4_096);
    let arguments = ["program", "http://origin.test/ok", "http://origin.test/fail", "nowhere"];
    let mut host = Stock::new(&program, &[]);
    host.set_wasi(WasiCtx::builder().args(&arguments).stdout(printed.clone()).build());
    let program = Command::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    program.wasi_cli_run().call_run(&mut host.store).await.unwrap().unwrap();
    let printed = String::from_utf8(printed.contents().into()).unwrap();
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["http://origin.test/fail 500", "http://origin.test/ok 200", "nowhere invalid-url"]);
}

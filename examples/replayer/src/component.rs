//! What the replayer is as a component: it has no way to a network.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package example:replayer;
            package wasi:cli@0.2.0 {
                interface stdin {
                    use wasi:io/streams@0.2.0.{input-stream};
                    get-stdin: func() -> input-stream;
                }
            }
            world replayer {
                import wasi:cli/stdin@0.2.0;
                export wasi:http/client@0.3.0;
            }",
        path: ["../../wit/fetch-p2/deps/io", "../../wit/component"],
        world: "example:replayer/replayer",
        with: { "wasi:http/types@0.3.0": fantail_example_recording::wasi::http::types },
        generate_all,
        default_bindings_module: "crate::component::bindings",
    });
    export!(Replayer);
    use super::Replayer;
}

pub(crate) use bindings::exports::wasi::http::client::Guest;
pub(crate) use bindings::wasi::cli::stdin::get_stdin;
pub(crate) use fantail_example_recording::wasi::http::types::{ErrorCode, Fields, Request, Response};
pub(crate) use fantail_example_recording::{wit_future, wit_stream};

pub(crate) struct Replayer;

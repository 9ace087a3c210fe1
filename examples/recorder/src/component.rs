//! What the recorder is as a component.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package example:recorder;
            package wasi:cli@0.2.0 {
                interface stderr {
                    use wasi:io/streams@0.2.0.{output-stream};
                    get-stderr: func() -> output-stream;
                }
            }
            world recorder {
                import wasi:cli/stderr@0.2.0;
                import wasi:http/client@0.3.0;
                export wasi:http/client@0.3.0;
            }",
        path: ["../../wit/fetch-p2/deps/io", "../../wit/component"],
        world: "example:recorder/recorder",
        with: { "wasi:http/types@0.3.0": fantail_example_recording::wasi::http::types },
        generate_all,
        default_bindings_module: "crate::component::bindings",
    });
    export!(Recorder);
    use super::Recorder;
}

pub(crate) use bindings::exports::wasi::http::client::Guest;
pub(crate) use bindings::wasi::cli::stderr::get_stderr;
pub(crate) use bindings::wasi::http::client;
pub(crate) use fantail_example_recording::wasi::http::types::{ErrorCode, Request, Response};
pub(crate) use fantail_example_recording::{wit_future, wit_stream};

pub(crate) struct Recorder;

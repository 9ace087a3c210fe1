//! What the policy is as a component.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package example:policy;
            world policy {
                import wasi:http/client@0.3.0;
                export wasi:http/client@0.3.0;
            }",
        path: "../../wit/component",
        world: "example:policy/policy",
        generate_all,
        default_bindings_module: "crate::component::bindings",
    });
    export!(Policy);
    use super::Policy;
}

pub(crate) use bindings::exports::wasi::http::client::Guest;
pub(crate) use bindings::wasi::http::client;
pub(crate) use bindings::wasi::http::types::{ErrorCode, Request, Response};
pub(crate) use bindings::wit_future;

pub(crate) struct Policy;

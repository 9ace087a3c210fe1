//! What the caller is as a component: bindings, and what they leave to be spelled out.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package example:caller;
            world caller {
                import fantail:fetch/batch@0.1.0;
                export fastest: async func(mirrors: list<string>) -> result<list<u8>, string>;
            }",
        path: "../../wit",
        world: "example:caller/caller",
        generate_all,
        default_bindings_module: "crate::component::bindings",
    });
    export!(Caller);
    use super::Caller;
}

pub(crate) use bindings::fantail::fetch::batch;
pub(crate) use bindings::{Guest, wit_stream};

pub(crate) struct Caller;

/// A GET request.
pub(crate) fn get(url: String) -> batch::Request {
    batch::Request { id: 0, method: "GET".to_owned(), url, headers: Vec::new(), body: None, overrides: None }
}

/// A policy that leaves everything to its default.
pub(crate) fn open() -> batch::Policy {
    batch::Policy {
        concurrency: None,
        window: None,
        body: None,
        max_body: None,
        max_unread: None,
        connect_timeout: None,
        head_timeout: None,
        idle_timeout: None,
        attempt_timeout: None,
        timeout: None,
        deadline: None,
        order: None,
        until: None,
        retries: None,
        backoff: None,
        max_backoff: None,
        retry_ratio: None,
        retry_floor: None,
        redirects: None,
        per_origin: None,
        per_origin_floor: None,
        breaker_ratio: None,
        breaker_minimum: None,
        breaker_open: None,
        hedge: None,
        rate: None,
        burst: None,
        coalesce: None,
    }
}

//! The bindings of the caller.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package example:caller;
            world caller {
                import fantail:fetch/batch@0.1.0;
                export fastest: async func(mirrors: list<string>) -> result<list<u8>, string>;
            }",
        path: "../../wit/fetch",
        world: "example:caller/caller",
        generate_all,
        default_bindings_module: "crate::component::bindings",
    });
    export!(Caller);
    use super::Caller;
}

pub(crate) use bindings::Guest;
pub(crate) use bindings::fantail::fetch::batch;

pub(crate) struct Caller;

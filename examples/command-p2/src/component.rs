//! The bindings of the program.

mod bindings {
    wit_bindgen::generate!({
        inline: "package example:command; world command { import fantail:fetch-p2/batch@0.1.0; }",
        path: "../../wit/fetch-p2",
        world: "example:command/command",
        generate_all,
    });
    wasip2::cli::command::export!(Command);
    use super::Command;
}

pub(crate) use bindings::fantail::fetch_p2::batch;
pub(crate) use wasip2::exports::cli::run::Guest;

pub(crate) struct Command;

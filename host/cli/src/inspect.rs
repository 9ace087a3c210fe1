//! `fantail inspect`: what a component could do, from its imports.

use super::{Exit, say};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::io::AsyncWriteExt;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Config, Engine};

pub(crate) async fn run(file: &Path) -> Exit {
    let described = std::fs::read(file).map_err(|error| error.to_string()).and_then(|bytes| describe(&bytes));
    match described {
        Ok(text) => match print(&text).await {
            Ok(()) => Exit::Responses,
            Err(error) => {
                say(format_args!("cannot write: {error}"));
                Exit::Failures
            }
        },
        Err(error) => Exit::usage(format_args!("{}: {error}", file.display())),
    }
}

async fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = tokio::io::stdout();
    stdout.write_all(text.as_bytes()).await?;
    stdout.flush().await
}

fn describe(bytes: &[u8]) -> Result<String, String> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config).map_err(|error| format!("{error:#}"))?;
    let component = Component::from_binary(&engine, bytes)
        .map_err(|error| format!("not a WebAssembly component (a core module is not one): {error}"))?;
    let ty = component.component_type();
    let imports: Vec<String> = ty.imports(&engine).map(|(name, _)| name.to_owned()).collect();
    let mut text = "imports\n".to_owned();
    for import in &imports {
        text += &format!("  {import:<40} {}\n", ability(import));
    }
    if imports.is_empty() {
        text += "  none: it can compute, and nothing else\n";
    }
    text += "exports\n";
    for (name, item) in ty.exports(&engine) {
        text += &format!("  {name}\n");
        if let ComponentItem::ComponentInstance(instance) = item.ty {
            let functions =
                instance.exports(&engine).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
            text += &listed(functions.map(|(name, _)| name));
        }
    }
    text += fantail(&ty, &engine);
    Ok(text)
}

/// A line for each function, and one for all those of a resource.
fn listed<'a>(functions: impl Iterator<Item = &'a str>) -> String {
    let mut resources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut text = String::new();
    for function in functions {
        // `[method]batch.next`, `[static]batch.start`, `[constructor]policy`.
        match function.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_, of)) => {
                let (resource, name) = of.split_once('.').unwrap_or((of, "constructor"));
                resources.entry(resource).or_default().push(name);
            }
            None => text += &format!("    {function}\n"),
        }
    }
    for (resource, functions) in resources {
        text += &format!("    resource {resource}: {}\n", functions.join(", "));
    }
    text
}

/// Which of the two forms of Fantail's interface it has, if it has one.
fn fantail(ty: &wasmtime::component::types::Component, engine: &Engine) -> &'static str {
    let exports = |name| ty.exports(engine).any(|(export, _)| export.split('@').next() == Some(name));
    if exports("fantail:fetch-p2/batch") {
        "a component of Fantail for WASI 0.2: --wasi 0.2 runs the one like it that is built in\n"
    } else if exports("fantail:fetch/batch") {
        "a component of Fantail for WASI 0.3: --wasi 0.3 runs the one like it that is built in\n"
    } else {
        ""
    }
}

/// What an import allows a component to do, in a few words.
fn ability(import: &str) -> &'static str {
    const ABILITIES: [(&str, &str); 14] = [
        ("wasi:http/types", "speak of HTTP requests and responses"),
        ("wasi:http/client", "send HTTP requests"),
        ("wasi:http/outgoing-handler", "send HTTP requests"),
        ("wasi:http/", "handle HTTP requests"),
        ("wasi:clocks/types", "speak of time"),
        ("wasi:clocks/", "tell the time and wait"),
        ("wasi:random/", "draw random numbers"),
        ("wasi:io/", "read and write streams it is given"),
        ("wasi:sockets/", "open network connections of its own"),
        ("wasi:filesystem/", "read and write files"),
        ("wasi:cli/environment", "see arguments and environment variables it is given"),
        ("wasi:cli/", "see arguments, environment and standard streams"),
        ("spin:variables/", "ask for the variables of its Spin application"),
        ("fantail:fetch", "hand requests to Fantail"),
    ];
    ABILITIES.iter().find(|(prefix, _)| import.starts_with(prefix)).map_or("unknown to this program", |(_, what)| what)
}

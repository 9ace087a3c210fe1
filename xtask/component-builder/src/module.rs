//! A guest as the compiler leaves it, and as a component.

use crate::BuildError;
use wasm_encoder::RawSection;
use wasmparser::{Parser, Payload};

/// A core module, with the names of its functions.
#[derive(Debug)]
pub struct Module {
    pub(crate) package: String,
    pub(crate) bytes: Vec<u8>,
}

impl Module {
    /// The component that is shipped: without the names, which are a third of the size.
    pub fn component(&self) -> Result<Vec<u8>, BuildError> {
        self.encode(&without_names(&self.bytes).map_err(|error| self.error(error))?)
    }

    /// The same code with the names, so that a trap's backtrace can be read.
    pub fn component_with_names(&self) -> Result<Vec<u8>, BuildError> {
        self.encode(&self.bytes)
    }

    fn encode(&self, module: &[u8]) -> Result<Vec<u8>, BuildError> {
        let encode = || wit_component::ComponentEncoder::default().validate(true).module(module)?.encode();
        encode().map_err(|error| self.error(format!("{error:#}")))
    }

    fn error(&self, reason: impl ToString) -> BuildError {
        BuildError::Encode { package: self.package.clone(), reason: reason.to_string() }
    }
}

/// Copies every section but the one with names.
fn without_names(module: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    let mut stripped = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let is_names = matches!(&payload, Payload::CustomSection(section) if section.name() == "name");
        let Some((id, range)) = payload.as_section().filter(|_| !is_names) else { continue };
        let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        if let Some(data) = range.and_then(|(start, end)| module.get(start..end)) {
            stripped.section(&RawSection { id, data });
        }
    }
    Ok(stripped.finish())
}

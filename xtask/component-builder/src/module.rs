//! A guest's core module, and its conversion to a component.

use crate::BuildError;
use std::ops::Range;
use wasm_encoder::{ComponentSectionId, Encode, RawSection, Section};
use wasmparser::{Encoding, Parser, Payload};

/// A core module with its name section.
#[derive(Debug)]
pub struct Module {
    pub(crate) package: String,
    pub(crate) bytes: Vec<u8>,
}

impl Module {
    /// The component as published: without names, which would be a fifth of its size.
    pub fn component(&self) -> Result<Vec<u8>, BuildError> {
        without_names(&self.component_with_names()?).map_err(|error| self.error(error))
    }

    /// The component with names, so that the backtrace of a trap can be read.
    pub fn component_with_names(&self) -> Result<Vec<u8>, BuildError> {
        let encode = || wit_component::ComponentEncoder::default().validate(true).module(&self.bytes)?.encode();
        encode().map_err(|error| self.error(format!("{error:#}")))
    }

    fn error(&self, reason: impl ToString) -> BuildError {
        BuildError::Encode { package: self.package.clone(), reason: reason.to_string() }
    }
}

/// Removes the names of functions, types and instances from a component and the modules inside.
fn without_names(wasm: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    let (mut outer, mut stripped) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding: Encoding::Module, .. } => stripped.extend(wasm_encoder::Module::HEADER),
            Payload::Version { encoding: Encoding::Component, .. } => stripped.extend(wasm_encoder::Component::HEADER),
            Payload::ModuleSection { .. } => {
                outer.push((ComponentSectionId::CoreModule, std::mem::take(&mut stripped)));
            }
            Payload::ComponentSection { .. } => {
                outer.push((ComponentSectionId::Component, std::mem::take(&mut stripped)));
            }
            Payload::End(_) => {
                let Some((id, before)) = outer.pop() else { break };
                let inner = std::mem::replace(&mut stripped, before);
                stripped.push(id as u8);
                inner.encode(&mut stripped);
            }
            Payload::CustomSection(section) if ["name", "component-name"].contains(&section.name()) => {}
            payload => {
                let section = payload.as_section();
                let range = section
                    .and_then(|(id, range)| Some((id, range.start.try_into().ok()?, range.end.try_into().ok()?)));
                if let Some((id, data)) =
                    range.and_then(|(id, start, end)| Some((id, wasm.get::<Range<usize>>(start..end)?)))
                {
                    RawSection { id, data }.append_to(&mut stripped);
                }
            }
        }
    }
    Ok(stripped)
}

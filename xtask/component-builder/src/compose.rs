//! Composes components into one.

use crate::BuildError;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};

/// Connects imports of `socket` to exports of `plugs` with the same name, as Spin does with a component's dependencies. The result exports what
/// `socket` exports, and imports whatever is left unconnected. Every export of a plug must match an import.
pub fn compose(socket: &[u8], plugs: &[&[u8]]) -> Result<Vec<u8>, BuildError> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "fantail:socket", socket)?;
    let socket_instance = graph.instantiate(socket);
    for (index, plug) in plugs.iter().enumerate() {
        let plug = register(&mut graph, &format!("fantail:plug{index}"), plug)?;
        let instance = graph.instantiate(plug);
        for name in exports(&graph, plug) {
            let export = graph.alias_instance_export(instance, &name).map_err(compose_error)?;
            graph.set_instantiation_argument(socket_instance, &name, export).map_err(compose_error)?;
        }
    }
    for name in exports(&graph, socket) {
        let export = graph.alias_instance_export(socket_instance, &name).map_err(compose_error)?;
        graph.export(export, name).map_err(compose_error)?;
    }
    graph.encode(EncodeOptions::default()).map_err(compose_error)
}

fn register(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<PackageId, BuildError> {
    let package =
        Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(|error| compose_error(error.root_cause()))?;
    graph.register_package(package).map_err(compose_error)
}

fn exports(graph: &CompositionGraph, package: PackageId) -> Vec<String> {
    graph.types()[graph[package].ty()].exports.keys().cloned().collect()
}

fn compose_error(error: impl std::fmt::Display) -> BuildError {
    BuildError::Compose(error.to_string())
}

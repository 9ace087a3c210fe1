//! From components that need each other to one that needs neither.

use crate::BuildError;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};

/// Satisfies imports of `socket` by exports of the same name of `plugs`, as Spin does with a component's dependencies, and
/// exports what `socket` exports. What any of them imports beyond that, the result imports. Every plug has to fit.
pub fn compose(socket: &[u8], plugs: &[&[u8]]) -> Result<Vec<u8>, BuildError> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "fantail:socket", socket)?;
    let socket_instance = graph.instantiate(socket);
    for (place, plug) in plugs.iter().enumerate() {
        let plug = register(&mut graph, &format!("fantail:plug{place}"), plug)?;
        let instance = graph.instantiate(plug);
        for name in exports(&graph, plug) {
            let export = graph.alias_instance_export(instance, &name).map_err(failed)?;
            graph.set_instantiation_argument(socket_instance, &name, export).map_err(failed)?;
        }
    }
    for name in exports(&graph, socket) {
        let export = graph.alias_instance_export(socket_instance, &name).map_err(failed)?;
        graph.export(export, name).map_err(failed)?;
    }
    graph.encode(EncodeOptions::default()).map_err(failed)
}

fn register(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<PackageId, BuildError> {
    let package =
        Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(|error| failed(error.root_cause()))?;
    graph.register_package(package).map_err(failed)
}

fn exports(graph: &CompositionGraph, package: PackageId) -> Vec<String> {
    graph.types()[graph[package].ty()].exports.keys().cloned().collect()
}

fn failed(error: impl std::fmt::Display) -> BuildError {
    BuildError::Compose(error.to_string())
}

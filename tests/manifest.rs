//! spin.toml and the other files for deployment match the components. `guest/edge` checks their variables, and `xtask` their
//! paths.

use toml::{Table, Value};

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

/// The value at a path of keys.
fn lookup<'a>(table: &'a Table, keys: &[&str]) -> &'a Value {
    let (first, rest) = keys.split_first().unwrap();
    rest.iter().fold(&table[*first], |value, key| &value[*key])
}

#[test]
fn spin_toml_composes_the_component_by_the_interface_it_exports() {
    let manifest = table(include_str!("../spin.toml"));
    let dependencies = lookup(&manifest, &["component", "edge", "dependencies"]).as_table().unwrap();
    let (_, exports) = crate::composition::names(fantail::COMPONENT);
    assert_eq!(dependencies.keys().cloned().collect::<Vec<_>>(), exports);
    let inherited = dependencies[&exports[0]]["inherit_configuration"].as_array().unwrap();
    assert_eq!(inherited, &[Value::from("allowed_outbound_hosts")]);
    let hosts = lookup(&manifest, &["component", "edge", "allowed_outbound_hosts"]).as_array().unwrap();
    assert_eq!(hosts, &[Value::from("{{ upstreams }}")]);
}

#[test]
fn spin_toml_routes_everything_to_the_application() {
    let manifest = table(include_str!("../spin.toml"));
    assert_eq!(manifest["spin_manifest_version"].as_integer(), Some(2));
    let trigger = &lookup(&manifest, &["trigger", "http"]).as_array().unwrap()[0];
    assert_eq!((trigger["route"].as_str(), trigger["component"].as_str()), (Some("/..."), Some("edge")));
}

#[test]
fn the_spinapp_sets_only_known_variables_and_loads_the_runtime_configuration() {
    let manifest = table(include_str!("../spin.toml"));
    let spinapp = include_str!("../deploy/spinapp.yaml");
    let names: Vec<&str> = spinapp.lines().filter_map(|line| line.strip_prefix("    - name: ")).collect();
    assert!(names.contains(&"api_token") && names.contains(&"upstreams"), "{names:?}");
    for name in names {
        assert!(manifest["variables"].get(name).is_some(), "{name}");
    }
    assert!(spinapp.contains("--from-file=runtime-config.toml") && spinapp.contains("loadFromSecret: fantail-runtime"));
}

#[test]
fn the_runtime_configuration_pools_connections_and_blocks_networks() {
    let config = table(include_str!("../runtime-config.toml"));
    assert_eq!(lookup(&config, &["outbound_http", "connection_pooling"]).as_bool(), Some(true));
    let blocked = lookup(&config, &["outbound_networking", "block_networks"]).as_array().unwrap();
    assert_eq!(blocked, &[Value::from("private")]);
}

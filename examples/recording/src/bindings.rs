//! The types of wasi:http, for both components. Error codes are written under the interface's names, in lower case.

wit_bindgen::generate!({
    inline: "package example:recording; world recording { import wasi:http/types@0.3.0; }",
    path: "../../wit/component",
    world: "example:recording/recording",
    generate_all,
    additional_type_attributes: {
        "wasi:http/types@0.3.0/error-code": [#[derive(serde::Serialize, serde::Deserialize)] #[serde(rename_all = "kebab-case")]],
        "wasi:http/types@0.3.0/DNS-error-payload": [#[derive(serde::Serialize, serde::Deserialize)]],
        "wasi:http/types@0.3.0/TLS-alert-received-payload": [#[derive(serde::Serialize, serde::Deserialize)]],
        "wasi:http/types@0.3.0/field-size-payload": [#[derive(serde::Serialize, serde::Deserialize)]],
    },
});

//! Conversions between the types of the bindings and those of the engine, which the harness uses too.

/// For WASI 0.2.
pub(crate) mod p2 {
    use crate::bindings::p2::batch as wit;
    use crate::harness::State;
    use fantail_conversions::Convert;
    use wasmtime::Store;

    fantail_conversions::types!();
    fantail_conversions::host_setters!(store: &mut Store<State> => &mut *store);

    fn names(names: &[String]) -> &[String] {
        names
    }
}

/// For WASI 0.3.
pub(crate) mod p3 {
    use crate::bindings::p3::batch as wit;
    use crate::harness::State;
    use fantail_conversions::Convert;
    use wasmtime::component::Accessor;

    fantail_conversions::types!();
    fantail_conversions::host_setters!(store: &Accessor<State> => store);

    fn names(names: &[String]) -> Vec<String> {
        names.to_vec()
    }
}

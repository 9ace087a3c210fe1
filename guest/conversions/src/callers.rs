//! For callers of the component: another component, or a host.

/// Defines `policy`, `options` and `request` for a component that imports the interface. Needs [`types!`](crate::types) beside it.
#[macro_export]
macro_rules! guest_setters {
    () => {
        $crate::guest_setters! { $ }
    };
    ($d:tt) => {
        macro_rules! setters {
            ($d($d kind:ident $d field:ident;)*) => {
                pub(crate) fn policy(source: &$crate::engine::Policy) -> wit::Policy {
                    let policy = wit::Policy::new();
                    $crate::paste! {
                        $d(if let Some(value) = source.$d field {
                            policy.[<set_ $d field>]($crate::argument!($d kind value));
                        })*
                    }
                    policy
                }
            };
        }
        $crate::engine::for_each_field!(setters);

        macro_rules! option_setters {
            ($d($d kind:ident $d field:ident;)*) => {
                /// None if everything is at its default.
                fn options(source: &$crate::engine::RequestOptions) -> Option<wit::RequestOptions> {
                    if *source == $crate::engine::RequestOptions::default() {
                        return None;
                    }
                    let options = wit::RequestOptions::new();
                    $crate::paste! {
                        $d(if let Some(value) = $crate::set_value!($d kind source.$d field.clone()) {
                            options.[<set_ $d field>]($crate::argument!(& $d kind value));
                        })*
                    }
                    Some(options)
                }
            };
        }
        $crate::engine::for_each_request_option!(option_setters);

        pub(crate) fn request(id: u32, request: $crate::engine::Request) -> wit::Request {
            let options = options(&request.options);
            let $crate::engine::Request { id: _, method, url, headers, body, options: _ } = request;
            wit::Request { id, method, url, headers, body, options }
        }
    };
}

/// Defines `policy` and `request` for a host built on wasmtime. `store`, of the given type, is what its calls take, and
/// the expression reborrows it for another call. Needs [`types!`](crate::types) beside it, and a function `names` from
/// a list of strings to the argument of a call.
#[macro_export]
macro_rules! host_setters {
    ($store:ident: $Store:ty => $reborrow:expr) => {
        $crate::host_setters! { ($) $store: $Store => $reborrow }
    };
    (($d:tt) $store:ident: $Store:ty => $reborrow:expr) => {
        macro_rules! setters {
            ($d($d kind:ident $d field:ident;)*) => {
                /// None if everything is at its default.
                pub(crate) async fn policy(
                    guest: &wit::Guest,
                    $store: $Store,
                    source: &$crate::engine::Policy,
                ) -> ::wasmtime::Result<Option<wit::Policy>> {
                    if *source == $crate::engine::Policy::default() {
                        return Ok(None);
                    }
                    let setters = guest.policy();
                    let policy = setters.call_constructor($reborrow).await?;
                    $crate::paste! {
                        $d(if let Some(value) = source.$d field {
                            setters.[<call_set_ $d field>]($reborrow, policy, $crate::argument!($d kind value)).await?;
                        })*
                    }
                    Ok(Some(policy))
                }
            };
        }
        $crate::engine::for_each_field!(setters);

        macro_rules! option_setters {
            ($d($d kind:ident $d field:ident;)*) => {
                /// None if everything is at its default.
                async fn options(
                    guest: &wit::Guest,
                    $store: $Store,
                    source: &$crate::engine::RequestOptions,
                ) -> ::wasmtime::Result<Option<wit::RequestOptions>> {
                    if *source == $crate::engine::RequestOptions::default() {
                        return Ok(None);
                    }
                    let setters = guest.request_options();
                    let options = setters.call_constructor($reborrow).await?;
                    $crate::paste! {
                        $d(if let Some(value) = $crate::set_value!($d kind source.$d field.clone()) {
                            setters.[<call_set_ $d field>]($reborrow, options, $crate::argument!(names $d kind value)).await?;
                        })*
                    }
                    Ok(Some(options))
                }
            };
        }
        $crate::engine::for_each_request_option!(option_setters);

        pub(crate) async fn request(
            guest: &wit::Guest,
            $store: $Store,
            id: u32,
            request: $crate::engine::Request,
        ) -> ::wasmtime::Result<wit::Request> {
            let options = options(guest, $store, &request.options).await?;
            let $crate::engine::Request { id: _, method, url, headers, body, options: _ } = request;
            Ok(wit::Request { id, method, url, headers, body, options })
        }
    };
}

/// The value to set, if there is one.
#[doc(hidden)]
#[macro_export]
macro_rules! set_value {
    (names $value:expr) => {
        Some($value).filter(|names| !names.is_empty())
    };
    ($kind:ident $value:expr) => {
        $value
    };
}

/// A value as a setter takes it: lists of names as the caller's bindings have them, everything else converted.
#[doc(hidden)]
#[macro_export]
macro_rules! argument {
    (& names $value:ident) => {
        &$value
    };
    (names names $value:ident) => {
        names(&$value)
    };
    (& $kind:ident $value:ident) => {
        $value.convert()
    };
    (names $kind:ident $value:ident) => {
        $value.convert()
    };
    ($kind:ident $value:ident) => {
        $value.convert()
    };
}

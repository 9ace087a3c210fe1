//! Replaces two functions of wasi:http 0.2 whose implementations in wasmtime 48 have bugs.

use super::Sandboxed;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, IoError, RequestOptions};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};

/// The instances in which wasmtime defines its own.
const TYPES: &str = "wasi:http/types@0.2.12";
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

type Handled = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

pub(super) fn replace<T: Sandboxed>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap(
        "http-error-code",
        |mut store: StoreContextMut<'_, T>, (error,): (Resource<IoError>,)| {
            Ok((error_code(store.data_mut().ctx().table.get(&error)?),))
        },
    )?;
    linker.instance(HANDLER)?.func_wrap(
        "handle",
        |store: StoreContextMut<'_, T>,
         (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>)| {
            handle(store, request, options).map(|handled| (handled,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// wasmtime's implementation downcasts to a different type than that of the errors of a sender's body, and never finds it.
fn error_code(error: &IoError) -> Option<ErrorCode> {
    let Some(body_error) = error.downcast_ref::<Error>() else { return error.downcast_ref::<ErrorCode>().cloned() };
    Some(match body_error {
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::HttpRequestBodySize(size) => ErrorCode::HttpRequestBodySize(*size),
        Error::HttpResponseBodySize(size) => ErrorCode::HttpResponseBodySize(*size),
        Error::HttpResponseHeaderSectionSize(size) => ErrorCode::HttpResponseHeaderSectionSize(*size),
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        // Passed on unchanged: the sender may have encoded facts in it.
        Error::InternalError(detail) => ErrorCode::InternalError(detail.clone()),
        other => ErrorCode::InternalError(Some(other.to_string())),
    })
}

/// wasmtime's implementation leaks the options, which it owns: one more resource with each request.
fn handle<T: Sandboxed>(
    mut store: StoreContextMut<'_, T>,
    request: Resource<HostOutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Handled> {
    let mut view = store.data_mut().http();
    let owned = options.as_ref().map(|options| Resource::<RequestOptions>::new_own(options.rep()));
    let handled = view.handle(request, options);
    if let Some(owned) = owned {
        view.table.delete(owned)?;
    }
    match handled {
        Ok(pending) => Ok(Ok(pending)),
        Err(error) => error.downcast().map(Err),
    }
}

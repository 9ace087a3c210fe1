//! From the engine's request to wasi:http's, which both versions have under nearly the same names.

/// Defines `set_target` and `fields`: the target of a request of the given type, and its headers. `http`, the module of
/// wasi:http's types, has to be in scope, and `header_error`, which says what an error of its headers means.
#[macro_export]
macro_rules! requests {
    ($Request:ty) => {
        fn set_target(outgoing: &$Request, request: &$crate::engine::Request, url: &$crate::Url) -> Result<(), ()> {
            let scheme = if url.scheme() == "https" { http::Scheme::Https } else { http::Scheme::Http };
            if request.method != "GET" {
                outgoing.set_method(&method(&request.method))?;
            }
            outgoing.set_scheme(Some(&scheme))?;
            outgoing.set_authority(Some(url.authority()))?;
            outgoing.set_path_with_query(Some(&$crate::path_with_query(url)))
        }

        fn method(name: &str) -> http::Method {
            match name {
                "GET" => http::Method::Get,
                "HEAD" => http::Method::Head,
                "POST" => http::Method::Post,
                "PUT" => http::Method::Put,
                "DELETE" => http::Method::Delete,
                "OPTIONS" => http::Method::Options,
                "TRACE" => http::Method::Trace,
                "PATCH" => http::Method::Patch,
                other => http::Method::Other(other.to_owned()),
            }
        }

        /// The request's headers, with the length of its body and what it asks of the host. The engine
        /// has checked them; a host may still refuse them.
        fn fields(request: &$crate::engine::Request, asked: Option<String>) -> Result<http::Fields, $crate::Failed> {
            let length = $crate::announced_length(request);
            if length.is_none() && asked.is_none() {
                return match request.headers.as_slice() {
                    [] => Ok(http::Fields::new()),
                    headers => http::Fields::from_list(headers).map_err(header_error),
                };
            }
            let length = length.map(|length| ("content-length", length.to_string()));
            let asked = asked.map(|value| ($crate::ATTEMPT, value));
            let own = length.into_iter().chain(asked);
            let own = own.map(|(name, value)| (name.to_owned(), value.into_bytes()));
            // In one call: a copy costs less than a second one.
            let headers: Vec<_> = request.headers.iter().cloned().chain(own).collect();
            http::Fields::from_list(&headers).map_err(header_error)
        }
    };
}

//! A tunnel through a proxy (CONNECT, RFC 9110, section 9.3.6).

use crate::error::SendError;
use crate::limits::PoolLimits;
use crate::origin::Origin;
use crate::route::{Proxy, Route};
use bytes::Bytes;
use fantail_engine::{Cause, Phase};
use futures::FutureExt;
use futures::future::{Either, select};
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// Has the proxy at the other end of `io` open a tunnel to this origin, and returns the stream that leads through it.
pub(crate) async fn tunnel<T>(
    io: T,
    proxy: &Proxy,
    origin: &Origin,
    limits: PoolLimits,
) -> Result<TokioIo<Upgraded>, SendError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_headers(limits.head_fields).max_header_size(limits.head_bytes);
    let broken = |error: hyper::Error| about_proxy(proxy, SendError::hyper(&error, Phase::Connect));
    let (mut send, connection) = builder.handshake(TokioIo::new(io)).await.map_err(broken)?;
    // A fused future may be polled after its end, which may come before that of the other one.
    let mut connection = pin!(connection.with_upgrades().fuse());
    let answered = match select(pin!(send.send_request(connect_request(proxy, origin)?)), &mut connection).await {
        Either::Left((answered, _)) => answered,
        Either::Right((_, answer)) => answer.await,
    };
    let response = answered.map_err(broken)?;
    if !response.status().is_success() {
        return Err(about_proxy(proxy, refused(response.status())));
    }
    let upgraded = match select(hyper::upgrade::on(response), &mut connection).await {
        Either::Left((upgraded, _)) => upgraded,
        Either::Right((_, upgrade)) => upgrade.await,
    };
    upgraded.map(TokioIo::new).map_err(broken)
}

fn connect_request(proxy: &Proxy, origin: &Origin) -> Result<Request<Empty<Bytes>>, SendError> {
    let host = origin.host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let target = format!("{host}:{}", origin.port());
    let mut request = Request::builder().method(Method::CONNECT).uri(&target).header(HOST, &target);
    if let Some(authorization) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let invalid =
        |_| SendError::new(Cause::HttpRequestUriInvalid, Phase::Request, "the host cannot be named to a proxy");
    request.body(Empty::new()).map_err(invalid)
}

fn refused(status: StatusCode) -> SendError {
    let reason = match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => " (it wants a user name and a password, or others than it got)",
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => " (its rules forbid it)",
        _ => "",
    };
    let detail = format!("it opened no tunnel: status {}{reason}", status.as_u16());
    SendError::new(Cause::DestinationUnavailable, Phase::Connect, detail)
}

/// The error of a connection that was to lead along this route.
pub(crate) fn about_route(route: &Route, error: SendError) -> SendError {
    match route {
        Route::Proxy(proxy) => about_proxy(proxy, error),
        Route::Direct | Route::UnixSocket(_) => error,
    }
}

/// The error, saying that it happened between us and the proxy.
pub(crate) fn about_proxy(proxy: &Proxy, error: SendError) -> SendError {
    SendError { detail: format!("the proxy {proxy}: {}", error.detail), ..error }
}

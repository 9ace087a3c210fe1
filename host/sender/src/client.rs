//! The client that one instance sends its requests with.

use crate::account::Account;
use crate::body::ResponseBody;
use crate::error::SendError;
use crate::events::Events;
use crate::outgoing::{BoxError, RequestBody};
use crate::record::{FACTS, FactsRequest, Record};
use crate::sender::Sender;
use crate::timeouts::RequestTimeouts;
use crate::watch::Watch;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// Sends requests for one account. A request for events to the same client is answered with a stream that says when each request is
/// sent. Cheap to clone.
///
/// A request may have [`RequestTimeouts`] among its extensions, or else with the header that asks for facts. Dropping the future, or the
/// response's body, cancels the request.
#[derive(Clone)]
pub struct Client {
    sender: Sender,
    account: Arc<Account>,
    events: Arc<Events>,
}

impl Client {
    /// A client that charges its requests to this account.
    pub fn new(sender: Sender, account: Arc<Account>) -> Self {
        Self { sender, account, events: Arc::default() }
    }

    /// The account that requests are charged to.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The sender whose connections are used.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    async fn send(
        self,
        request: Request<RequestBody>,
        timeouts: RequestTimeouts,
        mut record: Record,
    ) -> Result<Response<ResponseBody>, SendError> {
        let result = self.sender.send(request, timeouts, &self.account, &self.events, &mut record).await;
        result.map_err(|error| record.add_to_error(error))
    }

    /// A response whose body is a stream of events. Its empty facts header shows that it comes from this sender.
    fn read_events(&self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::from(self.events.subscribe()));
        response.headers_mut().insert(FACTS, HeaderValue::from_static(""));
        response
    }
}

impl<B> tower_service::Service<Request<B>> for Client
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = SendError;
    type Future = BoxFuture<'static, Result<Response<ResponseBody>, SendError>>;

    /// Always ready: a request waits for its connection in its own future.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let requested = FactsRequest::take(request.headers_mut());
        if requested == FactsRequest::Events {
            return Box::pin(std::future::ready(Ok(self.read_events())));
        }
        let timeouts = request.extensions().get().copied().or_else(|| requested.timeouts()).unwrap_or_default();
        let watch = Watch::new(Instant::now(), self.sender.limits().informational);
        let request = RequestBody::wrap(request, &self.account, &watch);
        Box::pin(self.clone().send(request, timeouts, Record::new(requested, watch)))
    }
}

/// The extension is found by its type alone.
impl RequestTimeouts {
    /// Adds these timeouts to the request's extensions.
    pub fn on<B>(self, mut request: Request<B>) -> Request<B> {
        request.extensions_mut().insert(self);
        request
    }
}

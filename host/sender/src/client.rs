//! What one instance sends with.

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

/// Sends requests for one account, and tells whoever asks for events with the same client when each is sent. Cheap to clone.
///
/// A request may have a [`RequestTimeouts`] among its extensions. Dropping the future, or the response's body, gives the request up.
#[derive(Clone)]
pub struct Client {
    sender: Sender,
    account: Arc<Account>,
    events: Arc<Events>,
}

impl Client {
    /// What sends requests that are charged to this account.
    pub fn new(sender: Sender, account: Arc<Account>) -> Self {
        Self { sender, account, events: Arc::default() }
    }

    /// Who pays.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Whose connections are used.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    async fn send(
        self,
        request: Request<RequestBody>,
        mut record: Record,
    ) -> Result<Response<ResponseBody>, SendError> {
        let asked = request.extensions().get().copied().unwrap_or_default();
        let sent = self.sender.send(request, asked, &self.account, &self.events, &mut record).await;
        sent.map_err(|error| record.failed(error))
    }

    /// A response whose body is events. The header says who answers: it has no facts.
    fn read_events(&self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::from(self.events.read()));
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

    /// Always ready: a request waits in its own future.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let asked = FactsRequest::take(request.headers_mut());
        if asked == FactsRequest::Events {
            return Box::pin(std::future::ready(Ok(self.read_events())));
        }
        let watch = Watch::new(Instant::now(), self.sender.limits().informational);
        let request = RequestBody::of(request, &self.account, &watch);
        Box::pin(self.clone().send(request, Record::new(asked, watch)))
    }
}

/// So that the extension is found by its type and by nothing else.
impl RequestTimeouts {
    /// The request with this among its extensions.
    pub fn on<B>(self, mut request: Request<B>) -> Request<B> {
        request.extensions_mut().insert(self);
        request
    }
}

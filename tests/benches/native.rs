//! The engine and its shell without a sandbox: the same decisions, over the same sender. What the sandbox costs is the difference.

use bytes::Bytes;
use fantail_engine::{Engine, Failed, Instant, Policy, Request, Settings};
use fantail_sender::{
    Account, Allowance, Client, Egress, RequestTimeouts, ResponseBody, Route, SendError, Sender, SenderConfig,
    SystemResolver, TcpConnector, Timeouts, Tls, TlsSettings,
};
use fantail_shell::{Answered, Ask, Batch, Head, Incoming, More, Upload, Url, Wasi};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, join, poll_fn};
use http_body_util::{BodyExt, Full};
use std::cell::RefCell;
use std::sync::Arc;
use tower_service::Service;

thread_local! {
    /// What the batch of this thread sends with.
    static CLIENT: RefCell<Option<Client>> = const { RefCell::new(None) };
}

/// Sends with a sender of its own.
pub(crate) struct NativeEngine {
    policy: Policy,
    client: Client,
}

impl NativeEngine {
    pub(crate) fn new(policy: Policy) -> Self {
        let egress = Egress::nothing().allow("127.0.0.0/8".parse().expect("a network"));
        let config = SenderConfig {
            egress,
            resolver: Arc::new(SystemResolver::default()),
            transports: Arc::new(TcpConnector),
            tls: Tls::new(TlsSettings::default()),
            route: Route::Direct,
            http2_prior_knowledge: false,
            decompress: false,
        };
        let sender = Sender::new(config, Timeouts::default(), crate::pool());
        let account = Account::new(Allowance { bytes: u64::MAX, body: u64::MAX });
        let client = Client::new(sender, Arc::new(account));
        Self { policy: Policy { host_facts: Some(true), ..policy }, client }
    }

    /// Sends this many requests to `url`, and returns how many had a response.
    pub(crate) async fn round(&self, url: &str, count: u64) -> u64 {
        CLIENT.set(Some(self.client.clone()));
        let (mut batch, caller) = Batch::<Native>::new(Engine::new(&self.policy).expect("a good policy"));
        caller.keep_open();
        let (mut pushed, mut responses) = (0, 0);
        let calling = async {
            loop {
                let last = count.min(pushed + u64::from(caller.room()));
                if last > pushed {
                    let requests: Vec<Request> = (pushed..last).map(|id| Request::get(id, url)).collect();
                    caller.push(requests.into_iter()).expect("there is room");
                    pushed = last;
                    if pushed == count {
                        caller.finish();
                    }
                }
                match poll_fn(|cx| caller.poll_take(u32::MAX, cx)).await {
                    Some(taken) => responses += taken.iter().filter(|outcome| outcome.result.is_ok()).count() as u64,
                    None => return,
                }
            }
        };
        join(batch.run(), calling).await;
        responses
    }
}

struct Native {
    timeouts: RequestTimeouts,
}

impl Wasi for Native {
    type Incoming = NativeBody;

    fn new(settings: &Settings) -> Self {
        let Settings { connect_timeout, head_timeout, idle_timeout, .. } = *settings;
        let timeouts =
            RequestTimeouts { connect: Some(connect_timeout), head: Some(head_timeout), idle: Some(idle_timeout) };
        Self { timeouts }
    }

    fn now() -> Instant {
        Instant::from_nanos(u64::try_from(epoch().elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn wait_until(at: Instant) -> LocalBoxFuture<'static, ()> {
        tokio::time::sleep_until((epoch() + std::time::Duration::from_nanos(at.as_nanos())).into()).boxed_local()
    }

    fn start(
        &self,
        request: &Arc<Request>,
        url: &Url,
        ask: Ask,
    ) -> Result<(impl Future<Output = Answered<NativeBody>>, Upload), Failed> {
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(url.as_str());
        for (name, value) in &request.headers {
            builder = builder.header(name, value.as_slice());
        }
        if let Some(value) = ask.value() {
            builder = builder.header(fantail_facts::ATTEMPT, value);
        }
        let body = Full::new(Bytes::from(request.body.as_deref().unwrap_or_default().to_vec()));
        let sent = builder.body(body).expect("the engine has checked it");
        let sent = CLIENT.with_borrow_mut(|client| client.as_mut().map(|client| client.call(self.timeouts.on(sent))));
        let sent = sent.expect("a client was made first");
        let answered = async {
            let (head, body) = sent.await.map_err(failed)?.into_parts();
            let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                (name.as_str().to_owned(), value.as_bytes().to_vec())
            };
            let headers = head.headers.iter().map(pair).collect();
            Ok(Head { status: head.status.as_u16(), headers, incoming: NativeBody(Some(body), None) })
        };
        Ok((answered, std::future::ready(()).boxed_local()))
    }
}

/// A body, and why it broke off.
struct NativeBody(Option<ResponseBody>, Option<SendError>);

impl Incoming for NativeBody {
    type Unread = ();

    async fn read(&mut self, mut into: Vec<u8>) -> (Vec<u8>, More) {
        let Some(body) = &mut self.0 else { return (into, More::No) };
        match body.frame().await {
            Some(Ok(frame)) => {
                into.extend_from_slice(frame.data_ref().map_or(&[], |bytes| bytes));
                (into, More::Yes)
            }
            Some(Err(error)) => {
                self.1 = Some(error);
                (into, More::No)
            }
            None => (into, More::No),
        }
    }

    async fn release(self) {}

    async fn finish(self) -> Result<(), Failed> {
        self.1.map_or(Ok(()), |error| Err(failed(error)))
    }

    fn hand_out(self, _: u16, _: bool) -> ((), LocalBoxFuture<'static, ()>) {
        ((), std::future::ready(()).boxed_local())
    }
}

fn failed(error: SendError) -> Failed {
    Failed::new(error.cause, Some(error.detail))
}

fn epoch() -> std::time::Instant {
    static EPOCH: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    *EPOCH.get_or_init(std::time::Instant::now)
}

//! The application on a port of its own, and a client that reads its answers as they arrive.

use crate::support::{builder, builder_for};
use bytes::Bytes;
use fantail::{Builder, Egress, Listening, Service, ServiceOptions};
use futures::channel::mpsc;
use futures::{SinkExt, Stream, StreamExt};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::OnceLock;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// The application on a port of its own, with the token `secret`.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    server: AbortHandle,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One instance, which all callers share.
pub(crate) fn options() -> ServiceOptions {
    with_variables(&[])
}

/// One instance with these variables in addition to the token.
pub(crate) fn with_variables(variables: &[(&str, &str)]) -> ServiceOptions {
    let variables = [&[("api_token", "secret")], variables].concat();
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    ServiceOptions { variables, instances: 1, ..ServiceOptions::default() }
}

pub(crate) async fn edge(options: ServiceOptions) -> Edge {
    Edge::start(builder(), options).await
}

impl Edge {
    pub(crate) async fn start(builder: Builder, options: ServiceOptions) -> Self {
        Self::listen(builder, options, Listening::default()).await
    }

    pub(crate) async fn listen(builder: Builder, options: ServiceOptions, listening: Listening) -> Self {
        // Compiled code is shared while a service uses it, so this one keeps it alive for the whole run.
        static KEEP_COMPILED: OnceLock<Service> = OnceLock::new();
        KEEP_COMPILED.get_or_init(|| builder_for(Egress::nothing()).build_service(with_variables(&[])).unwrap());
        let service = builder.build_service(options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            service.serve(listener, listening, std::future::pending()).await;
        });
        Self { address, server: server.abort_handle() }
    }

    /// Posts a complete body with the right token.
    pub(crate) async fn post(&self, content_type: &str, body: impl Into<Bytes>) -> Reply {
        let headers = [("authorization", "Bearer secret"), ("content-type", content_type)];
        self.request(Method::POST, "/", &headers, futures::stream::iter([body.into()])).await
    }

    /// Posts lines as they are written to `Input`.
    pub(crate) async fn post_lines(&self) -> (Input, Reply) {
        let (sender, receiver) = mpsc::channel(0);
        let mut input = Input(sender);
        let headers = [("authorization", "Bearer secret"), ("content-type", NDJSON)];
        let reply = self.request(Method::POST, "/", &headers, receiver);
        // The head of the answer waits for the first line.
        let ((), reply) = tokio::join!(input.send("{\"policy\":{}}\n"), reply);
        (input, reply)
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Reply {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.unwrap();
        let connection = tokio::spawn(connection).abort_handle();
        let mut request = Request::builder().method(method).uri(path).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = StreamBody::new(body.map(|piece| Ok::<_, Infallible>(Frame::data(piece))));
        let response = sender.send_request(request.body(body).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let (status, headers, unread) = (head.status.as_u16(), head.headers, Vec::new());
        Reply { status, headers, body, unread, connection }
    }
}

/// The sending half of a request body; dropping it ends the body.
pub(crate) struct Input(mpsc::Sender<Bytes>);

impl Input {
    pub(crate) async fn send(&mut self, lines: impl Into<Bytes>) {
        self.0.send(lines.into()).await.unwrap();
    }
}

/// An answer that is read as it arrives. Dropping it closes the connection.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    unread: Vec<u8>,
    connection: AbortHandle,
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The next line.
    pub(crate) async fn line(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            match self.body.frame().await {
                Some(frame) => self.unread.extend_from_slice(&frame.unwrap().into_data().unwrap()),
                None if self.unread.is_empty() => return None,
                None => panic!("half a line: {}", String::from_utf8_lossy(&self.unread)),
            }
        }
    }

    /// All remaining lines.
    pub(crate) async fn lines(mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }

    /// The outcomes sorted by id, and the summary; each id from 0 must occur exactly once.
    pub(crate) async fn outcomes(self) -> (Vec<Value>, Value) {
        let mut lines = self.lines().await;
        let summary = lines.pop().expect("a summary")["summary"].clone();
        lines.sort_by_key(|outcome| outcome["id"].as_u64().expect("an id"));
        assert!(lines.iter().map(|outcome| outcome["id"].as_u64().unwrap()).eq(0..lines.len() as u64), "each id once");
        assert_eq!(summary["requests"], lines.len());
        (lines, summary)
    }

    pub(crate) async fn text(mut self) -> String {
        while let Some(frame) = self.body.frame().await {
            self.unread.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        String::from_utf8(std::mem::take(&mut self.unread)).unwrap()
    }

    /// All remaining bytes, or an error if the body is broken off.
    pub(crate) async fn bytes(mut self) -> Result<Bytes, hyper::Error> {
        (&mut self.body).collect().await.map(http_body_util::Collected::to_bytes)
    }

    /// Parses this answer as a problem document.
    pub(crate) async fn problem(self) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let status = self.status;
        let problem: Value = serde_json::from_str(&self.text().await).unwrap();
        assert_eq!(problem["status"], status);
        problem
    }
}

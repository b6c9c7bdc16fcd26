//! A server with a control of its own, and a client that says exactly what it is told.

use chenapan_engine::control::Control;
use chenapan_engine::endpoint::Kinds;
use chenapan_server::{Api, Guard, Server};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A server that runs, and ends with this handle.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) control: Control,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<()>,
}

/// A response: its status, its head and its body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    /// Returns the body, which is JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::guarded(|guard| guard).await
    }

    pub(crate) async fn guarded(change: impl FnOnce(Guard) -> Guard) -> Self {
        let control = Control::seeded(42).unwrap();
        let server = Server::bind("127.0.0.1:0").await.unwrap().guarded(change);
        let address = server.address();
        let stop = CancellationToken::new();
        let api = Api::new(control.clone(), chenapan_engine::registry(), Kinds::new());
        let ended = tokio::spawn(server.serve(api, stop.clone()));
        Self { address, control, stop, ended }
    }

    /// Sends a request with its own headers and a body, and returns the response.
    pub(crate) async fn ask(&self, request: &str, headers: &str, body: &str) -> Response {
        let address = self.address;
        let length = body.len();
        let text = format!(
            "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.send(&text).await
    }

    /// Sends a text as it is, and returns the response.
    pub(crate) async fn send(&self, text: &str) -> Response {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses does not have to read all of it.
        let _ = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

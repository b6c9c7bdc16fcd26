//! Metrics that are pushed to a collector of OpenTelemetry: OTLP over HTTP, as protobuf.
//!
//! The data path knows nothing of this, and a collector that does not answer is waited for only here.

use crate::api::Api;
use crate::metrics::{Exported, exported};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::fmt::Display;
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Longest time that a push may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest time for which the end waits for a push.
const END: Duration = Duration::from_secs(1);

/// Largest body of a response that is read, in bytes.
const BODY: usize = 64 << 10;

/// A collector of OpenTelemetry, and how metrics are pushed to it.
#[derive(Clone, Debug)]
pub struct Collector {
    host: String,
    port: u16,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    every: Duration,
    service: String,
}

impl Collector {
    /// Returns the collector at a URL, such as `http://127.0.0.1:4318`, to whose path `/v1/metrics` is
    /// added.
    ///
    /// # Errors
    ///
    /// The URL is none of plain HTTP.
    pub fn new(url: &str) -> Result<Self, String> {
        let expected = "expected a URL such as http://127.0.0.1:4318";
        let read: Uri = url.parse().map_err(|_| expected.to_owned())?;
        match (read.scheme_str(), read.host()) {
            (Some("http"), Some(host)) => Ok(Self {
                host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
                port: read.port_u16().unwrap_or(4318),
                path: format!("{}/v1/metrics", read.path().trim_end_matches('/')),
                headers: Vec::new(),
                every: Duration::from_secs(60),
                service: "chenapan".to_owned(),
            }),
            (Some("https"), _) => {
                Err("https is not spoken here; push to a collector on this machine".to_owned())
            }
            _ => Err(expected.to_owned()),
        }
    }

    /// Sets the time between two pushes, which is a minute by default.
    #[must_use]
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    /// Sets the name of the service that has the metrics, which is `chenapan` by default.
    #[must_use]
    pub fn service(mut self, name: &str) -> Self {
        name.clone_into(&mut self.service);
        self
    }

    /// Adds a header to each push, such as one with a token.
    ///
    /// # Errors
    ///
    /// No header can have this name or this value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, String> {
        let name: HeaderName =
            name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| format!("{name}: no header has such a value"))?;
        // A token is nothing for a log.
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(self)
    }

    /// Pushes the metrics of an API at intervals until it is stopped, and once more then.
    pub async fn push(self, api: Api, stop: CancellationToken) {
        let began = now();
        let mut reached = true;
        loop {
            let is_last = tokio::select! {
                () = tokio::time::sleep(self.every) => false,
                () = stop.cancelled() => true,
            };
            let pushed = tokio::select! {
                pushed = self.send(&api, began) => pushed,
                () = too_late(&stop) => Err("no response in time".to_owned()),
            };
            let collector = self.authority();
            match &pushed {
                Err(why) if reached => tracing::warn!(collector, "metrics not pushed: {why}"),
                Ok(()) if !reached => tracing::info!(collector, "metrics are pushed again"),
                _ => {}
            }
            reached = pushed.is_ok();
            if is_last {
                return;
            }
        }
    }

    async fn send(&self, api: &Api, began: u64) -> Result<(), String> {
        let about = Exported { service: self.service.clone(), began, read: now() };
        let api = api.clone();
        // It may be megabytes: no task of a connection is to wait for it.
        let body = tokio::task::spawn_blocking(move || exported(&api, &about));
        let body = body.await.map_err(in_words)?;
        let stream = TcpStream::connect((&*self.host, self.port)).await;
        let stream = stream.map_err(|error| chenapan_engine::endpoint::plain(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(in_words)?;
        let connection = tokio::spawn(connection);
        let sent = async {
            let mut request = Request::post(&self.path)
                .header(HOST, self.authority())
                .header(CONTENT_TYPE, "application/x-protobuf")
                .body(Full::new(Bytes::from(body)))
                .map_err(in_words)?;
            request.headers_mut().extend(self.headers.iter().cloned());
            let response = sender.send_request(request).await.map_err(in_words)?;
            let status = response.status();
            // What it says of metrics that it does not want is for its own log.
            let _ = Limited::new(response.into_body(), BODY).collect().await;
            match status.is_success() {
                true => Ok(()),
                false => Err(format!("{} answers with status {status}", self.path)),
            }
        };
        let sent = sent.await;
        connection.abort();
        sent
    }

    fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Waits until a push has taken too long: sooner where the end waits for it.
async fn too_late(stop: &CancellationToken) {
    let ends = async {
        stop.cancelled().await;
        tokio::time::sleep(END).await;
    };
    tokio::select! {
        () = tokio::time::sleep(PATIENCE) => {}
        () = ends => {}
    }
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

/// Returns the time in nanoseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_a_url_of_plain_http() {
        for (url, at, path) in [
            ("http://localhost:4318", "localhost:4318", "/v1/metrics"),
            ("http://localhost/", "localhost:4318", "/v1/metrics"),
            ("http://[::1]:9090/api/v1/otlp/", "[::1]:9090", "/api/v1/otlp/v1/metrics"),
        ] {
            let collector = Collector::new(url).unwrap();
            assert_eq!((&*collector.authority(), &*collector.path), (at, path));
        }
        for url in ["https://collector:4318", "localhost:4318", "grpc://a:1", "http://", "a b"] {
            assert!(Collector::new(url).is_err(), "{url}");
        }
    }

    #[test]
    fn tokens_are_not_shown() {
        let collector = Collector::new("http://a:1").unwrap();
        let collector = collector.header("authorization", "Bearer s3cret").unwrap();
        assert!(!format!("{collector:?}").contains("s3cret"));
        assert!(collector.header("a b", "c").is_err());
    }
}

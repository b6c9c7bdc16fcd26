//! Verb that prints events, and goes on after a connection that was lost.

use super::super::Failure;
use super::super::output::mention;
use super::address::Address;
use super::client::{Client, Refusal, encoded};
use super::shown;
use super::sse::{Event, Events};
use chenapan_engine::endpoint::plain;
use clap::Args;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::Duration;

/// Pauses before the server is asked again, in milliseconds; it is given up after the last one.
const PAUSES: [u64; 7] = [100, 300, 1_000, 3_000, 5_000, 10_000, 10_000];

#[derive(Debug, Args)]
pub(super) struct Watch {
    /// Name of the proxy; all if not given
    #[arg(value_name = "PROXY")]
    proxy: Option<String>,
    /// Rule that the proxy has for as long as this command runs; may be repeated
    #[arg(long = "rule", value_name = "RULE", requires = "proxy")]
    rules: Vec<String>,
    /// End after this many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

impl Watch {
    /// Returns the path of the stream.
    fn path(&self) -> String {
        let mut query = Vec::new();
        if let Some(proxy) = &self.proxy {
            query.push(format!("proxy={}", encoded(proxy)));
        }
        if !self.rules.is_empty() {
            query.push("while=connected".to_owned());
        }
        query.extend(self.rules.iter().map(|rule| format!("rule={}", encoded(rule))));
        match query.is_empty() {
            true => "/v1/events".to_owned(),
            false => format!("/v1/events?{}", query.join("&")),
        }
    }
}

/// State of a watch over all its connections.
struct Watching<'a> {
    args: &'a Watch,
    json: bool,
    /// Number of the last event that was seen.
    last: Option<String>,
    printed: u64,
    /// Connections that failed since the last one that did not.
    failed: usize,
}

/// End of a connection to the server.
enum End {
    /// All events were printed, or nobody reads them.
    Done,
    /// The connection was lost.
    Lost,
}

pub(super) async fn watch(
    args: &Watch,
    address: &Address,
    token: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let mut watching = Watching { args, json, last: None, printed: 0, failed: 0 };
    if args.count == Some(0) {
        return Ok(());
    }
    let mut stream = opened(args, address, token, None).await??;
    mention(&format!("watching {address}\n"));
    loop {
        if let End::Done = watching.follow(stream).await? {
            return Ok(());
        }
        mention("the connection was lost; it is made again\n");
        stream = loop {
            let pause = PAUSES.get(watching.failed).copied();
            watching.failed += 1;
            tokio::time::sleep(Duration::from_millis(pause.unwrap_or_default())).await;
            let again = opened(args, address, token, watching.last.as_deref()).await;
            match (again, pause) {
                (Ok(Ok(stream)), _) => break stream,
                // The server may not have seen yet that the old connection, with its rules, is gone.
                (Ok(Err(refusal)), Some(_)) if refusal.status == StatusCode::CONFLICT => {}
                (Ok(Err(refusal)), _) => return Err(refusal.into()),
                (Err(Failure::Run(_)), Some(_)) => {}
                (Err(failure), _) => return Err(failure),
            }
        };
        mention("watching again\n");
    }
}

async fn opened(
    args: &Watch,
    address: &Address,
    token: Option<&str>,
    after: Option<&str>,
) -> Result<Result<Incoming, Refusal>, Failure> {
    Client::open(address, token).await?.events(&args.path(), after).await
}

impl Watching<'_> {
    /// Prints the events of a stream until it ends.
    async fn follow(&mut self, mut stream: Incoming) -> Result<End, Failure> {
        let mut events = Events::default();
        while let Some(Ok(frame)) = stream.frame().await {
            self.failed = 0;
            events.push(frame.data_ref().map(|data| &**data).unwrap_or_default());
            while let Some(event) = events.next() {
                if self.print(&event)? {
                    return Ok(End::Done);
                }
                self.last = event.id.or_else(|| self.last.take());
            }
        }
        Ok(End::Lost)
    }

    /// Prints an event; true if it was the last one, or if nobody reads.
    fn print(&mut self, event: &Event) -> Result<bool, Failure> {
        let line = match self.json {
            true => {
                let data: Value =
                    serde_json::from_str(&event.data).unwrap_or_else(|_| json!(event.data));
                json!({"id": event.id, "event": event.kind, "data": data}).to_string()
            }
            false => shown::event(&event.kind, &event.data),
        };
        let mut out = io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(true),
            Err(error) => return Err(Failure::run(format!("standard output: {}", plain(&error)))),
        }
        self.printed += 1;
        Ok(self.args.count.is_some_and(|count| self.printed >= count))
    }
}

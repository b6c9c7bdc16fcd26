//! Events as they happen, and rules that last as long as somebody listens.

use super::{found, refused, rules};
use crate::api::Api;
use crate::feed::{Event, Events};
use crate::problem::Problem;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use chenapan_engine::proxy::LiveRule;
use futures_util::stream::{self, Stream};
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;

/// Time after which a comment shows that the stream is there.
const ALIVE: Duration = Duration::from_secs(15);

/// Parameters of a stream of events.
#[derive(Debug, Default)]
struct Wanted {
    proxy: Option<String>,
    after: Option<u64>,
    while_connected: bool,
    rules: Vec<String>,
}

impl Wanted {
    fn read(query: Vec<(String, String)>, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        for (name, value) in query {
            match (&*name, &*value) {
                ("proxy", _) => wanted.proxy = Some(value),
                ("after", number) => {
                    let number =
                        number.parse().map_err(|_| wrong("after", "the id of an event"))?;
                    wanted.after = Some(number);
                }
                ("while", "connected") => wanted.while_connected = true,
                ("while", _) => return Err(wrong("while", "connected")),
                ("rule", _) => wanted.rules.push(value),
                _ => {
                    let known = "proxy, after, while and rule";
                    return Err(
                        refused(format!("unknown parameter; known are {known}")).field(name)
                    );
                }
            }
        }
        let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
        wanted.after = seen.and_then(|id| id.trim().parse().ok()).or(wanted.after);
        match (wanted.rules.is_empty(), wanted.while_connected, &wanted.proxy) {
            (true, false, _) | (false, true, Some(_)) => Ok(wanted),
            (true, true, _) => Err(wrong("rule", "a rule, with while=connected")),
            (false, false, _) => Err(wrong("while", "connected, with rule")),
            (false, true, None) => Err(wrong("proxy", "the name of a proxy, with rule")),
        }
    }
}

fn wrong(field: &str, expected: &str) -> Problem {
    refused(format!("expected {expected}")).field(field)
}

/// Sends events from now on, or from the one after `Last-Event-ID`. With `while=connected`, `proxy`
/// and `rule` it adds rules, and takes them away when the client is gone.
pub(super) async fn stream(
    State(api): State<Api>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let wanted = Wanted::read(query, &headers)?;
    let proxy = wanted.proxy.as_deref().map(|proxy| found(&api, proxy)).transpose()?;
    let events = api.feed().events(wanted.after, api.control());
    let mut made = Vec::new();
    for text in wanted.rules {
        made.extend(rules::made(&Value::String(text), api.registry())?);
    }
    let borrowed = match &proxy {
        Some(proxy) if !made.is_empty() => {
            let rules = rules::add_to(&api, proxy, made)?;
            Some(Borrowed { api, proxy: proxy.name().to_owned(), rules: Some(rules) })
        }
        _ => None,
    };
    let only = proxy.map(|proxy| proxy.name().to_owned());
    let told = Told { events, only, _borrowed: borrowed };
    let stream =
        stream::unfold(told, async |mut told| told.next().await.map(|event| (Ok(event), told)));
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// The events that a client has asked for.
struct Told {
    events: Events,
    /// The proxy that it asked for; what concerns no single one is told all the same.
    only: Option<String>,
    _borrowed: Option<Borrowed>,
}

impl Told {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            let event = self.events.next().await?;
            let about = event.proxy.as_deref();
            if about.is_none() || self.only.is_none() || about == self.only.as_deref() {
                return Some(sent(&event));
            }
        }
    }
}

fn sent(event: &Event) -> sse::Event {
    let sent = sse::Event::default().event(event.kind.name()).data(&event.data);
    // What was only missed has no number to come back to.
    if event.id == 0 { sent } else { sent.id(event.id.to_string()) }
}

/// Rules that are taken away with this: these, and no others that have got their names since. It does
/// not keep their proxy.
struct Borrowed {
    api: Api,
    proxy: String,
    rules: Option<LiveRule>,
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        drop(self.rules.take());
        if let Some(proxy) = self.api.control().get(&self.proxy) {
            self.api.feed().say(Event::rules(&proxy));
        }
    }
}

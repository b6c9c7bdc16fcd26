//! Connections of a proxy that are open now.

use super::{Answer, found, read, refused};
use crate::api::Api;
use crate::feed::Event;
use crate::problem::Problem;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chenapan_core::{Direction, Form, Rate, Value as Read};
use chenapan_engine::proxy::Proxy;
use chenapan_engine::stats::Live;
use serde::Deserialize;
use serde_json::{Value, json};

/// Returns a connection as it is shown; times are in seconds.
fn shown(live: &Live) -> Value {
    json!({
        "connection": live.number,
        "source": live.source.map(|source| source.to_string()),
        "age": live.age.as_secs_f64(),
        "upstream": live.sent[Direction::Upstream],
        "downstream": live.sent[Direction::Downstream],
        "due": live.due.map(|due| due.as_secs_f64()),
        "faults": live.faults,
        "frozen": live.frozen,
        "rate": live.rate.map(|rate| rate.0),
    })
}

pub(super) async fn list(State(api): State<Api>, Path(proxy): Path<String>) -> Answer {
    let connections: Vec<_> = found(&api, &proxy)?.connections().iter().map(shown).collect();
    Ok(Json(json!({ "connections": connections })))
}

pub(super) async fn show(
    State(api): State<Api>,
    Path((proxy, number)): Path<(String, String)>,
) -> Answer {
    let number = numbered(&number)?;
    let live = found(&api, &proxy)?.connections().into_iter().find(|live| live.number == number);
    live.map(|live| Json(shown(&live))).ok_or_else(|| ended(number))
}

/// Closes a connection in order.
pub(super) async fn close(
    State(api): State<Api>,
    Path((proxy, number)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    told(&api, &proxy, &number, "closed", Proxy::close)
}

/// Closes all connections in order.
pub(super) async fn close_all(State(api): State<Api>, Path(proxy): Path<String>) -> Answer {
    let proxy = found(&api, &proxy)?;
    let closed = proxy.close_all();
    api.feed().say(Event::connections(&proxy, "all closed"));
    Ok(Json(json!({ "closed": closed })))
}

/// Resets a connection.
pub(super) async fn reset(
    State(api): State<Api>,
    Path((proxy, number)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    told(&api, &proxy, &number, "reset", Proxy::reset)
}

/// Stops moving bytes of a connection in both directions.
pub(super) async fn freeze(
    State(api): State<Api>,
    Path((proxy, number)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    told(&api, &proxy, &number, "frozen", Proxy::freeze)
}

/// Lets a frozen connection go on.
pub(super) async fn thaw(
    State(api): State<Api>,
    Path((proxy, number)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    told(&api, &proxy, &number, "thawed", Proxy::thaw)
}

/// Rate that a connection is to have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    rate: Asked,
}

/// A rate as a text, or as a number of bytes a second.
#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Bytes(u64),
    Text(String),
}

impl Asked {
    /// Returns the rate; `None` for `off`.
    fn rate(self) -> Result<Option<Rate>, Problem> {
        let text = match self {
            Asked::Text(text) if text == "off" => return Ok(None),
            Asked::Text(text) => text,
            Asked::Bytes(bytes) => format!("{bytes}B/s"),
        };
        match Form::Rate.parse(&text) {
            Ok(Read::Rate(rate)) => Ok(Some(rate)),
            Ok(_) => Err(refused("expected a rate, or off").field("rate")),
            Err(wrong) => Err(refused(format!("{wrong}; or off")).field("rate")),
        }
    }
}

/// Bounds the rate of a connection in each direction, or takes the bound away.
pub(super) async fn slow(
    State(api): State<Api>,
    Path((proxy, number)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let Slow { rate } = read(&body)?;
    let rate = rate.rate()?;
    let what = if rate.is_some() { "slowed" } else { "not slowed" };
    told(&api, &proxy, &number, what, |proxy, number| proxy.slow(number, rate))
}

/// Tells a connection what to do, and everybody that it was told.
fn told(
    api: &Api,
    proxy: &str,
    number: &str,
    what: &'static str,
    tell: impl FnOnce(&Proxy, u64) -> bool,
) -> Result<StatusCode, Problem> {
    let number = numbered(number)?;
    let proxy = found(api, proxy)?;
    if !tell(&proxy, number) {
        return Err(ended(number));
    }
    api.feed().say(Event::connection(&proxy, number, what));
    Ok(StatusCode::NO_CONTENT)
}

fn numbered(text: &str) -> Result<u64, Problem> {
    let wrong = || {
        let detail = format!("{text:?} is no number of a connection");
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    text.parse().map_err(|_| wrong())
}

fn ended(number: u64) -> Problem {
    let detail = format!("connection {number} is not open");
    Problem::new(StatusCode::NOT_FOUND, detail)
}

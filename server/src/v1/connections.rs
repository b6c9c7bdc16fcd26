//! Connections of a proxy that are open now.

use super::{Answer, found};
use crate::api::Api;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chenapan_core::Direction;
use chenapan_engine::stats::Live;
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
    let number = numbered(&number)?;
    done(found(&api, &proxy)?.close(number), number)
}

/// Closes all connections in order.
pub(super) async fn close_all(State(api): State<Api>, Path(proxy): Path<String>) -> Answer {
    let closed = found(&api, &proxy)?.close_all();
    Ok(Json(json!({ "closed": closed })))
}

/// Resets a connection.
pub(super) async fn reset(
    State(api): State<Api>,
    Path((proxy, number)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let number = numbered(&number)?;
    done(found(&api, &proxy)?.reset(number), number)
}

fn numbered(text: &str) -> Result<u64, Problem> {
    let wrong = || {
        let detail = format!("{text:?} is no number of a connection");
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    text.parse().map_err(|_| wrong())
}

fn done(was_open: bool, number: u64) -> Result<StatusCode, Problem> {
    was_open.then_some(StatusCode::NO_CONTENT).ok_or_else(|| ended(number))
}

fn ended(number: u64) -> Problem {
    let detail = format!("connection {number} is not open");
    Problem::new(StatusCode::NOT_FOUND, detail)
}

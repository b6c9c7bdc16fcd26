//! Our own API: proxies, their rules and connections, and what happens to them.
//!
//! A proxy without a name is `-` in paths.

mod connections;
mod counters;
mod events;
mod openapi;
mod plugins;
mod proxies;
mod reload;
mod rules;

use crate::api::Api;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chenapan_core::nearest;
use chenapan_engine::config::ModelError;
use chenapan_engine::proxy::Proxy;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An object, or a problem.
type Answer = Result<Json<Value>, Problem>;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1", get(index))
        .route("/v1/openapi.json", get(openapi::show))
        .route("/v1/behaviors", get(plugins::behaviors))
        .route("/v1/protocols", get(plugins::protocols))
        .route("/v1/selectors", get(plugins::selectors))
        .route("/v1/counters", get(counters::all))
        .route("/v1/events", get(events::stream))
        .route("/v1/reload", post(reload::reload))
        .route("/v1/proxies", get(proxies::list).post(proxies::create))
        .route(
            "/v1/proxies/{proxy}",
            get(proxies::show).patch(proxies::update).delete(proxies::delete),
        )
        .route("/v1/proxies/{proxy}/counters", get(counters::of))
        .route(
            "/v1/proxies/{proxy}/rules",
            get(rules::list).post(rules::add).put(rules::replace_all).delete(rules::clear),
        )
        .route(
            "/v1/proxies/{proxy}/rules/{rule}",
            get(rules::show).put(rules::replace).delete(rules::delete),
        )
        .route(
            "/v1/proxies/{proxy}/connections",
            get(connections::list).delete(connections::close_all),
        )
        .route(
            "/v1/proxies/{proxy}/connections/{number}",
            get(connections::show).delete(connections::close),
        )
        .route("/v1/proxies/{proxy}/connections/{number}/reset", post(connections::reset))
        .route("/v1/proxies/{proxy}/connections/{number}/freeze", post(connections::freeze))
        .route("/v1/proxies/{proxy}/connections/{number}/thaw", post(connections::thaw))
        .route("/v1/proxies/{proxy}/connections/{number}/slow", post(connections::slow))
}

/// Returns what this is.
async fn index(State(api): State<Api>) -> Json<Value> {
    Json(json!({
        "program": "chenapan",
        "version": env!("CARGO_PKG_VERSION"),
        "seed": api.control().seed(),
        "proxies": api.control().proxies().len(),
        "aborted": api.aborted().shown(),
        "openapi": "/v1/openapi.json",
    }))
}

/// Returns the proxy that a path names.
fn found(api: &Api, path: &str) -> Result<Proxy, Problem> {
    let name = if path == "-" { "" } else { path };
    api.control().get(name).ok_or_else(|| {
        let proxies = api.control().proxies();
        let known = || proxies.iter().map(Proxy::name);
        let hint = match nearest(name, known()) {
            Some(near) => format!("; did you mean {near:?}?"),
            None => String::new(),
        };
        Problem::new(StatusCode::NOT_FOUND, format!("there is no proxy {name:?}{hint}"))
    })
}

/// Reads a body of JSON.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let detail = match body.is_empty() {
            true => "the request has no body; expected JSON".to_owned(),
            false => format!("the body: {error}"),
        };
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

/// A value in a request that cannot be used.
fn misread(error: ModelError) -> Problem {
    let problem = refused(error.cause());
    match error.path().is_empty() {
        true => problem,
        false => problem.field(error.field()),
    }
}

/// A request that could be read, and cannot be done.
fn refused(why: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}

//! Proxies: made, shown, changed, removed.

use super::{Answer, found, misread, read, refused, rules};
use crate::api::Api;
use crate::feed::Event;
use crate::problem::Problem;
use crate::reload::Stopped;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chenapan_engine::config::ProxyModel;
use chenapan_engine::proxy::Proxy;
use serde_json::{Value, json};
use std::io;

/// Most proxies: each takes a descriptor at least.
const MOST: usize = 1_000;

/// Returns a proxy as it is shown: its configuration, and what it does now.
pub(super) fn shown(proxy: &Proxy) -> Value {
    let config = proxy.config();
    let locals: Vec<_> = proxy.locals().iter().map(ToString::to_string).collect();
    let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    let shown: Vec<_> = proxy.rules().iter().map(|rule| rules::shown(rule)).collect();
    json!({
        "name": config.name,
        "enabled": config.enabled,
        "listen": listen,
        "addresses": locals,
        "backend": config.backend.to_string(),
        "protocol": config.protocol.to_string(),
        "rules": shown,
        "ended": rules::ended(proxy),
        "open": proxy.stats().active(),
    })
}

pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let shown: Vec<_> = api.control().proxies().iter().map(shown).collect();
    Json(json!({ "proxies": shown }))
}

/// Makes a proxy and starts it.
pub(super) async fn create(State(api): State<Api>, body: Bytes) -> Result<Response, Problem> {
    let model = ProxyModel::read(&read(&body)?).map_err(misread)?;
    if model.name == "-" {
        return Err(
            refused("\"-\" stands for a proxy without a name; choose another").field("name")
        );
    }
    if api.control().proxies().len() >= MOST {
        return Err(refused(format!("there are {MOST} proxies; remove one first")));
    }
    if api.control().get(&model.name).is_some() {
        let detail = format!("there is a proxy {:?} already", model.name);
        return Err(Problem::new(StatusCode::CONFLICT, detail).field("name"));
    }
    let config = model.config(api.registry(), api.kinds()).map_err(misread)?;
    rules::bounded(config.rules.iter().count())?;
    let proxy = api.control().add(config).map_err(not_bound)?;
    api.feed().say(Event::proxy("created", &proxy));
    let path = match proxy.name() {
        "" => "-".to_owned(),
        name => encoded(name),
    };
    let there = [(header::LOCATION, format!("/v1/proxies/{path}"))];
    Ok((StatusCode::CREATED, there, Json(shown(&proxy))).into_response())
}

pub(super) async fn show(State(api): State<Api>, Path(proxy): Path<String>) -> Answer {
    Ok(Json(shown(&found(&api, &proxy)?)))
}

/// Changes a proxy: what is left out stays. The new address is bound before the old one is closed, and
/// connections that are open go on. Where a part cannot be done the others are taken back.
pub(super) async fn update(
    State(api): State<Api>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Answer {
    let before = found(&api, &proxy)?.config();
    let after = ProxyModel::change(&before, &read(&body)?, api.registry(), api.kinds());
    let after = after.map_err(misread)?;
    if after.name != before.name {
        return Err(refused("a proxy keeps its name; remove it, and make another").field("name"));
    }
    rules::bounded(after.rules.iter().count())?;
    api.change(&before, &after).await.map_err(not_changed)?;
    Ok(Json(shown(&found(&api, &proxy)?)))
}

/// A change that cannot be made, with the key that asks for it.
fn not_changed(stopped: Stopped) -> Problem {
    let problem = match stopped.why.mistake {
        true => refused(stopped.message()),
        false => Problem::new(StatusCode::CONFLICT, stopped.message()),
    };
    match stopped.step.change.key() {
        Some(key) => problem.field(key),
        None => problem,
    }
}

pub(super) async fn delete(
    State(api): State<Api>,
    Path(proxy): Path<String>,
) -> Result<StatusCode, Problem> {
    let proxy = found(&api, &proxy)?;
    api.remove(&proxy).await;
    api.feed().say(Event::proxy("removed", &proxy));
    Ok(StatusCode::NO_CONTENT)
}

/// An address that cannot be bound, or a configuration that cannot be run.
fn not_bound(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::InvalidInput => refused(error),
        _ => Problem::new(StatusCode::CONFLICT, chenapan_engine::endpoint::plain(&error)),
    }
}

/// Returns a name as a path has it.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

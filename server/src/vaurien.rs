//! Vaurien's API: for the clients that there are.
//!
//! Routes, statuses and errors are those of Vaurien. It has one proxy: that is the only one here, or of
//! several the one that a request names, or else the one with the name `vaurien`. The behavior that a
//! client sets is one rule; rules that came another way stay beside it and are not shown here.

mod failure;
mod ini;

use crate::api::Api;
use crate::behaviors;
use crate::feed::Event;
use crate::toxiproxy::Ends;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use chenapan_core::nearest;
use chenapan_engine::proxy::Proxy;
use chenapan_engine::rule::RuleError;
use failure::Failure;
pub use ini::Vaurien;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// An object, or an error in Vaurien's words.
type Answer = Result<Json<Value>, Failure>;

/// Parameters of a request, of which `proxy` counts.
type Parameters = Query<HashMap<String, String>>;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/behavior", get(show).put(set))
        .route("/behaviors", get(list))
        .route("/backend", get(backend).put(set_backend))
}

/// Returns the name of the behavior that was set.
async fn show(State(api): State<Api>, Query(query): Parameters) -> Answer {
    let proxy = chosen(&api, &query)?;
    Ok(Json(json!({ "behavior": behaviors::behavior(&proxy) })))
}

/// Lists Vaurien's behaviors. Others may be set all the same.
async fn list(State(api): State<Api>) -> Json<Value> {
    let names: Vec<_> = behaviors::names(api.registry()).collect();
    Json(json!({ "behaviors": names }))
}

/// Sets the behavior. Options stay with it until they are given again.
async fn set(State(api): State<Api>, Query(query): Parameters, body: Bytes) -> Answer {
    let proxy = chosen(&api, &query)?;
    let mut given = object(&body)?;
    let name = match given.remove("name") {
        Some(Value::String(name)) => name,
        Some(other) => other.to_string(),
        None => return Err(no_key("name")),
    };
    let entry = api.registry().find_behavior(&name).map_err(|_| {
        Failure::body("name", format_args!("the '{name}' behavior does not exist").to_string())
    })?;
    let mut options = Vec::new();
    for (option, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let text = behaviors::text(value).ok_or_else(|| {
            Failure::body(option, format!("{option}: expected a text, a number, true or false"))
        })?;
        options.push((behaviors::dashed(option), text));
    }
    api.behaviors().change(proxy.name(), &name, |kept| {
        let mut all = kept.clone();
        all.extend(options);
        let set = behaviors::rule(entry, &all).and_then(|rule| behaviors::put(&proxy, rule));
        set.map_err(|error| refused(&error, &given))?;
        *kept = all;
        Ok(())
    })?;
    api.feed().say(Event::rules(&proxy));
    Ok(done())
}

/// Returns the address that the proxy connects to.
async fn backend(State(api): State<Api>, Query(query): Parameters) -> Answer {
    let proxy = chosen(&api, &query)?;
    Ok(Json(json!({ "backend": Ends::of(&api, &proxy).upstream })))
}

/// Sets the address that the proxy connects to from now on.
async fn set_backend(State(api): State<Api>, Query(query): Parameters, body: Bytes) -> Answer {
    let proxy = chosen(&api, &query)?;
    let wrong = |why: &dyn std::fmt::Display| Failure::body("backend", why);
    let given = object(&body)?;
    let given = given.get("backend").ok_or_else(|| no_key("backend"))?;
    let text = given.as_str().ok_or_else(|| wrong(&"expected an address, such as \"db:5432\""))?;
    let address = api.kinds().connect(text).map_err(|error| wrong(&error))?;
    proxy.set_backend(&address).map_err(|error| wrong(&error))?;
    api.toxics().change(proxy.name(), |front| {
        front.upstream = front.upstream.take().map(|_| text.to_owned());
    });
    api.feed().say(Event::proxy("changed", &proxy));
    Ok(done())
}

fn done() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Returns the proxy that a request means.
fn chosen(api: &Api, query: &HashMap<String, String>) -> Result<Proxy, Failure> {
    let proxies = api.control().proxies();
    let names = || proxies.iter().map(Proxy::name);
    let named = query.get("proxy").map(|name| if name == "-" { "" } else { name });
    let wanted = named.unwrap_or(Vaurien::NAME);
    let found = proxies.iter().find(|proxy| proxy.name() == wanted);
    match (found, named, &proxies[..]) {
        (Some(proxy), ..) | (None, None, [proxy]) => Ok(proxy.clone()),
        (None, Some(name), _) => {
            let hint = match nearest(name, names()) {
                Some(near) => format!("; did you mean '{near}'?"),
                None => String::new(),
            };
            let told = format!("the '{name}' proxy does not exist{hint}");
            Err(Failure::proxy(StatusCode::NOT_FOUND, told))
        }
        (None, None, []) => Err(Failure::proxy(StatusCode::NOT_FOUND, "there is no proxy")),
        (None, None, several) => {
            let told = format!(
                "there are {} proxies; add ?proxy=NAME, or call one of them '{}'",
                several.len(),
                Vaurien::NAME
            );
            Err(Failure::proxy(StatusCode::BAD_REQUEST, told))
        }
    }
}

/// Reads a body.
fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    serde_json::from_slice(body)
        .map_err(|_| Failure::body("", "the value is not a valid json object"))
}

fn no_key(name: &str) -> Failure {
    Failure::body("", format!("the value should contain a \"{name}\" key"))
}

/// A behavior that cannot be set, because of an option or as it is.
fn refused(error: &RuleError, given: &Map<String, Value>) -> Failure {
    let name = match error {
        RuleError::Option { fault, .. } => {
            given.keys().find(|name| behaviors::dashed(name) == fault.option)
        }
        _ => None,
    };
    Failure::body(name.map_or("name", String::as_str), error)
}

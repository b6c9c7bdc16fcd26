//! Plug-ins and their options, from which forms are made.

use crate::api::Api;
use axum::Json;
use axum::extract::State;
use chenapan_core::{Form, OptionSpec};
use chenapan_engine::rule::SELECTORS;
use serde_json::{Value, json};

fn option(spec: &OptionSpec) -> Value {
    let choices: Vec<_> = spec.texts().collect();
    let most = match spec.form {
        Form::UpTo(most) => Some(most),
        _ => None,
    };
    json!({
        "name": spec.name,
        "help": spec.summary(),
        "form": spec.form.name(),
        "default": spec.default,
        "example": spec.example,
        "choices": choices,
        "most": most,
        "optional": spec.optional,
        "repeated": spec.repeated,
    })
}

fn options(specs: &[OptionSpec]) -> Vec<Value> {
    specs.iter().map(option).collect()
}

pub(super) async fn behaviors(State(api): State<Api>) -> Json<Value> {
    let behaviors: Vec<_> = api
        .registry()
        .behaviors()
        .iter()
        .map(|entry| {
            json!({
                "name": entry.name,
                "summary": entry.summary(),
                "direction": entry.directions.name(),
                "options": options(entry.options),
            })
        })
        .collect();
    Json(json!({ "behaviors": behaviors }))
}

pub(super) async fn protocols(State(api): State<Api>) -> Json<Value> {
    let protocols: Vec<_> = api
        .registry()
        .protocols()
        .iter()
        .map(|entry| {
            json!({
                "name": entry.name,
                "summary": entry.summary(),
                "options": options(entry.options),
            })
        })
        .collect();
    Json(json!({ "protocols": protocols }))
}

pub(super) async fn selectors() -> Json<Value> {
    Json(json!({ "selectors": options(SELECTORS) }))
}

//! Errors in Vaurien's words, which its clients compare.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::fmt;

/// An error of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    /// Part of the request: `body` or `querystring`.
    location: &'static str,
    /// Key that is wrong, where it is one.
    name: String,
    description: String,
}

impl Failure {
    /// A body, or a key of it, that cannot be used.
    pub(super) fn body(name: &str, description: impl fmt::Display) -> Self {
        let (status, description) = (StatusCode::BAD_REQUEST, description.to_string());
        Self { status, location: "body", name: name.to_owned(), description }
    }

    /// A request that names no proxy that there is.
    pub(super) fn proxy(status: StatusCode, description: impl fmt::Display) -> Self {
        let (name, description) = ("proxy".to_owned(), description.to_string());
        Self { status, location: "querystring", name, description }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { status, location, name, description } = self;
        let error = json!({"location": location, "name": name, "description": description});
        (status, axum::Json(json!({"status": "error", "errors": [error]}))).into_response()
    }
}

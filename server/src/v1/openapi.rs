//! The description of this API, for programs.

use axum::http::header;
use axum::response::IntoResponse;

/// An OpenAPI document (version 3.1) of all routes below `/v1`.
static DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

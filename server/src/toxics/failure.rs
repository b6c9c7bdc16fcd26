//! Errors in Toxiproxy's words, which its clients compare.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt;

/// An error of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, text: impl fmt::Display) -> Self {
        Self { status, text: text.to_string() }
    }

    /// A body that cannot be read.
    pub(crate) fn body(cause: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("bad request body: {cause}"))
    }

    /// A field without which a proxy cannot be made; `place` counts the entries of a list from 1.
    pub(crate) fn missing(field: &str, place: Option<usize>) -> Self {
        let place = place.map(|place| format!(" at proxy {place}")).unwrap_or_default();
        let text = format!("missing required field: {field}{place}");
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) fn stream() -> Self {
        let text = "stream was invalid, can be either upstream or downstream";
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) fn kind() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid toxic type")
    }

    pub(crate) fn no_proxy() -> Self {
        Self::new(StatusCode::NOT_FOUND, "proxy not found")
    }

    pub(crate) fn no_toxic() -> Self {
        Self::new(StatusCode::NOT_FOUND, "toxic not found")
    }

    pub(crate) fn proxy_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "proxy already exists")
    }

    pub(crate) fn toxic_exists() -> Self {
        Self::new(StatusCode::CONFLICT, "toxic already exists")
    }

    /// An error of the system, such as an address that is taken.
    pub(crate) fn system(cause: impl fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, cause)
    }

    pub(crate) fn json(&self) -> serde_json::Map<String, serde_json::Value> {
        let error = ("error".to_owned(), self.text.clone().into());
        [error, ("status".to_owned(), self.status.as_u16().into())].into_iter().collect()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = format!("{}\n", serde_json::Value::Object(self.json()));
        let mut response = (self.status, body).into_response();
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        response
    }
}

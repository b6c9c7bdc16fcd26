//! Metrics for Prometheus: the counters as they are when somebody asks.
//!
//! The data path knows nothing of this: values are read from its counters, and nothing is kept.

mod collected;
#[cfg(feature = "otlp")]
mod export;
mod family;

use crate::api::Api;
use crate::problem::Problem;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
#[cfg(feature = "otlp")]
pub(crate) use export::{Exported, exported};
use family::Format;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/metrics", get(show))
}

/// Returns all metrics, in the format that the client asks for.
async fn show(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<impl IntoResponse + use<>, Problem> {
    let format = wanted(&headers);
    // It may be megabytes: no task of a connection is to wait for it.
    let written = move || collected::sheet(&api).written(format);
    let text = tokio::task::spawn_blocking(written).await.ok().and_then(Result::ok);
    let text = text.ok_or_else(|| {
        let detail = "the metrics could not be written; the log may say more";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    Ok(([(header::CONTENT_TYPE, format.media_type())], text))
}

/// Returns OpenMetrics for clients that name it, and the older text for all others.
fn wanted(headers: &HeaderMap) -> Format {
    let names = |value: &str| {
        value.split(',').any(|each| each.trim_start().starts_with("application/openmetrics-text"))
    };
    let accepts = headers.get_all(header::ACCEPT);
    match accepts.iter().filter_map(|value| value.to_str().ok()).any(names) {
        true => Format::OpenMetrics,
        false => Format::Text,
    }
}

//! All routes, and what every request goes through first.

use crate::api::Api;
use crate::guard::{self, Guard};
use crate::problem::Problem;
use crate::{dashboard, health, metrics, toxiproxy, v1, vaurien};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, http};
use std::sync::Arc;
use std::time::Duration;

/// Largest body of a request, in bytes.
const BODY: usize = 4 << 20;

/// Longest time that a request may take until its response begins.
const TIME: Duration = Duration::from_secs(25);

/// Returns all routes behind a guard.
pub(crate) fn router(api: Api, guard: Arc<Guard>) -> Router {
    Router::new()
        .merge(dashboard::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(toxiproxy::routes())
        .merge(v1::routes())
        .merge(vaurien::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(guard, guarded))
        .with_state(api)
}

/// Refuses what the guard refuses, before anything else looks at it.
async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => guard::refuse(&refusal).into_response(),
    }
}

/// Carries a request out in a task of its own, and answers one whose response has not begun in time.
/// A client that goes away leaves nothing half done.
async fn in_time(request: Request, next: Next) -> Response {
    let status = http::StatusCode::SERVICE_UNAVAILABLE;
    match tokio::time::timeout(TIME, tokio::spawn(next.run(request))).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "a request to the API has failed");
            let status = http::StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "this is a defect of chenapan; its log says more").into_response()
        }
        Err(_) => {
            let seconds = TIME.as_secs();
            let detail = format!("this takes more than {seconds} s; it goes on");
            Problem::new(status, detail).into_response()
        }
    }
}

/// Answers for paths that are nothing: in the words of the API that they seem to belong to.
async fn not_found(request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/v1") {
        let detail = format!("there is nothing at {path}");
        return Problem::new(http::StatusCode::NOT_FOUND, detail).into_response();
    }
    match path.strip_prefix("//") {
        Some(rest) => {
            let there = format!("/{}", rest.trim_start_matches('/'));
            (http::StatusCode::MOVED_PERMANENTLY, [(http::header::LOCATION, there)]).into_response()
        }
        None => (http::StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

async fn not_allowed(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(http::StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not take {method}"))
}

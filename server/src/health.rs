//! Health: is the process there, and are its proxies?

use crate::api::Api;
use crate::problem::Problem;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

/// Paths that answer without a token: a kubelet has none.
pub(crate) const PATHS: [&str; 2] = ["/healthz", "/readyz"];

pub(crate) fn routes() -> Router<Api> {
    let [alive, ready] = PATHS;
    Router::new().route(alive, get(async || "ok\n")).route(ready, get(ready_or_not))
}

/// Says that all proxies accept connections, or which one does not.
async fn ready_or_not(State(api): State<Api>) -> Result<&'static str, Problem> {
    let closed = api.control().proxies().into_iter().find(|proxy| !proxy.is_enabled());
    closed.map_or(Ok("ok\n"), |proxy| {
        let detail = format!("proxy {:?} is disabled", proxy.name());
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
    })
}

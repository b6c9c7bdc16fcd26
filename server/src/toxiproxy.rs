//! Toxiproxy's API, version 2: for the clients that there are.
//!
//! Routes, statuses, texts and defaults are those of Toxiproxy 2.12. A proxy is one of the control's,
//! a toxic is a rule with its name; rules that came another way are not shown here.

mod address;
mod list;
mod proxies;
mod toxics;

pub(crate) use proxies::Ends;
pub(crate) use toxics::{forget as forget_toxics, put as put_toxic, take as take_toxic};

use crate::api::Api;
use crate::toxics::Failure;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use chenapan_engine::proxy::Proxy;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

/// The version of Toxiproxy whose API this is.
const VERSION: &str = "2.12.0";

/// An object, or an error in Toxiproxy's words.
type Answer = Result<Json<Value>, Failure>;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/version", only(get(version)))
        .route("/proxies", only(get(proxies::list).post(proxies::create)))
        .route("/populate", only(post(proxies::populate)))
        .route("/reset", only(post(proxies::reset)))
        .route(
            "/proxies/{proxy}",
            only(
                get(proxies::show)
                    .post(proxies::update)
                    .patch(proxies::update)
                    .delete(proxies::delete),
            ),
        )
        .route("/proxies/{proxy}/toxics", only(get(toxics::list).post(toxics::create)))
        .route(
            "/proxies/{proxy}/toxics/{toxic}",
            only(
                get(toxics::show).post(toxics::update).patch(toxics::update).delete(toxics::delete),
            ),
        )
        .route_layer(middleware::from_fn(routed))
}

/// Refuses all other methods, HEAD among them, without a body.
fn only(methods: MethodRouter<Api>) -> MethodRouter<Api> {
    methods.head(not_allowed).fallback(not_allowed)
}

async fn not_allowed() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

/// Gives each response a number, and refuses browsers, but for pages of this server.
async fn routed(request: Request, next: Next) -> Response {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let headers = request.headers();
    let browser =
        headers.get(header::USER_AGENT).is_some_and(|it| it.as_bytes().starts_with(b"Mozilla/"));
    // A foreign origin was refused before.
    let ours = headers.contains_key(header::ORIGIN)
        || headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    if browser && !ours {
        return (StatusCode::FORBIDDEN, "User agent not allowed\n").into_response();
    }
    let head = request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    if response.status() != StatusCode::METHOD_NOT_ALLOWED && !head {
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
        if let Ok(number) = HeaderValue::from_str(&format!("{number:016x}")) {
            response.headers_mut().insert("x-toxiproxy-request-id", number);
        }
    }
    response
}

/// Returns the version that clients compare, and the program that it really is.
async fn version() -> impl IntoResponse {
    let program = env!("CARGO_PKG_VERSION");
    let text = format!("{{\"version\": \"{VERSION}\", \"chenapan\": \"{program}\"}}\n");
    ([(header::CONTENT_TYPE, "application/json;charset=utf-8")], text)
}

/// Returns the proxy of a name.
fn found(api: &Api, name: &str) -> Result<Proxy, Failure> {
    api.control().get(name).filter(|_| !name.is_empty()).ok_or_else(Failure::no_proxy)
}

//! The file of proxies, read again when a client asks.

use super::Answer;
use crate::api::Api;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

/// Has the file read again, and returns what has changed.
pub(super) async fn reload(State(api): State<Api>) -> Answer {
    let conflict = |why: String| Problem::new(StatusCode::CONFLICT, why);
    let reload = api.reloads().ask().await.ok_or_else(|| {
        conflict("there is no file to read again; start the server with --config FILE".to_owned())
    })?;
    let json = reload.json();
    match reload.outcome {
        Ok(_) => Ok(Json(json)),
        Err(why) => Err(conflict(why)),
    }
}

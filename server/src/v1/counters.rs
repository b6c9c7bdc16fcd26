//! Counters: of one proxy with all that is known, or of all proxies at one moment.

use super::{Answer, found};
use crate::api::Api;
use axum::Json;
use axum::extract::{Path, State};
use chenapan_engine::stats::{COUNTERS, Stats};
use serde_json::{Map, Value, json};

/// Returns counters and response times, which all proxies have; times are in seconds.
fn shown(stats: &Stats) -> Map<String, Value> {
    let counters: Map<_, _> =
        COUNTERS.iter().map(|row| (row.name.to_owned(), stats.value(row.counter).into())).collect();
    let times = stats.response_times();
    let buckets = times.buckets.iter();
    let buckets: Vec<_> = buckets
        .map(|(below, count)| json!({ "below": below.as_secs_f64(), "count": count }))
        .collect();
    let (count, seconds) = (times.count(), times.total.as_secs_f64());
    let times = json!({ "count": count, "seconds": seconds, "buckets": buckets });
    [("counters", counters.into()), ("response-times", times)]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// Returns the counters of all proxies: who draws them over time asks once for all.
pub(super) async fn all(State(api): State<Api>) -> Json<Value> {
    let proxies = api.control().proxies();
    let proxies: Vec<_> = proxies
        .iter()
        .map(|proxy| {
            let mut counted = shown(proxy.stats());
            counted.insert("name".to_owned(), proxy.name().into());
            counted
        })
        .collect();
    Json(json!({ "proxies": proxies }))
}

/// Returns the counters of a proxy, those of its protocol, and why connections did not come about.
pub(super) async fn of(State(api): State<Api>, Path(proxy): Path<String>) -> Answer {
    let proxy = found(&api, &proxy)?;
    let stats = proxy.stats();
    let protocol: Map<_, _> = stats
        .counted()
        .into_iter()
        .map(|(name, total)| {
            let value = match total.longest() {
                Some(time) => json!(time.as_secs_f64()),
                None => json!(total.count()),
            };
            (name, value)
        })
        .collect();
    let mut counted = shown(stats);
    counted.insert("protocol".to_owned(), protocol.into());
    counted.insert("causes".to_owned(), json!(stats.causes()));
    Ok(Json(counted.into()))
}

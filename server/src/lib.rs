//! Live control of chenapan's proxies over HTTP.
//!
//! A [`Server`] is a listener and bounds; an [`Api`] is what its routes act on: the proxies of one
//! [`Control`](chenapan_engine::control::Control). Nothing outside of this package names an HTTP
//! server, and nothing in here moves proxied bytes.
//!
//! No request waits for traffic: each is answered within a time, whatever the proxies do.

mod abort;
mod aborts;
mod api;
mod behaviors;
mod dashboard;
mod declared;
mod feed;
mod guard;
mod health;
mod metrics;
mod misplaced;
#[cfg(feature = "otlp")]
mod otlp;
mod problem;
mod reload;
mod reloads;
mod routes;
mod serve;
mod statsd;
mod toxics;
mod toxiproxy;
mod v1;
mod vaurien;

pub use api::Api;
pub use declared::Declared;
pub use guard::Guard;
pub use misplaced::Misplaced;
#[cfg(feature = "otlp")]
pub use otlp::Collector;
pub use problem::Problem;
pub use reloads::{Changes, Reload, ReloadRequest, ReloadRequests};
pub use serve::Server;
pub use statsd::{Statsd, StatsdTarget};
pub use vaurien::Vaurien;

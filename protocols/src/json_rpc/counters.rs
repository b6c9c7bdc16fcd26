//! Names of the counters of `json-rpc`, apart from those that the engine makes of its list of requests.

/// The names of what is counted.
pub(super) const NAMES: &[&str] = &[
    "requests",
    "notifications",
    "responses",
    "errors",
    "errors.*",
    "batches",
    "invalid",
    "invalid.*",
    "orphan",
    "duplicate",
    "reused",
    "forgotten",
    "junk",
    "encoded",
    "tls",
    "http2",
    "oversize",
    "partial",
    "bad-header",
    "bad-magic",
    "bad-checksum",
];

/// The name of the longest time to a reply by method.
pub(super) const LATENCY: &str = "slowest.*";

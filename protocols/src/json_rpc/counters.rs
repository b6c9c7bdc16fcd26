//! Names of the counters of `json-rpc`.

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
    "unanswered",
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
    "slowest",
    "slowest.*",
];

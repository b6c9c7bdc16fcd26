//! Names of the counters of `http`, apart from those that the engine makes of its list of requests.

/// The names of what is counted.
pub(super) const NAMES: &[&str] =
    &["requests", "replies", "replies.*", "interim", "upgrades", "tunnels", "http2", "tls"];

/// The name of the longest time to a reply by method and path.
pub(super) const LATENCY: &str = "slowest.*";

/// Returns the class of a status, as it is counted.
pub(super) fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}

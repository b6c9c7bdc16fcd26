//! Status codes, their reasons and the names of errors [RFC 9110, 15].

use chenapan_core::ErrorCode;

/// Codes that are known, each with its reason.
const REASONS: &[(u16, &str)] = &[
    (100, "Continue"),
    (101, "Switching Protocols"),
    (103, "Early Hints"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (204, "No Content"),
    (206, "Partial Content"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Content"),
    (423, "Locked"),
    (424, "Failed Dependency"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (451, "Unavailable For Legal Reasons"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
    (505, "HTTP Version Not Supported"),
    (507, "Insufficient Storage"),
    (511, "Network Authentication Required"),
    (529, "Overloaded"),
];

/// Errors that rules may name.
pub(super) const NAMES: &[ErrorCode] = &[
    ErrorCode::new("bad-request", 400),
    ErrorCode::new("unauthorized", 401),
    ErrorCode::new("forbidden", 403),
    ErrorCode::new("not-found", 404),
    ErrorCode::new("method-not-allowed", 405),
    ErrorCode::new("request-timeout", 408),
    ErrorCode::new("conflict", 409),
    ErrorCode::new("gone", 410),
    ErrorCode::new("content-too-large", 413),
    ErrorCode::new("misdirected-request", 421),
    ErrorCode::new("unprocessable-content", 422),
    ErrorCode::new("too-early", 425),
    ErrorCode::new("too-many-requests", 429),
    ErrorCode::new("internal-server-error", 500),
    ErrorCode::new("not-implemented", 501),
    ErrorCode::new("bad-gateway", 502),
    ErrorCode::new("service-unavailable", 503),
    ErrorCode::new("gateway-timeout", 504),
    ErrorCode::new("insufficient-storage", 507),
    ErrorCode::new("overloaded", 529),
];

/// Returns the reason of a status, or a word for its class.
pub(super) fn reason(status: u16) -> &'static str {
    let known = REASONS.iter().find(|(code, _)| *code == status);
    known.map_or_else(
        || match status {
            100..200 => "Informational",
            200..300 => "Success",
            300..400 => "Redirection",
            400..500 => "Client Error",
            _ => "Server Error",
        },
        |(_, reason)| reason,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_others_have_a_reason_too() {
        assert!(REASONS.is_sorted_by(|(a, _), (b, _)| a < b));
        for ErrorCode { name, code, .. } in NAMES {
            let reason = reason(*code as u16).to_lowercase().replace(' ', "-");
            assert_eq!(*name, reason);
        }
        assert_eq!((reason(503), reason(599)), ("Service Unavailable", "Server Error"));
    }
}

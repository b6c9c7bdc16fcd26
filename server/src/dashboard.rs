//! The dashboard: one page that shows the proxies and changes them.
//!
//! The page is made when the program is compiled, and the same for everybody: it names no proxy and
//! loads nothing. Its script asks `/v1` and no other route.

use crate::api::Api;
use axum::Router;
use axum::http::header::{self, HeaderName};
use axum::response::IntoResponse;
use axum::routing::get;
use ring::digest::{SHA256, digest};
use std::sync::LazyLock;

/// Path of the page. It needs no token: a browser has none before the page has asked for it.
pub(crate) const PATH: &str = "/";

static HTML: &str = include_str!("dashboard/page.html");
static STYLE: &str = include_str!("dashboard/style.css");

/// The script: parts in the order of their use, in one scope.
static SCRIPT: &str = concat!(
    include_str!("dashboard/api.js"),
    include_str!("dashboard/elements.js"),
    include_str!("dashboard/options.js"),
    include_str!("dashboard/charts.js"),
    include_str!("dashboard/rules.js"),
    include_str!("dashboard/connections.js"),
    include_str!("dashboard/proxies.js"),
    include_str!("dashboard/faults.js"),
    include_str!("dashboard/main.js"),
);

/// The page, and what a browser may do with it.
struct Page {
    text: String,
    policy: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let text = HTML.replacen("{style}", STYLE, 1).replacen("{script}", SCRIPT, 1);
    // What comes from the network cannot become a script: neither as text in the page, nor by a
    // mistake in ours.
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    Page { text, policy }
});

pub(crate) fn routes() -> Router<Api> {
    Router::new().route(PATH, get(show))
}

async fn show() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, &PAGE.policy),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (headers, PAGE.text.as_str())
}

/// Returns the hash of a script or a style as a policy names it.
fn hash(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut hash = String::from("sha256-");
    for part in digest(&SHA256, text.as_bytes()).as_ref().chunks(3) {
        let bits = part.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - part.len()));
        for letter in 0..4 {
            let value = (bits >> (18 - 6 * letter)) as usize % LETTERS.len();
            hash.push(if letter <= part.len() { char::from(LETTERS[value]) } else { '=' });
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_other_programs() {
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert_eq!(hash("alert(1)"), "sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=");
    }

    #[test]
    fn the_page_has_its_parts_once_and_loads_nothing() {
        for part in [STYLE, SCRIPT] {
            assert_eq!(PAGE.text.matches(part).count(), 1);
        }
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
        for outside in ["<link rel=\"stylesheet\"", " src=", "@import", "url(", "innerHTML"] {
            assert!(!PAGE.text.contains(outside), "{outside}");
        }
    }
}

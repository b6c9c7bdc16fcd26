//! Guard of the routes: it asks each request for the right Host and Origin, and for a token.
//!
//! A page in a browser can send requests to any address of this machine. It can choose neither Host
//! (a name that it has bound to a loopback address shows there) nor Origin.

use crate::dashboard;
use crate::health;
use crate::problem::Problem;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Conditions for requests: the names that their Host may have, and a token.
#[derive(Clone, Default)]
pub struct Guard {
    names: Vec<String>,
    token: Option<String>,
}

/// Reason why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Host(String),
    Origin(String),
    Token,
}

impl Guard {
    /// Returns the guard of a server at an address, which takes IP addresses as Host, and
    /// `localhost` where the address is a loopback address or all addresses.
    pub fn new(bound: SocketAddr) -> Self {
        let local = bound.ip().is_loopback() || bound.ip().is_unspecified();
        let names = if local { vec!["localhost".to_owned()] } else { Vec::new() };
        Self { names, token: None }
    }

    /// Takes another name as Host, with any port.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.names.push(name.to_ascii_lowercase());
        self
    }

    /// Demands a bearer token (RFC 6750, section 2.1) of all requests but those for health, and for
    /// the dashboard: it asks for the token, and sends it with its own requests.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Checks the path and the headers of a request.
    pub(crate) fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = text(headers, header::HOST);
        if !self.knows(host) {
            return Err(Refusal::Host(host.to_owned()));
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let ours = |origin: &[u8]| {
            let host = host.as_bytes();
            [&b"http://"[..], b"https://"].iter().any(|scheme| {
                origin.strip_prefix(*scheme).is_some_and(|o| o.eq_ignore_ascii_case(host))
            })
        };
        if let Some(foreign) = origins.find(|origin| !ours(origin.as_bytes())) {
            return Err(Refusal::Origin(String::from_utf8_lossy(foreign.as_bytes()).into_owned()));
        }
        match &self.token {
            Some(token) if !is_open(path) && !bears(headers, token) => Err(Refusal::Token),
            _ => Ok(()),
        }
    }

    /// Returns `true` for a Host that may be asked for: an address, or a known name.
    fn knows(&self, host: &str) -> bool {
        if host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = match host.strip_prefix('[') {
            Some(rest) => {
                let Some((address, port)) = rest.split_once(']') else { return false };
                let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
                return port_fits && matches!(address.parse(), Ok(IpAddr::V6(_)));
            }
            None => match host.split_once(':') {
                Some((name, port)) if is_port(port) => name,
                Some(_) => return false,
                None => host,
            },
        };
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A token is nothing for a log.
        f.debug_struct("Guard")
            .field("names", &self.names)
            .field("token", &self.token.is_some())
            .finish()
    }
}

/// Returns the response to a request that was refused.
pub(crate) fn refuse(refusal: &Refusal) -> Problem {
    let forbidden = |detail: String| Problem::new(StatusCode::FORBIDDEN, detail);
    match refusal {
        Refusal::Host(host) if host.is_empty() => forbidden("the request names no Host".to_owned()),
        Refusal::Host(host) => forbidden(format!(
            "Host {host:?} is no address of this server; allow the name with --api-host"
        )),
        Refusal::Origin(origin) => {
            forbidden(format!("a page of {origin:?} may not ask this server"))
        }
        Refusal::Token => Problem::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
        ),
    }
}

/// Returns the only value of a header as text, or an empty one.
fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => "",
    }
}

/// Returns `true` for a path that needs no token.
fn is_open(path: &str) -> bool {
    health::PATHS.contains(&path) || path == dashboard::PATH
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns `true` if the request bears this token, after a time that does not depend on how much of
/// it is right.
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let given = text(headers, header::AUTHORIZATION);
    let Some((scheme, given)) = given.split_once(' ') else { return false };
    let given = given.trim_start().as_bytes();
    let differ = given.iter().zip(token.as_bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
    scheme.eq_ignore_ascii_case("bearer") && given.len() == token.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_host_is_an_address_or_a_known_name() {
        let guard = Guard::new("127.0.0.1:8474".parse().unwrap()).name("Toxi.example");
        for (host, known) in [
            ("127.0.0.1:8474", true),
            ("127.0.0.1", true),
            ("10.0.0.9:1", true),
            ("[::1]:8474", true),
            ("[::1]", true),
            ("localhost:8474", true),
            ("LOCALHOST", true),
            ("toxi.example:8474", true),
            ("", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("localhost:", false),
            ("localhost:+80", false),
            ("localhost:99999", false),
            ("[::1", false),
            ("[::1]x", false),
            ("[localhost]:80", false),
        ] {
            let found = guard.check("/", &headers(&[(header::HOST, host)])).is_ok();
            assert_eq!(found, known, "{host:?}");
        }
        let two = headers(&[(header::HOST, "127.0.0.1")]);
        let mut two = two;
        two.append(header::HOST, "127.0.0.1".parse().unwrap());
        assert!(guard.check("/", &two).is_err());
    }

    #[test]
    fn a_name_is_not_known_beyond_this_machine() {
        let guard = Guard::new("192.0.2.1:8474".parse().unwrap());
        assert!(guard.check("/", &headers(&[(header::HOST, "localhost:8474")])).is_err());
        assert!(guard.check("/", &headers(&[(header::HOST, "192.0.2.1:8474")])).is_ok());
    }

    #[test]
    fn an_origin_is_the_host_itself() {
        let guard = Guard::new("127.0.0.1:8474".parse().unwrap());
        for (origin, fits) in [
            ("http://127.0.0.1:8474", true),
            ("https://127.0.0.1:8474", true),
            ("http://127.0.0.1:8475", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            let asked = [(header::HOST, "127.0.0.1:8474"), (header::ORIGIN, origin)];
            assert_eq!(guard.check("/", &headers(&asked)).is_ok(), fits, "{origin:?}");
        }
    }

    #[test]
    fn a_token_is_demanded_of_all_but_health() {
        let guard = Guard::new("127.0.0.1:8474".parse().unwrap()).token("s3cret");
        for (given, fits) in [
            ("Bearer s3cret", true),
            ("bearer  s3cret", true),
            ("Bearer s3cre", false),
            ("Bearer s3crets", false),
            ("Bearer", false),
            ("Bearer ", false),
            ("Basic s3cret", false),
        ] {
            let asked = [(header::HOST, "127.0.0.1"), (header::AUTHORIZATION, given)];
            assert_eq!(guard.check("/proxies", &headers(&asked)).is_ok(), fits, "{given:?}");
        }
        let none = headers(&[(header::HOST, "127.0.0.1")]);
        assert_eq!(guard.check("/proxies", &none), Err(Refusal::Token));
        assert_eq!(guard.check("/healthz", &none), Ok(()));
        assert_eq!(guard.check("/", &none), Ok(()));
        assert_eq!(guard.check("/v1", &none), Err(Refusal::Token));
        assert!(!format!("{guard:?}").contains("s3cret"));
    }
}

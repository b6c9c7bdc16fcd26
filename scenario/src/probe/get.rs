//! A GET request whose status is all that counts: over TCP, or TLS with the roots of the system.
//!
//! It follows no redirection, and reads no body.

use bytes::BytesMut;
use chenapan_engine::endpoint::{Dialer, Kinds, plain};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Largest head that is read.
const HEAD: usize = 64 * 1024;

/// A request, and where it goes.
#[derive(Debug)]
pub(crate) struct Get {
    dialer: Dialer,
    request: String,
}

impl Get {
    /// Returns `true` if a text is meant to be a URL.
    pub(super) fn is_meant(text: &str) -> bool {
        cut(text.trim()).is_some()
    }

    /// Reads a URL.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let Some((is_tls, rest)) = cut(text.trim()) else {
            return Err("expected http:// or https://".to_owned());
        };
        if let Some(odd) = rest.chars().find(|it| !it.is_ascii_graphic()) {
            return Err(format!("{odd:?} cannot stand in a URL; write it as %XX"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.contains('@') {
            return Err("a probe has no user and password in its URL; a command can".to_owned());
        }
        let (scheme, port) = if is_tls { ("tls", 443) } else { ("tcp", 80) };
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = if has_port { String::new() } else { format!(":{port}") };
        let address = Kinds::new().connect(&format!("{scheme}://{host}{port}"));
        let address = address.map_err(|error| error.to_string())?;
        let dialer = Dialer::new(&address).map_err(|error| plain(&error))?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        let version = env!("CARGO_PKG_VERSION");
        let request = format!(
            "GET {slash}{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: chenapan/{version}\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        );
        Ok(Self { dialer, request })
    }

    /// Asks once. The error is what was wrong.
    pub(super) async fn ask(&self, timeout: Duration) -> Result<(), String> {
        let told = |error: std::io::Error| plain(&error);
        let mut stream = self.dialer.connect(timeout).await.map_err(told)?;
        stream.write_all(self.request.as_bytes()).await.map_err(told)?;
        stream.flush().await.map_err(told)?;
        let mut head = BytesMut::new();
        loop {
            match status(&mut head)? {
                Some(200..=399) => return Ok(()),
                Some(status) => return Err(format!("status {status}")),
                None if head.len() > HEAD => return Err("the answer is no HTTP".to_owned()),
                None => {}
            }
            if stream.read_buf(&mut head).await.map_err(told)? == 0 {
                return Err("the connection ended before a status".to_owned());
            }
        }
    }
}

/// Cuts the scheme off a URL; `true` if it is that of TLS.
fn cut(text: &str) -> Option<(bool, &str)> {
    let after = |scheme: &str| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    };
    let plain = after("http://").map(|rest| (false, rest));
    plain.or_else(|| after("https://").map(|rest| (true, rest)))
}

/// Returns the status of a response that is not an interim one, once it is there. Interim ones are
/// taken away.
fn status(head: &mut BytesMut) -> Result<Option<u16>, String> {
    loop {
        let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
            let known = head.len().min(5);
            return match head[..known] == b"HTTP/"[..known] {
                true => Ok(None),
                false => Err("the answer is no HTTP".to_owned()),
            };
        };
        let line = String::from_utf8_lossy(&head[..end]).into_owned();
        let mut words = line.trim_end().split(' ');
        let version = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        let number = words.next().filter(|word| version && word.len() == 3);
        let number = number.and_then(|word| word.parse().ok());
        let number = number.filter(|number| *number >= 100);
        let number: u16 = number.ok_or_else(|| "the answer is no HTTP".to_owned())?;
        if !(100..200).contains(&number) || number == 101 {
            return Ok(Some(number));
        }
        let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return Ok(None);
        };
        let _ = head.split_to(end + 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_perhaps_a_port_and_a_path() {
        for (url, address, first) in [
            ("http://db/health", "db:80", "GET /health HTTP/1.1\r\nHost: db\r\n"),
            ("HTTP://127.0.0.1:81", "127.0.0.1:81", "GET / HTTP/1.1\r\nHost: 127.0.0.1:81\r\n"),
            ("http://[::1]?a=b#c", "[::1]:80", "GET /?a=b HTTP/1.1\r\nHost: [::1]\r\n"),
            (
                "https://a.example:8443/",
                "a.example:8443",
                "GET / HTTP/1.1\r\nHost: a.example:8443\r\n",
            ),
        ] {
            let get = Get::read(url).unwrap_or_else(|wrong| panic!("{url}: {wrong}"));
            assert!(get.request.starts_with(first), "{url}: {}", get.request);
            let shown = get.dialer.address().to_string();
            assert!(shown.contains(address), "{url}: {shown}");
            assert_eq!(get.dialer.address().tls, url.starts_with("https"), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_told() {
        for (url, told) in [
            ("http://", "host"),
            ("http://a b/", "' ' cannot stand in a URL"),
            ("http://a/\u{e9}", "cannot stand in a URL"),
            ("http://me:secret@a/", "no user and password"),
            ("http://a:99999/", "99999"),
            ("https://a:x/", "x"),
        ] {
            let wrong = Get::read(url).map(drop).expect_err(url);
            assert!(wrong.contains(told), "{url}: {wrong}");
        }
        assert!(!Get::is_meant("curl http://a/"));
    }
}

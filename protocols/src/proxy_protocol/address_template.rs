//! One end of a connection as a user writes it: an address in which `{n}` stands for the number of
//! the connection.
//!
//! It never asks what an address belongs to.

use super::UnixPath;
use chenapan_core::Written;
use std::net::{IpAddr, SocketAddr};

/// An address to state, such as `203.0.113.{n}:51234`, `unix:/run/{n}.sock` or `unix:@abstract`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressTemplate(Text);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Text {
    Inet { host: String, port: Option<String> },
    Unix(String),
}

/// An address to state of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StatedAddress {
    /// An address, and a port where one was written.
    Inet(IpAddr, Option<u16>),
    /// A path.
    Unix(Vec<u8>),
}

const NUMBER: &str = "{n}";

const EXPECTED: &str = "expected an address such as 203.0.113.{n}, 203.0.113.7:51234, \
    [2001:db8::7]:51234 or unix:/run/app.sock";

impl AddressTemplate {
    /// Returns the address that is stated of the connection of this number, from 1.
    ///
    /// In an octet `{n}` goes from 1 to 254 and starts again, in a group of IPv6 from 1 to ffff, in
    /// a port from 1 to 65535; in a path it is the number itself.
    pub(super) fn of(&self, number: u64) -> Option<StatedAddress> {
        Some(match &self.0 {
            Text::Unix(path) => {
                let mut path = path.replace(NUMBER, &number.to_string()).into_bytes();
                // An abstract address begins with a NUL (unix(7)).
                if let Some(first @ b'@') = path.first_mut() {
                    *first = 0;
                }
                StatedAddress::Unix(path)
            }
            Text::Inet { host, port } => {
                let wrapped = |most: u64| number.saturating_sub(1) % most + 1;
                let written = match host.contains(':') {
                    true => format!("{:x}", wrapped(0xffff)),
                    false => wrapped(254).to_string(),
                };
                let port = port.as_ref().map(|port| {
                    let written = wrapped(0xffff).to_string();
                    digits(&port.replace(NUMBER, &written))
                });
                let port = match port {
                    Some(port) => Some(port?),
                    None => None,
                };
                StatedAddress::Inet(host.replace(NUMBER, &written).parse().ok()?, port)
            }
        })
    }
}

impl From<SocketAddr> for StatedAddress {
    fn from(address: SocketAddr) -> Self {
        StatedAddress::Inet(address.ip(), Some(address.port()))
    }
}

impl Written for AddressTemplate {
    const NAME: &'static str = "address";

    fn read(text: &str) -> Result<Self, String> {
        // In brackets colons need no backslash in a rule: [203.0.113.7:51234] is an end, too.
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        plain(text).or_else(|wrong| inner.and_then(|inner| plain(inner).ok()).ok_or(wrong))
    }

    fn write(&self) -> Option<String> {
        Some(match &self.0 {
            Text::Unix(path) => format!("unix:{path}"),
            Text::Inet { host, port: None } => host.clone(),
            Text::Inet { host, port: Some(port) } if host.contains(':') => {
                format!("[{host}]:{port}")
            }
            Text::Inet { host, port: Some(port) } => format!("{host}:{port}"),
        })
    }
}

fn plain(text: &str) -> Result<AddressTemplate, String> {
    let end = if let Some(path) = text.strip_prefix("unix:") {
        // The longest number that can come in has twenty digits.
        UnixPath::new(path.replace(NUMBER, &u64::MAX.to_string()).as_bytes())
            .map_err(|error| error.to_string())?;
        Text::Unix(path.to_owned())
    } else {
        let inner = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match (inner, text.matches(':').count()) {
            (Some((host, "")), _) => (host, None),
            (Some((host, port)), _) => (host, Some(port.strip_prefix(':').ok_or(EXPECTED)?)),
            (None, 1) => text.split_once(':').map_or((text, None), |(h, p)| (h, Some(p))),
            (None, _) => (text, None),
        };
        Text::Inet { host: host.to_owned(), port: port.map(str::to_owned) }
    };
    let end = AddressTemplate(end);
    // The extremes of what may come in for the number.
    match [1, 254, 0xffff].iter().all(|&number| end.of(number).is_some()) {
        true => Ok(end),
        false => Err(EXPECTED.to_owned()),
    }
}

/// A port without sign and leading zeroes.
fn digits(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let zero = text.len() > 1 && text.starts_with('0');
    if plain && !zero { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, number: u64) -> StatedAddress {
        AddressTemplate::read(text).unwrap().of(number).unwrap()
    }

    fn inet(address: &str, port: Option<u16>) -> StatedAddress {
        StatedAddress::Inet(address.parse().unwrap(), port)
    }

    #[test]
    fn the_number_of_the_connection_comes_in_where_it_is_asked_for() {
        assert_eq!(of("203.0.113.7", 9), inet("203.0.113.7", None));
        assert_eq!(of("203.0.113.{n}", 9), inet("203.0.113.9", None));
        assert_eq!(of("203.0.113.{n}", 254), inet("203.0.113.254", None));
        assert_eq!(of("203.0.113.{n}", 255), inet("203.0.113.1", None));
        assert_eq!(of("10.0.0.1:{n}", 65_536), inet("10.0.0.1", Some(1)));
        assert_eq!(of("10.0.0.1:80", 3), inet("10.0.0.1", Some(80)));
        assert_eq!(of("2001:db8::{n}", 0x1_00ff), inet("2001:db8::100", None));
        assert_eq!(of("[2001:db8::{n}]:443", 10), inet("2001:db8::a", Some(443)));
        assert_eq!(of("[203.0.113.7:1]", 1), inet("203.0.113.7", Some(1)));
        assert_eq!(of("[[2001:db8::7]:1]", 1), inet("2001:db8::7", Some(1)));
        assert_eq!(of("[2001:db8::7]", 1), inet("2001:db8::7", None));
        assert_eq!(of("[unix:/x]", 1), StatedAddress::Unix(b"/x".to_vec()));
        assert_eq!(of("unix:@app-{n}", 3), StatedAddress::Unix(b"\0app-3".to_vec()));
        assert_eq!(of("unix:/run/{n}.sock", 12), StatedAddress::Unix(b"/run/12.sock".to_vec()));
    }

    #[test]
    fn what_is_no_address_is_refused_when_it_is_read() {
        let long = format!("unix:{}", "x".repeat(109));
        for text in [
            "",
            "localhost",
            "203.0.113",
            "203.0.113.1{n}",
            "203.0.113.7:",
            "203.0.113.7:65536",
            "203.0.113.7:+80",
            "203.0.113.7:080",
            "[2001:db8::7",
            "[2001:db8::7]443",
            "fe80::1%lo",
            "203.0.113.{m}",
            &long,
        ] {
            assert!(AddressTemplate::read(text).is_err(), "{text:?}");
        }
    }
}

//! Address of the API that is controlled: as a flag or a variable says it.

use super::super::Failure;
use std::fmt;

/// Port of an address that has none.
const PORT: u16 = 8474;

/// Address of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    /// Flag or variable that has it; empty for the default.
    named: &'static str,
}

impl Address {
    /// Returns the address of a flag, or else of a variable, or else the default.
    pub(super) fn find(flag: Option<&str>) -> Result<Self, Failure> {
        let variables =
            ["CHENAPAN_API", "TOXIPROXY_URL"].map(|name| (name, std::env::var(name).ok()));
        let mut given = [("--api", flag.map(str::to_owned))].into_iter().chain(variables);
        let found =
            given.find_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)));
        match found {
            Some((name, text)) => Self::read(name, &text),
            None => Ok(Self { host: "127.0.0.1".to_owned(), port: PORT, named: "" }),
        }
    }

    /// Reads `http://HOST:PORT/`, of which all but one part may be left out.
    fn read(named: &'static str, text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::usage(format!("{named} {text:?}: {why}"));
        let form = || wrong("expected HOST:PORT or http://HOST:PORT");
        let bare = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => {
                let host = rest.trim_end_matches('/');
                return Err(wrong(&format!(
                    "this client does not speak TLS; reach it through chenapan --listen {PORT} --backend tls:{host}"
                )));
            }
            Some(_) => return Err(form()),
            None => text,
        };
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        let port = |text: &str| match text.parse() {
            Ok(port) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
            _ => Err(wrong(&format!("{text:?} is no port"))),
        };
        let (host, port) = match bare.strip_prefix('[') {
            Some(rest) => match rest.split_once(']').ok_or_else(form)? {
                (host, "") => (host, PORT),
                (host, after) => (host, port(after.strip_prefix(':').ok_or_else(form)?)?),
            },
            None if bare.bytes().all(|byte| byte.is_ascii_digit()) => ("", port(bare)?),
            None => match bare.split_once(':') {
                Some((host, after)) => (host, port(after)?),
                None => (bare, PORT),
            },
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        match host.bytes().all(fits) {
            true => Ok(Self { host: host.to_owned(), port, named }),
            false => Err(form()),
        }
    }

    /// Returns the address as a header Host has it.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Address {
    /// Writes the address, and which flag or variable has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority())?;
        match self.named {
            "" => Ok(()),
            named => write!(f, " ({named})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        match Address::read("--api", text) {
            Ok(address) => Ok(address.authority()),
            Err(Failure::Usage(why)) => Err(why),
            Err(_) => panic!("{text}"),
        }
    }

    #[test]
    fn an_address_may_leave_out_most_of_it() {
        for (text, authority) in [
            ("http://localhost:8474", "localhost:8474"),
            ("HTTP://localhost:1/", "localhost:1"),
            ("localhost", "localhost:8474"),
            ("9000", "127.0.0.1:9000"),
            (":9000", "127.0.0.1:9000"),
            ("[::1]:9000", "[::1]:9000"),
            ("http://[::1]", "[::1]:8474"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(authority), "{text}");
        }
    }

    #[test]
    fn an_address_that_is_none_says_what_would_do() {
        for text in [
            "ftp://a",
            "a b",
            "http://a/b",
            "user@host:1",
            "[::1",
            "[::1]x",
            "a:b",
            "a:+1",
            "a:99999",
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains("expected HOST:PORT") || why.contains("is no port"), "{why}");
        }
        assert!(read("https://toxi:443/").unwrap_err().contains("--backend tls:toxi:443"));
    }
}

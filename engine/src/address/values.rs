//! Forms of values: hosts, ports, times, modes ...
//!
//! It never opens what a value names.

use super::error::{Code, Fault, quoted};
use super::{Family, Host, OptionValue};
use chenapan_core::{Choice, Choices, Form, Value, nearest};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// Times are at most this long: more is a slip, and as seconds with a fraction it stays exact.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Shape of the value of a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A port.
    Port,
    /// A host.
    Host,
    /// Number of connections that may wait.
    Backlog,
    /// A family of addresses.
    Family,
    /// A flag.
    Flag,
    /// A time.
    Time,
    /// An IP address.
    Bind,
    /// A path.
    Path,
    /// Permissions of a file, in octal.
    Mode,
    /// A number.
    Number,
    /// Any text.
    Text,
    /// A name for TLS.
    Name,
    /// Names of protocols on TLS.
    Alpn,
    /// One of some texts.
    Choice(&'static [Choice]),
    /// One of some texts with spellings that only its reader knows.
    Spelled(Spelled),
    /// The URL of a SOCKS proxy.
    Via,
    /// Another endpoint.
    Endpoint,
    /// A flag that means nothing.
    Ignored,
}

/// Texts that may be spelled in several ways.
#[derive(Clone, Copy, Debug)]
pub struct Spelled {
    /// The word for them in help texts.
    pub form: &'static str,
    pub(super) expected: &'static str,
    /// Reader of a text, which returns the spelling to keep.
    pub(super) read: fn(&str) -> Option<&'static str>,
}

impl Shape {
    /// The word for it in help texts.
    pub fn name(self) -> String {
        match self {
            Shape::Port => "port",
            Shape::Host | Shape::Name => "host",
            Shape::Backlog | Shape::Number => "number",
            Shape::Family => "4, 6 or any",
            Shape::Flag | Shape::Ignored => "flag",
            Shape::Time => "time",
            Shape::Bind => "IP address",
            Shape::Path => "path",
            Shape::Mode => "octal",
            Shape::Text => "text",
            Shape::Alpn => "names",
            Shape::Spelled(words) => words.form,
            Shape::Choice(choices) => return texts(choices).join(", "),
            Shape::Via => "URL",
            Shape::Endpoint => "endpoint",
        }
        .to_owned()
    }

    /// Reads a value that stands among the options; none where it means nothing.
    ///
    /// The error says what was expected instead.
    pub(super) fn setting(self, text: &str) -> Result<Option<OptionValue>, String> {
        let wrong = |expected: &str| format!("{} is not {expected}", quoted(text));
        let own = |text: &str| Some(OptionValue::Text(text.to_owned()));
        Ok(match self {
            Shape::Backlog => {
                let number = digits(text).filter(|number| *number <= 65_535);
                let number = number.ok_or_else(|| wrong("a number from 0 to 65535"))?;
                Some(OptionValue::Number(number))
            }
            Shape::Number => {
                let most = i32::MAX as u64;
                let number = digits(text).filter(|number| *number <= most);
                let number = number.ok_or_else(|| wrong("a number, as in 3"))?;
                Some(OptionValue::Number(number))
            }
            Shape::Flag => Some(OptionValue::Flag(flag(text)?)),
            Shape::Ignored => {
                flag(text)?;
                None
            }
            Shape::Time => Some(OptionValue::Time(time(text)?)),
            Shape::Mode => {
                let mode =
                    octal(text).ok_or_else(|| wrong("an octal mode up to 7777 (try 660)"))?;
                Some(OptionValue::Mode(mode))
            }
            Shape::Bind => Some(OptionValue::Text(bind(text).ok_or_else(|| {
                wrong("an IP address, with or without a port (try 10.0.0.2 or [10.0.0.2:5000])")
            })?)),
            Shape::Path if text.is_empty() => return Err(wrong("a path")),
            Shape::Path | Shape::Text if text.contains('\0') => {
                return Err(format!("{} has a zero byte in it", quoted(text)));
            }
            Shape::Text if text.is_empty() => return Err(wrong("a name")),
            Shape::Name => match host(text) {
                Ok(_) if !text.contains('%') => own(text.trim_matches(['[', ']'])),
                _ => return Err(wrong("a host name or address")),
            },
            Shape::Alpn => {
                let fits = |name: &str| (1..=255).contains(&name.len());
                match text.split(',').all(fits) {
                    true => own(text),
                    false => return Err(wrong("a list of protocols (try h2,http/1.1)")),
                }
            }
            Shape::Spelled(words) => own((words.read)(text).ok_or_else(|| wrong(words.expected))?),
            Shape::Choice(choices) => own(choices[chosen(text, choices)?].text),
            _ => own(text),
        })
    }
}

/// Permissions of a file.
fn octal(text: &str) -> Option<u32> {
    let octal = text.strip_prefix("0o").unwrap_or(text);
    let known = !octal.is_empty() && octal.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    u32::from_str_radix(octal, 8).ok().filter(|mode| known && *mode <= 0o7777)
}

/// Place of the choice that a text names, whatever its case.
fn chosen(text: &str, choices: &[Choice]) -> Result<usize, String> {
    let known = texts(choices);
    if let Some(at) = known.iter().position(|known| known.eq_ignore_ascii_case(text)) {
        return Ok(at);
    }
    let near = nearest(text, known.iter().copied());
    let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    Err(format!("{} is none of {}{near}", quoted(text), known.join(", ")))
}

fn texts(choices: &[Choice]) -> Vec<&'static str> {
    choices.iter().map(|choice| choice.text).collect()
}

/// One of a few words, whatever its case.
pub(super) fn word<T: Choices>(text: &str) -> Result<T, String> {
    chosen(text, T::CHOICES).map(|at| T::VALUES[at])
}

/// A port, for a role that may or may not take 0.
pub(super) fn port(text: &str, dialed: bool, place: Range<usize>) -> Result<u16, Fault> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("{} is not a port number (1 to 65535)", quoted(text));
        return Err(Fault::new(Code::BadPort, place, message));
    }
    match text.trim_start_matches('0') {
        "" if dialed => {
            Err(Fault::new(Code::PortRange, place, "port 0 cannot be dialed (1 to 65535)"))
        }
        "" => Ok(0),
        digits => digits.parse().map_err(|_| {
            let (digits, more) = (&text[..text.len().min(20)], text.len() > 20);
            let digits = format!("{digits}{}", if more { "..." } else { "" });
            let message = format!("port {digits} is out of range (0 to 65535)");
            Fault::new(Code::PortRange, place, message)
        }),
    }
}

/// Returns `true` if somebody may have meant a number, though it is none.
pub(super) fn numeric(text: &str) -> bool {
    text.chars().any(char::is_numeric)
        && text.chars().all(|c| c.is_numeric() || matches!(c, '+' | '-' | '_' | ' '))
}

/// A host; where it is none, what is wrong with it.
pub(super) fn host(text: &str) -> Result<Host, String> {
    let wrong = || format!("{} is not a host name or address", quoted(text));
    let inner = match text.strip_prefix('[') {
        Some(inner) => Some(inner.strip_suffix(']').ok_or_else(wrong)?),
        None if text.contains(':') => Some(text),
        None => None,
    };
    if let Some(inner) = inner {
        return match ipv6(inner) {
            Some((_, Some(_))) => Ok(Host::Name(inner.to_owned())),
            Some((address, None)) => Ok(Host::Address(address.into())),
            None => Err(format!("{} is not an IPv6 address", quoted(inner))),
        };
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit());
    if name.len() > 253 || number || !name.split('.').all(label) {
        let hint = if text.is_ascii() { "" } else { "; write its ASCII form (xn--...)" };
        return Err(wrong() + hint);
    }
    Ok(Host::Name(text.to_owned()))
}

/// An IPv6 address, with its zone.
pub(super) fn ipv6(text: &str) -> Option<(Ipv6Addr, Option<&str>)> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '[' | ']' | '%' | '/');
    if zone.is_some_and(|zone| zone.is_empty() || !zone.chars().all(plain)) {
        return None;
    }
    Some((address.parse().ok()?, zone))
}

/// Checks that a host can be of a family; the error says why it cannot.
pub(super) fn fits(host: &Host, family: Option<Family>) -> Result<(), String> {
    let six = match host {
        Host::Address(address) => address.is_ipv6(),
        // With a zone.
        Host::Name(name) if name.contains(':') => true,
        Host::Name(_) => return Ok(()),
    };
    match family {
        Some(Family::V6) if !six => Err(format!("\"{host}\" is not an IPv6 address")),
        Some(Family::V4) if six => Err(format!("\"{host}\" is not an IPv4 address")),
        _ => Ok(()),
    }
}

/// A family; none for `any`.
pub(super) fn family(text: &str) -> Result<Option<Family>, String> {
    match text.to_ascii_lowercase().as_str() {
        "4" => Ok(Some(Family::V4)),
        "6" => Ok(Some(Family::V6)),
        "any" => Ok(None),
        _ => Err(format!("{} is not 4, 6 or any", quoted(text))),
    }
}

/// A time; a bare number is seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let time = match Form::Time.parse(text) {
        Ok(Value::Time(time)) => time,
        _ => {
            return Err(format!("{} is not a duration (try 5s or 250ms)", quoted(text)));
        }
    };
    match time <= LONGEST {
        true => Ok(time),
        false => Err(format!("{} is longer than 7 days", quoted(text))),
    }
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match Form::Flag.parse(&text.to_ascii_lowercase()) {
        Ok(Value::Flag(flag)) => Ok(flag),
        _ => Err(format!("{} is not yes or no", quoted(text))),
    }
}

/// A number of ASCII digits.
pub(super) fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// An address to connect from, as it is written best.
fn bind(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match (bare.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
        (Ok(address), _) => Some(address.to_string()),
        (_, Ok(address)) => Some(address.to_string()),
        // What has brackets of its own around all of it.
        _ => bare.parse::<SocketAddr>().ok().map(|address| address.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_labels_and_addresses_are_whole() {
        let long = format!("{}.a", "a".repeat(63));
        let longest = vec!["a".repeat(63); 4].join(".");
        for text in ["db", "a_b.c.", "a-1.2b", "1.2.3.4", "xn--e1a", &long, &longest[..253]] {
            assert!(host(text).is_ok(), "{text}");
        }
        for text in
            ["", ".", "a..b", ".a", "1.2.3", "127.1", "a.5", "1.2.3.4.", "h\u{e9}", "a b", "*"]
        {
            assert!(host(text).is_err(), "{text}");
        }
        assert!(host(&"a".repeat(64)).is_err());
        assert!(host(&longest).is_err());
        for text in ["[::1", "[1.2.3.4]", "[]", "[fe80::1%]", "[::1]x", "::g"] {
            assert!(host(text).is_err(), "{text}");
        }
        assert_eq!(host("[fe80::1%eth0]"), Ok(Host::Name("fe80::1%eth0".to_owned())));
    }

    #[test]
    fn modes_are_octal_in_three_spellings() {
        for text in ["660", "0660", "0o660"] {
            assert_eq!(Shape::Mode.setting(text), Ok(Some(OptionValue::Mode(0o660))), "{text}");
        }
        for text in ["", "0o", "8", "10000", "+660", "-1", "0x1", "rw", "77777777777777777777"] {
            assert!(Shape::Mode.setting(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_seconds_unless_they_say_otherwise() {
        for (text, millis) in
            [("7", 7_000), ("1.5", 1_500), ("250ms", 250), ("5s", 5_000), ("1m", 60_000)]
        {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(time("soon"), Err("\"soon\" is not a duration (try 5s or 250ms)".to_owned()));
        assert!(time("8d").is_err() && time("").is_err() && time("-1").is_err());
    }

    #[test]
    fn ports_are_ascii_digits() {
        for (text, code) in [
            ("", Code::BadPort),
            ("+80", Code::BadPort),
            (" 80", Code::BadPort),
            ("8_0", Code::BadPort),
            ("-1", Code::BadPort),
            ("\u{668}\u{660}", Code::BadPort),
            ("http", Code::BadPort),
            ("65536", Code::PortRange),
            ("99999999999999999999999999", Code::PortRange),
        ] {
            assert_eq!(port(text, false, 0..0).unwrap_err().code, code, "{text}");
        }
        assert_eq!(port("0", true, 0..0).unwrap_err().code, Code::PortRange);
        assert_eq!((port("0", false, 0..0).unwrap(), port("00080", true, 0..0).unwrap()), (0, 80));
    }

    #[test]
    fn addresses_to_connect_from_may_have_a_port() {
        for (text, said) in [
            ("10.0.0.2", "10.0.0.2"),
            ("10.0.0.2:5000", "10.0.0.2:5000"),
            ("[10.0.0.2:5000]", "10.0.0.2:5000"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:5", "[::1]:5"),
        ] {
            assert_eq!(bind(text).as_deref(), Some(said), "{text}");
        }
        assert_eq!((bind("db"), bind("10.0.0.2:"), bind("")), (None, None, None));
    }
}

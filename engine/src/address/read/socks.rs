//! A SOCKS proxy on the way: its URL, who we say we are, and what each version can be asked for.

use super::arguments::Argument;
use super::tokens::Piece;
use super::url::{self, Url};
use super::values;
use crate::address::error::{Code, Fault, quoted};
use crate::address::{Auth, Connect, Host, OptionValue, Socks, SocksHop, Target};
use std::net::IpAddr;
use std::ops::Range;

/// The version that a scheme stands for.
pub(super) fn protocol(scheme: &str) -> Option<Socks> {
    Some(match scheme.to_ascii_lowercase().as_str() {
        "socks" => Socks::Auto,
        "socks4" => Socks::V4,
        "socks4a" => Socks::V4a,
        "socks5" => Socks::V5,
        _ => return None,
    })
}

/// Reads `socks5://[user[:password]@]proxy:port`, as the value of `via`.
pub(super) fn via(piece: Piece<'_>) -> Result<SocksHop, Fault> {
    let wrong = || {
        let message = format!(
            "via: {} is not a SOCKS proxy (try socks5://127.0.0.1:1080)",
            quoted(piece.text)
        );
        piece.fault(Code::BadValue, message)
    };
    let Some(scheme) = url::scheme(piece.text) else { return Err(wrong()) };
    let Some(protocol) = protocol(scheme) else { return Err(wrong()) };
    let url = Url::read(piece)?;
    if let Some(path) = url.path.filter(|path| path.text != "/") {
        let message =
            "the target is the address itself here; nothing stands behind the proxy's port";
        return Err(path.fault(Code::BadUrl, message));
    }
    let mut via = proxy(protocol, &url)?;
    for (key, value, place) in url.query()? {
        match (key.as_str(), value.as_str()) {
            ("auth", "random") if via.auth == Auth::None => via.auth = Auth::Random,
            ("auth", "random") => return Err(twice(place)),
            ("auth", "none") => {}
            _ => {
                let message = format!("via has no option {}; it has auth=random", quoted(&key));
                return Err(Fault::new(Code::UnknownOption, place, message));
            }
        }
    }
    Ok(via)
}

/// The proxy that the authority of a URL names.
pub(super) fn proxy(protocol: Socks, url: &Url<'_>) -> Result<SocksHop, Fault> {
    let (host, port) = url.host_and_port()?;
    let Some((host, place)) = host else {
        let message = "the SOCKS proxy has no host; write socks5://127.0.0.1:1080";
        return Err(Fault::new(Code::MissingHost, url.authority.place(), message));
    };
    let host = values::host(&host).map_err(|wrong| Fault::new(Code::BadHost, place, wrong))?;
    let Some((port, place)) = port else {
        let message = format!("the SOCKS proxy has no port; write {host}:1080");
        return Err(Fault::new(Code::MissingPort, url.authority.end(), message));
    };
    let port = values::port(&port, true, place)?;
    let auth = match url.user()? {
        None => Auth::None,
        Some(user) => auth(protocol, user.name, user.password, user.place)?,
    };
    Ok(SocksHop { protocol, host, port, auth })
}

/// Who we say we are; version 4 and 4a have no password to send.
pub(super) fn auth(
    protocol: Socks,
    user: String,
    password: Option<String>,
    place: Range<usize>,
) -> Result<Auth, Fault> {
    let wrong = |what: &str, expected: &str| {
        Err(Fault::value(what, &format!("expected {expected}"), place.clone()))
    };
    if !(1..=255).contains(&user.len()) {
        return wrong("user", "1 to 255 bytes");
    }
    match (protocol, password) {
        (Socks::V4 | Socks::V4a, _) | (Socks::Auto, None) => {
            if user.contains('\0') {
                return wrong("user", "no zero byte, which ends it");
            }
            Ok(Auth::User(user))
        }
        (_, Some(password)) if (1..=255).contains(&password.len()) => {
            Ok(Auth::Password { user, password })
        }
        (_, Some(_)) => wrong("password", "1 to 255 bytes"),
        (_, None) => wrong("password", "1 to 255 bytes, as in socks5://user:password@proxy:1080"),
    }
}

/// Adds what was said beside the proxy: `auth` and `resolve`.
pub(super) fn complete(
    via: Option<SocksHop>,
    auth: Option<Argument>,
    resolve: Option<Argument>,
    connect: &mut Connect,
) -> Result<Option<SocksHop>, Fault> {
    let Some(mut via) = via else {
        return match auth.or(resolve) {
            None => Ok(None),
            Some(stray) => {
                let message =
                    format!("{} is about a SOCKS proxy; add via=socks5://PROXY:PORT", stray.name);
                Err(Fault::new(Code::Conflict, stray.place, message))
            }
        };
    };
    let choice = |given: &Argument, known: &'static [&'static str]| {
        let setting = values::Shape::Choice(known).setting(&given.value);
        let setting =
            setting.map_err(|wrong| Fault::value(given.name, &wrong, given.place.clone()))?;
        Ok(matches!(setting, Some(OptionValue::Text(text)) if text == known[0]))
    };
    if let Some(auth) = auth
        && choice(&auth, &["random", "none"])?
    {
        match via.auth {
            Auth::None | Auth::Random => via.auth = Auth::Random,
            _ => return Err(twice(auth.place)),
        }
    }
    if let Some(resolve) = resolve {
        let text = if choice(&resolve, &["local", "proxy"])? { "local" } else { "proxy" };
        connect.options.set("resolve", OptionValue::Text(text.to_owned()));
    }
    Ok(Some(via))
}

fn twice(place: Range<usize>) -> Fault {
    let message = "auth=random makes a user and a password up; leave out those that are given";
    Fault::new(Code::Conflict, place, message)
}

/// Checks that the proxy can be asked for the target.
pub(super) fn check(connect: &Connect, place: Range<usize>) -> Result<(), Fault> {
    let (Some(via), Target::Tcp { host, .. }) = (&connect.via, &connect.target) else {
        return Ok(());
    };
    let here = connect.options.text("resolve") == Some("local");
    let wrong = |what: &str| Err(Fault::new(Code::BadHost, place.clone(), what.to_owned()));
    match (via.protocol, host) {
        (_, Host::Name(name)) if name.contains(':') => {
            wrong("a zone means nothing to a SOCKS proxy; write the IPv6 address without it")
        }
        (Socks::V4 | Socks::V4a, Host::Address(IpAddr::V6(_))) => {
            wrong(&format!("\"{host}\": SOCKS 4 knows no IPv6; use socks5://"))
        }
        (Socks::V4, Host::Name(_)) if !here => wrong(&format!(
            "\"{host}\": socks4 takes an IPv4 address only; use socks4a:// or resolve=local"
        )),
        _ => Ok(()),
    }
}

//! Reading of a SOCKS proxy on the way: its URL, its object, who we say we are, and what each version
//! can be asked for.

use super::{Auth, Credentials, Resolve, Socks, SocksHop};
use crate::address::arguments::{Argument, Arguments};
use crate::address::error::{Code, Fault, quoted};
use crate::address::fields::Fields;
use crate::address::tokens::Piece;
use crate::address::url::{self, Url};
use crate::address::usage::{Parameter, row};
use crate::address::values::{self, Shape};
use crate::address::{Connect, Host, OptionValue};
use chenapan_core::{Choices, choices};
use std::net::IpAddr;
use std::ops::Range;

choices! {
    /// Credentials that are made up or left out.
    enum MadeUp {
        /// Others for each connection.
        Random = "random",
        /// None.
        None = "none",
    }
}

/// The parameter that names a proxy on the way.
pub(in crate::address) const VIA: &[Parameter] = &[row(
    "via",
    &[],
    Shape::Via,
    "socks5://127.0.0.1:1080",
    "SOCKS proxy on the way: socks5://, socks4a://, socks4://, or socks:// to detect which.",
)];

/// The parameters that say in which manner it is asked.
pub(in crate::address) const MANNER: &[Parameter] = &[
    row(
        "auth",
        &[],
        Shape::Choice(MadeUp::CHOICES),
        "random",
        "random: another user and password, and so another Tor circuit, per connection.",
    ),
    row(
        "resolve",
        &[],
        Shape::Choice(Resolve::CHOICES),
        "local",
        "Place where the name is resolved: the SOCKS proxy, or here with local.",
    ),
];

/// The version that a scheme stands for.
fn version(scheme: &str) -> Option<Socks> {
    // The form of objects is no scheme.
    scheme.to_ascii_lowercase().parse().ok().filter(|_| !scheme.eq_ignore_ascii_case("auto"))
}

/// Reads `socks5://[user[:password]@]proxy:port`, as the value of `via`.
fn via(piece: Piece<'_>) -> Result<SocksHop, Fault> {
    let wrong = || {
        let message = format!(
            "via: {} is not a SOCKS proxy (try socks5://127.0.0.1:1080)",
            quoted(piece.text)
        );
        piece.fault(Code::BadValue, message)
    };
    let Some(scheme) = url::scheme(piece.text) else { return Err(wrong()) };
    let Some(protocol) = version(scheme) else { return Err(wrong()) };
    let url = Url::read(piece)?;
    if let Some(path) = url.path.filter(|path| path.text != "/") {
        let message =
            "the target is the address itself here; nothing stands behind the proxy's port";
        return Err(path.fault(Code::BadUrl, message));
    }
    let mut via = authority(protocol, &url)?;
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

/// The proxy that a URL with this scheme leads through; none where the scheme is another one.
pub(in crate::address) fn proxy(scheme: &str, url: &Url<'_>) -> Result<Option<SocksHop>, Fault> {
    version(scheme).map(|version| authority(version, url)).transpose()
}

/// The proxy that the authority of a URL names.
fn authority(protocol: Socks, url: &Url<'_>) -> Result<SocksHop, Fault> {
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
fn auth(
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

/// Leads the way to a target through the proxy that was named, as was said beside it: `via`, `auth` and
/// `resolve`. `place` is that of the target's host.
pub(in crate::address) fn lead(
    mut connect: Connect,
    given: &mut Arguments,
    place: Range<usize>,
) -> Result<Connect, Fault> {
    let hop = match given.take("via") {
        Some(text) => Some(via(Piece { text: &text.value, start: 0 }).map_err(|fault| {
            // Escapes may stand between: the whole of it is marked.
            Fault { place: text.place, ..fault }
        })?),
        None => given.via.take(),
    };
    let (auth, resolve) = (given.take("auth"), given.take("resolve"));
    let Some(mut hop) = hop else {
        return match auth.or(resolve) {
            None => Ok(connect),
            Some(stray) => {
                let message =
                    format!("{} is about a SOCKS proxy; add via=socks5://PROXY:PORT", stray.name);
                Err(Fault::new(Code::Conflict, stray.place, message))
            }
        };
    };
    if let Some(auth) = auth
        && word::<MadeUp>(&auth)? == MadeUp::Random
    {
        match hop.auth {
            Auth::None | Auth::Random => hop.auth = Auth::Random,
            _ => return Err(twice(auth.place)),
        }
    }
    let resolve = resolve.map(|resolve| word::<Resolve>(&resolve)).transpose()?;
    if let Some(resolve) = resolve {
        connect.options.set("resolve", OptionValue::Text(resolve.name().to_owned()));
    }
    check(&connect, &hop, resolve, place)?;
    connect.via = Some(hop);
    Ok(connect)
}

/// The word that was given for a choice.
fn word<T: Choices>(given: &Argument) -> Result<T, Fault> {
    let read = values::word(&given.value);
    read.map_err(|wrong| Fault::value(given.name, &wrong, given.place.clone()))
}

fn twice(place: Range<usize>) -> Fault {
    let message = "auth=random makes a user and a password up; leave out those that are given";
    Fault::new(Code::Conflict, place, message)
}

/// Checks that the proxy can be asked for the target.
fn check(
    connect: &Connect,
    hop: &SocksHop,
    resolve: Option<Resolve>,
    place: Range<usize>,
) -> Result<(), Fault> {
    let Some((host, _)) = connect.target.tcp() else { return Ok(()) };
    let here = resolve == Some(Resolve::Local);
    let wrong = |what: &str| Err(Fault::new(Code::BadHost, place.clone(), what.to_owned()));
    match (hop.protocol, host) {
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

/// Takes the proxy out of an object, where it is an object or a URL; with its place.
pub(in crate::address) fn field(
    fields: &mut Fields,
) -> Result<Option<(SocksHop, Range<usize>)>, Fault> {
    let Some(field) = fields.take("via") else { return Ok(None) };
    let at = field.place.clone();
    if !field.value.is_object() {
        let (text, place) = field.text()?;
        let via = via(Piece { text: &text, start: 0 });
        return Ok(Some((via.map_err(|fault| Fault { place, ..fault })?, at)));
    }
    let mut inner = Fields::new(field.inner, at.clone());
    let protocol = match inner.text("protocol")? {
        None => Socks::Auto,
        Some((text, place)) => text.to_ascii_lowercase().parse().map_err(|_| {
            let wrong = format!("{} is none of auto, socks4, socks4a, socks5", quoted(&text));
            Fault::value("protocol", &wrong, place)
        })?,
    };
    let end = at.end..at.end;
    let missing = |code, what: &str| {
        Fault::new(code, end.clone(), format!("via has no {what}: the SOCKS proxy's"))
    };
    let (host, place) = inner.text("host")?.ok_or_else(|| missing(Code::MissingHost, "host"))?;
    let host = values::host(&host).map_err(|wrong| Fault::new(Code::BadHost, place, wrong))?;
    let (port, place) = inner.text("port")?.ok_or_else(|| missing(Code::MissingPort, "port"))?;
    let port = values::port(&port, true, place)?;
    let auth = inner.text("auth")?;
    let (user, password) = (inner.text("user")?, inner.text("password")?);
    inner.end(&Arguments::none(), "via")?;
    let auth = auth.map(|(text, place)| match text.parse() {
        Ok(credentials) => Ok((credentials, place)),
        Err(_) => {
            let wrong = format!("{} is none of none, user, password, random", quoted(&text));
            Err(Fault::value("auth", &wrong, place))
        }
    });
    let auth = match (auth.transpose()?, user) {
        (Some((auth @ (Credentials::None | Credentials::Random), place)), Some(_)) => {
            let message = format!("auth: {auth} leaves no room for a user");
            return Err(Fault::new(Code::Conflict, place, message));
        }
        (Some((Credentials::Random, _)), None) => Auth::Random,
        (Some((Credentials::None, _)), None) => Auth::None,
        (None, None) if password.is_none() => Auth::None,
        (_, None) => return Err(missing(Code::MissingOption, "user")),
        (_, Some((user, place))) => {
            self::auth(protocol, user, password.map(|(password, _)| password), place)?
        }
    };
    Ok(Some((SocksHop { protocol, host, port, auth }, at)))
}

/// Refuses a proxy on the way to what is no TCP port.
pub(in crate::address) fn refuse(given: &Arguments, fields: &mut Fields) -> Result<(), Fault> {
    let Some((_, place)) = field(fields)? else { return Ok(()) };
    let message = format!("a SOCKS proxy leads to TCP ports only, not to {}", given.kind);
    Err(Fault::new(Code::Conflict, place, message))
}

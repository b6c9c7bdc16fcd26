//! The way to a backend through a SOCKS proxy: versions 4, 4a and 5.
//!
//! The handshakes are `tokio-socks`'s; the words for what went wrong are ours.

use super::{Auth, Family, Host, Socks, SocksHop, Stream};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};
use tokio_socks::{Error, TargetAddr};

/// Bytes that [`tokio_socks`] has room for in a request of version 4a, without its fixed parts.
const ROOM: usize = 500;

/// Longest time that a proxy may take to answer a version that it may not speak.
const PATIENCE: Duration = Duration::from_secs(2);

/// The versions that are tried, in this order, where the address does not say.
const TRIED: [Socks; 3] = [Socks::V5, Socks::V4a, Socks::V4];

/// A SOCKS proxy as one endpoint knows it.
#[derive(Debug)]
pub(super) struct Tunnel {
    via: SocksHop,
    /// Set when names are resolved here instead of there.
    local: bool,
    /// Number of versions in [`TRIED`] that it was found not to speak.
    found: AtomicU8,
}

/// Why the way through a proxy was not opened.
enum Trouble {
    /// It does not speak this version.
    Version(io::Error),
    /// It has answered.
    Refused(io::Error),
}

impl Tunnel {
    pub(super) fn new(via: SocksHop, local: bool) -> Self {
        Self { via, local, found: AtomicU8::new(0) }
    }

    /// Returns the proxy.
    pub(super) fn via(&self) -> &SocksHop {
        &self.via
    }

    /// Opens a way to `host` through proxies that `dial` connects to.
    ///
    /// # Errors
    ///
    /// What the proxy has answered, in words.
    pub(super) async fn open<F>(
        &self,
        (host, port): (&Host, u16),
        family: Option<Family>,
        dial: impl Fn() -> F,
    ) -> io::Result<Stream>
    where
        F: Future<Output = io::Result<Stream>>,
    {
        let target = self.target(host, port, family).await?;
        if self.via.protocol != Socks::Auto {
            self.check(self.via.protocol, &target)
                .map_err(|error| self.in_words(Trouble::Refused(error)))?;
            let opened = self.shake(self.via.protocol, dial().await?, &target).await;
            return opened.map_err(|trouble| self.in_words(trouble));
        }
        let first = usize::from(self.found.load(Ordering::Relaxed));
        let mut trouble = None;
        for (at, version) in TRIED.into_iter().enumerate().skip(first) {
            if let Err(error) = self.check(version, &target) {
                // That is no answer of the proxy's.
                trouble.get_or_insert(Trouble::Version(error));
                continue;
            }
            let stream = dial().await?;
            let shaken = self.shake(version, stream, &target);
            let result = match at + 1 == TRIED.len() {
                true => shaken.await,
                // One that waits for more than this version says would keep us waiting for ever.
                false => tokio::time::timeout(PATIENCE, shaken).await.unwrap_or_else(|_| {
                    let text = "it says nothing to a handshake";
                    Err(Trouble::Version(io::Error::new(io::ErrorKind::TimedOut, text)))
                }),
            };
            if let Err(Trouble::Version(error)) = result {
                trouble = Some(Trouble::Version(error));
                continue;
            }
            self.found.store(u8::try_from(at).unwrap_or(0), Ordering::Relaxed);
            return result.map_err(|trouble| self.in_words(trouble));
        }
        // It may have been another's answer that was remembered.
        self.found.store(0, Ordering::Relaxed);
        let none = || Trouble::Version(io::ErrorKind::InvalidData.into());
        Err(self.in_words(trouble.unwrap_or_else(none)))
    }

    async fn target<'a>(
        &self,
        host: &'a Host,
        port: u16,
        family: Option<Family>,
    ) -> io::Result<TargetAddr<'a>> {
        let name = match host {
            Host::Address(address) => return Ok(TargetAddr::Ip((*address, port).into())),
            Host::Name(name) => name,
        };
        if !self.local {
            return Ok(TargetAddr::Domain(name.into(), port));
        }
        let four = matches!(self.via.protocol, Socks::V4 | Socks::V4a);
        let family = if four { Some(Family::V4) } else { family };
        let mut addresses = tokio::net::lookup_host((name.as_str(), port)).await?;
        let found = addresses.find(|address| family.is_none_or(|family| family.has(address)));
        let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        found.map(TargetAddr::Ip).ok_or_else(none)
    }

    async fn shake(
        &self,
        version: Socks,
        stream: Stream,
        target: &TargetAddr<'_>,
    ) -> Result<Stream, Trouble> {
        let target = target.to_owned();
        let opened = match version {
            Socks::V5 | Socks::Auto => match self.credentials() {
                None => Socks5Stream::connect_with_socket(stream, target).await,
                Some((user, password)) => {
                    let (user, password) = (user.as_str(), password.as_str());
                    Socks5Stream::connect_with_password_and_socket(stream, target, user, password)
                        .await
                }
            }
            .map(Socks5Stream::into_inner),
            Socks::V4 | Socks::V4a => match self.user() {
                None => Socks4Stream::connect_with_socket(stream, target).await,
                Some(user) => {
                    Socks4Stream::connect_with_userid_and_socket(stream, target, &user).await
                }
            }
            .map(Socks4Stream::into_inner),
        };
        opened.map_err(|error| self.trouble(version, error))
    }

    /// Checks that version 4 can express a target.
    fn check(&self, version: Socks, target: &TargetAddr<'_>) -> io::Result<()> {
        if matches!(version, Socks::V5 | Socks::Auto) {
            return Ok(());
        }
        let wrong = match target {
            TargetAddr::Ip(SocketAddr::V6(_)) => "version 4 knows no IPv6; socks5 does",
            TargetAddr::Domain(..) if version == Socks::V4 => {
                "version 4 knows no names; socks4a does, or resolve=local"
            }
            TargetAddr::Domain(name, _)
                if name.len() + self.user().map_or(0, |user| user.len()) > ROOM =>
            {
                "the user id and the name are too long together"
            }
            _ => return Ok(()),
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
    }

    fn credentials(&self) -> Option<(String, String)> {
        match &self.via.auth {
            Auth::None | Auth::User(_) => None,
            Auth::Password { user, password } => Some((user.clone(), password.clone())),
            Auth::Random => Some((random(), random())),
        }
    }

    fn user(&self) -> Option<String> {
        match &self.via.auth {
            Auth::None => None,
            Auth::User(user) | Auth::Password { user, .. } => Some(user.clone()),
            Auth::Random => Some(random()),
        }
    }

    fn trouble(&self, version: Socks, error: Error) -> Trouble {
        use io::ErrorKind::{
            ConnectionRefused, HostUnreachable, InvalidData, NetworkUnreachable, PermissionDenied,
            TimedOut, UnexpectedEof, Unsupported,
        };
        let four = version != Socks::V5 && version != Socks::Auto;
        let (kind, words) = match error {
            Error::Io(error) => {
                // Proxies hang up on what they do not speak.
                let gone = [UnexpectedEof, io::ErrorKind::ConnectionReset];
                let ended = io::Error::new(error.kind(), "it hung up during the handshake");
                return match gone.contains(&error.kind()) {
                    true => Trouble::Version(ended),
                    false => Trouble::Refused(error),
                };
            }
            Error::InvalidResponseVersion => {
                let words = match version {
                    Socks::V4 | Socks::V4a => "it does not speak SOCKS 4",
                    Socks::V5 | Socks::Auto => "it does not speak SOCKS 5",
                };
                return Trouble::Version(io::Error::new(InvalidData, words));
            }
            Error::NoAcceptableAuthMethods if self.credentials().is_none() => (
                PermissionDenied,
                "it wants credentials (method 255); write socks5://user:password@...",
            ),
            Error::NoAcceptableAuthMethods => {
                (PermissionDenied, "it takes no credentials of this sort (method 255)")
            }
            Error::AuthorizationRequired => {
                (PermissionDenied, "it wants credentials; write socks5://user:password@...")
            }
            Error::PasswordAuthFailure(_) => (PermissionDenied, "it refuses the credentials"),
            Error::GeneralSocksServerFailure if four => {
                (ConnectionRefused, "request refused or failed (code 91)")
            }
            Error::IdentdAuthFailure => (PermissionDenied, "it reaches no identd here (code 92)"),
            Error::InvalidUserIdAuthFailure => {
                (PermissionDenied, "identd says that we are another user (code 93)")
            }
            Error::GeneralSocksServerFailure => (ConnectionRefused, "general failure (code 1)"),
            Error::ConnectionNotAllowedByRuleset => (PermissionDenied, "not allowed (code 2)"),
            Error::NetworkUnreachable => (NetworkUnreachable, "network unreachable (code 3)"),
            Error::HostUnreachable => (HostUnreachable, "host unreachable (code 4)"),
            Error::ConnectionRefused => (ConnectionRefused, "connection refused (code 5)"),
            Error::TtlExpired => (TimedOut, "time to live expired (code 6)"),
            Error::CommandNotSupported => (Unsupported, "command not supported (code 7)"),
            Error::AddressTypeNotSupported => (Unsupported, "address type not supported (code 8)"),
            Error::UnknownAuthMethod | Error::UnknownError => {
                (InvalidData, "it answers with a code that SOCKS does not have")
            }
            error => return Trouble::Refused(io::Error::new(InvalidData, error.to_string())),
        };
        Trouble::Refused(io::Error::new(kind, words))
    }

    fn in_words(&self, trouble: Trouble) -> io::Error {
        let error = match trouble {
            Trouble::Version(error) | Trouble::Refused(error) => error,
        };
        super::in_words(format_args!("the proxy {}", self.via), &error)
    }
}

/// A name that nobody has used before. It is no part of what a seed decides: a proxy that keeps
/// users apart must see another one each time.
fn random() -> String {
    use std::hash::{BuildHasher, RandomState};
    let draw = || RandomState::new().hash_one(std::time::Instant::now());
    format!("{:016x}{:016x}", draw(), draw())
}

//! Addresses to listen at, as Go reads and reports them.

use crate::toxics::Failure;
use chenapan_engine::endpoint::Listen;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address to listen at; without an IP address it is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    ip: Option<IpAddr>,
    port: u16,
}

impl At {
    /// Reads `host:port`, where the host may be empty or a name; the IPv4 address of a name is
    /// preferred. An empty text is any port of all addresses.
    pub(super) async fn read(text: &str) -> Result<Self, Failure> {
        if text.is_empty() {
            return Ok(Self { ip: None, port: 0 });
        }
        let refused = |why: &str| Failure::system(format!("listen tcp: address {text}: {why}"));
        let (host, port) = split(text).map_err(refused)?;
        let port = match port {
            "" => 0,
            digits => digits.parse().map_err(|_| refused("invalid port"))?,
        };
        let ip = match host {
            "" => None,
            host => Some(resolve(host, port).await?),
        };
        Ok(Self { ip: ip.filter(|ip| !ip.is_unspecified()), port })
    }

    /// Returns the address of a listener as it is reported.
    pub(super) fn shown(bound: SocketAddr) -> String {
        match bound.ip().is_unspecified() {
            true => format!("[::]:{}", bound.port()),
            false => bound.to_string(),
        }
    }

    /// Returns `true` where a listener at `bound` would be left where it is.
    pub(super) fn stays(self, bound: Option<SocketAddr>) -> bool {
        let ip = |bound: SocketAddr| Some(bound.ip()).filter(|ip| !ip.is_unspecified());
        self.port != 0 && bound.is_some_and(|at| (ip(at), at.port()) == (self.ip, self.port))
    }

    /// Returns the address as Go writes it.
    pub(super) fn text(self) -> String {
        match self.ip {
            Some(ip) => SocketAddr::new(ip, self.port).to_string(),
            None => format!(":{}", self.port),
        }
    }

    pub(super) fn listen(self) -> Result<Listen, Failure> {
        self.text().parse().map_err(Failure::system)
    }
}

/// Splits an address at its port.
fn split(text: &str) -> Result<(&str, &str), &'static str> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("missing ']' in address")?;
        return Ok((host, rest.strip_prefix(':').ok_or("missing port in address")?));
    }
    let (host, port) = text.rsplit_once(':').ok_or("missing port in address")?;
    if host.contains(':') {
        return Err("too many colons in address");
    }
    Ok((host, port))
}

/// Returns the address of a host, of version 4 where it has one.
async fn resolve(host: &str, port: u16) -> Result<IpAddr, Failure> {
    if let Ok(ip) = host.parse() {
        return Ok(ip);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let unknown = || Failure::system(format!("listen tcp: lookup {host}: no such host"));
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| unknown())?;
    let mut found: Vec<_> = found.map(|address| address.ip()).collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found.first().copied().ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_read_as_go_does() {
        for (text, shown) in [
            ("", ":0"),
            (":80", ":80"),
            ("localhost:0", "127.0.0.1:0"),
            ("0.0.0.0:80", ":80"),
            ("[::]:80", ":80"),
            ("127.0.0.1:", "127.0.0.1:0"),
            ("[::1]:80", "[::1]:80"),
        ] {
            let listen = At::read(text).await.unwrap().listen().unwrap();
            assert_eq!(
                listen.to_string(),
                shown.parse::<Listen>().unwrap().to_string(),
                "{text:?}"
            );
        }
        for (text, told) in [
            ("nope", "listen tcp: address nope: missing port in address"),
            ("1:2:3", "listen tcp: address 1:2:3: too many colons in address"),
            ("127.0.0.1:99999", "listen tcp: address 127.0.0.1:99999: invalid port"),
        ] {
            assert_eq!(At::read(text).await.unwrap_err().text, told);
        }
    }

    #[tokio::test]
    async fn a_port_of_the_system_is_never_the_same_again() {
        let bound = Some("127.0.0.1:80".parse().unwrap());
        assert!(At::read("localhost:80").await.unwrap().stays(bound));
        assert!(!At::read("localhost:0").await.unwrap().stays(bound));
        assert!(!At::read(":80").await.unwrap().stays(bound));
        assert!(At::read("0.0.0.0:80").await.unwrap().stays(Some("[::]:80".parse().unwrap())));
    }
}

//! Connecting to a backend: names, several addresses, SOCKS, the PROXY header, TLS.

use super::header::announce;
use super::shortage::{connecting, is_shortage, shortage};
use super::socks::Tunnel;
use super::tls::Client;
use super::{Connect, Family, Host, Peer, Stream, Target, child, in_words, unix};
use crate::places::are_out_of_descriptors;
use chenapan_core::Connection;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::task::JoinSet;

/// Time that one of several addresses is waited for before the next is tried, too (RFC 8305,
/// section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Pauses before a dial is tried again for which this machine had no descriptor or port.
const PAUSES: Range<Duration> = Duration::from_millis(2)..Duration::from_millis(100);

/// A backend that is ready to be connected to: its files are read, its proxies known.
#[derive(Clone, Debug)]
pub struct Dialer(Arc<Ready>);

#[derive(Debug)]
struct Ready {
    address: Connect,
    tls: Option<Client>,
    tunnel: Option<Tunnel>,
}

impl Dialer {
    /// Reads what the address names.
    ///
    /// # Errors
    ///
    /// A file cannot be used, with its path.
    pub fn new(address: &Connect) -> io::Result<Self> {
        let host = match &address.target {
            Target::Tcp { host, .. } => Some(host),
            _ => None,
        };
        let tls = address.tls.then(|| Client::new(address, host)).transpose();
        let tls = tls.map_err(|error| in_words(format_args!("backend {address}"), &error))?;
        let local = address.options.text("resolve") == Some("local");
        let tunnel = address.via.clone().map(|via| Tunnel::new(via, local));
        Ok(Self(Arc::new(Ready { address: address.clone(), tls, tunnel })))
    }

    /// Returns the backend's address.
    pub fn address(&self) -> &Connect {
        &self.0.address
    }

    /// Dials the backend once and closes the stream: an answer to the question if it is reached.
    ///
    /// # Errors
    ///
    /// The backend was not reached within the time.
    pub async fn reach(&self, within: Duration) -> io::Result<()> {
        self.dial(&Connection::new(0), within).await.map(drop)
    }

    /// Connects; names are resolved now. `connection` says for whom.
    ///
    /// # Errors
    ///
    /// What went wrong with the last address, or that the time was up.
    pub(crate) async fn dial(&self, connection: &Connection, within: Duration) -> io::Result<Peer> {
        let address = &self.0.address;
        let own = address.options.time("timeout");
        let (within, option) = match own {
            Some(time) => (time, "timeout"),
            None => (within, "--connect-timeout"),
        };
        let mut short = None;
        let dial = async {
            let mut pause = PAUSES.start;
            loop {
                match self.0.dial(connection).await {
                    // Nobody's fault but ours, and it passes.
                    Err(error) if is_shortage(&error) => short = Some(error),
                    result => return result,
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.end);
            }
        };
        let dialled = tokio::time::timeout(within, dial).await;
        let in_words = |error| in_words(format_args!("backend {address}"), &error);
        match (dialled, short) {
            (Ok(result), _) => result.map_err(in_words),
            (Err(_), Some(error)) => Err(in_words(error)),
            (Err(_), None) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("backend {address}: no answer within {within:?} ({option})"),
            )),
        }
    }
}

impl Ready {
    async fn dial(&self, connection: &Connection) -> io::Result<Peer> {
        let (mut stream, address) = self.reach(connection).await?;
        if let Some(version) = self.address.header {
            announce(version, connection, &mut stream).await?;
        }
        if let Some(tls) = &self.tls {
            stream =
                tls.connect(stream).await.map_err(|error| in_words("TLS handshake", &error))?;
        }
        Ok(Peer::new(stream, address))
    }

    /// The stream without what is put on it, and whose address is known.
    async fn reach(&self, connection: &Connection) -> io::Result<(Stream, Option<SocketAddr>)> {
        let (host, port) = match &self.address.target {
            Target::Unix(path) => {
                return Ok((Stream::unix(UnixStream::connect(unix::named(path)).await?), None));
            }
            Target::Exec(command) => {
                let (pipes, child) = child::start(command)?;
                return Ok((Stream::child(pipes, child), None));
            }
            Target::Custom(own) => {
                return Ok((Stream::own(own.kind().dial(connection).await?), None));
            }
            Target::Tcp { host, port } => (host, *port),
        };
        let Some((tunnel, via)) = self.tunnel.as_ref().zip(self.address.via.as_ref()) else {
            let stream = self.connect(host, port, self.address.family).await?;
            let peer = match host {
                // The system need not be asked what was asked of it.
                Host::Address(address) => Some((*address, port).into()),
                Host::Name(_) => stream.peer_addr().ok(),
            };
            return Ok((self.stream(stream), peer));
        };
        let dial = || async { Ok(self.stream(self.connect(&via.host, via.port, None).await?)) };
        Ok((tunnel.open((host, port), self.address.family, dial).await?, None))
    }

    fn stream(&self, socket: TcpStream) -> Stream {
        Stream::tcp(socket, self.address.options.flag("nodelay").unwrap_or(true))
    }

    /// Connects to the first address of a host that answers.
    async fn connect(
        &self,
        host: &Host,
        port: u16,
        family: Option<Family>,
    ) -> io::Result<TcpStream> {
        let from = self.address.options.text("bind").map(bound).transpose()?;
        let name = match host {
            Host::Address(address) => return attempt((*address, port).into(), from).await,
            Host::Name(name) => name,
        };
        let found = tokio::net::lookup_host((name.as_str(), port)).await;
        let found = found.map_err(|error| match are_out_of_descriptors() {
            // It says that it does not know the name.
            true => rustix::io::Errno::MFILE.into(),
            false => error,
        })?;
        let usable = |address: &SocketAddr| {
            family.is_none_or(|family| family.has(address))
                && from.is_none_or(|from| from.is_ipv4() == address.is_ipv4())
        };
        let mut addresses = alternating(found.filter(usable).collect());
        if name == "localhost" {
            // Servers on localhost often listen on 127.0.0.1 only.
            addresses.make_contiguous().sort_by_key(SocketAddr::is_ipv6);
        }
        let delay = self.address.options.time("attempt_delay").unwrap_or(ATTEMPT_DELAY);
        race(addresses, from, delay).await
    }
}

/// Tries addresses one after the other, the next one when the last has failed or kept us waiting,
/// and takes the first that answers (RFC 8305, section 5).
async fn race(
    mut addresses: VecDeque<SocketAddr>,
    from: Option<SocketAddr>,
    delay: Duration,
) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match addresses.pop_front() {
            Some(only) if attempts.is_empty() && addresses.is_empty() => {
                return attempt(only, from).await;
            }
            Some(next) => {
                attempts.spawn(attempt(next, from));
            }
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        let answer = async {
            match addresses.is_empty() {
                true => attempts.join_next().await,
                false => tokio::time::timeout(delay, attempts.join_next()).await.unwrap_or(None),
            }
        };
        match answer.await {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last = error,
            Some(Err(_)) | None => {}
        }
    }
}

async fn attempt(to: SocketAddr, from: Option<SocketAddr>) -> io::Result<TcpStream> {
    let connecting = |error| connecting(error, to);
    let Some(from) = from else { return TcpStream::connect(to).await.map_err(connecting) };
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if from.port() > 0 {
        // The same port again soon after.
        socket.set_reuseaddr(true)?;
    }
    let bound = socket.bind(from);
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse if from.port() == 0 => {
            shortage(error.kind(), format!("bind={from}: all its ports are in use"))
        }
        _ => in_words(format_args!("bind={from}"), &error),
    })?;
    socket.connect(to).await.map_err(connecting)
}

/// A local address with or without a port.
fn bound(text: &str) -> io::Result<SocketAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = text.parse().or_else(|_| bare.parse::<IpAddr>().map(|ip| (ip, 0).into()));
    address.map_err(|_| io::Error::other(format!("bind: {text:?} is not an address")))
}

/// The resolver's order, but families alternate: one that leads nowhere costs one wait at a time.
fn alternating(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut mixed = VecDeque::new();
    loop {
        match (one.next(), other.next()) {
            (None, None) => return mixed,
            (first, second) => mixed.extend(first.into_iter().chain(second)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(addresses: &[&str]) -> Vec<String> {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        alternating(addresses).iter().map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn families_alternate_and_keep_their_order() {
        let mixed = order(&["[::1]:1", "[::2]:1", "1.0.0.1:1", "[::3]:1", "1.0.0.2:1"]);
        assert_eq!(mixed, ["::1", "1.0.0.1", "::2", "1.0.0.2", "::3"]);
        let mixed = order(&["1.0.0.1:1", "1.0.0.2:1", "[::1]:1"]);
        assert_eq!(mixed, ["1.0.0.1", "::1", "1.0.0.2"]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn a_local_address_may_lack_its_port() {
        for (text, address) in [
            ("10.0.0.1", "10.0.0.1:0"),
            ("10.0.0.1:7", "10.0.0.1:7"),
            ("::1", "[::1]:0"),
            ("[::1]", "[::1]:0"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(bound(text).unwrap().to_string(), address);
        }
        assert!(bound("here").is_err());
    }

    #[tokio::test]
    async fn an_address_that_refuses_gives_way_to_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        let closed = taken.local_addr().unwrap();
        drop(taken);
        let hour = Duration::from_secs(3_600);
        let reached = race([closed, here, closed].into(), None, hour).await.unwrap();
        assert_eq!(reached.peer_addr().unwrap(), here);
        let error = race([closed, closed].into(), None, hour).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(race(VecDeque::new(), None, hour).await.is_err());
    }

    #[tokio::test]
    async fn an_address_that_is_silent_costs_one_wait() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        // RFC 5737: nobody has this address; where the system says so at once, so much the better.
        let silent = "192.0.2.1:9".parse().unwrap();
        let reached = race([silent, here].into(), None, Duration::from_millis(5)).await;
        assert_eq!(reached.unwrap().peer_addr().unwrap(), here);
    }
}

//! One TCP connection to a host with several addresses: they are tried in turn, and overlap (RFC 8305).

use crate::endpoint::in_words;
use crate::endpoint::shortage::{connecting, shortage};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Tries addresses one after the other, the next one when the last has failed or kept us waiting,
/// and takes the first that answers (RFC 8305, section 5).
pub(super) async fn race(
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

pub(super) async fn attempt(to: SocketAddr, from: Option<SocketAddr>) -> io::Result<TcpStream> {
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

/// The resolver's order, but families alternate: one that leads nowhere costs one wait at a time.
pub(super) fn alternating(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
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

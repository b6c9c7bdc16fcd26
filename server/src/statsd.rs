//! Numbers of the proxies for a StatsD server, once a second.
//!
//! They are read from counters and from the journal, so no connection ever waits for the server. What
//! the socket does not take at once is dropped, as StatsD has it.

mod sums;

use chenapan_engine::control::Control;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use sums::Sums;
use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Time between two reports.
const PAUSE: Duration = Duration::from_secs(1);

/// Largest datagram, in bytes: one that no network on the way has to cut.
const DATAGRAM: usize = 1_400;

/// Place to which numbers are sent, and their names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatsdTarget {
    /// Address of the server, as `HOST:PORT`.
    pub address: String,
    /// First part of all names.
    pub prefix: String,
    /// Part of the delays that are sent, from 0 to 1. Sums are always whole.
    pub sample_rate: f64,
}

impl StatsdTarget {
    /// Returns a target at an address, with the prefix `vaurien` and all delays.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), prefix: "vaurien".to_owned(), sample_rate: 1.0 }
    }
}

/// A socket on which numbers are sent.
#[derive(Debug)]
pub struct Statsd {
    socket: UdpSocket,
    target: StatsdTarget,
}

impl Statsd {
    /// Prepares to send to a server; nobody has to listen there.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved, or there is no way to it.
    pub async fn connect(target: StatsdTarget) -> io::Result<Self> {
        let address = tokio::net::lookup_host(&target.address).await?.next();
        let address = address.ok_or_else(|| io::Error::other("no such host"))?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        Ok(Self { socket, target })
    }

    /// Sends the numbers of a control's proxies until `stop` is cancelled, and then the last ones.
    pub async fn serve(self, control: Control, stop: CancellationToken) {
        let mut faults = control.watch();
        let mut sums = Sums::new(&self.target);
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = ticks.tick() => self.send(&sums.lines(&control.proxies())),
                news = faults.next() => sums.add(&news),
            }
        }
        while let Some(news) = faults.try_next() {
            sums.add(&news);
        }
        self.send(&sums.lines(&control.proxies()));
    }

    /// Sends lines, as many as fit into each datagram.
    fn send(&self, lines: &[String]) {
        let mut datagram = String::new();
        for line in lines {
            if !datagram.is_empty() && datagram.len() + 1 + line.len() > DATAGRAM {
                self.send_one(&std::mem::take(&mut datagram));
            }
            if !datagram.is_empty() {
                datagram.push('\n');
            }
            datagram += line;
        }
        if !datagram.is_empty() {
            self.send_one(&datagram);
        }
    }

    fn send_one(&self, datagram: &str) {
        // An error here is about a datagram before: nobody listened there.
        if let Err(error) = self.socket.try_send(datagram.as_bytes()) {
            tracing::debug!(%error, "numbers for StatsD were dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_share_datagrams_of_a_bounded_size() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let target = StatsdTarget::new(server.local_addr().unwrap().to_string());
        let statsd = Statsd::connect(target).await.unwrap();
        statsd.socket.writable().await.unwrap();
        let lines: Vec<_> =
            (0..100).map(|at| format!("a.name.of.some.length.{at:03}:1|c")).collect();
        statsd.send(&lines);
        let mut got = Vec::new();
        while got.len() < lines.len() {
            let mut datagram = [0; 2_000];
            let length = server.recv(&mut datagram).await.unwrap();
            assert!(length <= DATAGRAM, "{length}");
            let text = str::from_utf8(&datagram[..length]).unwrap();
            got.extend(text.split('\n').map(str::to_owned));
        }
        assert_eq!(got, lines);
    }
}

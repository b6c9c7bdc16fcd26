//! Small messages: each connection sends 64 bytes, waits for their echo, and sends again.

use crate::compare::affinity::OneCore;
use crate::compare::backend::{Backend, Service};
use crate::compare::bench::Bench;
use crate::compare::client;
use crate::compare::peer::Peer;
use crate::compare::poller::{Interest, Poller, Ready};
use crate::compare::proxy::Proxy;
use crate::compare::window::{self, Window};
use crate::compare::workload::{Column, Workload, counted, for_each};
use anyhow::{Context, bail, ensure};
use hdrhistogram::Histogram;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// The workload with this many connections.
pub(crate) fn workload(connections: usize, peers: &[Peer]) -> Workload<'_> {
    Workload {
        name: format!("echo-{connections}"),
        about: format!("64-byte echo through {}", counted(connections)),
        columns: COLUMNS,
        cases: for_each(peers, move |bench, peer| measure(bench, peer, connections)),
    }
}

/// The workload with one connection, where load and proxy share one core.
pub(crate) fn on_one_core(peers: &[Peer]) -> Workload<'_> {
    Workload {
        name: "echo-pinned".to_owned(),
        about: "64-byte echo through 1 connection, load and proxy on one core".to_owned(),
        columns: COLUMNS,
        cases: for_each(peers, |bench, peer| {
            let _core = OneCore::hold()?;
            measure(bench, peer, 1)
        }),
    }
}

fn measure(bench: &Bench, peer: &Peer, connections: usize) -> anyhow::Result<Vec<Option<f64>>> {
    let backend = Backend::start(Service::Echo)?;
    let mut proxy = Proxy::start(bench, peer, &[], backend.address())?;
    let driven = client::connect_lanes(proxy.address(), connections)
        .and_then(|lanes| window::drive(bench, &proxy, lanes, ask));
    let (taken, lanes) = proxy.verdict(driven)?;
    let mut times = empty()?;
    for lane in lanes {
        times.add(lane).context("could not add latencies up")?;
    }
    ensure!(!times.is_empty(), "no answer arrived");
    let requests = times.len() as f64;
    Ok(vec![
        Some(requests / taken.time.as_secs_f64()),
        Some(times.value_at_quantile(0.5) as f64 / 1e3),
        Some(times.value_at_quantile(0.99) as f64 / 1e3),
        taken.processor.map(|time| time.as_secs_f64() * 1e6 / requests),
    ])
}

struct Asker {
    socket: TcpStream,
    asked: Instant,
    // How much of the answer is there.
    answered: usize,
}

impl Asker {
    fn ask(&mut self) -> anyhow::Result<()> {
        self.answered = 0;
        self.asked = Instant::now();
        self.socket.write_all(&MESSAGE).context("a connection failed")
    }

    /// Reads what is there; true when that completes the answer.
    fn hear(&mut self) -> anyhow::Result<bool> {
        let mut buffer = MESSAGE;
        match self.socket.read(&mut buffer[self.answered..]) {
            Ok(0) => bail!("a connection closed"),
            Ok(count) => self.answered += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => bail!("a connection failed: {error}"),
        }
        Ok(self.answered == MESSAGE.len())
    }
}

fn ask(sockets: Vec<TcpStream>, window: &Window) -> anyhow::Result<Histogram<u64>> {
    let poller = Poller::new()?;
    let mut askers = Vec::new();
    for (token, socket) in sockets.into_iter().enumerate() {
        poller.add(&socket, token as u64, Interest::IN)?;
        let mut asker = Asker { socket, asked: Instant::now(), answered: 0 };
        asker.ask()?;
        askers.push(asker);
    }
    let mut ready = Ready::new();
    let mut times = empty()?;
    while !window.over() {
        poller.wait(&mut ready)?;
        for token in ready.tokens() {
            let asker = &mut askers[token as usize];
            if asker.hear()? {
                if window.counts() {
                    times.saturating_record(asker.asked.elapsed().as_nanos() as u64);
                }
                asker.ask()?;
            }
        }
    }
    Ok(times)
}

/// Nanoseconds up to a minute.
fn empty() -> anyhow::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).context("could not make a histogram")
}

const MESSAGE: [u8; 64] = [0x5a; 64];

const COLUMNS: &[Column] = &[
    Column::main("requests/s", 0),
    Column::side("p50 us", 0),
    Column::side("p99 us", 0),
    Column::side("CPU us/request", 1),
];

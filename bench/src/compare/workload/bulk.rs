//! Throughput: a download through a number of connections at once.

use crate::compare::backend::{Backend, Service};
use crate::compare::bench::Bench;
use crate::compare::client;
use crate::compare::peer::Peer;
use crate::compare::poller::{Interest, Poller, Ready};
use crate::compare::proxy::Proxy;
use crate::compare::window::{self, Window};
use crate::compare::workload::{Column, Workload, counted, for_each};
use anyhow::{bail, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::net::TcpStream;

/// The workload with this many connections.
pub(crate) fn workload(connections: usize, peers: &[Peer]) -> Workload<'_> {
    Workload {
        name: format!("bulk-{connections}"),
        about: format!("download through {}", counted(connections)),
        columns: COLUMNS,
        cases: for_each(peers, move |bench, peer| measure(bench, peer, connections)),
    }
}

fn measure(bench: &Bench, peer: &Peer, connections: usize) -> anyhow::Result<Vec<Option<f64>>> {
    let backend = Backend::start(Service::Source)?;
    let mut proxy = Proxy::start(bench, peer, &[], backend.address())?;
    let driven = client::connect_lanes(proxy.address(), connections)
        .and_then(|lanes| window::drive(bench, &proxy, lanes, receive));
    let (taken, bytes) = proxy.verdict(driven)?;
    let gibibytes = bytes.iter().sum::<u64>() as f64 / GIBIBYTE;
    ensure!(gibibytes > 0.0, "no bytes arrived");
    Ok(vec![
        Some(gibibytes / taken.time.as_secs_f64()),
        taken.processor.map(|time| time.as_secs_f64() / gibibytes),
    ])
}

/// Takes what arrives, as fast as it does.
pub(super) fn receive(sockets: Vec<TcpStream>, window: &Window) -> anyhow::Result<u64> {
    let poller = Poller::new()?;
    for (token, socket) in sockets.iter().enumerate() {
        poller.add(socket, token as u64, Interest::IN)?;
    }
    let mut ready = Ready::new();
    let mut buffer = vec![0; 1024 * 1024];
    let mut bytes = 0;
    while !window.over() {
        poller.wait(&mut ready)?;
        for token in ready.tokens() {
            // On TCP this flag discards the bytes without copying them.
            match recv(&sockets[token as usize], &mut buffer[..], RecvFlags::TRUNC) {
                Ok((_, 0)) => bail!("a connection closed"),
                Ok((_, count)) if window.counts() => bytes += count as u64,
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => bail!("a connection failed: {error}"),
            }
        }
    }
    Ok(bytes)
}

/// Bytes in the unit of throughput.
pub(super) const GIBIBYTE: f64 = (1_u64 << 30) as f64;

const COLUMNS: &[Column] = &[Column::main("GiB/s", 2), Column::side("CPU s/GiB", 2)];

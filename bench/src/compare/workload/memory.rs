//! Weight of an idle connection: open many, move one byte each way, and look at the proxy.

use crate::compare::backend::{Backend, Service};
use crate::compare::bench::Bench;
use crate::compare::client;
use crate::compare::peer::{Kind, Peer};
use crate::compare::proxy::Proxy;
use crate::compare::workload::{Column, Workload, for_each};
use anyhow::{Context, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The workload; there is nothing to weigh without a proxy.
pub(crate) fn workload(peers: &[Peer]) -> Workload<'_> {
    let proxies = peers.iter().filter(|peer| !matches!(peer.kind, Kind::Direct));
    Workload {
        name: "memory".to_owned(),
        about: "memory per idle connection, after one byte each way".to_owned(),
        columns: COLUMNS,
        cases: for_each(proxies, measure),
    }
}

fn measure(bench: &Bench, peer: &Peer) -> anyhow::Result<Vec<Option<f64>>> {
    let backend = Backend::start(Service::Echo)?;
    let mut proxy = Proxy::start(bench, peer, &[], backend.address())?;
    let count = bench.settings.idle;
    let weighed = weigh(&proxy, count);
    let Weights { none, few, many } = proxy.verdict(weighed)?;
    Ok(vec![
        Some((many as f64 - few as f64) / 1024.0 / f64::from(count)),
        Some(none as f64 / 1024.0 / 1024.0),
        Some(f64::from(count)),
    ])
}

/// The bytes that a proxy holds with no connection, with a few and with many.
struct Weights {
    none: u64,
    few: u64,
    many: u64,
}

fn weigh(proxy: &Proxy<'_>, count: u32) -> anyhow::Result<Weights> {
    let none = proxy.memory().context("no proxy")?;
    // The first ones touch what all later ones share.
    let mut sockets = open(proxy.address(), FIRST)?;
    thread::sleep(SETTLE);
    let few = proxy.memory().context("no proxy")?;
    sockets.extend(open(proxy.address(), count)?);
    thread::sleep(SETTLE);
    let many = proxy.memory().context("no proxy")?;
    Ok(Weights { none, few, many })
}

fn open(address: SocketAddr, count: u32) -> anyhow::Result<Vec<TcpStream>> {
    let start = Instant::now();
    let mut sockets = Vec::new();
    for number in 1..=count {
        let mut socket = client::connect(address)?;
        let answered = socket.write_all(b"?").and_then(|()| socket.read_exact(&mut [0]));
        if let Err(error) = answered {
            bail!("connection {number} of {count}: {}", client::fault(&error));
        }
        sockets.push(socket);
        ensure!(start.elapsed() < LIMIT, "only {number} of {count} connections in {LIMIT:?}");
    }
    Ok(sockets)
}

const FIRST: u32 = 100;
const SETTLE: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(60);

const COLUMNS: &[Column] = &[
    Column::main("KiB/connection", 1),
    Column::side("without any, MiB", 1),
    Column::side("connections", 0),
];

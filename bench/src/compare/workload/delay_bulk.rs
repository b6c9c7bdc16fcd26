//! Cost of a delay in throughput: a download through peers that hold every byte for a time.

use crate::compare::backend::{Backend, Service};
use crate::compare::bench::Bench;
use crate::compare::client;
use crate::compare::peer::{Kind, Peer};
use crate::compare::proxy::Proxy;
use crate::compare::window;
use crate::compare::workload::bulk::{GIBIBYTE, receive};
use crate::compare::workload::{Case, Column, Workload, counted};
use anyhow::ensure;
use std::time::Duration;

/// The workload with this many connections: without a proxy, then with each peer that can delay.
pub(crate) fn workload(connections: usize, peers: &[Peer]) -> Workload<'_> {
    let mut cases = Vec::new();
    for peer in peers {
        let delays: &[u64] = match peer.kind {
            Kind::Direct => &[0],
            Kind::Chenapan { .. } | Kind::Toxiproxy { .. } => &[20, 100],
            _ => &[],
        };
        cases.extend(delays.iter().map(|delay| case(peer, *delay, connections)));
    }
    if cases.len() == 1 {
        // Nobody to compare.
        cases.clear();
    }
    Workload {
        name: format!("delay-bulk-{connections}"),
        about: format!("download through {}, every byte held for a time", counted(connections)),
        columns: COLUMNS,
        cases,
    }
}

fn case(peer: &Peer, delay: u64, connections: usize) -> Case<'_> {
    let label = match delay {
        0 => peer.name.clone(),
        delay => format!("{}, {delay} ms", peer.name),
    };
    let delay = Duration::from_millis(delay);
    Case { label, measure: Box::new(move |bench| measure(bench, peer, delay, connections)) }
}

fn measure(
    bench: &Bench,
    peer: &Peer,
    delay: Duration,
    connections: usize,
) -> anyhow::Result<Vec<Option<f64>>> {
    let backend = Backend::start(Service::Source)?;
    let rule = format!("delay:sleep={}ms:direction=downstream", delay.as_millis());
    let rules = if delay.is_zero() { Vec::new() } else { vec![rule] };
    let mut proxy = Proxy::start(bench, peer, &rules, backend.address())?;
    if matches!(peer.kind, Kind::Toxiproxy { .. }) {
        proxy.poison(delay)?;
    }
    let driven = client::connect_lanes(proxy.address(), connections)
        .and_then(|lanes| window::drive(bench, &proxy, lanes, receive));
    let peak = proxy.peak_memory();
    let (taken, bytes) = proxy.verdict(driven)?;
    let gibibytes = bytes.iter().sum::<u64>() as f64 / GIBIBYTE;
    ensure!(gibibytes > 0.0, "no bytes arrived");
    Ok(vec![
        Some(gibibytes / taken.time.as_secs_f64()),
        taken.processor.map(|time| time.as_secs_f64() / gibibytes),
        peak.map(|bytes| bytes as f64 / 1024.0 / 1024.0),
    ])
}

const COLUMNS: &[Column] =
    &[Column::main("GiB/s", 2), Column::side("CPU s/GiB", 2), Column::side("peak memory, MiB", 0)];

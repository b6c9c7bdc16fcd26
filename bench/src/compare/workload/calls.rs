//! Calls of JSON-RPC: one connection sends some requests in one write, waits for all of their
//! replies, and sends again. chenapan passes them as bytes, and as messages.

use crate::compare::backend::{Backend, Service};
use crate::compare::bench::Bench;
use crate::compare::client;
use crate::compare::peer::{Kind, Peer};
use crate::compare::poller::{Interest, Poller, Ready};
use crate::compare::proxy::Proxy;
use crate::compare::window::{self, Window};
use crate::compare::workload::{Case, Column, Workload, chenapan};
use anyhow::{Context, bail, ensure};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// The workload with this many requests on their way at once.
pub(crate) fn workload(depth: usize, peers: &[Peer]) -> Workload<'_> {
    let mut cases = Vec::new();
    if let Some(chenapan) = chenapan(peers) {
        if let Some(direct) = peers.iter().find(|peer| matches!(peer.kind, Kind::Direct)) {
            cases.push(case("direct", direct.clone(), &[], depth));
        }
        let rpc = speaks(chenapan);
        cases.push(case("tcp", chenapan.clone(), &[], depth));
        cases.push(case("json-rpc", rpc.clone(), &[], depth));
        cases.push(case("json-rpc, another method's rule", rpc.clone(), &[OTHER], depth));
        cases.push(case("json-rpc, a rule for all", rpc, &[ALL], depth));
    }
    Workload {
        name: format!("calls-{depth}"),
        about: format!("JSON-RPC through chenapan, requests sent at once: {depth}"),
        columns: COLUMNS,
        cases,
    }
}

/// Returns the peer with a protocol, so that it reads messages.
fn speaks(peer: &Peer) -> Peer {
    let mut peer = peer.clone();
    if let Kind::Chenapan { extra, .. } = &mut peer.kind {
        extra.extend(["--protocol", "json-rpc:framing=newline"].map(str::to_owned));
    }
    peer
}

fn case<'a>(label: &str, peer: Peer, rules: &[&str], depth: usize) -> Case<'a> {
    let rules: Vec<String> = rules.iter().map(|&rule| rule.to_owned()).collect();
    let measure = move |bench: &Bench| measure(bench, &peer, &rules, depth);
    Case { label: label.to_owned(), measure: Box::new(measure) }
}

fn measure(
    bench: &Bench,
    peer: &Peer,
    rules: &[String],
    depth: usize,
) -> anyhow::Result<Vec<Option<f64>>> {
    let backend = Backend::start(Service::Calls)?;
    let mut proxy = Proxy::start(bench, peer, rules, backend.address())?;
    let driven = client::connect_lanes(proxy.address(), 1).and_then(|lanes| {
        window::drive(bench, &proxy, lanes, |sockets, window| call(sockets, window, depth))
    });
    let (taken, counts) = proxy.verdict(driven)?;
    let messages = counts.into_iter().sum::<u64>() as f64;
    ensure!(messages > 0.0, "no reply arrived");
    Ok(vec![
        Some(messages / taken.time.as_secs_f64()),
        taken.processor.map(|time| time.as_secs_f64() * 1e6 / messages),
    ])
}

/// Counts requests and replies.
fn call(sockets: Vec<TcpStream>, window: &Window, depth: usize) -> anyhow::Result<u64> {
    let Some(mut socket) = sockets.into_iter().next() else { return Ok(0) };
    let poller = Poller::new()?;
    poller.add(&socket, 0, Interest::IN)?;
    let request = |id: usize| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"getBlockByNumber\",\"params\":[\"0x1b4\",true],\"id\":{id}}}\n"
        )
    };
    let requests: String = (0..depth).map(request).collect();
    let (mut ready, mut buffer) = (Ready::new(), vec![0; 64 * 1024]);
    let mut count = 0;
    while !window.over() {
        socket.write_all(requests.as_bytes()).context("a connection failed")?;
        let mut missing = depth;
        while missing > 0 && !window.over() {
            poller.wait(&mut ready)?;
            let size = match socket.read(&mut buffer) {
                Ok(0) => bail!("a connection closed"),
                Ok(size) => size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => bail!("a connection failed: {error}"),
            };
            missing -= buffer[..size].iter().filter(|byte| **byte == b'\n').count().min(missing);
        }
        if window.counts() {
            count += 2 * depth as u64;
        }
    }
    Ok(count)
}

const OTHER: &str = "delay:label=never:sleep=1ms";
const ALL: &str = "delay:sleep=0s";

const COLUMNS: &[Column] = &[Column::main("messages/s", 0), Column::side("CPU us/message", 2)];

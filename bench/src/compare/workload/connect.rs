//! Connections a second: open, one byte there and back, close, a number of them at a time.

use crate::compare::backend::{Backend, Service};
use crate::compare::bench::Bench;
use crate::compare::peer::Peer;
use crate::compare::poller::{Interest, Poller, Ready};
use crate::compare::proxy::Proxy;
use crate::compare::window::{self, Window};
use crate::compare::workload::{Column, Workload, for_each};
use anyhow::{bail, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The workload.
pub(crate) fn workload(peers: &[Peer]) -> Workload<'_> {
    Workload {
        name: "connect".to_owned(),
        about: format!("connections opened, used for one byte and closed, {AT_A_TIME} at a time"),
        columns: COLUMNS,
        cases: for_each(peers, measure),
    }
}

fn measure(bench: &Bench, peer: &Peer) -> anyhow::Result<Vec<Option<f64>>> {
    let backend = Backend::start(Service::Echo)?;
    let mut proxy = Proxy::start(bench, peer, &[], backend.address())?;
    // One thread: more would only take the cores from the proxy.
    let address = proxy.address();
    let driven = window::drive(bench, &proxy, vec![address], visit);
    let (taken, tallies) = proxy.verdict(driven)?;
    let done = tallies.iter().map(|tally| tally.done).sum::<u64>() as f64;
    let failed = tallies.iter().map(|tally| tally.failed).sum::<u64>() as f64;
    ensure!(done > 0.0, "no connection was served");
    Ok(vec![
        Some(done / taken.time.as_secs_f64()),
        taken.processor.map(|time| time.as_secs_f64() * 1e6 / done),
        Some(failed),
    ])
}

#[derive(Default)]
struct Tally {
    done: u64,
    failed: u64,
}

/// One connection on its way.
struct Visit {
    socket: TcpStream,
    asked: Asked,
}

#[derive(PartialEq)]
enum Asked {
    NotYet,
    Already,
}

impl Visit {
    fn open(address: SocketAddr, poller: &Poller, token: u64) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        poller.add(&socket, token, Interest::OUT)?;
        Ok(Self { socket: socket.into(), asked: Asked::NotYet })
    }

    /// Takes the next step; true when it was the last.
    fn step(&mut self, poller: &Poller, token: u64) -> io::Result<bool> {
        if self.asked == Asked::NotYet {
            self.socket.write_all(b"?")?;
            poller.modify(&self.socket, token, Interest::IN)?;
            self.asked = Asked::Already;
            return Ok(false);
        }
        match self.socket.read(&mut [0]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn visit(address: SocketAddr, window: &Window) -> anyhow::Result<Tally> {
    let poller = Poller::new()?;
    let mut visits = Vec::new();
    for token in 0..AT_A_TIME {
        visits.push(Visit::open(address, &poller, token)?);
    }
    let mut ready = Ready::new();
    let mut tally = Tally::default();
    while !window.over() {
        poller.wait(&mut ready)?;
        for token in ready.tokens() {
            let visit = &mut visits[token as usize];
            match visit.step(&poller, token) {
                Ok(false) => continue,
                Ok(true) if window.counts() => tally.done += 1,
                Ok(true) => {}
                Err(error) => {
                    tally.failed += 1;
                    if tally.failed > 1000 {
                        bail!("more than 1000 connections failed, the last one with: {error}");
                    }
                }
            }
            *visit = Visit::open(address, &poller, token)?;
        }
    }
    Ok(tally)
}

const AT_A_TIME: u64 = 32;

const COLUMNS: &[Column] = &[
    Column::main("connections/s", 0),
    Column::side("CPU us/connection", 0),
    Column::side("failed", 0),
];

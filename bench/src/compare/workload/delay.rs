//! Accuracy of chenapan's delays: one-way times through it, minus the delay that was asked for.

use crate::compare::bench::Bench;
use crate::compare::client;
use crate::compare::peer::{Kind, Peer};
use crate::compare::port;
use crate::compare::proxy::Proxy;
use crate::compare::summary::percentile;
use crate::compare::workload::{Case, Column, Workload, chenapan};
use anyhow::{Context, anyhow, bail};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The workload: without a delay, then with several, each message alone or many under way.
pub(crate) fn workload(peers: &[Peer]) -> Workload<'_> {
    let mut cases = Vec::new();
    if let Some(chenapan) = chenapan(peers) {
        if let Some(direct) = peers.iter().find(|peer| matches!(peer.kind, Kind::Direct)) {
            cases.push(case("no proxy", direct, 0, Spacing::Sparse));
        }
        cases.push(case("no rule", chenapan, 0, Spacing::Sparse));
        for asked in [1, 5, 20, 100] {
            cases.push(case(&format!("{asked} ms"), chenapan, asked, Spacing::Sparse));
        }
        cases.push(case("no rule, a message each ms", chenapan, 0, Spacing::Dense));
        cases.push(case("20 ms, a message each ms", chenapan, 20, Spacing::Dense));
    }
    Workload {
        name: "delay".to_owned(),
        about: "error of chenapan's delay: one-way time minus the delay asked for".to_owned(),
        columns: COLUMNS,
        cases,
    }
}

#[derive(Clone, Copy)]
enum Spacing {
    /// The next message leaves some time after the last one arrived.
    Sparse,
    /// A message leaves every millisecond.
    Dense,
}

fn case<'a>(label: &str, peer: &'a Peer, asked: u64, spacing: Spacing) -> Case<'a> {
    let asked = Duration::from_millis(asked);
    Case {
        label: label.to_owned(),
        measure: Box::new(move |bench| measure(bench, peer, asked, spacing)),
    }
}

fn measure(
    bench: &Bench,
    peer: &Peer,
    asked: Duration,
    spacing: Spacing,
) -> anyhow::Result<Vec<Option<f64>>> {
    let rule = format!("delay:sleep={}ms:direction=upstream", asked.as_millis());
    let rules = if asked.is_zero() { Vec::new() } else { vec![rule] };
    let listener = port::listen().context("could not listen")?;
    let mut proxy = Proxy::start(bench, peer, &rules, listener.local_addr()?)?;
    let window = bench.settings.window;
    let times = Path::open(&proxy, &listener).and_then(|mut path| match spacing {
        Spacing::Sparse => path.sparse(window),
        Spacing::Dense => path.dense(window),
    });
    let asked = asked.as_secs_f64() * 1e6;
    let error = |time: &Duration| time.as_secs_f64() * 1e6 - asked;
    let mut errors: Vec<f64> = proxy.verdict(times)?.iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    Ok(vec![
        percentile(&errors, 0.5),
        percentile(&errors, 0.99),
        errors.first().copied(),
        Some(errors.len() as f64),
    ])
}

/// Both ends of a connection through the proxy. Messages are the time at which they left.
struct Path {
    client: TcpStream,
    backend: TcpStream,
    epoch: Instant,
}

impl Path {
    fn open(proxy: &Proxy<'_>, listener: &TcpListener) -> anyhow::Result<Self> {
        let mut client = client::connect(proxy.address())?;
        client.write_all(b"!").context("could not send")?;
        let backend = other_end(listener)?;
        Ok(Self { client, backend, epoch: Instant::now() })
    }

    fn sparse(&mut self, window: Duration) -> anyhow::Result<Vec<Duration>> {
        let start = Instant::now();
        let mut times = Vec::new();
        while start.elapsed() < window || times.len() < ENOUGH {
            send(&self.client, self.epoch)?;
            times.push(self.receive()?);
            // 1 to 3 ms, never in step with a clock's ticks: multiples of the golden ratio.
            let part = (times.len() as f64 * 0.618_034).fract();
            thread::sleep(Duration::from_secs_f64(0.001 + 0.002 * part));
        }
        Ok(times)
    }

    fn dense(&mut self, window: Duration) -> anyhow::Result<Vec<Duration>> {
        let count = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        let (epoch, client) = (self.epoch, self.client.try_clone()?);
        thread::scope(|scope| {
            let sender = scope.spawn(move || {
                let start = Instant::now();
                for number in 0..count {
                    let due = start + Duration::from_millis(1) * number;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    send(&client, epoch)?;
                }
                anyhow::Ok(())
            });
            let mut times = Vec::new();
            for number in 0..count {
                let time = self.receive();
                times.push(time.with_context(|| format!("{number} of {count} arrived"))?);
            }
            sender.join().unwrap_or_else(|_| bail!("the sender panicked"))?;
            Ok(times)
        })
    }

    fn receive(&mut self) -> anyhow::Result<Duration> {
        let mut stamp = [0; 8];
        let read = self.backend.read_exact(&mut stamp);
        read.map_err(|error| anyhow!("a message did not arrive: {}", client::fault(&error)))?;
        let left = Duration::from_nanos(u64::from_le_bytes(stamp));
        Ok(self.epoch.elapsed().saturating_sub(left))
    }
}

fn send(mut client: &TcpStream, epoch: Instant) -> anyhow::Result<()> {
    let now = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
    client.write_all(&now.to_le_bytes()).context("could not send")
}

/// Accepts until it is the connection on which the greeting arrives: others were probes.
fn other_end(listener: &TcpListener) -> anyhow::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let start = Instant::now();
    while start.elapsed() < client::LIMIT {
        match listener.accept() {
            Ok((mut socket, _)) => {
                socket.set_nonblocking(false)?;
                socket.set_read_timeout(Some(client::LIMIT))?;
                if socket.read(&mut [0]).is_ok_and(|count| count == 1) {
                    return Ok(socket);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error).context("could not accept"),
        }
    }
    bail!("no connection came out of the proxy")
}

// So that a slow case still has a median, at the price of its time.
const ENOUGH: usize = 30;

const COLUMNS: &[Column] = &[
    Column::main("p50 us", 0),
    Column::side("p99 us", 0),
    Column::side("least us", 0),
    Column::side("messages", 0),
];

//! Accuracy of chenapan's throttle: the rate in the long run, and its evenness.

use crate::compare::backend::{Backend, Service};
use crate::compare::bench::Bench;
use crate::compare::client;
use crate::compare::peer::Peer;
use crate::compare::proxy::Proxy;
use crate::compare::workload::{Case, Column, Workload, chenapan};
use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The workload.
pub(crate) fn workload(peers: &[Peer]) -> Workload<'_> {
    let cases = chenapan(peers).map(|chenapan| {
        let rates = [1, 10, 100].into_iter();
        rates.map(|megabytes| case(chenapan, megabytes)).collect()
    });
    Workload {
        name: "rate".to_owned(),
        about: "error of chenapan's rate: in the long run, and in the worst 50 ms".to_owned(),
        columns: COLUMNS,
        cases: cases.unwrap_or_default(),
    }
}

fn case(peer: &Peer, megabytes: u32) -> Case<'_> {
    Case {
        label: format!("{megabytes} MB/s"),
        measure: Box::new(move |bench| measure(bench, peer, megabytes)),
    }
}

fn measure(bench: &Bench, peer: &Peer, megabytes: u32) -> anyhow::Result<Vec<Option<f64>>> {
    let backend = Backend::start(Service::Source)?;
    let rule = format!("throttle:rate={megabytes}MB/s:direction=downstream");
    let mut proxy = Proxy::start(bench, peer, &[rule], backend.address())?;
    let time = (bench.settings.window * 3 / 2).max(Duration::from_secs(1));
    let arrivals = client::connect(proxy.address()).and_then(|socket| receive(&socket, time));
    let arrivals = proxy.verdict(arrivals)?;
    let asked = f64::from(megabytes) * 1e6;
    let pace = Pace::of(&arrivals, asked).context("too few bytes arrived")?;
    Ok(vec![
        Some((pace.rate / asked - 1.0) * 100.0),
        Some(pace.worst * 100.0),
        Some(pace.rate / 1e6),
    ])
}

/// When some bytes arrived, and how many.
type Arrival = (Duration, u64);

fn receive(socket: &TcpStream, time: Duration) -> anyhow::Result<Vec<Arrival>> {
    let start = Instant::now();
    let mut arrivals = Vec::new();
    let mut buffer = vec![0; 1024 * 1024];
    while start.elapsed() < time {
        match recv(socket, &mut buffer[..], RecvFlags::TRUNC) {
            Ok((_, 0)) => bail!("the connection closed"),
            Ok((_, count)) => arrivals.push((start.elapsed(), count as u64)),
            Err(Errno::INTR) => {}
            Err(error) => bail!("{}", client::fault(&error.into())),
        }
    }
    Ok(arrivals)
}

/// Pace of a stream of arrivals.
#[derive(Debug, PartialEq)]
struct Pace {
    /// Bytes a second in the long run.
    rate: f64,
    /// The deviation of the worst bin, as a part of what was asked.
    worst: f64,
}

impl Pace {
    /// Leaves the first bin out, where the start may burst, and the last one, which is cut short.
    fn of(arrivals: &[Arrival], asked: f64) -> Option<Self> {
        let (first, last) = (arrivals.first()?.0, arrivals.last()?.0);
        let whole = ((last - first).as_nanos() / BIN.as_nanos()) as usize;
        let bin = |time: Duration| ((time - first).as_nanos() / BIN.as_nanos()) as usize;
        let inner: Vec<Arrival> =
            arrivals.iter().copied().filter(|(time, _)| (1..whole).contains(&bin(*time))).collect();

        // From arrival to arrival: bins cut between the pieces that a pace is made of.
        let (start, end) = (inner.first()?.0, inner.last()?.0);
        let bytes: u64 = inner[1..].iter().map(|(_, count)| count).sum();
        let rate = bytes as f64 / (end - start).as_secs_f64();

        let mut bins = vec![0; whole];
        for (time, count) in &inner {
            bins[bin(*time)] += count;
        }
        let expected = asked * BIN.as_secs_f64();
        let deviation = |bytes: &u64| (*bytes as f64 / expected - 1.0).abs();
        let worst = bins[1..].iter().map(deviation).fold(0.0, f64::max);
        rate.is_finite().then_some(Self { rate, worst })
    }
}

const BIN: Duration = Duration::from_millis(50);

const COLUMNS: &[Column] =
    &[Column::main("error %", 3), Column::side("worst 50 ms %", 1), Column::side("MB/s", 3)];

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece every 5 ms from the start on.
    fn even(pieces: u64, size: u64) -> Vec<Arrival> {
        (0..pieces).map(|number| (Duration::from_millis(7 + 5 * number), size)).collect()
    }

    #[test]
    fn an_even_stream_has_no_error() {
        let pace = Pace::of(&even(200, 5000), 1e6).unwrap();
        assert_eq!(pace, Pace { rate: 1e6, worst: 0.0 });
    }

    #[test]
    fn a_burst_at_the_start_does_not_count() {
        let mut arrivals = even(200, 5000);
        arrivals[0].1 = 10_000_000;
        assert_eq!(Pace::of(&arrivals, 1e6).unwrap().worst, 0.0);
    }

    #[test]
    fn a_gap_shows_in_the_worst_bin_and_in_the_rate() {
        let mut arrivals = even(201, 5000);
        arrivals.drain(100..110);
        let pace = Pace::of(&arrivals, 1e6).unwrap();
        assert_eq!(pace.worst, 1.0);
        assert!((pace.rate / 1e6 - 0.947).abs() < 0.001, "{}", pace.rate);
    }

    #[test]
    fn a_few_arrivals_have_no_pace() {
        assert_eq!(Pace::of(&[], 1e6), None);
        assert_eq!(Pace::of(&even(5, 5000), 1e6), None);
        assert_eq!(Pace::of(&even(11, 5000), 1e6), None);
    }
}

//! The built-in client: exchanges of bytes with a proxy, measured.
//!
//! With a rate, exchanges start on a schedule whatever became of the ones before, and latency counts
//! from the schedule: a client that waits its turn hides no delay.

use super::model::{Load, Receive, Verify};
use super::outcome::{Latency, LoadOutcome};
use bytes::BytesMut;
use chenapan_core::Connection;
use chenapan_engine::endpoint::plain;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The most of an answer that is kept to be verified.
const MOST: usize = 16 * 1024 * 1024;

/// Counts of a load so far.
#[derive(Debug)]
pub(super) struct Measured {
    started: AtomicU64,
    ok: AtomicU64,
    errors: AtomicU64,
    timeouts: AtomicU64,
    wrong: AtomicU64,
    missed: AtomicU64,
    bytes: AtomicU64,
    /// Why exchanges did not go well.
    causes: Mutex<BTreeMap<String, u64>>,
    /// Of all exchanges that went well.
    all: Mutex<Histogram<u64>>,
    /// Since the last sample.
    recent: Mutex<Histogram<u64>>,
}

/// The most causes that are told apart.
const MOST_CAUSES: usize = 32;

/// Result of an exchange, with the cause of a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Went {
    Well,
    Ended(String),
    Late(String),
    Wrong(String),
}

impl Measured {
    /// Nothing yet.
    pub(super) fn new() -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            started: zero(),
            ok: zero(),
            errors: zero(),
            timeouts: zero(),
            wrong: zero(),
            missed: zero(),
            bytes: zero(),
            causes: Mutex::default(),
            all: Mutex::new(histogram()),
            recent: Mutex::new(histogram()),
        })
    }

    /// Returns the outcome of the counts until now, for this time.
    pub(super) fn outcome(&self, took: Duration) -> LoadOutcome {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |quantile: f64| all.value_at_quantile(quantile) as f64 / 1e6;
        let mut outcome = LoadOutcome {
            started: value(&self.started),
            ok: value(&self.ok),
            errors: value(&self.errors),
            timeouts: value(&self.timeouts),
            wrong: value(&self.wrong),
            missed: value(&self.missed),
            causes: self.causes.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            bytes: value(&self.bytes),
            rate: 0.0,
            latency: Latency::default(),
        };
        if !all.is_empty() {
            outcome.latency = Latency {
                mean: all.mean() / 1e6,
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: all.max() as f64 / 1e6,
            };
        }
        let ended = outcome.ok + outcome.failed() - outcome.missed;
        outcome.rate = ended as f64 / took.as_secs_f64().max(1e-9);
        outcome
    }

    /// Median and 99th percentile since this was asked last, in seconds.
    pub(super) fn recent(&self) -> (f64, f64) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |quantile: f64| recent.value_at_quantile(quantile) as f64 / 1e6;
        let found = if recent.is_empty() { (0.0, 0.0) } else { (at(0.5), at(0.99)) };
        recent.reset();
        found
    }

    fn count(&self, went: &Went, latency: Duration) {
        let (counter, cause) = match went {
            Went::Well => (&self.ok, None),
            Went::Ended(cause) => (&self.errors, Some(cause)),
            Went::Late(cause) => (&self.timeouts, Some(cause)),
            Went::Wrong(cause) => (&self.wrong, Some(cause)),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(cause) = cause {
            let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
            let known = causes.contains_key(cause) || causes.len() < MOST_CAUSES;
            let cause = if known { cause } else { "other causes" };
            *causes.entry(cause.to_owned()).or_insert(0) += 1;
        }
        if matches!(went, Went::Well) {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            for histogram in [&self.all, &self.recent] {
                histogram.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
            }
        }
    }
}

/// Microseconds up to an hour, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("these bounds are valid")
}

/// Makes the load, to its end. Dropping this ends what is still going on.
pub(super) async fn run(load: &Load, address: SocketAddr, measured: Arc<Measured>) {
    let shape = Arc::new(Shape {
        address,
        header: load.header.clone(),
        send: load.send.clone(),
        calls: load.calls.clone(),
        receive: load.receive,
        verify: load.verify.clone(),
        timeout: load.timeout,
    });
    let places = Arc::new(Semaphore::new(load.concurrency));
    let mut exchanges = JoinSet::new();
    let start = Instant::now();
    let mut number: u64 = 0;
    while load.exchanges.is_none_or(|most| number < most) {
        let due = match load.rate {
            Some(rate) => {
                let due = start + Duration::from_secs_f64(number as f64 / rate);
                tokio::time::sleep_until(due).await;
                due
            }
            None => Instant::now(),
        };
        if due.duration_since(start) >= load.duration || start.elapsed() >= load.duration {
            break;
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        if start.elapsed() >= load.duration {
            break;
        }
        let (shape, measured) = (Arc::clone(&shape), Arc::clone(&measured));
        // Without a rate an exchange is due when there is a place for it.
        let due = if load.rate.is_some() { due } else { Instant::now() };
        measured.started.fetch_add(1, Ordering::Relaxed);
        exchanges.spawn(async move {
            let went = shape.exchange(number + 1, &measured).await;
            measured.count(&went, due.elapsed());
            drop(place);
        });
        number += 1;
        // Those that have ended need not be kept.
        while exchanges.try_join_next().is_some() {}
    }
    // What was due in time and found no place was missed: left out, it would make the rest look well.
    if let Some(rate) = load.rate {
        let due = (load.duration.as_secs_f64().min(1e9) * rate).ceil() as u64;
        let due = load.exchanges.map_or(due, |most| due.min(most));
        measured.missed.fetch_add(due.saturating_sub(number), Ordering::Relaxed);
    }
    while exchanges.join_next().await.is_some() {}
}

/// Parameters that all exchanges of a load share.
struct Shape {
    address: SocketAddr,
    header: Option<chenapan_engine::config::ConfiguredProtocol>,
    send: bytes::Bytes,
    calls: Option<super::calls::Calls>,
    receive: Receive,
    verify: Verify,
    timeout: Duration,
}

impl Shape {
    async fn exchange(&self, number: u64, measured: &Measured) -> Went {
        match tokio::time::timeout(self.timeout, self.talk(number, measured)).await {
            Ok(Ok(went)) => went,
            Ok(Err(error)) => Went::Ended(match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    "the connection ended before the whole answer".to_owned()
                }
                _ => plain(&error),
            }),
            Err(_) => Went::Late(format!("no whole answer within {:?}", self.timeout)),
        }
    }

    /// Sends, receives, and checks the answer.
    async fn talk(&self, number: u64, measured: &Measured) -> std::io::Result<Went> {
        let mut stream = match TcpStream::connect(self.address).await {
            Ok(stream) => stream,
            // A rule may end the connection before we know that it is there: an end like another.
            Err(error)
                if error.kind() == std::io::ErrorKind::ConnectionReset
                    && self.calls.is_none()
                    && matches!(self.verify, Verify::Nothing) =>
            {
                return Ok(Went::Well);
            }
            Err(error) => return Ok(Went::Ended(format!("cannot connect: {}", plain(&error)))),
        };
        stream.set_nodelay(true)?;
        let mut sent = BytesMut::new();
        if let Some(header) = &self.header {
            let mut connection = Connection::new(number);
            connection.source = stream.local_addr().ok();
            connection.local = stream.peer_addr().ok();
            let first = header.instance().open(&connection);
            sent.extend(first.map(|unit| unit.bytes).into_iter().flatten());
        }
        let (mut reader, mut writer) = stream.split();
        if let Some(calls) = &self.calls {
            let (right, received) = calls.talk(&sent, &mut reader, &mut writer).await?;
            measured.bytes.fetch_add(received, Ordering::Relaxed);
            return Ok(right.map_or_else(|wrong| Went::Wrong(wrong.into_owned()), |()| Went::Well));
        }
        sent.extend_from_slice(&self.send);
        let mut answer = BytesMut::new();
        let mut searched = 0;
        let writing = async {
            // Who closes early has not taken it all; the answer tells what that means.
            let _ = writer.write_all(&sent).await;
        };
        let reading = async {
            if self.receive == Receive::Nothing {
                return Ok(());
            }
            while !self.whole(&answer, &mut searched) {
                match reader.read_buf(&mut answer).await {
                    Ok(0) if self.receive == Receive::Close => return Ok(()),
                    // With nothing to verify any end will do.
                    Ok(0) | Err(_) if matches!(self.verify, Verify::Nothing) => return Ok(()),
                    Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
                if answer.len() > MOST {
                    return Err(std::io::Error::other("the answer is too long"));
                }
            }
            Ok(())
        };
        let ((), read) = tokio::join!(writing, reading);
        measured.bytes.fetch_add(answer.len() as u64, Ordering::Relaxed);
        read?;
        Ok(self.judge(&answer).map_or_else(Went::Wrong, |()| Went::Well))
    }

    /// Compares an answer with the expected one; the error describes what came instead.
    fn judge(&self, answer: &[u8]) -> Result<(), String> {
        let wrong = |what: &str| Err(what.to_owned());
        match &self.verify {
            Verify::Nothing => Ok(()),
            Verify::Any if self.receive == Receive::Nothing || !answer.is_empty() => Ok(()),
            Verify::Echo if answer == self.send => Ok(()),
            Verify::Matches(pattern) if pattern.is_match(answer) => Ok(()),
            _ if answer.is_empty() => wrong("an empty answer"),
            Verify::Any => Ok(()),
            Verify::Echo => wrong("an answer that is not what was sent"),
            Verify::Matches(_) => wrong("an answer that does not match"),
            Verify::Status(status) => answers(answer, *status),
        }
    }

    /// Returns `true` if the answer is whole; bytes that were searched already are not searched
    /// again.
    fn whole(&self, answer: &[u8], searched: &mut usize) -> bool {
        match self.receive {
            Receive::Close => false,
            Receive::Line => {
                let from = std::mem::replace(searched, answer.len());
                answer[from..].contains(&b'\n')
            }
            Receive::Bytes(count) => answer.len() >= count,
            Receive::Nothing => true,
        }
    }
}

/// Compares an HTTP answer with a status and with the length that it states; the error is the
/// mistake. A body without a length ends with the connection; a chunked one with its last chunk.
fn answers(answer: &[u8], status: u16) -> Result<(), String> {
    if !answer.starts_with(b"HTTP/1.") {
        return Err("an answer that is not HTTP/1".to_owned());
    }
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Err("an HTTP answer whose head is cut short".to_owned());
    };
    let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    let mut first = head.split("\r\n").next().unwrap_or_default().split(' ');
    let found = first.nth(1).and_then(|code| code.parse::<u16>().ok());
    if found != Some(status) {
        return Err(match found {
            Some(found) => format!("status {found} instead of {status}"),
            None => "an HTTP answer without a status".to_owned(),
        });
    }
    let header = |name: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let whole = match (header("content-length"), header("transfer-encoding")) {
        (_, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => {
            body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n"
        }
        (Some(length), _) => length.parse() == Ok(body.len()),
        (None, _) => true,
    };
    if whole { Ok(()) } else { Err("an HTTP answer with a body of another length".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_answer_is_right_when_its_status_and_length_are() {
        let answers = |answer: &[u8], status| super::answers(answer, status).is_ok();
        assert!(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200));
        assert!(!answers(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", 200));
        assert!(answers(b"HTTP/1.0 200 OK\r\n\r\nanything", 200));
        assert!(answers(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            200
        ));
        assert!(!answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok", 200));
        assert!(
            !answers(b"HTTP/1.1 503 No\r\n\r\n", 200) && answers(b"HTTP/1.1 503 No\r\n\r\n", 503)
        );
        for wrong in [&b""[..], b"HTTP/1.1 200 OK", b"SSH-2.0\r\n\r\n", b"\r\n\r\n"] {
            assert!(!answers(wrong, 200));
        }
    }

    #[test]
    fn what_is_wrong_with_an_http_answer_is_told() {
        for (answer, wrong) in [
            (&b"SSH-2.0\r\n\r\n"[..], "an answer that is not HTTP/1"),
            (b"HTTP/1.1 200 OK\r\n", "an HTTP answer whose head is cut short"),
            (b"HTTP/1.1 503 No\r\n\r\n", "status 503 instead of 200"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
                "an HTTP answer with a body of another length",
            ),
        ] {
            assert_eq!(answers(answer, 200), Err(wrong.to_owned()));
        }
    }

    #[test]
    fn causes_are_counted_and_bounded() {
        let measured = Measured::new();
        for number in 0..100 {
            measured.count(&Went::Wrong(format!("cause {number}")), Duration::ZERO);
        }
        measured.count(&Went::Ended("cause 1".to_owned()), Duration::ZERO);
        let outcome = measured.outcome(Duration::from_secs(1));
        assert_eq!((outcome.wrong, outcome.errors), (100, 1));
        assert_eq!(outcome.causes.len(), 33);
        assert_eq!((outcome.causes["cause 1"], outcome.causes["other causes"]), (2, 68));
    }
}

//! `chenapan send`: one connection, one payload, and what the backend did about it.
//!
//! It is a client of a proxy that it starts for this, so that rules do what they do there.

use super::Failure;
use super::arguments::{Breaking, time};
use super::serve::on_runtime;
use bytes::Bytes;
use chenapan_core::{Direction, Form, Registry, Value};
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::{Connect, plain};
use chenapan_engine::proxy::{Config, Proxy};
use chenapan_engine::stats::Stats;
use clap::{ArgMatches, Args};
use std::io::{self, IsTerminal, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;

/// The most that is taken from standard input.
const MOST: usize = 64 * 1024 * 1024;

/// Longest time between two looks at whether anything moves.
const TICK: Duration = Duration::from_millis(20);

/// Longest time that the connection may go on without its client.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Send {
    /// Address to connect to: host:port, unix:PATH, tls:HOST:PORT, exec:COMMAND ...; see help endpoints
    #[arg(long, value_name = "ADDRESS")]
    backend: Connect,
    /// Bytes to send: text in which \r \n \t \0 \\ \xHH are escapes, or hex after 0x; standard
    /// input if not given, and nothing if that is a terminal
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    data: Option<Bytes>,
    /// Time without a byte, after all was sent, that counts as silence
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time)]
    wait: Duration,
    /// End the stream after the data, which many clients do not
    #[arg(long)]
    half_close: bool,
    #[command(flatten)]
    breaking: Breaking,
}

pub(super) fn send(args: &Send, registry: &Registry, matches: &ArgMatches) -> Result<(), Failure> {
    let (protocol, rules) = args.breaking.read(registry, matches)?;
    let data = match &args.data {
        Some(data) => data.clone(),
        None => {
            input().map_err(|error| Failure::run(format!("standard input: {}", plain(&error))))?
        }
    };
    let seed = args.breaking.seed();
    let config = Config {
        name: String::new(),
        listen: vec!["127.0.0.1:0".parse().map_err(Failure::usage)?],
        backend: args.backend.clone(),
        protocol,
        rules,
        limits: args.breaking.limits(),
        enabled: true,
    };
    on_runtime(async {
        let control = Control::seeded(seed).map_err(Failure::run)?;
        control.set_memory(args.breaking.memory);
        control.journal_to(io::stderr()).map_err(Failure::run)?;
        let proxy = control.add(config).map_err(Failure::run)?;
        let address = proxy.address().ok_or_else(|| Failure::run("the proxy has no address"))?;
        let start = Instant::now();
        let seen = ask(&proxy, address, &data, args).await.map_err(Failure::run)?;
        let took = start.elapsed();
        // What is still on its way decides who has ended the connection.
        control.stop(args.wait.min(GRACE)).await.map_err(Failure::run)?;
        let stats = proxy.stats();
        super::panicked(std::slice::from_ref(&proxy))?;
        if stats.unreached() > 0 {
            return Err(Failure::run(unreachable(stats, &args.backend)));
        }
        tell(&seen, stats, args, took, seed)
    })
}

/// Why the backend cannot be reached.
fn unreachable(stats: &Stats, backend: &Connect) -> String {
    let causes: Vec<_> = stats.causes().into_keys().collect();
    match causes.is_empty() {
        true => format!("backend {backend}: cannot be reached"),
        false => causes.join("; "),
    }
}

/// Observations of the client.
struct Seen {
    bytes: u64,
    end: Option<End>,
}

/// End of the client's connection.
#[derive(Clone, Copy)]
enum End {
    Closed,
    Reset,
}

async fn ask(proxy: &Proxy, address: SocketAddr, data: &[u8], args: &Send) -> io::Result<Seen> {
    let mut seen = Seen { bytes: 0, end: None };
    let mut stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        // A rule was faster than we are: the connection was there, and was reset.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            seen.end = Some(End::Reset);
            return Ok(seen);
        }
        Err(error) => return Err(error),
    };
    let (mut reader, mut writer) = stream.split();
    let writing = async {
        // Who does not take it all has ended the connection, which the reader sees.
        let _ = writer.write_all(data).await;
        if args.half_close {
            let _ = writer.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = writing => {}
        read = take(proxy, &mut reader, args.wait, &mut seen) => read?,
    }
    Ok(seen)
}

/// Prints what comes until the connection ends, or is silent for so long.
async fn take(
    proxy: &Proxy,
    reader: &mut ReadHalf<'_>,
    wait: Duration,
    seen: &mut Seen,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let tick = (wait / 20).clamp(Duration::from_millis(1), TICK);
    let mut sent = proxy.stats().sent(Direction::Upstream);
    let mut last = Instant::now();
    loop {
        let read = tokio::time::timeout(tick, reader.read(&mut buffer)).await;
        let now = proxy.stats().sent(Direction::Upstream);
        // What a rule still holds back, or what is still on its way, is no silence.
        let moves = std::mem::replace(&mut sent, now) != now
            || proxy.connections().iter().any(|live| live.due.is_some());
        if moves || read.is_ok() {
            last = Instant::now();
        }
        match read {
            Err(_) if last.elapsed() < wait => {}
            Err(_) => return Ok(()),
            Ok(Ok(0)) => {
                seen.end = Some(End::Closed);
                return Ok(());
            }
            Ok(Err(_)) => {
                seen.end = Some(End::Reset);
                return Ok(());
            }
            Ok(Ok(count)) => {
                seen.bytes += count as u64;
                let mut out = io::stdout().lock();
                match out.write_all(&buffer[..count]).and_then(|()| out.flush()) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
        }
    }
}

fn tell(seen: &Seen, stats: &Stats, args: &Send, took: Duration, seed: u64) -> Result<(), Failure> {
    let who = if stats.ended_here() > 0 { "chenapan" } else { "the backend" };
    let end = match seen.end {
        None => format!("nothing for {:?}", args.wait),
        Some(End::Closed) => format!("{who} closed"),
        Some(End::Reset) => format!("{who} reset"),
    };
    let ms = took.as_secs_f64() * 1e3;
    let report = format!(
        "sent {} bytes to {}, seed {seed}\ngot {} bytes, then {end} ({ms:.1} ms)\n",
        stats.sent(Direction::Upstream),
        args.backend,
        seen.bytes,
    );
    let causes = stats.causes().into_keys().map(|cause| cause + "\n");
    let report: String = causes.chain([report]).collect();
    io::stderr().write_all(report.as_bytes()).map_err(Failure::run)
}

fn input() -> io::Result<Bytes> {
    let mut data = Vec::new();
    if !io::stdin().is_terminal() {
        io::stdin().lock().take(MOST as u64 + 1).read_to_end(&mut data)?;
        if data.len() > MOST {
            return Err(io::Error::other("more than 64 MiB are too much to send at once"));
        }
    }
    Ok(data.into())
}

fn bytes(text: &str) -> Result<Bytes, String> {
    match Form::Bytes.parse(text)? {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Ok(Bytes::new()),
    }
}

//! `chenapan demo`: a backend, a client and a few faults in turn, with nothing to set up.

use super::arguments::random_seed;
use super::{Failure, print, serve};
use crate::control::Control;
use crate::proxy::Config;
use crate::report;
use crate::rule::{Defaults, Rule, Rules};
use chenapan_core::Registry;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const REQUEST: &[u8] = b"GET /demo HTTP/1.0\r\n\r\n";

/// How long the client waits for the whole answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

const CASES: &[&str] = &[
    "",
    "delay:sleep=250ms:direction=downstream",
    "throttle:rate=4kB/s:direction=downstream",
    "split:size=100:gap=20ms:direction=downstream",
    "corrupt:every=250:direction=downstream",
    "replace:match=200 OK:with=503 No:direction=downstream",
    "inject:text=surprise:at=600",
    "limit:bytes=600",
    "reset:bytes=600",
    "abort",
    "error",
    "hang:direction=downstream",
    "blackout",
    "slow-connect:delay=500ms:refuse",
];

pub(super) fn demo(registry: &Registry, seed: Option<u64>) -> Result<(), Failure> {
    serve::on_runtime(run(registry, seed.unwrap_or_else(random_seed)))
}

async fn run(registry: &Registry, seed: u64) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::run)?;
    let backend = listener.local_addr().map_err(Failure::run)?;
    tokio::spawn(serve_requests(listener));
    let mut control = Control::new(seed, false).map_err(Failure::run)?;
    let config = Config::new("127.0.0.1:0", &backend.to_string()).map_err(Failure::usage)?;
    let proxy = control.add(config).map_err(Failure::run)?;
    let address = proxy.address().ok_or_else(|| Failure::run("the proxy has no address"))?;
    print(&format!(
        "A client asks a backend on {backend} for {} bytes, through a proxy on {address}:\n\n",
        answer().len()
    ))?;
    let mut table = report::table(&["--behavior", "what the client saw", "took", "faults"]);
    for case in CASES {
        let rules = match *case {
            "" => Vec::new(),
            text => Rule::parse(text, registry, &Defaults::new()).map_err(Failure::usage)?,
        };
        proxy.set_rules(Rules::new(rules));
        let start = Instant::now();
        let seen = ask(address).await.map_err(Failure::run)?;
        let took = start.elapsed();
        let faults: u64 = proxy.rules().iter().map(|rule| rule.tally().faults()).sum();
        let shown = if case.is_empty() { "(no rule)" } else { case };
        let took = format!("{:.1} ms", took.as_secs_f64() * 1e3);
        table.add_row([shown.to_owned(), seen, took, faults.to_string()]);
    }
    report::right(&mut table, &[2, 3]);
    control.stop(Duration::ZERO).await.map_err(Failure::run)?;
    print(&format!(
        "{table}\n\nseed {seed}: the same seed draws the same faults\n\n\
         Now with a server of yours:\n  chenapan --listen 8000 --backend 127.0.0.1:80 \
         --behavior delay:sleep=250ms:chance=30%\n"
    ))
}

/// What the backend answers: letters in order, so that damage shows.
fn answer() -> Vec<u8> {
    let body: Vec<u8> = (b'a'..=b'z').cycle().take(1_000).collect();
    let mut answer = b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec();
    answer.extend(body);
    answer
}

async fn serve_requests(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut request = vec![0; REQUEST.len()];
            if stream.read_exact(&mut request).await.is_ok() {
                // The client may be gone: that is what this is about.
                let _ = stream.write_all(&answer()).await;
            }
        });
    }
}

/// How the client's connection has ended.
enum End {
    Closed,
    Reset,
    Silent,
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let mut got = Vec::new();
    let exchange = async {
        stream.write_all(REQUEST).await?;
        while stream.read_buf(&mut got).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    let end = match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(())) => End::Closed,
        Ok(Err(_)) => End::Reset,
        Err(_) => End::Silent,
    };
    Ok(describe(&got, &end))
}

fn describe(got: &[u8], end: &End) -> String {
    let right = answer();
    let end = match end {
        End::Closed => "then the end",
        End::Reset => "then a reset",
        End::Silent => "then silence",
    };
    if got == right {
        return format!("the right answer, {end}");
    }
    if got.is_empty() {
        return format!("nothing, {end}");
    }
    if right.starts_with(got) {
        return format!("the first {} bytes, {end}", got.len());
    }
    if got.len() == right.len() {
        let wrong = got.iter().zip(&right).filter(|(got, right)| got != right).count();
        return format!("all bytes, {wrong} of them wrong, {end}");
    }
    let same = got.iter().zip(&right).take_while(|(got, right)| got == right).count();
    format!("{} bytes, wrong from byte {same} on, {end}", got.len())
}

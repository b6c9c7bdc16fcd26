//! `chenapan demo`: a backend, a client and a few faults in turn, with nothing to set up.

use super::arguments::random_seed;
use super::{Failure, print, serve};
use chenapan_engine::control::Control;
use chenapan_engine::proxy::Config;
use chenapan_scenario::layout;

use anstyle::{AnsiColor, Style};
use chenapan_core::Registry;
use chenapan_engine::rule::{Defaults, Rule, Rules};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const REQUEST: &[u8] = b"GET /demo HTTP/1.0\r\n\r\n";

/// Longest time that the client waits for the whole answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

const CASES: &[&str] = &[
    "",
    "delay:sleep=250ms",
    "throttle:rate=4kB/s",
    "split:size=100:gap=20ms",
    "corrupt:every=250",
    "replace:match=200:with=503",
    "inject:text=surprise:at=600",
    "limit:bytes=600",
    "reset:bytes=600",
    "abort",
    "error",
    "hang",
    "blackout",
    "slow-connect:refuse",
];

const RULE: Style = AnsiColor::Cyan.on_default();
const RIGHT: Style = AnsiColor::Green.on_default();
const WRONG: Style = AnsiColor::Yellow.on_default();

/// Widths of the columns but the second, which takes what is left.
const FIRST: usize = 28;
const TOOK: usize = 8;
const FAULTS: usize = 7;

pub(super) fn demo(registry: &Registry, seed: Option<u64>) -> Result<(), Failure> {
    serve::on_runtime(run(registry, seed.unwrap_or_else(random_seed)))
}

async fn run(registry: &Registry, seed: u64) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::run)?;
    let backend = listener.local_addr().map_err(Failure::run)?;
    tokio::spawn(serve_requests(listener));
    let control = Control::seeded(seed).map_err(Failure::run)?;
    let config = Config::new("127.0.0.1:0", &backend.to_string()).map_err(Failure::usage)?;
    let proxy = control.add(config).map_err(Failure::run)?;
    let address = proxy.address().ok_or_else(|| Failure::run("the proxy has no address"))?;
    let about = format!(
        "A client asks a backend on {backend} for {} bytes, through a proxy on {address}:",
        answer().len()
    );
    print(&layout::wrap(&about, ""))?;
    print("\n")?;
    print(&row("--behavior", "what the client saw", "took", "faults", Style::new()))?;
    print(&format!("{}\n", "-".repeat(layout::width().min(WIDEST))))?;
    for case in CASES {
        let rules = match *case {
            "" => Vec::new(),
            text => Rule::parse(text, registry, &Defaults::new()).map_err(Failure::usage)?,
        };
        proxy.set_rules(Rules::new(rules)).map_err(Failure::usage)?;
        let start = Instant::now();
        let seen = ask(address).await.map_err(Failure::run)?;
        let took = format!("{:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        let faults: u64 = proxy.rules().iter().map(|rule| rule.tally().faults()).sum();
        let shown = if case.is_empty() { "(no rule)" } else { case };
        let style = if seen == RIGHT_ANSWER { RIGHT } else { WRONG };
        print(&row(shown, &seen, &took, &faults.to_string(), style))?;
    }
    control.stop(Duration::ZERO).await.map_err(Failure::run)?;
    let next = [
        ("chenapan --backend 127.0.0.1:80 --behavior delay", "in front of a server of yours"),
        ("chenapan list behaviors", "what else can go wrong"),
        ("chenapan help delay", "a behavior and its options"),
        ("chenapan scenario init chaos.yaml", "a chaos test to start from"),
    ];
    let next: Vec<_> = next.map(|(command, about)| (command, about.to_owned())).into();
    let again = format!("\nseed {seed}: chenapan demo --seed {seed} makes the same faults again\n");
    print(&format!("{again}\nNext:\n{}", layout::columns("  ", &next)))
}

/// Width of the whole table where there is room.
const WIDEST: usize = 80;

/// A row of the table, in several lines where the second column is too long.
fn row(rule: &str, seen: &str, took: &str, faults: &str, style: Style) -> String {
    let width = layout::width().min(WIDEST);
    let middle = width.saturating_sub(FIRST + 2 + TOOK + FAULTS).max(12);
    let lines = textwrap::wrap(seen, middle);
    let mut out = String::new();
    for (at, seen) in lines.iter().enumerate() {
        let first = format!("{RULE}{:FIRST$}{RULE:#}", if at == 0 { rule } else { "" });
        out += &format!("{first}  {style}{seen}{style:#}");
        if at == 0 {
            let gap = " ".repeat(middle.saturating_sub(seen.len()));
            out += &format!("{gap}{took:>TOOK$}{faults:>FAULTS$}");
        }
        out.push('\n');
    }
    out
}

/// Returns the backend's answer: letters in order, so that damage shows.
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

/// End of the client's connection.
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

/// The text for an answer that nobody touched.
const RIGHT_ANSWER: &str = "the right answer";

fn describe(got: &[u8], end: &End) -> String {
    let right = answer();
    let end = match end {
        End::Closed => "",
        End::Reset => ", then a reset",
        End::Silent => ", then silence",
    };
    if got == right {
        return format!("{RIGHT_ANSWER}{end}");
    }
    if got.is_empty() {
        let closed = if end.is_empty() { ", then the end" } else { end };
        return format!("nothing{closed}");
    }
    if right.starts_with(got) {
        return format!("the first {} bytes{end}", got.len());
    }
    if got.len() == right.len() {
        let wrong = got.iter().zip(&right).filter(|(got, right)| got != right).count();
        return format!("all bytes, {wrong} wrong{end}");
    }
    let same = got.iter().zip(&right).take_while(|(got, right)| got == right).count();
    format!("{} bytes, wrong after {same}{end}", got.len())
}

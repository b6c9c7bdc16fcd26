//! `chenapan echo`: a server that says what it understood of a header, then sends back what comes.
//!
//! It never says anything before the whole header is there, and nothing at all if that is wrong.

use super::arguments::{Logging, time};
use super::decode::{Choices, Receiver, Spoken, Verdict, least};
use super::serve::{on_runtime, raise_descriptor_limit};
use super::signals::{Second, Signals};
use super::terminal::Terminal;
use super::{Failure, mention};
use bytes::{Buf, BufMut, BytesMut};
use chenapan_engine::endpoint::{Arrival, At, Listen, Listener, Peer, Stream, plain};
use clap::Args;
use serde::Serialize;
use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::ready;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bytes that are read at once, and so held for each connection.
const PIECE: usize = 16 * 1024;

/// Longest time that connections may go on after a signal.
const GRACE: Duration = Duration::from_secs(1);

const HELP: &str = "\
Each connection gets a line of JSON on standard output, with its number, its peer (null for a UNIX \
    socket) and, with a protocol, what `chenapan decode` says of its header. The client gets the \
    same line first, and then everything that it sends after the header. If its header is wrong, \
    late or missing, its connection is closed without an answer, and message says why.";

#[derive(Debug, Args)]
#[command(after_long_help = chenapan_scenario::layout::notes(HELP))]
pub(super) struct Echo {
    /// Address to listen on: host:port, :port (every address), port (127.0.0.1; 0 for any), unix:PATH ...;
    /// may be repeated; see help endpoints
    #[arg(long, value_name = "ADDRESS", required = true)]
    listen: Vec<Listen>,
    /// Header to expect: none (tcp), or one of the PROXY protocol, with the same options as live
    /// traffic: proxy:lenient:refuse=local-family
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: Spoken,
    /// Longest time for a client's whole header [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    deadline: Option<Duration>,
    #[command(flatten)]
    choices: Choices,
}

pub(super) fn echo(args: &Echo) -> Result<(), Failure> {
    let server = Arc::new(Server {
        receiver: args
            .protocol
            .version
            .map(|version| Receiver::new(version, args.protocol.profile.clone(), &args.choices)),
        deadline: args.deadline.unwrap_or(args.protocol.profile.deadline),
        numbers: AtomicU64::new(0),
        left: Notify::new(),
        stopping: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    let terminal = Terminal::start(&Logging::default());
    raise_descriptor_limit();
    let result = on_runtime(run(args, &server));
    terminal.finish();
    result
}

/// Listens until a signal.
async fn run(args: &Echo, server: &Arc<Server>) -> Result<(), Failure> {
    // Before anybody can know that we are there: a signal is then never the end at once.
    let mut signals = Signals::new(Second::Ends)?;
    if args.listen.iter().any(|address| address.at == At::Stdio) {
        return Err(Failure::usage("--listen stdio: standard output is for what echo has to say"));
    }
    let listeners: Result<Vec<_>, _> = args.listen.iter().map(Listener::bind).collect();
    let listeners = listeners.map_err(Failure::run)?;
    for listener in listeners.into_iter().flatten() {
        let local = listener.local().clone();
        let protocol = args.protocol.name;
        mention(&format!("listening on {local}, echo, {protocol}\n"));
        server.tasks.spawn(Arc::clone(server).accept(listener));
    }
    for address in args.listen.iter().filter(|address| !address.is_local()) {
        tracing::warn!(%address, "listens beyond this machine: others can connect too");
    }
    signals.next().await;
    server.stopping.cancel();
    server.tasks.close();
    tokio::select! {
        _ = tokio::time::timeout(GRACE, server.tasks.wait()) => {}
        () = signals.next() => {}
    }
    Ok(())
}

/// State that connections share.
struct Server {
    /// Reads headers, if there are to be any.
    receiver: Option<Receiver>,
    deadline: Duration,
    numbers: AtomicU64,
    /// Told when a connection has ended: descriptors are free again.
    left: Notify,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// Facts that are reported of a connection.
#[derive(Serialize)]
struct Heard {
    connection: u64,
    peer: Option<SocketAddr>,
    #[serde(flatten)]
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: Listener) {
        let warn = |error: &io::Error| {
            tracing::warn!(error = plain(error), "cannot accept; waiting until a connection ends");
        };
        loop {
            let arrival = tokio::select! {
                () = self.stopping.cancelled() => return,
                arrival = listener.next(&self.left, warn) => arrival,
            };
            let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
            let server = Arc::clone(&self);
            self.tasks.spawn(async move {
                // The client may go away at any time: then there is nobody to tell.
                let _ = server.greet(number, arrival).await;
                server.left.notify_waiters();
            });
        }
    }

    /// Lets a client in, which may have to say something first.
    async fn greet(&self, connection: u64, arrival: Arrival) -> io::Result<()> {
        let Some(greeting) = arrival.greeting else {
            return self.converse(connection, arrival.peer).await;
        };
        match tokio::time::timeout(self.deadline, greeting.hear(arrival.peer)).await {
            Ok(Ok(peer)) => self.converse(connection, peer).await,
            Ok(Err(error)) => {
                tracing::warn!(connection, error = plain(&error), "not let in");
                Ok(())
            }
            Err(_) => {
                tracing::warn!(connection, "not let in: nothing within {:?}", self.deadline);
                Ok(())
            }
        }
    }

    async fn converse(&self, connection: u64, peer: Peer) -> io::Result<()> {
        let Peer { mut stream, address, .. } = peer;
        let mut heard = Heard { connection, peer: address, verdict: None, message: None };
        let mut bytes = BytesMut::new();
        let Some(receiver) = &self.receiver else {
            heard.print()?;
            return send_back(&mut stream, bytes).await;
        };
        let received = receive(receiver, &mut stream, &mut bytes);
        heard.message = match tokio::time::timeout(self.deadline, received).await {
            Ok(Ok(Received::Decided)) => None,
            Ok(Ok(Received::End)) => Some("the stream ended within the header".to_owned()),
            Ok(Err(error)) => Some(plain(&error)),
            Err(_) => Some(format!("no whole header within {:?}", self.deadline)),
        };
        let unpacked = receiver.unpack(&bytes);
        heard.verdict = Some(Verdict::new(&unpacked));
        let line = heard.print()?;
        // Section 2.1: "the receiver should abort the connection".
        let Ok((_, consumed)) = unpacked else { return Ok(()) };
        bytes.advance(consumed);
        stream.write_all(&line).await?;
        send_back(&mut stream, bytes).await
    }
}

impl Heard {
    /// Prints it as a line, which is returned too.
    fn print(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        // Clients are served even when nobody wants to know any more.
        let _ = io::stdout().lock().write_all(&line);
        Ok(line)
    }
}

/// Why nothing more is read of a header.
enum Received {
    Decided,
    End,
}

/// Reads until all is decided about the header.
async fn receive(
    receiver: &Receiver,
    stream: &mut Stream,
    bytes: &mut BytesMut,
) -> io::Result<Received> {
    loop {
        let Some(least) = least(&receiver.unpack(bytes)) else { return Ok(Received::Decided) };
        let enough = bytes.len() + least;
        while bytes.len() < enough {
            if read(stream, bytes).await? == 0 {
                return Ok(Received::End);
            }
        }
    }
}

/// Sends back these bytes and all that come, to the end of the stream.
async fn send_back(stream: &mut Stream, mut bytes: BytesMut) -> io::Result<()> {
    loop {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        bytes.clear();
        if read(stream, &mut bytes).await? == 0 {
            return stream.shutdown().await;
        }
    }
}

/// Appends what comes next, one piece at most; 0 is the end of stream.
async fn read(stream: &mut Stream, bytes: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|cx| {
        // A silent client takes no memory.
        ready!(stream.poll_readable(cx))?;
        bytes.reserve(PIECE);
        stream.poll_read(cx, &mut (&mut *bytes).limit(PIECE))
    })
    .await
}

//! `chenapan echo`: a server that says what it understood of a header, then sends back what comes.
//!
//! It never says anything before the whole header is there, and nothing at all if that is wrong.

use super::arguments::{Logging, time};
use super::decode::{Spoken, given, inspected, option, spoken, written};
use super::serve::{on_runtime, raise_descriptor_limit};
use super::signals::{Second, Signals};
use super::terminal::Terminal;
use super::{Failure, mention};
use bytes::{Buf, BufMut, BytesMut};
use chenapan_core::{
    Direction, Extent, Found, Handled, Inspect, Inspection, OptionSpec, ProtocolEntry, Registry,
    Remark,
};
use chenapan_engine::endpoint::{Arrival, Listen, Listener, Peer, Stream, plain};
use clap::{ArgMatches, Args};
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
    /// Protocol to expect and to answer with, such as a PROXY header, with the same options as live
    /// traffic: proxy:lenient:refuse=local-family
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: String,
    /// Longest time for a client's whole header [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    deadline: Option<Duration>,
}

/// The flags of all inspections of a front: each protocol takes those that its own table has.
pub(super) fn with_protocols(command: clap::Command, registry: &Registry) -> clap::Command {
    let mut options: Vec<&'static OptionSpec> = Vec::new();
    for spec in fronts(registry).flat_map(|(_, inspection)| inspection.options) {
        if !RESERVED.contains(&spec.name) && !options.iter().any(|known| known.name == spec.name) {
            options.push(spec);
        }
    }
    command.next_help_heading("Tolerance").args(options.into_iter().map(option))
}

/// Flags that have a meaning for the command already.
const RESERVED: [&str; 5] = ["listen", "protocol", "deadline", "version", "help"];

/// Protocols of which the front can be answered with.
fn fronts(registry: &Registry) -> impl Iterator<Item = (&ProtocolEntry, &Inspection)> {
    inspected(registry).filter(|(_, inspection)| inspection.extent == Extent::Front)
}

pub(super) fn echo(args: &Echo, registry: &Registry, matches: &ArgMatches) -> Result<(), Failure> {
    let Spoken { entry, options } = spoken(&args.protocol, registry)?;
    let inspect = match inspect(entry, &options, registry, matches) {
        Ok(inspect) => inspect,
        Err(wrong) => return Err(Failure::usage(wrong)),
    };
    let server = Arc::new(Server {
        deadline: args.deadline.unwrap_or_else(|| {
            inspect.as_ref().map_or(Duration::from_secs(5), |inspect| inspect.deadline())
        }),
        inspect,
        numbers: AtomicU64::new(0),
        left: Notify::new(),
        stopping: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    let terminal = Terminal::start(&Logging::default());
    raise_descriptor_limit();
    let result = on_runtime(run(args, entry.name, &server));
    terminal.finish();
    result
}

/// The inspection of a protocol's front; none where the protocol cuts nothing, so that there is
/// nothing to expect.
fn inspect(
    entry: &ProtocolEntry,
    options: &[(String, String)],
    registry: &Registry,
    matches: &ArgMatches,
) -> Result<Option<Box<dyn Inspect>>, String> {
    let front = entry.inspection.filter(|inspection| inspection.extent == Extent::Front);
    let Some(inspection) = front else {
        let texts = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let configured = entry.configure(texts).map_err(|error| format!("--protocol: {error}"))?;
        let handled = configured.instance().handle(Direction::Upstream, &mut BytesMut::new());
        return match handled {
            Ok(Handled::Opaque) => Ok(None),
            _ => {
                let known: Vec<_> = fronts(registry).map(|(entry, _)| entry.name).collect();
                let (name, known) = (entry.name, known.join(", "));
                Err(format!("--protocol {name}: echo reads the front of {known}"))
            }
        };
    };
    let all = fronts(registry).flat_map(|(_, inspection)| inspection.options);
    let shown = all.filter(|spec| !RESERVED.contains(&spec.name));
    let own = |name: &str| inspection.options.iter().find(|spec| spec.name == name);
    let other = shown.filter(|spec| own(spec.name).is_none()).find(|spec| {
        matches.value_source(spec.name) == Some(clap::parser::ValueSource::CommandLine)
    });
    if let Some(spec) = other {
        return Err(format!("--{}: {} has no such option", spec.name, entry.name));
    }
    let options_here = inspection.options.iter().filter(|spec| !RESERVED.contains(&spec.name));
    let given = given(options_here, matches);
    let mut inspect = inspection
        .configure(given)
        .map_err(|error| format!("--{}: {}", error.option, error.fault))?;
    let adopted = inspect.adopt(entry.name, options);
    adopted.map_err(|wrong| format!("--protocol: {wrong}"))?;
    Ok(Some(inspect))
}

/// Listens until a signal.
async fn run(args: &Echo, protocol: &str, server: &Arc<Server>) -> Result<(), Failure> {
    // Before anybody can know that we are there: a signal is then never the end at once.
    let mut signals = Signals::new(Second::Ends)?;
    if args.listen.iter().any(|address| address.place.is_stdio()) {
        return Err(Failure::usage("--listen stdio: standard output is for what echo has to say"));
    }
    let listeners: Result<Vec<_>, _> = args.listen.iter().map(Listener::bind).collect();
    let listeners = listeners.map_err(Failure::run)?;
    for listener in listeners.into_iter().flatten() {
        let local = listener.local().clone();
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
    /// Reads what is expected first, if anything is.
    inspect: Option<Box<dyn Inspect>>,
    deadline: Duration,
    numbers: AtomicU64,
    /// Told when a connection has ended: descriptors are free again.
    left: Notify,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// Facts that are reported of a connection.
struct Heard {
    connection: u64,
    peer: Option<SocketAddr>,
    /// Verdict of the inspection: an object of JSON.
    verdict: Option<Vec<u8>>,
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
        let Some(inspect) = &self.inspect else {
            heard.print()?;
            return send_back(&mut stream, bytes).await;
        };
        let received = receive(&**inspect, &mut stream, &mut bytes);
        heard.message = match tokio::time::timeout(self.deadline, received).await {
            Ok(Ok(Received::Decided)) => None,
            Ok(Ok(Received::End)) => Some("the stream ended within the header".to_owned()),
            Ok(Err(error)) => Some(plain(&error)),
            Err(_) => Some(format!("no whole header within {:?}", self.deadline)),
        };
        let mut verdict = Vec::new();
        let found = written(&mut verdict, |out| inspect.boxed_clone().end(&bytes, out))?;
        heard.verdict = Some(verdict);
        let line = heard.print()?;
        // Section 2.1 of the PROXY protocol: "the receiver should abort the connection".
        let Found::Taken(consumed, Remark::Sound) = found else { return Ok(()) };
        bytes.advance(consumed);
        stream.write_all(&line).await?;
        send_back(&mut stream, bytes).await
    }
}

impl Heard {
    /// The object in which the members of the verdict stand between the connection's and the message.
    fn line(&self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        write!(line, "{{\"connection\":{},\"peer\":", self.connection)?;
        serde_json::to_writer(&mut line, &self.peer)?;
        let members = self.verdict.as_ref().and_then(|verdict| {
            verdict.strip_prefix(b"{")?.strip_suffix(b"}").filter(|members| !members.is_empty())
        });
        if let Some(members) = members {
            line.push(b',');
            line.extend_from_slice(members);
        }
        if let Some(message) = &self.message {
            line.extend_from_slice(b",\"message\":");
            serde_json::to_writer(&mut line, message)?;
        }
        line.extend_from_slice(b"}\n");
        Ok(line)
    }

    /// Prints it as a line, which is returned too.
    fn print(&self) -> io::Result<Vec<u8>> {
        let line = self.line()?;
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
    inspect: &dyn Inspect,
    stream: &mut Stream,
    bytes: &mut BytesMut,
) -> io::Result<Received> {
    loop {
        let mut inspect = inspect.boxed_clone();
        let found = written(&mut io::sink(), |out| inspect.look(bytes, out))?;
        let Found::Incomplete(least) = found else { return Ok(Received::Decided) };
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

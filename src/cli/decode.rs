//! `chenapan decode`: what a protocol's codec makes of bytes from standard input.
//!
//! It shows what the codec says, and never judges bytes itself.

mod dump;
mod hex;
mod json;
mod json_rpc;
mod receiver;

use super::Failure;
use chenapan_engine::endpoint::{in_words, plain};
use chenapan_protocols::proxy_protocol::Profile;
use clap::{Args, Subcommand, ValueEnum};
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};

pub(super) use json::Verdict;
pub(super) use receiver::{Choices, Receiver, Spoken, Unpacked, Version, least};

/// The most that is read to show a header and to count what follows it: the longest header and as
/// much again.
const MOST: u64 = 2 * 65_551;

const PROXY_HELP: &str = "\
The JSON is one object; with --hex it is one for each line. By its kind it has:
  accept      version, command, family, transport, src, sport, dst, dport (null where the \
    connection's own addresses count; UNIX paths in hex), tlvs as [[type, hex], ...] in wire \
    order, crc (absent, ok, unchecked), consumed, details as [[name, text], ...]
  incomplete  want_bytes, the number of bytes that are missing at least, or want_line, the most \
    that may follow up to the end of the line
  reject      error (syntax or checksum), message, offset; with crc wrong the header's fields, too
  error       message: the line is not hex (only with --hex)

Exit codes: 0 accepted (all of them), 1 one is incomplete or rejected, 2 bad usage or a line \
    that is not hex, 3 standard input cannot be read.";

#[derive(Debug, Args)]
#[command(subcommand_value_name = "PROTOCOL", subcommand_help_heading = "Protocols")]
pub(super) struct Decode {
    #[command(subcommand)]
    protocol: Codec,
}

#[derive(Debug, Subcommand)]
enum Codec {
    /// A header of the PROXY protocol, version 1 or 2
    ///
    /// On a terminal it shows every field with its bytes and meaning, and marks the first wrong
    /// byte; elsewhere it writes JSON, as soon as it has decided. The text comes at the end of the
    /// input, since it says how much follows the header, and counts no further than 131102 bytes.
    #[command(after_long_help = chenapan_scenario::layout::notes(PROXY_HELP))]
    Proxy {
        /// The version that the header must have
        #[arg(long, value_name = "VERSION", default_value = "auto")]
        version: Version,
        #[command(flatten)]
        how: How,
    },
    /// Short for proxy --version v1
    #[command(after_long_help = chenapan_scenario::layout::notes(PROXY_HELP))]
    ProxyV1(How),
    /// Short for proxy --version v2
    #[command(after_long_help = chenapan_scenario::layout::notes(PROXY_HELP))]
    ProxyV2(How),
    /// A stream of JSON-RPC messages, of any version and framing
    ///
    /// It says what a strict peer would make of each message, and never changes one: ids and codes
    /// are shown as they are written.
    #[command(after_long_help = chenapan_scenario::layout::notes(json_rpc::HELP))]
    JsonRpc(json_rpc::JsonRpc),
}

#[derive(Debug, Args)]
struct How {
    /// Read lines of hex, one input each, and answer each of them in a line
    ///
    /// Empty lines are skipped and get no answer; spaces and tabs do not count.
    #[arg(long)]
    hex: bool,
    /// Form of the output: JSON, or text that shows every field; auto is text on a terminal
    #[arg(long, value_name = "FORM", default_value = "auto", conflicts_with = "json")]
    output: Form,
    /// Short for --output json
    #[arg(long)]
    json: bool,
    /// Choices as live traffic takes them, such as proxy:lenient:refuse=local-family
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<Spoken>,
    #[command(flatten)]
    choices: Choices,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Auto,
    Json,
    Text,
}

pub(super) fn decode(args: &Decode) -> Result<(), Failure> {
    let (version, how) = match &args.protocol {
        Codec::Proxy { version, how } => (*version, how),
        Codec::ProxyV1(how) => (Version::V1, how),
        Codec::ProxyV2(how) => (Version::V2, how),
        Codec::JsonRpc(args) => return messages(args),
    };
    let form = match how.output {
        _ if how.json => Form::Json,
        Form::Auto if !how.hex && io::stdout().is_terminal() => Form::Text,
        Form::Auto => Form::Json,
        form => form,
    };
    let receiver = match &how.protocol {
        None => Receiver::new(version, Profile::default(), &how.choices),
        Some(Spoken { name, version: spoken, profile }) => {
            let fits = spoken.is_some_and(|spoken| spoken == version || version == Version::Auto);
            let Some(spoken) = spoken.filter(|_| fits) else {
                return Err(Failure::usage(format!("--protocol {name}: another one is decoded")));
            };
            Receiver::new(spoken, profile.clone(), &how.choices)
        }
    };
    let mut run = Run {
        receiver,
        form,
        out: match form {
            Form::Text => Box::new(anstream::stdout().lock()),
            _ => Box::new(BufWriter::with_capacity(64 * 1024, io::stdout().lock())),
        },
        refused: false,
        unreadable: 0,
    };
    let ran = if how.hex { run.lines() } else { run.whole() };
    match ran.and_then(|()| run.out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::run(plain(&error))),
        Ok(()) if run.unreadable == 1 => Err(Failure::usage("a line is not hex")),
        Ok(()) if run.unreadable > 1 => {
            Err(Failure::usage(format!("{} lines are not hex", run.unreadable)))
        }
        Ok(()) if run.refused => Err(Failure::Verdict),
        Ok(()) => Ok(()),
    }
}

/// Decodes a stream of messages, which knows neither hex nor text.
fn messages(args: &json_rpc::JsonRpc) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let decoded = json_rpc::decode(args, &mut out);
    match decoded.and_then(|well| out.flush().map(|()| well)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::run(plain(&error))),
        Ok(false) => Err(Failure::Verdict),
        Ok(true) => Ok(()),
    }
}

struct Run {
    receiver: Receiver,
    form: Form,
    out: Box<dyn Write>,
    /// Set when something was not accepted.
    refused: bool,
    /// Number of lines that were no hex.
    unreadable: u64,
}

impl Run {
    /// Decodes the front of standard input.
    fn whole(&mut self) -> io::Result<()> {
        let mut input = io::stdin().lock();
        let mut bytes = Vec::new();
        let unpacked = self.fill(&mut input, &mut bytes).map_err(unread)?;
        if self.form == Form::Text {
            let more = MOST - bytes.len() as u64;
            input.take(more).read_to_end(&mut bytes).map_err(unread)?;
        }
        self.show(&bytes, &unpacked)
    }

    /// Decodes each line of standard input.
    fn lines(&mut self) -> io::Result<()> {
        let mut lines = hex::Lines::new(BufReader::with_capacity(64 * 1024, io::stdin().lock()));
        let mut bytes = Vec::new();
        loop {
            // Whoever waits for an answer before the next line gets it.
            if lines.must_wait() {
                self.out.flush()?;
            }
            match lines.next(&mut bytes).map_err(unread)? {
                None => return Ok(()),
                Some(Ok(())) => {
                    let unpacked = self.receiver.unpack(&bytes);
                    self.show(&bytes, &unpacked)?;
                    if self.form == Form::Text {
                        self.out.write_all(b"\n")?;
                    }
                }
                Some(Err(message)) => {
                    self.unreadable += 1;
                    anstream::eprintln!("line {}: {message}", lines.number());
                    // Answers stay in line with questions.
                    if self.form != Form::Text {
                        Verdict::Error { message }.write(&mut self.out)?;
                    }
                }
            }
        }
    }

    /// Reads until the codec has decided, or the input has ended.
    fn fill(&self, input: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Unpacked> {
        loop {
            let unpacked = self.receiver.unpack(bytes);
            let Some(least) = least(&unpacked) else { return Ok(unpacked) };
            if input.take(least as u64).read_to_end(bytes)? == 0 {
                return Ok(unpacked);
            }
        }
    }

    fn show(&mut self, bytes: &[u8], unpacked: &Unpacked) -> io::Result<()> {
        self.refused |= unpacked.is_err();
        match self.form {
            Form::Text => {
                let text = dump::dump(&self.receiver, bytes, unpacked);
                self.out.write_all(text.as_bytes())
            }
            _ => Verdict::new(unpacked).write(&mut self.out),
        }
    }
}

fn unread(error: io::Error) -> io::Error {
    in_words("standard input", &error)
}

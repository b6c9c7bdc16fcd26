//! `chenapan decode`: what a protocol's inspection makes of bytes from standard input.
//!
//! It knows no protocol: each one that has an inspection is a subcommand, made from its tables.

mod hex;
mod sink;

use super::Failure;
use super::arguments::flag;
use bytes::{Buf, BytesMut};
use chenapan_core::{
    Extent, Form, Found, Inspect, Inspection, OptionSpec, ProtocolEntry, Registry, Remark,
};
use chenapan_engine::endpoint::{in_words, plain};
use chenapan_engine::notation;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches};
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};

pub(super) use sink::written;

/// A subcommand for each protocol that has an inspection, with a flag for each option of that.
pub(super) fn with_protocols(command: clap::Command, registry: &Registry) -> clap::Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_value_name("PROTOCOL")
        .subcommand_help_heading("Protocols")
        .subcommands(inspected(registry).map(|(entry, inspection)| {
            let paragraphs = inspection.paragraphs();
            let about = paragraphs.first().map_or("", |first| first.trim_end_matches('.'));
            let rest = paragraphs.get(1..).unwrap_or_default();
            let command = clap::Command::new(entry.name).about(about.to_owned());
            let command = match rest {
                [] => command,
                rest => command.long_about(format!("{about}\n\n{}", rest.join("\n\n"))),
            };
            let command =
                command.after_long_help(chenapan_scenario::layout::notes(inspection.notes));
            let (common, heading) = match inspection.extent {
                Extent::Front => (&[HEX, OUTPUT, JSON, PROTOCOL][..], "Tolerance"),
                Extent::Stream => (&[PROTOCOL][..], "Reading"),
            };
            command
                .args(common.iter().map(|argument| argument()))
                .next_help_heading(heading)
                .args(options(inspection).map(option))
        }))
}

/// Protocols that have an inspection, in documentation order.
pub(super) fn inspected(
    registry: &Registry,
) -> impl Iterator<Item = (&ProtocolEntry, &Inspection)> {
    registry.protocols().iter().filter_map(|entry| Some((entry, entry.inspection.as_ref()?)))
}

/// The options of an inspection, but those whose flags have a meaning for the command already.
fn options(inspection: &Inspection) -> impl Iterator<Item = &'static OptionSpec> {
    let reserved = ["hex", "output", "json", "protocol", "help"];
    inspection.options.iter().filter(move |spec| !reserved.contains(&spec.name))
}

/// An option of an inspection as a flag.
pub(super) fn option(spec: &'static OptionSpec) -> Arg {
    match spec.form {
        Form::Flag => Arg::new(spec.name)
            .long(spec.name)
            .action(ArgAction::SetTrue)
            .help(spec.summary().trim_end_matches('.').to_owned()),
        _ => flag(spec.name.to_owned(), spec),
    }
}

/// The options of an inspection that were given.
pub(super) fn given(
    options: impl Iterator<Item = &'static OptionSpec>,
    matches: &ArgMatches,
) -> Vec<(&'static str, &str)> {
    let values = |spec: &'static OptionSpec| match spec.form {
        Form::Flag if matches.get_flag(spec.name) => vec![(spec.name, "yes")],
        Form::Flag => Vec::new(),
        _ => {
            let texts = matches.get_many::<String>(spec.name).unwrap_or_default();
            texts.map(|text| (spec.name, text.as_str())).collect()
        }
    };
    options.flat_map(values).collect()
}

/// A protocol and its options, as one line names them.
pub(super) struct Spoken<'a> {
    pub(super) entry: &'a ProtocolEntry,
    /// Names and values of the options.
    pub(super) options: Vec<(String, String)>,
}

/// Reads a protocol and its options.
pub(super) fn spoken<'a>(text: &str, registry: &'a Registry) -> Result<Spoken<'a>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("--protocol: {error}"));
    let parts = notation::parts(text, ':').map_err(|error| wrong(&error))?;
    let mut parts = parts.into_iter();
    let name = parts.next().map(|part| part.value).unwrap_or_default();
    let entry = registry.find_protocol(&name).map_err(|error| wrong(&error))?;
    let options = notation::given(parts, entry.options).map_err(|error| wrong(&error))?;
    Ok(Spoken { entry, options })
}

const HEX: fn() -> Arg = || {
    Arg::new("hex")
        .long("hex")
        .action(ArgAction::SetTrue)
        .help("Read lines of hex, one input each, and answer each of them in a line")
        .long_help(
            "Read lines of hex, one input each, and answer each of them in a line\n\n\
             Empty lines are skipped and get no answer; spaces and tabs do not count.",
        )
};

const OUTPUT: fn() -> Arg = || {
    Arg::new("output")
        .long("output")
        .value_name("FORM")
        .default_value("auto")
        .conflicts_with("json")
        .value_parser(PossibleValuesParser::new(["auto", "json", "text"]))
        .help(
            "Form of the output: JSON, or text that shows every field; auto is text on a terminal",
        )
};

const JSON: fn() -> Arg =
    || Arg::new("json").long("json").action(ArgAction::SetTrue).help("Short for --output json");

const PROTOCOL: fn() -> Arg = || {
    Arg::new("protocol")
        .long("protocol")
        .value_name("PROTOCOL")
        .help("Protocol with options as live traffic takes them, such as proxy:lenient")
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Json,
    Text,
}

pub(super) fn decode(registry: &Registry, matches: &ArgMatches) -> Result<(), Failure> {
    let (name, matches) = matches
        .subcommand()
        .ok_or_else(|| Failure::usage("decode: expected the name of a protocol"))?;
    let entry = registry.find_protocol(name).map_err(Failure::usage)?;
    let Some(inspection) = &entry.inspection else {
        return Err(Failure::usage(format!("decode: {name} has nothing to decode by")));
    };
    let configured = inspection.configure(given(options(inspection), matches));
    let mut inspect = configured
        .map_err(|error| Failure::usage(format!("--{}: {}", error.option, error.fault)))?;
    if let Some(text) = matches.get_one::<String>("protocol") {
        let Spoken { entry, options } = spoken(text, registry)?;
        let adopted = inspect.adopt(entry.name, &options);
        adopted.map_err(|wrong| Failure::usage(format!("--protocol: {wrong}")))?;
    }
    let (ran, unreadable) = match inspection.extent {
        Extent::Stream => (stream(&mut *inspect), 0),
        Extent::Front => front(inspect, matches),
    };
    match ran {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::run(plain(&error))),
        Ok(_) if unreadable == 1 => Err(Failure::usage("a line is not hex")),
        Ok(_) if unreadable > 1 => Err(Failure::usage(format!("{unreadable} lines are not hex"))),
        Ok(Remark::Wrong) => Err(Failure::Verdict),
        Ok(Remark::None | Remark::Sound) => Ok(()),
    }
}

/// Inspects all of standard input; the worst that is to be said of it.
fn stream(inspect: &mut dyn Inspect) -> io::Result<Remark> {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let mut input = io::stdin().lock();
    let (mut held, mut piece, mut worst) = (BytesMut::new(), vec![0; 64 * 1024], Remark::None);
    loop {
        let size = match input.read(&mut piece) {
            Ok(size) => size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unread(error)),
        };
        held.extend_from_slice(&piece[..size]);
        loop {
            let found = match size {
                0 => written(&mut out, |out| inspect.end(&held, out))?,
                _ => written(&mut out, |out| inspect.look(&held, out))?,
            };
            match found {
                Found::Taken(size, remark) => {
                    held.advance(size.min(held.len()));
                    if remark != Remark::None {
                        out.write_all(b"\n")?;
                    }
                    worst = worse(worst, remark);
                }
                Found::Incomplete(_) if size > 0 => break,
                Found::Over if size > 0 => {
                    io::copy(&mut input, &mut io::sink()).map_err(unread)?;
                    out.flush()?;
                    return Ok(worst);
                }
                Found::Incomplete(_) | Found::Over => {
                    out.flush()?;
                    return Ok(worst);
                }
            }
        }
        // Whoever waits for an answer before it says more gets it.
        out.flush()?;
    }
}

fn worse(known: Remark, found: Remark) -> Remark {
    match (known, found) {
        (Remark::Wrong, _) | (_, Remark::Wrong) => Remark::Wrong,
        (Remark::None, found) => found,
        (known, _) => known,
    }
}

/// Inspects the front of standard input, or of each line of hex; the worst that is to be said, and
/// the number of lines that were no hex.
fn front(inspect: Box<dyn Inspect>, matches: &ArgMatches) -> (io::Result<Remark>, u64) {
    let hex = matches.get_flag("hex");
    let output = match matches.get_one::<String>("output").map(String::as_str) {
        _ if matches.get_flag("json") => Output::Json,
        Some("text") => Output::Text,
        Some("json") => Output::Json,
        _ if !hex && io::stdout().is_terminal() => Output::Text,
        _ => Output::Json,
    };
    let mut run = Front {
        inspect,
        output,
        out: match output {
            Output::Text => Box::new(anstream::stdout().lock()),
            Output::Json => Box::new(BufWriter::with_capacity(64 * 1024, io::stdout().lock())),
        },
        worst: Remark::None,
        unreadable: 0,
    };
    let ran = if hex { run.lines() } else { run.whole() };
    (ran.and_then(|()| run.out.flush()).map(|()| run.worst), run.unreadable)
}

struct Front {
    inspect: Box<dyn Inspect>,
    output: Output,
    out: Box<dyn Write>,
    /// Worst remark so far.
    worst: Remark,
    /// Number of lines that were no hex.
    unreadable: u64,
}

impl Front {
    /// Inspects the front of standard input.
    fn whole(&mut self) -> io::Result<()> {
        let mut input = io::stdin().lock();
        let mut bytes = Vec::new();
        self.fill(&mut input, &mut bytes).map_err(unread)?;
        if self.output == Output::Text {
            let more = self.inspect.shown().saturating_sub(bytes.len());
            input.take(more as u64).read_to_end(&mut bytes).map_err(unread)?;
        }
        self.show(&bytes)
    }

    /// Inspects each line of standard input.
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
                    self.show(&bytes)?;
                    if self.output == Output::Text {
                        self.out.write_all(b"\n")?;
                    }
                }
                Some(Err(message)) => {
                    self.unreadable += 1;
                    anstream::eprintln!("line {}: {message}", lines.number());
                    // Answers stay in line with questions.
                    if self.output == Output::Json {
                        let answer = serde_json::json!({"kind": "error", "message": message});
                        writeln!(self.out, "{answer}")?;
                    }
                }
            }
        }
    }

    /// Reads until the inspection has decided, or the input has ended.
    fn fill(&self, input: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let mut inspect = self.inspect.boxed_clone();
            let found = written(&mut io::sink(), |out| inspect.look(bytes, out))?;
            let Found::Incomplete(least) = found else { return Ok(()) };
            if input.take(least as u64).read_to_end(bytes)? == 0 {
                return Ok(());
            }
        }
    }

    fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inspect = self.inspect.boxed_clone();
        let mut verdict = Vec::new();
        let found = written(&mut verdict, |out| inspect.end(bytes, out))?;
        if let Found::Taken(_, remark) = found {
            self.worst = worse(self.worst, remark);
        }
        match self.inspect.text(bytes).filter(|_| self.output == Output::Text) {
            Some(text) => self.out.write_all(text.as_bytes()),
            None => {
                verdict.push(b'\n');
                self.out.write_all(&verdict)
            }
        }
    }
}

fn unread(error: io::Error) -> io::Error {
    in_words("standard input", &error)
}

//! `chenapan encode`: the header that a protocol would add, with rules applied to it.
//!
//! It uses the session that a proxy uses, so what it writes is what a proxy sends.

use super::Failure;
use super::apply::Run;
use super::arguments::{flag, random_seed, seed};
use chenapan_core::{Connection, Direction, OptionSpec, ProtocolEntry, Registry};
use chenapan_engine::rule::{Defaults, Rule, Rules};
use chenapan_engine::session::{Session, Settings};
use clap::{Arg, ArgAction, ArgMatches};
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::Arc;

/// The option of a protocol for the treatment of its header, and its choice that adds one.
const HEADER: (&str, &str) = ("header", "add");

/// A subcommand for each protocol that can add a header, with a flag for each of its options.
pub(super) fn with_protocols(command: clap::Command, registry: &Registry) -> clap::Command {
    let adding = registry.protocols().iter().filter(|entry| adds(entry));
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_value_name("PROTOCOL")
        .subcommand_help_heading("Protocols")
        .subcommands(adding.map(|entry| {
            clap::Command::new(entry.name)
                .about(entry.summary())
                .args(common())
                .next_help_heading("Content of the header")
                .args(options(entry).map(|spec| flag(spec.name.to_owned(), spec)))
        }))
}

fn adds(entry: &ProtocolEntry) -> bool {
    let (name, add) = HEADER;
    entry.options.iter().any(|spec| spec.name == name && spec.texts().any(|text| text == add))
}

fn options(entry: &ProtocolEntry) -> impl Iterator<Item = &'static OptionSpec> {
    entry.options.iter().filter(|spec| spec.name != HEADER.0)
}

fn common() -> [Arg; 3] {
    [
        Arg::new("behavior")
            .long("behavior")
            .value_name("RULE")
            .action(ArgAction::Append)
            .help("Rule that the header passes, such as bad-checksum; may be repeated"),
        Arg::new("seed")
            .long("seed")
            .value_name("N")
            .env("CHENAPAN_SEED")
            .hide_env(true)
            .value_parser(seed)
            .help("Random seed"),
        Arg::new("hex")
            .long("hex")
            .action(ArgAction::SetTrue)
            .help("Write a line of hex instead of bytes; a terminal gets hex anyway"),
    ]
}

pub(super) fn encode(registry: &Registry, matches: &ArgMatches) -> Result<(), Failure> {
    let (name, matches) = matches
        .subcommand()
        .ok_or_else(|| Failure::usage("encode: expected the name of a protocol"))?;
    let entry = registry.find_protocol(name).map_err(Failure::usage)?;
    let mut given = vec![HEADER];
    for spec in options(entry) {
        let texts = matches.get_many::<String>(spec.name).unwrap_or_default();
        given.extend(texts.map(|text| (spec.name, text.as_str())));
    }
    let protocol = entry
        .configure(given)
        .map_err(|error| Failure::usage(format!("--{}: {}", error.option, error.fault)))?;
    let wrong = |error| Failure::usage(format!("--behavior: {error}"));
    let mut rules = Vec::new();
    for text in matches.get_many::<String>("behavior").unwrap_or_default() {
        rules.extend(Rule::parse(text, registry, &Defaults::new()).map_err(wrong)?);
    }
    let rules = Rules::new(rules);
    rules.fit(&*protocol, entry.name).map_err(wrong)?;

    let seed = matches.get_one("seed").copied().unwrap_or_else(random_seed);
    let session = Session::new(
        Connection::new(1),
        protocol.instance(),
        Arc::new(rules),
        Settings { buffer: 256 * 1024, ..Settings::new(seed) },
    );
    let mut bytes = Vec::new();
    let ways = (Direction::Upstream, Direction::Upstream);
    let ran = Run::new(session, seed, ways, &mut bytes).run(&mut io::empty());
    ran.map_err(|error| Failure::run(chenapan_engine::endpoint::plain(&error)))?;
    if matches.get_flag("hex") || io::stdout().is_terminal() {
        let mut line = String::with_capacity(2 * bytes.len() + 1);
        for byte in &bytes {
            // Writing to a string cannot fail.
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        bytes = line.into_bytes();
    }
    super::flushed(io::stdout().lock(), &bytes)
}

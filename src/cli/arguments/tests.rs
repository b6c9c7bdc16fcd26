//! Values that the arguments take, by the tables that they come from.

use super::Breaking;
use crate::cli::Failure;
use crate::cli::commands::command;
use chenapan_core::Registry;
use chenapan_engine::endpoint::Kinds;
use clap::FromArgMatches;

/// The commands that break traffic, with what they need beside a protocol.
const COMMANDS: [&[&str]; 4] = [
    &["--backend", "127.0.0.1:9"],
    &["run", "--backend", "127.0.0.1:9"],
    &["send", "--backend", "127.0.0.1:9"],
    &["apply"],
];

/// The protocol as a command reads it; nothing is started.
fn read(
    parser: &mut clap::Command,
    registry: &Registry,
    before: &[&str],
    protocol: &[String],
) -> Result<(), String> {
    let mut words: Vec<String> = vec!["chenapan".to_owned()];
    words.extend(before.iter().map(|word| (*word).to_owned()));
    words.extend(protocol.iter().cloned());
    if before.first() == Some(&"run") {
        words.extend(["--", "true"].map(str::to_owned));
    }
    let matches = parser.try_get_matches_from_mut(&words);
    let matches = matches.map_err(|error| error.to_string())?;
    let matches = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    let breaking = Breaking::from_arg_matches(matches).map_err(|error| error.to_string())?;
    match breaking.read(registry, matches) {
        Ok(_) => Ok(()),
        Err(Failure::Usage(message)) => Err(message),
        Err(_) => Err("not a matter of usage".to_owned()),
    }
}

#[test]
fn every_command_takes_every_option_of_every_protocol_as_its_table_does() {
    let registry = chenapan_engine::registry();
    let mut parser = command(&registry, &Kinds::default());
    let (mut taken, mut all) = (0, 0);
    for entry in registry.protocols() {
        for spec in entry.options {
            let values = spec.default.into_iter().chain(spec.texts()).chain([spec.example]);
            for (at, value) in values.filter(|value| !value.is_empty()).enumerate() {
                // Some options need others: whether they go together is the protocol's to say.
                let expected = entry.configure([(spec.name, value)]).map(drop);
                let quoted = value.replace('\\', r"\\").replace(':', r"\:");
                let line = format!("{}:{}={quoted}", entry.name, spec.name);
                let flag = format!("--protocol-{}-{}={value}", entry.name, spec.name);
                let spellings = [
                    vec!["--protocol".to_owned(), line.clone()],
                    vec!["--protocol".to_owned(), entry.name.to_owned(), flag],
                ];
                // All commands share one table: each takes each option, and one of them each value.
                let commands = if at == 0 { &COMMANDS[..] } else { &COMMANDS[at % 4..][..1] };
                for (before, spelling) in commands
                    .iter()
                    .flat_map(|before| spellings.iter().map(move |one| (before, one)))
                {
                    match (read(&mut parser, &registry, before, spelling), &expected) {
                        (Ok(()), Ok(())) => taken += 1,
                        (Err(said), Err(error)) => {
                            assert!(said.contains(&error.to_string()), "{before:?} {line}: {said}");
                        }
                        (read, _) => panic!("{before:?} {spelling:?}: {read:?}, {expected:?}"),
                    }
                    all += 1;
                }
            }
        }
    }
    assert!(taken > all / 2, "{taken} of {all}");
    let wrong = ["--protocol".to_owned(), "json-rpc:framnig=http".to_owned()];
    for before in COMMANDS {
        let said = read(&mut parser, &registry, before, &wrong).unwrap_err();
        assert!(said.contains("did you mean \"framing\"?"), "{before:?}: {said}");
    }
}

//! The tables of docs/from-vaurien.md: each line is what stands beside it.

use super::super::commands::{Cli, command};
use super::super::serve::{config, options};
use chenapan_engine::endpoint::Kinds;
use clap::FromArgMatches;
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../docs/from-vaurien.md");

/// Returns the rows of the table with this head, without the quotes of code.
fn rows(head: &str) -> Vec<Vec<&'static str>> {
    let table = PAGE.split(&format!("{head}\n")).nth(1).expect(head);
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &'static str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`')).collect()
    };
    rows.map(cells).collect()
}

/// Decisions of arguments, as texts.
#[derive(Debug, PartialEq)]
struct Decided {
    /// Options of behaviors, also of those that no rule has.
    options: String,
    rest: String,
}

/// Returns what arguments decide. What every proxy needs is added where it is left out.
fn decided(arguments: &str, base: &[(&str, &str)]) -> Decided {
    let words: Vec<_> = arguments.split_whitespace().collect();
    let left_out = base.iter().filter(|(names, _)| {
        names.split(' ').all(|name| !words.iter().any(|word| word.split('=').next() == Some(name)))
    });
    let added = left_out.flat_map(|(_, added)| added.split_whitespace());
    let all = ["chenapan"].into_iter().chain(words.iter().copied()).chain(added);
    let (registry, kinds) = (chenapan_engine::registry(), Kinds::new());
    let matches = command(&registry, &kinds).try_get_matches_from(all);
    let matches = matches.unwrap_or_else(|error| panic!("{arguments}: {error}"));
    let args = Cli::from_arg_matches(&matches).unwrap().serve;
    let file = args.vaurien.file(&registry, &kinds);
    let file = file.unwrap_or_else(|_| panic!("{arguments}: the file"));
    let config = config(&args, file.as_ref(), &registry, &matches)
        .unwrap_or_else(|_| panic!("{arguments}: the configuration"));
    let options = options(file.as_ref(), &registry, &matches);
    let options: BTreeMap<_, _> = options.into_iter().filter(|(_, o)| !o.is_empty()).collect();
    let target = args.numbers.target(file.and_then(|file| file.statsd));
    let rest = format!(
        "{:?} {} {} {:?} {:?} {target:?} {:?} {:?}",
        config.listen,
        config.backend,
        config.protocol,
        config.rules.texts(),
        config.limits,
        args.http,
        args.logging,
    );
    Decided { options: format!("{options:?}"), rest }
}

#[test]
fn each_flag_of_the_table_is_the_one_beside_it() {
    let base = [
        ("--proxy --listen", "--listen 127.0.0.1:1"),
        ("--backend", "--backend 127.0.0.1:2"),
        ("--http", "--http"),
        ("--statsd --statsd.enabled", "--statsd 127.0.0.1:3"),
    ];
    let (mut different, nothing) = (0, decided("", &base));
    let rows = rows("## Flags, word for word\n\n| Vaurien | chenapan |");
    for row in &rows {
        let [theirs, ours] = row[..] else { panic!("{row:?}") };
        // A rule has its options in its text, however they were given.
        let here = decided(ours, &base).rest;
        assert_eq!(decided(theirs, &base).rest, here, "{theirs}");
        different += usize::from(here != nothing.rest);
    }
    assert!(rows.len() == 25 && different > 12, "{} {different}", rows.len());
}

#[test]
fn each_key_of_the_ini_is_the_flag_beside_it() {
    let base = [
        ("--listen", "--listen 127.0.0.1:1"),
        ("--backend", "--backend 127.0.0.1:2"),
        ("--http", "--http"),
        ("--statsd", "--statsd localhost:8125"),
    ];
    let rows = rows("| section | key | flag |");
    for row in &rows {
        let [section, key, flag] = row[..] else { panic!("{row:?}") };
        let mut sections = BTreeMap::from([
            ("[vaurien]", vec!["proxy = 127.0.0.1:1", "backend = 127.0.0.1:2"]),
            ("[statsd]", vec!["enabled = true"]),
        ]);
        let keys = sections.entry(section).or_default();
        let name = key.split(' ').next().unwrap();
        keys.retain(|known| known.split(' ').next() != Some(name));
        keys.push(key);
        let text: String = sections
            .iter()
            .flat_map(|(section, keys)| [*section].into_iter().chain(keys.iter().copied()))
            .map(|line| format!("{line}\n"))
            .collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let there = decided(&format!("--config {} --http", file.path().display()), &[]);
        assert_eq!(there, decided(flag, &base), "{text}");
    }
    assert_eq!(rows.len(), 25);
}

#[test]
fn a_flag_that_is_given_wins_over_the_ini() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[vaurien]\nproxy = 127.0.0.1:1\nbackend = 127.0.0.1:2\nbehavior = 20:delay\n\
                timeout = 3\n[behavior:delay]\nsleep = 4\n";
    std::fs::write(file.path(), text).unwrap();
    let flags =
        "--proxy 127.0.0.1:8 --backend 127.0.0.1:9 --behavior drop --idle 1s --protocol tcp";
    let given = decided(&format!("--config {} {flags}", file.path().display()), &[]);
    let expected = decided(&format!("{flags} --connect-timeout 3s"), &[]);
    assert_eq!(given.rest, expected.rest);
    assert_eq!(given.options, r#"{"delay": [("sleep", "4")]}"#);
}

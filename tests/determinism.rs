//! One seed decides everything: the same journal, whatever else goes on.

mod support;

use std::io::Write;
use support::{Backend, Proxy, read_exactly, run_with_input};

/// Everything that a rule did to a connection, without times.
fn lines(journal: &str, connection: u64) -> Vec<String> {
    let lines = journal.lines().map(|line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("at");
        line
    });
    lines.filter(|line| line["connection"] == connection).map(|line| line.to_string()).collect()
}

/// The journal of some clients that each ask the same questions in turn, by a real proxy.
fn journal(seed: &str, rules: &[&str], clients: usize) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let mut arguments = vec!["--seed", seed, "--journal", path, "--log-level", "error"];
    arguments.extend(rules.iter().flat_map(|rule| ["--behavior", rule]));
    let proxy = Proxy::start(Backend::echo().address, &arguments);
    let mut streams: Vec<_> = (0..clients).map(|_| proxy.connect()).collect();
    for question in 0..100_u8 {
        for stream in &mut streams {
            stream.write_all(&[question; 10]).unwrap();
            assert_eq!(read_exactly(stream, 10).len(), 10);
        }
    }
    drop(streams);
    proxy.stop();
    std::fs::read_to_string(path).unwrap()
}

const RULES: [&str; 2] =
    ["delay:sleep=100us:jitter=900us:chance=30%:direction=upstream", "corrupt:chance=5%"];

#[test]
fn the_same_seed_gives_the_same_journal_and_another_seed_another() {
    let one = journal("42", &RULES, 1);
    assert_eq!(lines(&one, 1).len(), one.lines().count());
    assert!(one.lines().count() > 50);
    let directions = |journal: &str| {
        // The two directions of a connection run side by side: each is in order by itself.
        let (up, down): (Vec<_>, Vec<_>) =
            lines(journal, 1).into_iter().partition(|line| line.contains("upstream"));
        [up, down]
    };
    assert_eq!(directions(&one), directions(&journal("42", &RULES, 1)));
    let other = journal("43", &RULES, 1);
    assert_ne!(
        directions(&one).map(|lines| lines.join("").replace("42", "43")),
        directions(&other).map(|lines| lines.join(""))
    );
}

#[test]
fn another_client_changes_no_draw() {
    let sorted = |journal: &str| {
        let mut lines = lines(journal, 1);
        lines.sort();
        lines
    };
    let (alone, together) = (journal("7", &RULES, 1), journal("7", &RULES, 3));
    assert_eq!(sorted(&alone), sorted(&together));
    assert!(!lines(&together, 3).is_empty());
    assert_ne!(lines(&together, 2).len(), 0);
}

#[test]
fn another_rule_changes_no_draw() {
    let of = |journal: &str, rule: &str| {
        let mut lines = lines(journal, 1);
        lines.retain(|line| line.contains(&format!("\"rule\":\"{rule}\"")));
        lines.sort();
        lines
    };
    let few = journal("7", &RULES, 1);
    let more = ["split:size=3:chance=50%", RULES[1], "duplicate:matching=none such", RULES[0]];
    let more = journal("7", &more, 1);
    assert!(!of(&more, "split").is_empty());
    assert_eq!(of(&few, "corrupt"), of(&more, "corrupt"));
    let places = |lines: Vec<String>| -> Vec<u64> {
        // A rule before it cuts units, so that their lengths differ; where it struck does not.
        let mut places: Vec<_> = lines
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["offset"].as_u64().unwrap())
            .filter(|offset| offset % 10 == 0)
            .collect();
        places.sort_unstable();
        places
    };
    assert_eq!(places(of(&few, "delay")), places(of(&more, "delay")));
}

#[test]
fn what_is_addressed_by_byte_does_not_depend_on_how_it_was_written() {
    let rules = ["corrupt:every=7", "corrupt:chance=3%", "inject:at=100:text=!:direction=upstream"];
    let bytes: Vec<u8> = (0..2_000_u32).map(|at| at as u8).collect();
    let outcome = |cuts: usize| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let mut arguments = vec!["--seed", "9", "--journal", path, "--log-level", "error"];
        arguments.extend(rules.iter().flat_map(|rule| ["--behavior", rule]));
        let (backend, connections) = Backend::handing_over();
        let proxy = Proxy::start(backend.address, &arguments);
        let mut client = proxy.connect();
        let mut server = connections.recv().unwrap();
        let mut got = Vec::new();
        for piece in bytes.chunks(cuts) {
            client.write_all(piece).unwrap();
            // Each piece is through before the next: one read each, for certain.
            let more = if got.len() <= 100 && got.len() + piece.len() > 100 { 1 } else { 0 };
            got.extend(read_exactly(&mut server, piece.len() + more));
        }
        drop((client, server));
        proxy.stop();
        let mut lines = lines(&std::fs::read_to_string(path).unwrap(), 1);
        lines.sort();
        (got, lines)
    };
    let whole = outcome(2_000);
    assert!(whole.0 != bytes && whole.0.len() == 2_001);
    for cuts in [1_000, 333, 50] {
        assert!(outcome(cuts) == whole, "in pieces of {cuts}");
    }
}

#[test]
fn apply_repeats_a_run_byte_for_byte() {
    let input: Vec<u8> = (0..200_000_u32).map(|at| (at * 7) as u8).collect();
    let arguments = [
        "apply",
        "--seed",
        "5",
        "--behavior",
        "corrupt:chance=1%",
        "--behavior",
        "delay:sleep=1s:jitter=1s:distribution=normal",
        "--behavior",
        "drop:chance=10%",
    ];
    let [one, two] = [0, 1].map(|_| run_with_input(&arguments, &input));
    assert!(one.status.success() && one.stdout == two.stdout && one.stderr == two.stderr);
    assert!(one.stdout != input && !one.stderr.is_empty());
}

//! Two proxies of one scenario or one command: each draws for itself, and all that is told of them
//! bears their names.

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use support::{Backend, run};
use tempfile::TempDir;

/// A scenario with the same rule on two proxies, and the same load on each.
fn scenario(folder: &Path, backend: &Backend, expect: &str) -> String {
    let address = backend.address;
    let rules = "rules: {primary: [RULE], replica: [RULE]}"
        .replace("RULE", "\"limit:bytes=3:chance=30%:per=connection\"");
    let load = |to: &str| {
        format!(
            "  - name: {to}\n    {rules}\n    idle: yes\n    load: {{to: {to}, connections: 40, send: \"hello\\n\", receive: \
             line, verify: none}}\n{expect}"
        )
    };
    let text = format!(
        "seed: 4\nproxies:\n  primary: {{backend: \"{address}\"}}\n  replica: {{backend: \"{address}\"}}\n\
         phases:\n{}{}",
        load("primary"),
        load("replica")
    );
    let file = folder.join("two.yaml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The lines of a journal without their times, in order.
fn sorted(journal: &str) -> Vec<String> {
    let text = std::fs::read_to_string(journal).unwrap();
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("at").unwrap();
        line.to_string()
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

/// Numbers of the connections of a proxy to which something was done.
fn struck(lines: &[String], proxy: &str) -> BTreeSet<u64> {
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of = lines.filter(|line| line["proxy"] == proxy);
    of.map(|line| line["connection"].as_u64().unwrap()).collect()
}

#[test]
fn two_proxies_of_a_scenario_draw_differently_and_the_same_when_it_is_run_again() {
    let folder = TempDir::new().unwrap();
    let backend = Backend::echo();
    let file = scenario(folder.path(), &backend, "");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (once, again) = (path("once"), path("again"));
    let json = format!("json={}", path("report"));
    for journal in [&once, &again] {
        let ran = run(&["scenario", "run", &file, "--journal", journal, "--report", &json]);
        assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let lines = sorted(&once);
    assert_eq!(lines, sorted(&again));
    let (primary, replica) = (struck(&lines, "primary"), struck(&lines, "replica"));
    assert!((3..=25).contains(&primary.len()) && (3..=25).contains(&replica.len()), "{lines:?}");
    assert_ne!(primary, replica, "in lockstep");
    assert!(lines.iter().all(|line| line.contains("\"proxy\":")), "{lines:?}");

    // The report counts for each by its name.
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(path("report")).unwrap()).unwrap();
    for (phase, (name, struck)) in [("primary", primary), ("replica", replica)].iter().enumerate() {
        let rules = report["phases"][phase]["rules"].as_array().unwrap();
        let of = |proxy: &str| rules.iter().find(|rule| rule["proxy"] == proxy).unwrap();
        assert_eq!(of(name)["faults"], struck.len());
    }

    let replayed = run(&["scenario", "replay", &once, &file]);
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(said.ends_with("decisions, all the same (seed 4)\n"), "{said}");
    assert_eq!(replayed.status.code(), Some(0));
    // A journal with the names changed round is another run.
    let text = std::fs::read_to_string(&once).unwrap();
    let text = text.replace("\"primary\"", "\"x\"").replace("\"replica\"", "\"primary\"");
    std::fs::write(&once, text.replace("\"x\"", "\"replica\"")).unwrap();
    let replayed = run(&["scenario", "replay", &once, &file]);
    assert_eq!(replayed.status.code(), Some(1));
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(said.contains("- {") && said.contains("+ {") && said.contains("\"replica\""), "{said}");
}

#[test]
fn a_failure_is_shrunk_to_the_proxy_that_makes_it() {
    let folder = TempDir::new().unwrap();
    let backend = Backend::echo();
    let file = folder.path().join("shrink.yaml");
    let address = backend.address;
    let text = format!(
        "seed: 4\nproxies:\n  primary: {{backend: \"{address}\"}}\n  replica: {{backend: \"{address}\"}}\n\
         phases:\n  - rules: {{primary: [\"limit:bytes=3\"], replica: [\"limit:bytes=3\"]}}\n    idle: yes\n    \
         load: {{to: replica, connections: 3, send: \"hello\\n\", receive: line}}\n    \
         expect: {{load.ok: 3}}\n"
    );
    std::fs::write(&file, text).unwrap();
    let shrunk = run(&["scenario", "shrink", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&shrunk.stdout).into_owned();
    let (_, rest) = said.split_once("it still fails with\n").expect(&said);
    assert_eq!(
        rest,
        "  phase 1: replica: limit:bytes=3 (connections ..1)\non connection 1 (and none before it alone)\n"
    );
}

#[test]
fn the_tables_around_a_command_bear_the_names_of_several_proxies() {
    let backend = Backend::echo();
    let address = backend.address;
    let [one, two] = ["primary", "replica"].map(|name| format!("{name}={address}"));
    let around = ["run", "--backend", &one, "--backend", &two, "--behavior", "dummy", "--", "true"];
    let said = String::from_utf8(run(&around).stderr).unwrap();
    let heads: Vec<_> = said.lines().filter(|line| line.starts_with("proxy ")).collect();
    assert_eq!(heads, ["proxy primary", "proxy replica"], "{said}");
    let around = ["run", "--backend", &address.to_string(), "--behavior", "dummy", "--", "true"];
    let said = String::from_utf8(run(&around).stderr).unwrap();
    assert!(!said.lines().any(|line| line.starts_with("proxy ")), "{said}");
}

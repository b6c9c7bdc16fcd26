//! Requests that schemathesis makes from the OpenAPI document, and replies that it compares with it.
//!
//! It also plays chains of calls along the links of the document. What it must not expect is that every text is taken:
//! no schema says which text is an address, a size or a rule.

mod support;

use std::fs;
use std::process::{Command, ExitCode};
use support::Backend;
use support::needs::{Test, python, tests};
use support::serving::Serving;

/// Runs schemathesis against a server with one proxy.
fn conforms(configuration: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::echo();
    let proxies = folder.path().join("proxies.yaml");
    let proxy = format!(
        "proxies:\n  db:\n    listen: 127.0.0.1:0\n    backend: {}\n    rules: [delay]\n",
        backend.address
    );
    fs::write(&proxies, proxy).unwrap();
    let settings = folder.path().join("schemathesis.toml");
    fs::write(&settings, configuration).unwrap();
    let config = proxies.to_str().unwrap();
    let serving = Serving::start(&["--api", "127.0.0.1:0", "--config", config]);
    let output = Command::new(python())
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(&settings)
        .args(["run", "--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args(["--seed", "1", "--max-examples", "12", "--continue-on-failure", "--no-color"])
        .args(["--exclude-path", "/v1/events", "--request-timeout", "20"])
        .args(more)
        .arg(format!("http://{}/v1/openapi.json", serving.api))
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success(), "{}\n{out}{err}", output.status);
    assert!(out.contains("passed"), "{out}");
    assert_eq!(serving.stop(), Some(0));
}

/// Calls that find the proxy they ask for, since none removes it.
fn calls_that_find_their_proxy() {
    let configuration = "[parameters]\n\"path.proxy\" = \"db\"\n\"path.rule\" = \"delay\"\n";
    conforms(
        configuration,
        &["--phases", "examples,coverage,fuzzing", "--exclude-operation-id", "removeProxy"],
    );
}

/// Calls of all kinds, and chains of them: make, change, remove, ask again.
fn calls_that_follow_links() {
    conforms("", &[]);
}

const TESTS: &[Test] = tests![
    calls_that_find_their_proxy needs Python("schemathesis");
    calls_that_follow_links needs Python("schemathesis");
];

fn main() -> ExitCode {
    support::needs::main(&[TESTS], "tests/schemathesis.rs")
}

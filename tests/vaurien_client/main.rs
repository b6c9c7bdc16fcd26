//! Vaurien's own client, with `chenapan --http` in Vaurien's place: vaurienclient and its vaurienctl.
//!
//! Each case is a script in Python, which measures what reaches its own sockets. The backend sends back
//! what it gets.

#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, ExitCode};
use support::Backend;
use support::needs::{Test, python, tests};
use support::serving::Serving;

/// Runs a case against a proxy of its own; it must say that it is done.
fn case(name: &str) {
    let backend = Backend::echo().address.to_string();
    let arguments = ["--proxy", "127.0.0.1:0", "--backend", &backend, "--http", "--http-port", "0"];
    let (serving, proxy) = Serving::beside(&arguments);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vaurien_client/client.py");
    let mut command = Command::new(python());
    command.args([script, &serving.api.port().to_string(), &proxy.to_string(), &backend, name]);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success(), "{name}: {}\n{out}{err}", output.status);
    assert_eq!(out, format!("done {name}\n"), "{err}");
    assert_eq!(serving.stop(), Some(0));
}

fn behaviors() {
    case("behaviors");
}

fn on_the_wire() {
    case("on_the_wire");
}

fn command_line() {
    case("command_line");
}

const TESTS: &[Test] = tests![
    behaviors needs Python("fissix"), Source("vaurienclient");
    on_the_wire needs Python("fissix"), Source("vaurienclient");
    command_line needs Python("fissix"), Source("vaurienclient");
];

fn main() -> ExitCode {
    support::needs::main(&[TESTS], "tests/vaurien_client")
}

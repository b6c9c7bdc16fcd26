//! Peers that speak JSON-RPC and that we did not write, with the program in between: aiorpcX over TCP, the Model Context
//! Protocol over standard input and output, a language server with the client of VS Code, ethers over HTTP.
//!
//! Each is run without a fault, when nothing may change and every byte must be the same on both sides, and with
//! five faults. What a client shows then is what was seen when this was written: a change there is not our mistake,
//! but docs/json-rpc.md says the same.

#[path = "../support/mod.rs"]
mod support;

mod peers;

use peers::{Aiorpcx, Ethers, Lsp, Mcp, Peer};
use serde_json::{Value, json};
use std::process::{Command, ExitCode};
use support::needs::{Test, tests};

/// Returns the client's outcomes of its calls, in order, with these rules in between.
fn with<P: Peer>(peer: &P, rules: &[&str]) -> Vec<Value> {
    let told = peer.run(rules);
    if !rules.is_empty() {
        assert!(told.faults > 0, "no fault happened: {rules:?}: {told:?}");
    }
    told.outcomes
}

/// Without a rule: what the client says is what it says without us, and nothing is changed.
fn is_untouched<P: Peer>(peer: &P) {
    let (direct, through) = (peer.direct(), peer.run(&[]));
    assert_eq!(through.outcomes, direct);
    let [[up, down], [up_behind, down_behind]] = through.bytes;
    assert!(up.len() > 200 && down.len() > 200, "{} and {} bytes", up.len(), down.len());
    assert!(up == up_behind, "{} and {} bytes", up.len(), up_behind.len());
    assert!(down == down_behind, "{} and {} bytes", down.len(), down_behind.len());
}

fn nothing_is_changed_between_aiorpcx_and_itself() {
    is_untouched(&Aiorpcx);
}

fn nothing_is_changed_between_mcp_and_its_server() {
    is_untouched(&Mcp);
}

fn nothing_is_changed_between_an_editor_and_its_language_server() {
    is_untouched(&Lsp);
}

fn nothing_is_changed_between_ethers_and_a_node() {
    is_untouched(&Ethers { batch: 1 });
    is_untouched(&Ethers { batch: 5 });
}

/// A rule, and the client's outcome of its calls with it.
type Case = (&'static str, Value);

fn shows<P: Peer>(peer: &P, cases: impl IntoIterator<Item = Case>) {
    for (rule, expected) in cases {
        let found = with(peer, &[rule]);
        assert_eq!(json!(found), expected, "{rule}");
    }
}

fn aiorpcx_with_faults() {
    let (plain, text) = (json!(["ok", "\"plain\""]), "\"h\\u00e9llo \\u2603 \\ud83d\\ude00\"");
    let rest = [
        json!(["ok", text]),
        json!(["error", 7]),
        json!(["ok", "100002 characters"]),
        json!(["ok", "3"]),
        json!(["ok", "[2, \"two\"]"]),
    ];
    let [long, failed, grown, sum, batch] = &rest;
    let second = |second: Value| json!([plain, second, long, failed, grown, sum, batch]);
    shows(
        &Aiorpcx,
        [
            // It compares ids with their type.
            ("rpc-id:to=retype:label=add:first=1", second(json!(["silence"]))),
            ("rpc-error:preset=busy:label=add:first=1", second(json!(["error", -102]))),
            ("rpc-noise:kind=log-line:first=1", second(json!(["ok", "42"]))),
            ("rpc-both:label=add:first=1", second(json!(["broken", "ProtocolError"]))),
            ("rpc-batch:mode=reverse", second(json!(["ok", "42"]))),
            // The reply comes when nobody waits any more.
            (
                "delay:sleep=3s:overtake=yes:only=response:label=add:first=1",
                second(json!(["silence"])),
            ),
        ],
    );
    // A reply that is deep ends the whole session, and nobody says so.
    let silent = json!(["silence"]);
    let dead = json!([plain, ["broken", "CancelledError"], silent, silent, silent, silent, silent]);
    shows(&Aiorpcx, [("rpc-bulk:nest=3000:label=add:first=1", dead)]);
}

fn mcp_with_faults() {
    let third = |third: Value| {
        let greeting = "h\u{e9}llo you \u{2603}";
        json!([["ok", "peer"], ["ok", ["add", "greet"]], third, ["ok", greeting], ["ok", "3"]])
    };
    shows(
        &Mcp,
        [
            ("rpc-noise:kind=log-line:first=1", third(json!(["ok", "42"]))),
            // It has the server's reply, and does not know whose it is.
            ("rpc-id:to=float:label=tools/call:first=1", third(json!(["silence"]))),
            ("rpc-error:preset=internal:label=tools/call:first=1", third(json!(["error", -32603]))),
            ("rpc-neither:label=tools/call:first=1", third(json!(["silence"]))),
            ("drop:only=response:label=tools/call:first=1", third(json!(["silence"]))),
        ],
    );
    // One byte that is not UTF-8 ends the whole session, and nobody says so.
    let silent = json!(["silence"]);
    let start = [json!(["ok", "peer"]), json!(["ok", ["add", "greet"]])];
    let dead =
        json!([start[0], start[1], silent, silent, silent, ["session broken", "ExceptionGroup"]]);
    shows(&Mcp, [("rpc-garble:how=bad-utf8:label=tools/call:first=1", dead)]);
}

fn a_language_server_with_faults() {
    let symbols = json!(["ok", ["name", "os"]]);
    let third = |third: Value| json!([["ok", "pylsp"], symbols, third, symbols, ["ok", null]]);
    shows(
        &Lsp,
        [
            // Inside a character, and it does not matter.
            ("split:at=utf8:gap=20ms", third(json!(["ok", true]))),
            (
                "rpc-error:preset=lsp-modified:label=textDocument/definition:first=1",
                third(json!(["error", -32801])),
            ),
            ("rpc-id:to=retype:label=textDocument/definition:first=1", third(json!(["silence"]))),
            ("rpc-null-error:label=textDocument/definition:first=1", third(json!(["silence"]))),
        ],
    );
    // Once it has lost its place in the stream, it never answers again.
    let silent = json!(["silence"]);
    shows(
        &Lsp,
        [
            (
                "rpc-noise:kind=log-line:label=textDocument/definition:first=1",
                json!([["ok", "pylsp"], symbols, silent, silent, silent]),
            ),
            (
                "rpc-length:by=-1:label=textDocument/documentSymbol:first=1",
                json!([["ok", "pylsp"], silent, silent, silent, silent]),
            ),
        ],
    );
}

fn ethers_with_faults() {
    let second = |second: Value| {
        let rest =
            [json!(["error", -32601]), json!(["ok", "0x3b9aca00"]), json!(["ok", "standin/1"])];
        json!([["ok", "0x539"], second, rest[0], rest[1], rest[2]])
    };
    let bad = json!(["broken", "BAD_DATA"]);
    shows(
        &Ethers { batch: 1 },
        [
            ("rpc-id:to=unknown:label=eth_blockNumber:first=1", second(bad.clone())),
            // Neither a result nor an error is taken for a result.
            ("rpc-neither:label=eth_blockNumber:first=1", second(json!(["ok", null]))),
            (
                "rpc-http:status=503:body=text:label=eth_blockNumber:first=1",
                second(json!(["broken", "SERVER_ERROR"])),
            ),
            (
                "rpc-error:preset=rate-limit:label=eth_blockNumber:first=1",
                second(json!(["error", -32005])),
            ),
        ],
    );
    let pair = |one: Value, other: Value| {
        json!([["ok", "0x539"], ["ok", "0x10"], ["error", -32601], one, other])
    };
    let (price, version) = (json!(["ok", "0x3b9aca00"]), json!(["ok", "standin/1"]));
    shows(
        &Ethers { batch: 5 },
        [
            ("rpc-batch:mode=reverse:first=1", pair(price.clone(), version)),
            ("rpc-batch:mode=partial:keep=1:first=1", pair(price, bad.clone())),
            ("rpc-batch:mode=single-error:first=1", pair(bad.clone(), bad)),
        ],
    );
}

/// Runs one test of this binary without its Python.
fn without_python(required: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "mcp_with_faults"]).env("CHENAPAN_PYTHON", "/no/python");
    let output = command.env("CHENAPAN_REQUIRE_SERVERS", required).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

fn a_test_without_what_it_needs_is_ignored_and_told() {
    let (well, said) = without_python("");
    assert!(well && said.contains("test result: ok. 0 passed; 0 failed; 1 ignored;"), "{said}");
    assert!(
        said.contains("    /no/python has no package mcp: nothing_is_changed_between_mcp"),
        "{said}"
    );
    let (well, said) = without_python("1");
    assert!(!well && said.contains("test result: FAILED. 0 passed; 1 failed;"), "{said}");
    assert!(said.contains("/no/python has no package mcp"), "{said}");
}

const TESTS: &[Test] = tests![
    a_test_without_what_it_needs_is_ignored_and_told;
    nothing_is_changed_between_aiorpcx_and_itself needs Python("aiorpcx");
    nothing_is_changed_between_mcp_and_its_server needs Python("mcp");
    nothing_is_changed_between_an_editor_and_its_language_server needs Python("pylsp"), Program("node"), Node("vscode-jsonrpc");
    nothing_is_changed_between_ethers_and_a_node needs Python("http.server"), Program("node"), Node("ethers");
    aiorpcx_with_faults needs Python("aiorpcx");
    mcp_with_faults needs Python("mcp");
    a_language_server_with_faults needs Python("pylsp"), Program("node"), Node("vscode-jsonrpc");
    ethers_with_faults needs Python("http.server"), Program("node"), Node("ethers");
];

fn main() -> ExitCode {
    support::needs::main(&[TESTS], "tests/rpc_peers")
}

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

/// What a client says of its calls, in order, with these rules in between.
fn with<P: Peer>(peer: &P, rules: &[&str]) -> Option<Vec<Value>> {
    let told = peer.run(rules)?;
    if !rules.is_empty() {
        assert!(told.faults > 0, "no fault happened: {rules:?}: {told:?}");
    }
    Some(told.outcomes)
}

/// Without a rule: what the client says is what it says without us, and nothing is changed.
fn is_untouched<P: Peer>(peer: &P) {
    let (Some(direct), Some(through)) = (peer.direct(), peer.run(&[])) else { return };
    assert_eq!(through.outcomes, direct);
    let [[up, down], [up_behind, down_behind]] = through.bytes;
    assert!(up.len() > 200 && down.len() > 200, "{} and {} bytes", up.len(), down.len());
    assert!(up == up_behind, "{} and {} bytes", up.len(), up_behind.len());
    assert!(down == down_behind, "{} and {} bytes", down.len(), down_behind.len());
}

#[test]
fn nothing_is_changed_between_aiorpcx_and_itself() {
    is_untouched(&Aiorpcx);
}

#[test]
fn nothing_is_changed_between_mcp_and_its_server() {
    is_untouched(&Mcp);
}

#[test]
fn nothing_is_changed_between_an_editor_and_its_language_server() {
    is_untouched(&Lsp);
}

#[test]
fn nothing_is_changed_between_ethers_and_a_node() {
    is_untouched(&Ethers { batch: 1 });
    is_untouched(&Ethers { batch: 5 });
}

#[test]
fn explore() {
    let peer = std::env::var("PEER").unwrap_or_default();
    for rule in std::env::var("RULES").unwrap_or_default().lines() {
        let rules = [rule];
        let told = match peer.as_str() {
            "aiorpcx" => Aiorpcx.run(&rules),
            "mcp" => Mcp.run(&rules),
            "lsp" => Lsp.run(&rules),
            "ethers5" => Ethers { batch: 5 }.run(&rules),
            _ => Ethers { batch: 1 }.run(&rules),
        };
        let told = told.unwrap();
        println!("{rule}\n   {} {}", told.faults, json!(told.outcomes));
    }
}

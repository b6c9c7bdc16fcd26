//! The rows of version 1, a line of text.
//!
//! It finds words, and never asks whether they are right.

use super::row::{Row, Walk};
use crate::proxy_protocol::v1::LONGEST;

const NAMES: [&str; 6] = [
    "keyword",
    "family",
    "source address",
    "destination address",
    "source port",
    "destination port",
];

pub(super) fn rows(input: &[u8]) -> Vec<Row> {
    let input = &input[..input.len().min(LONGEST)];
    let mut walk = Walk::new(input, "2.1");
    for name in NAMES {
        let rest = &input[walk.at..];
        let word = &rest[..rest.iter().take_while(|byte| !b" \r\n".contains(byte)).count()];
        if word.is_empty() {
            break;
        }
        walk.field(word.len(), name, |word| meaning(name, word));
        if word == b"UNKNOWN" {
            // Section 2.1: "the receiver must ignore anything presented before the CRLF is found".
            let rest = &input[walk.at..];
            let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap_or(rest.len());
            walk.field(end, "any text", |_| "ignored".to_owned());
            break;
        }
        if input.get(walk.at) != Some(&b' ') || name == "destination port" {
            break;
        }
        walk.field(1, "space", |_| String::new());
    }
    if input.get(walk.at) == Some(&b'\r') {
        walk.field(2, "line end", |_| "CRLF".to_owned());
    }
    walk.rows
}

fn meaning(name: &str, word: &[u8]) -> String {
    match (name, word) {
        ("keyword", b"PROXY") => "version 1".to_owned(),
        ("family", b"TCP4") => "TCP4: inet, stream".to_owned(),
        ("family", b"TCP6") => "TCP6: inet6, stream".to_owned(),
        ("family", b"UNKNOWN") => "UNKNOWN: no addresses".to_owned(),
        _ => word.escape_ascii().to_string(),
    }
}

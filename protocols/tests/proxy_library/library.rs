//! The library at work: one Python process that answers all streams.

use super::{Accepted, Answer, Ends, hex};
use serde_json::Value;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proxy_library/library.py");

pub(super) struct Library {
    python: String,
}

impl Library {
    pub(super) fn new() -> Self {
        Self { python: env::var("CHENAPAN_PYTHON").unwrap_or_else(|_| "python3".to_owned()) }
    }

    /// The reason for which it cannot be asked.
    pub(super) fn missing(&self) -> Option<String> {
        let mut command = Command::new(&self.python);
        command.args(["-c", "import proxyprotocol, crc32c"]).stderr(Stdio::null());
        let found = command.status().is_ok_and(|status| status.success());
        let python = &self.python;
        (!found).then(|| {
            format!("{python} has no packages proxy-protocol and crc32c (CHENAPAN_PYTHON)")
        })
    }

    /// Returns the library's answers to these streams.
    pub(super) fn answers(&self, inputs: &[Vec<u8>]) -> Vec<Answer> {
        let mut command = Command::new(&self.python);
        command.arg(PROGRAM).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let lines: String = inputs.iter().map(|input| hex(input) + "\n").collect();
        // Beside reading: neither side can hold all that the other has to say.
        let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()));
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let answers: Vec<_> =
            stdout.lines().map(|line| answer(&line.expect("a line of text"))).collect();
        writer.join().expect("the writer ends").expect("python reads all");
        assert!(child.wait().expect("python ends").success());
        assert_eq!(answers.len(), inputs.len());
        answers
    }
}

fn answer(line: &str) -> Answer {
    let value: Value = serde_json::from_str(line).expect("an object a line");
    match (value["kind"].as_str(), value["reason"].as_str()) {
        (Some("accept"), _) => Answer::Accept(Box::new(accepted(&value).expect("all its parts"))),
        (Some("incomplete"), _) => match value["want_bytes"].as_u64() {
            Some(count) => Answer::Bytes(count as usize),
            None => Answer::Line,
        },
        (_, Some("syntax")) => Answer::Syntax,
        (_, Some("checksum")) => Answer::Checksum,
        (_, Some("crash")) => Answer::Crash,
        _ => panic!("{line}"),
    }
}

fn accepted(value: &Value) -> Option<Accepted> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let number = |name: &str| value[name].as_u64();
    let bytes = |name: &str| value[name].as_str().and_then(unhex);
    let tlv = |pair: &Value| Some((pair[0].as_u64()? as u8, unhex(pair[1].as_str()?)?));
    Some(Accepted {
        consumed: number("consumed")? as usize,
        version: number("version")? as u8,
        command: text("command")?,
        ends: Ends {
            family: text("family")?,
            transport: text("protocol"),
            addresses: bytes("src").zip(bytes("dst")),
            ports: number("sport").zip(number("dport")).map(|(from, to)| (from as u16, to as u16)),
            zone: text("zone"),
        },
        tlvs: value["tlvs"].as_array()?.iter().map(tlv).collect::<Option<_>>()?,
        checksum: number("crc").map(|sum| sum as u32),
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(digits).collect()
}

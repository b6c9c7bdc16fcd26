//! Cases that every server which reads headers is put through.

use crate::support::servers::Server;
use crate::support::{Proxy, connect, read_to_end};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

/// Question to a server for its client's address. The bytes go before everything else. The result
/// is `sees ADDRESS`, `closed` or `reset` if there was no answer, or else `says ANSWER`.
pub(crate) type Ask = dyn Fn(&Server, TcpStream, &[u8]) -> String;

/// Results of a server in the cases in which servers differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Makes {
    pub(crate) bad_checksum: &'static str,
    pub(crate) missing: &'static str,
    pub(crate) pieces: &'static str,
    pub(crate) local: &'static str,
}

pub(crate) const BELIEVES: &str = "sees 203.0.113.7";
/// Nothing is served. Whether it is a close or a reset depends on how much was read till then.
pub(crate) const ENDS: &str = "closed or reset";

/// Puts a server through all cases, and sees in between that it still serves.
pub(crate) fn check(server: &Server, ask: &Ask, makes: Makes) {
    let add = |version: u8, more: &str| {
        format!("proxy-v{version}:header=add:source=203.0.113.7:destination=198.51.100.9{more}")
    };
    let good = |after: &str| {
        let line = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";
        let seen = ask(server, connect(server.address), line);
        assert_eq!(seen, BELIEVES, "without a proxy, after {after}");
    };
    let expect = |protocol: &str, rule: &str, told: &str, right: &str| {
        let (seen, journal) = through(server, ask, protocol, rule);
        let right: Vec<_> = right.split(" or ").collect();
        assert!(right.iter().any(|right| starts(&seen, right)), "{protocol} {rule}: {seen}");
        if rule.is_empty() {
            assert_eq!(journal, "", "{protocol}");
            return;
        }
        let name = rule.split(':').next().unwrap();
        let [name, what] =
            [("rule", name), ("what", told)].map(|(key, start)| format!("\"{key}\":\"{start}"));
        assert!(journal.contains(&name) && journal.contains(&what), "{rule}: {journal}");
        good(rule);
    };

    // Who gives up shall do so before the next piece, however busy the machine is.
    let gap = if makes.pieces == BELIEVES { "200ms" } else { "2s" };
    let split = format!("split:size=20:only=header:gap={gap}");

    good("the start");
    for version in [1, 2] {
        expect(&add(version, ""), "", "", BELIEVES);
        expect(&add(version, ""), "missing-header", "drop", makes.missing);
        expect(&add(version, ""), &split, "send ", makes.pieces);
        let spoof = "spoof:source=203.0.113.99";
        expect(&add(version, ""), spoof, "source: 203.0.113.99:", "sees 203.0.113.99");
    }
    expect(&add(2, ":checksum"), "", "", BELIEVES);
    expect(&add(2, ":checksum"), "bad-checksum", "checksum: flip", makes.bad_checksum);
    expect("proxy-v2:header=add:command=local", "", "", makes.local);
    expect(&add(2, ":tlv=authority=example.com:unique-id=id-{n}"), "", "", BELIEVES);
}

/// Returns `true` if this was seen: an answer may go on, an address may not.
fn starts(seen: &str, right: &str) -> bool {
    if right.starts_with("says ") { seen.starts_with(right) } else { seen == right }
}

/// Returns the result of a connection through the program, and the program's journal.
fn through(server: &Server, ask: &Ask, protocol: &str, rule: &str) -> (String, String) {
    let between = Between::start(server.address, protocol, rule);
    let seen = ask(server, between.proxy.connect(), b"");
    (seen, between.stop())
}

/// The program with one rule or none, and with a journal.
pub(crate) struct Between {
    pub(crate) proxy: Proxy,
    folder: TempDir,
}

impl Between {
    pub(crate) fn start(backend: SocketAddr, protocol: &str, rule: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let mut arguments = vec!["--protocol", protocol, "--grace", "100ms"];
        arguments.extend(["--journal", journal.to_str().unwrap()]);
        if !rule.is_empty() {
            arguments.extend(["--behavior", rule]);
        }
        Self { proxy: Proxy::start(backend, &arguments), folder }
    }

    /// Stops it, and reads its journal.
    pub(crate) fn stop(self) -> String {
        let ended = self.proxy.stop();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        fs::read_to_string(self.folder.path().join("journal")).unwrap()
    }
}

/// Asks a web server whose page, or a field of its answer's head, says `seen ADDRESS`.
pub(crate) fn ask_web(_: &Server, mut stream: TcpStream, before: &[u8]) -> String {
    let request = b"GET /page.shtml HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    // It may be reset before all of it is sent.
    let _ = stream.write_all(&[before, request].concat());
    what(read_to_end(&mut stream), "seen ")
}

/// Asks a server that speaks first and says an address behind `mark`.
pub(crate) fn ask_speaker(mut stream: TcpStream, before: &[u8], mark: &str) -> String {
    let _ = stream.write_all(before);
    what(read_to_end(&mut stream), mark)
}

/// Returns the result that an answer amounts to, with an address behind `mark`.
pub(crate) fn what(answer: Result<Vec<u8>, Vec<u8>>, mark: &str) -> String {
    let reset = answer.is_err();
    let (Ok(answer) | Err(answer)) = answer;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split_once(mark) {
        Some((_, address)) => {
            let address = address.split(|c: char| !c.is_ascii_hexdigit() && c != '.' && c != ':');
            format!("sees {}", address.into_iter().next().unwrap_or_default())
        }
        None if !answer.is_empty() => format!("says {answer}"),
        None if reset => "reset".to_owned(),
        None => "closed".to_owned(),
    }
}

//! Ends that a protocol decides: one warning with the reason, a line of its own in the table, and the
//! source is blamed for what the source has done.

mod support;

use std::io::Write;
use std::net::Shutdown;
use support::{Backend, Ended, PATIENCE, Proxy, abort, read_to_end};

const RIGHT: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb";

/// Way in which a source leaves once it has sent its bytes.
#[derive(Clone, Copy, PartialEq)]
enum Leaves {
    Stays,
    Ends,
    Resets,
}

/// Returns the bytes that a backend gets of a source that sends some, and the proxy's output.
fn after(arguments: &[&str], sent: &[u8], leaves: Leaves) -> (Result<Vec<u8>, Vec<u8>>, Ended) {
    let (backend, connections) = Backend::handing_over();
    let all = [&["--log-level", "info", "--grace", "100ms"], arguments].concat();
    let proxy = Proxy::start(backend.address, &all);
    let mut client = proxy.connect();
    let mut server = connections.recv_timeout(PATIENCE).expect("the backend is dialled");
    // It may be refused before it says anything.
    let _ = client.write_all(sent);
    match leaves {
        Leaves::Stays => {}
        Leaves::Ends => client.shutdown(Shutdown::Write).unwrap(),
        Leaves::Resets => {
            // The last bytes may go with the reset, and it is the same then.
            abort(client);
            return (read_to_end(&mut server), proxy.stop());
        }
    }
    let got = read_to_end(&mut server);
    drop(server);
    (got, proxy.stop())
}

fn warnings(ended: &Ended) -> Vec<&str> {
    let lines = ended.err.lines().filter(|line| line.contains(" WARN "));
    lines.filter(|line| !line.contains("stopping:")).collect()
}

#[test]
fn a_refused_header_is_explained_once() {
    let wrong = [&RIGHT[..15], b"\x13", &RIGHT[16..], b"\x03\0\x04\0\0\0\0"].concat();
    let long = [&RIGHT[..14], b"\x40\0"].concat();
    let strip = "proxy:header=strip";
    for (protocol, sent, reason, row) in [
        (
            strip,
            &b"GET / HTTP/1.0\r\n\r\n"[..],
            "neither version starts so",
            "refused by the protocol  ",
        ),
        (strip, &wrong[..], "should be 0x01429ebd", "refused by the protocol  "),
        (strip, &long[..], "longer than", "refused by the protocol  "),
        (
            "proxy:header=strip:trusted=192.0.2.0/24",
            RIGHT,
            "not trusted",
            "refused by the protocol  ",
        ),
        (
            "proxy:header=strip:deadline=100ms",
            &RIGHT[..20],
            "not whole in time",
            "too late for the protocol",
        ),
        (
            "proxy:invalid=close",
            &b"GET / HTTP/1.0\r\n\r\n"[..],
            "neither version",
            "refused by the protocol  ",
        ),
    ] {
        let (got, ended) = after(&["--protocol", protocol], sent, Leaves::Stays);
        assert_eq!(got, Ok(Vec::new()), "{protocol}");
        let warnings = warnings(&ended);
        assert_eq!(warnings.len(), 1, "{protocol}: {}", ended.err);
        assert!(warnings[0].contains(reason), "{protocol}: {}", warnings[0]);
        assert!(warnings[0].matches("at byte").count() <= 1, "{protocol}: {}", warnings[0]);
        let has = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let row = format!("{} 1", row.trim());
        assert!(
            ended.out.lines().any(|line| has(line).starts_with(&row)),
            "{protocol}: {}",
            ended.out
        );
        assert!(!ended.out.contains("closed by a rule"), "{protocol}: {}", ended.out);
        assert!(ended.out.contains(reason), "{protocol}: {}", ended.out);
    }
}

#[test]
fn what_strict_refuses_is_explained_too() {
    let (_, ended) = after(&["--protocol", "proxy-v1", "--strict"], b"GET / \r\n", Leaves::Stays);
    assert!(ended.out.contains("refused by the protocol"), "{}", ended.out);
    assert_eq!(warnings(&ended).len(), 1, "{}", ended.err);
}

#[test]
fn what_the_source_ends_is_blamed_on_the_source() {
    for mode in ["pass:invalid=close", "strip", "replace"] {
        let protocol = format!("proxy:header={mode}");
        let protocol = ["--protocol", protocol.as_str()];
        for (sent, leaves, row, told) in [
            (&b""[..], Leaves::Ends, "closed by the source", 0),
            (&b""[..], Leaves::Resets, "reset by the source", 0),
            (&RIGHT[..20], Leaves::Ends, "closed by the source", 1),
            (&RIGHT[..20], Leaves::Resets, "reset by the source", 0),
        ] {
            let (got, ended) = after(&protocol, sent, leaves);
            let expected = if leaves == Leaves::Resets { Err(vec![]) } else { Ok(vec![]) };
            assert_eq!(got, expected, "{mode} {sent:?}");
            assert!(ended.out.contains(row), "{mode} {sent:?}: {}", ended.out);
            assert!(!ended.out.contains("by a rule"), "{mode} {sent:?}: {}", ended.out);
            assert_eq!(warnings(&ended).len(), told, "{mode} {sent:?}: {}", ended.err);
        }
    }
}

#[test]
fn a_probe_that_says_nothing_is_no_trouble() {
    for protocol in ["proxy", "proxy-v1", "proxy-v2:header=strip", "proxy:header=replace"] {
        let (_, ended) = after(&["--protocol", protocol], b"", Leaves::Ends);
        assert!(!ended.out.contains("not understood"), "{protocol}: {}", ended.out);
        assert!(ended.out.contains("closed by the source"), "{protocol}: {}", ended.out);
        assert_eq!(warnings(&ended).len(), 0, "{protocol}: {}", ended.err);
    }
}

#[test]
fn a_probe_of_a_listener_that_expects_a_header_is_no_trouble_either() {
    let backend = Backend::echo();
    for leaves in [Leaves::Ends, Leaves::Resets] {
        let mut command = support::program(&[
            "--listen",
            "haproxy:tcp:0:interface=127.0.0.1",
            "--backend",
            &backend.address.to_string(),
            "--log-level",
            "info",
        ]);
        command.env("NO_COLOR", "1");
        let proxy = Proxy::spawn(command);
        let client = proxy.connect();
        match leaves {
            Leaves::Resets => abort(client),
            _ => drop(client),
        }
        let row =
            if leaves == Leaves::Resets { "reset by the source" } else { "closed by the source" };
        proxy.wait_for_event(row);
        let ended = proxy.stop();
        assert!(ended.out.contains(row), "{}", ended.out);
        assert_eq!(warnings(&ended).len(), 0, "{}", ended.err);
    }
}

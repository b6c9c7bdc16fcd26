//! Vaurien's way from outside: `--http`, its ini and its API, as docs/from-vaurien.md shows them.

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use support::serving::Serving;
use support::{Backend, PATIENCE};

const PAGE: &str = include_str!("../docs/from-vaurien.md");

/// Returns the rows of the table with this head, without the quotes of code.
fn rows(head: &str) -> Vec<Vec<&'static str>> {
    let table = PAGE.split(&format!("{head}\n")).nth(1).expect(head);
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &'static str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`')).collect()
    };
    rows.map(cells).collect()
}

/// The program beside an echo, with more arguments.
fn beside(arguments: &[&str]) -> (Serving, TcpStream, Backend) {
    let echo = Backend::echo();
    let address = echo.address.to_string();
    let base = ["--proxy", "127.0.0.1:0", "--backend", &address, "--http", "--http-port", "0"];
    let (serving, proxy) = Serving::beside(&[&base, arguments].concat());
    let client = TcpStream::connect(proxy).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    (serving, client, echo)
}

fn asked(serving: &Serving, line: &str) -> Value {
    serde_json::from_str(&serving.ask(line)).unwrap()
}

#[test]
fn every_request_of_the_page_works_as_printed() {
    let (serving, _, _echo) = beside(&[]);
    let fences = PAGE.split("```").skip(1).step_by(2);
    let fences = fences.filter_map(|fence| fence.strip_prefix("bash\n"));
    let lines: Vec<_> = fences.flat_map(str::lines).collect();
    lines.iter().for_each(|line| drop(serving.ask(line)));
    assert_eq!(lines.len(), 5);
    for path in ["/v1", "/proxies", "/metrics", "/version"] {
        let said = serving.ask(&format!("curl -fsS localhost:8080{path}"));
        assert!(path != "/proxies" || said.contains("\"vaurien\""), "{said}");
    }
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn every_row_of_the_api_is_answered_so() {
    let (serving, _, _echo) = beside(&[]);
    let rows = rows("| request | status | response |");
    for row in &rows {
        let [request, status, expected] = row[..] else { panic!("{row:?}") };
        let (method, rest) = request.split_once(' ').unwrap();
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let body = if body.is_empty() { String::new() } else { format!("-d '{body}'") };
        let line =
            format!("curl -sS -w '\\n%{{http_code}}' -X {method} localhost:8080{path} {body}");
        let said = serving.ask(&line);
        let (found, code) = said.rsplit_once('\n').unwrap();
        let found: Value = serde_json::from_str(found).unwrap();
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!((code, found), (status, expected), "{request}");
    }
    assert_eq!(rows.len(), 8);
}

#[test]
fn every_behavior_of_the_table_is_the_rule_beside_it() {
    // Options stay with a behavior: each row has a proxy of its own.
    let serving = Serving::start(&["--api", "127.0.0.1:0"]);
    let rows = rows("| body of `PUT /behavior` | rule |");
    for (row, name) in rows.iter().zip('a'..) {
        let [body, rule] = row[..] else { panic!("{row:?}") };
        let (at, rule) =
            ("curl -fsS localhost:8080", if rule.is_empty() { None } else { Some(rule) });
        serving.ask(&format!(r#"{at}/v1/proxies -d '{{"name": "{name}", "backend": "1"}}'"#));
        serving.ask(&format!("{at}/behavior?proxy={name} -X PUT -d '{body}'"));
        let shown = asked(&serving, &format!("{at}/v1/proxies/{name}/rules"));
        let shown: Vec<_> = shown["rules"].as_array().unwrap().iter().collect();
        let texts = shown.iter().map(|rule| rule["text"].as_str().unwrap());
        let texts: Vec<_> = texts.map(|text| text.split(":name=").next().unwrap()).collect();
        assert_eq!(texts, Vec::from_iter(rule), "{body}");
    }
    assert_eq!(rows.len(), 12);
}

#[test]
fn every_protocol_of_the_table_is_known_or_has_another_name() {
    let listed = support::run(&["list", "protocols"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let knows =
        |name: &str| listed.lines().any(|line| line.split_whitespace().next() == Some(name));
    let heading = "## Protocols, word for word\n\n| Vaurien | chenapan |";
    for row in rows(heading) {
        let [theirs, ours] = row[..] else { panic!("{row:?}") };
        assert!(knows(ours), "{ours}");
        let output = support::run(&["apply", "--protocol", theirs]);
        let said = String::from_utf8(output.stderr).unwrap();
        match knows(theirs) {
            true => assert_eq!(output.status.code(), Some(0), "{said}"),
            false => assert!(said.contains(&format!("write {ours},")), "{said}"),
        }
    }
}

#[test]
fn rules_of_the_command_line_hold_beside_what_a_client_sets() {
    let flags = ["--behavior", "replace:match=ping:with=pong:direction=upstream"];
    let options = ["--behavior-transient-agitate", "1", "--behavior-transient-inject"];
    let (serving, mut client, _echo) = beside(&[&flags[..], &options].concat());
    let set = r#"curl -fsS -X PUT localhost:8080/behavior -d '{"name": "transient"}'"#;
    assert_eq!(asked(&serving, set)["status"], "ok");
    client.write_all(b"ping").unwrap();
    let mut got = [0; 104];
    client.read_exact(&mut got).unwrap();
    assert_eq!((&got[..2], &got[102..]), (&b"po"[..], &b"ng"[..]));
    let rules = asked(&serving, "curl -fsS localhost:8080/v1/proxies/vaurien/rules");
    let set = "transient:agitate=1:inject=yes:direction=downstream:name=vaurien-transient";
    assert_eq!(rules["rules"][1]["text"], set);
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn the_ini_starts_a_proxy_with_and_without_the_command() {
    let echo = Backend::echo();
    let text = format!(
        "[vaurien]\nproxy = 127.0.0.1:0\nbackend = {}\nbehavior = 100:error\ntimeout = 0.2\n\
         [behavior:error]\ninject = yes\n",
        echo.address
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    let (beside, address) = Serving::beside(&["--config", path, "--http", "--http-port", "0"]);
    let serving = Serving::start(&["--api", "127.0.0.1:0", "--config", path]);
    let shown = asked(&serving, "curl -fsS 127.0.0.1:8474/v1/proxies/vaurien");
    let other: std::net::SocketAddr = shown["addresses"][0].as_str().unwrap().parse().unwrap();
    for (serving, address) in [(beside, address), (serving, other)] {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"abcd").unwrap();
        let mut got = [0; 104];
        client.read_exact(&mut got).unwrap();
        assert_eq!((&got[..2], &got[102..]), (&b"ab"[..], &b"cd"[..]));
        assert_eq!(client.read(&mut got).unwrap(), 0, "nothing has happened for too long");
        assert_eq!(asked(&serving, "curl -fsS localhost:8080/behavior")["behavior"], "dummy");
        assert_eq!(serving.stop(), Some(0));
    }
}

#[test]
fn a_mistake_in_the_ini_has_its_place() {
    for (text, place, told) in [
        ("[vaurien]\nbehaviour = x\n", ":2:1: ", "did you mean \"behavior\"?"),
        ("[vaurian]\n", ":1:1: ", "did you mean \"vaurien\"?"),
        ("[vaurien]\n  behavior = 20:dleay\n", ":2:14: ", "did you mean \"delay\"?"),
        ("[behavior:delay]\nsleep: 1\nslep: 2\n", ":3:1: ", "did you mean \"sleep\"?"),
        ("[vaurien]\nbackend = ${CHENAPAN_NO_SUCH}\n", ":2:11: ", "no variable"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        for command in [&["serve", "--api", "127.0.0.1:0"][..], &[]] {
            let output = support::run(&[command, &["--config", path]].concat());
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(&format!("{path}{place}")) && said.contains(told), "{said}");
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "proxies: {}\n").unwrap();
    let output = support::run(&["--config", file.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("write chenapan serve --config"), "{said}");
}

#[test]
fn names_for_statsd_are_those_of_the_table() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let rule = ["--behavior", "delay:sleep=1ms"];
    let (serving, mut client, _echo) = beside(&[&rule[..], &["--statsd", &address]].concat());
    client.write_all(b"hello").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    let mut client = Some(client);
    let heading = "## StatsD, word for word";
    let page = PAGE.split(heading).nth(1).unwrap();
    let table = page.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let table = table.take_while(|line| line.starts_with('|'));
    let mut wanted: Vec<_> =
        table.map(|row| row.rsplit('|').nth(1).unwrap().trim().trim_matches('`')).collect();
    assert_eq!(wanted.len(), 7);
    let mut got = BTreeMap::new();
    while !wanted.is_empty() {
        let mut datagram = [0; 2_000];
        let length = server.recv(&mut datagram).unwrap_or_else(|_| panic!("{wanted:?} {got:?}"));
        for line in str::from_utf8(&datagram[..length]).unwrap().lines() {
            let (name, value) = line.split_once(':').unwrap();
            got.insert(name.to_owned(), value.to_owned());
            wanted.retain(|known| *known != name);
        }
        // What is open is told while it is open.
        if wanted == ["vaurien.tcp.vaurien.end"] {
            client.take();
        }
    }
    assert_eq!(got["vaurien.tcp.vaurien.bytes-upstream"], "5|c");
    assert_eq!(got["vaurien.tcp.vaurien.delay.delay"], "1|ms");
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_said_and_no_proxy_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let base = ["--listen", "0", "--backend", "9", "--http", "--http-host", "127.0.0.1"];
    let output = support::run(&[&base[..], &["--http-port", &port]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{said}");
    assert_eq!(said, format!("error: --http 127.0.0.1:{port}: address already in use\n"));
    let output = support::run(&["--backend", "9", "--http-port", &port]);
    assert_eq!(output.status.code(), Some(2), "--http is missing");
}

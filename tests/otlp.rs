//! `chenapan serve` with a collector of OpenTelemetry: its flag, and the variables that say the same.
//! The pushed bytes are decoded in the tests of the package `server`.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use support::{Guarded, bounded, program};

/// Returns the head and the body of the next request to a collector.
fn pushed(collector: &TcpListener) -> (String, String) {
    let (stream, _) = collector.accept().unwrap();
    bounded(&stream);
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while stream.read_line(&mut head).unwrap() > 2 {}
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    (head, String::from_utf8_lossy(&body).into_owned())
}

fn serve(change: impl FnOnce(&mut Command) -> &mut Command) -> Command {
    let mut command = program(&["serve", "--api", "127.0.0.1:0", "--seed", "7"]);
    command.stdout(Stdio::null()).env("OTEL_METRIC_EXPORT_INTERVAL", "5");
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME"] {
        command.env_remove(name);
    }
    change(&mut command);
    command
}

#[test]
fn a_flag_or_a_variable_names_the_collector() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", collector.local_addr().unwrap());
    let by_flag = Guarded(serve(|command| command.args(["--otlp", &url])).spawn().unwrap());
    let (head, body) = pushed(&collector);
    assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
    for part in ["service.name", "chenapan_held_bytes", "chenapan_series_left_out"] {
        assert!(body.contains(part), "{part}: {body:?}");
    }
    drop(by_flag);
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/otlp", collector.local_addr().unwrap());
    let _by_variables = Guarded(
        serve(|command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).env("OTEL_SERVICE_NAME", "checkout");
            command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20abc, x-team=chaos")
        })
        .spawn()
        .unwrap(),
    );
    let (head, body) = pushed(&collector);
    assert!(head.starts_with("POST /otlp/v1/metrics HTTP/1.1\r\n"), "{head}");
    for line in ["authorization: Basic abc\r\n", "x-team: chaos\r\n"] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(body.contains("checkout"), "{body:?}");
}

#[test]
fn mistakes_are_told_before_anything_is_pushed() {
    type Change = fn(&mut Command) -> &mut Command;
    let cases: [(Change, &str); 4] = [
        (|it| it.args(["--otlp", "collector:4317"]), "--otlp: expected a URL such as http://"),
        (|it| it.env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://a"), "https is not spoken here"),
        (
            |it| it.args(["--otlp", "http://a"]).env("OTEL_METRIC_EXPORT_INTERVAL", "1s"),
            "OTEL_METRIC_EXPORT_INTERVAL: expected a number of milliseconds",
        ),
        (
            |it| it.args(["--otlp", "http://a"]).env("OTEL_EXPORTER_OTLP_HEADERS", "x"),
            "OTEL_EXPORTER_OTLP_HEADERS: expected name=value",
        ),
    ];
    for (change, told) in cases {
        let output = serve(change).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(told), "{said}");
    }
}

//! The tables of messages: each row in each dialect.

use chenapan_protocols::json_rpc::{Dialect, Kind, Message, Reader};

/// A message in short: its kind, or its reason and reply id.
fn shown(message: &Message<'_>) -> String {
    let id = message.id().map_or("-", |id| id.raw());
    match message.kind {
        Kind::Invalid(reason) => {
            format!("{} {} {}", reason.name(), message.code().unwrap(), message.reply_id())
        }
        Kind::Request | Kind::Notification => format!(
            "{} {id} {} {}",
            message.kind.name(),
            message.method().unwrap(),
            message.params().unwrap().name()
        ),
        Kind::Response => format!("response {id}"),
        Kind::Error => format!("error {id} {}", message.code().unwrap_or("none")),
        Kind::Batch(flow) => {
            let items: Vec<_> = message.items().map(|item| shown(&item)).collect();
            format!("batch {} [{}]", flow.name(), items.join(", "))
        }
        Kind::Blank => "blank".to_owned(),
    }
}

#[track_caller]
fn reads(frame: impl AsRef<[u8]>, v2: &str, v1: &str, loose: &str) {
    for (dialect, expected) in [(Dialect::V2, v2), (Dialect::V1, v1), (Dialect::Loose, loose)] {
        let found = shown(&Reader::new(dialect).read(frame.as_ref()));
        assert_eq!(found, expected, "{dialect}: {}", frame.as_ref().escape_ascii());
    }
}

#[track_caller]
fn alike(frame: impl AsRef<[u8]>, expected: &str) {
    reads(frame, expected, expected, expected);
}

#[test]
fn what_is_no_message_at_all() {
    for blank in ["", " ", "\t\r\n "] {
        alike(blank, "blank");
    }
    alike(b"\xff", "utf8 -32700 null");
    alike(b"{\"id\":1,\"a\":\"\xed\xa0\x80\"}", "utf8 -32700 null");
    for text in [
        "\u{feff}{}",
        "{",
        "{}{}",
        "{} x",
        "NaN",
        "[NaN]",
        "[Infinity]",
        "[01]",
        "{'a':1}",
        "[1,]",
        "{\"a\":1,}",
        "[\"\n\"]",
        "\u{b}{}",
        "{\"a\" 1}",
        "tru",
        "\"a",
        "-",
        "{\"id\":1} ]",
    ] {
        alike(text, "json -32700 null");
    }
    for text in ["1", " -1.5e3 ", "\"a\"", "null", "true"] {
        alike(text, "not-object -32600 null");
    }
    reads("[]", "empty-batch -32600 null", "not-object -32600 null", "empty-batch -32600 null");
    alike("{}", "neither -32600 null");
    alike(r#"{"jsonrpc":"2.0","id":7}"#, "neither -32600 7");
    reads(r#"{"id":[7]}"#, "neither -32600 null", "neither -32600 [7]", "neither -32600 null");
}

#[test]
fn calls_by_id() {
    let call = |id: &str| format!(r#"{{"jsonrpc":"2.0","method":"m","params":[]{id}}}"#);
    reads(call(""), "notification - m array", "missing-id -32600 null", "notification - m array");
    reads(
        call(r#","id":null"#),
        "request null m array",
        "notification null m array",
        "notification null m array",
    );
    for id in ["1", "1.0", "\"x\"", "-0", "1e999", "\"\\ud800\"", "12345678901234567890123"] {
        alike(call(&format!(",\"id\": {id} ")), &format!("request {id} m array"));
    }
    for id in ["true", "false", "[1]", "{}"] {
        let request = format!("request {id} m array");
        reads(call(&format!(",\"id\":{id}")), "bad-id -32600 null", &request, "bad-id -32600 null");
    }
    // The method wins over a result.
    alike(call(r#","id":1,"result":1,"error":2"#), "request 1 m array");
}

#[test]
fn calls_by_version() {
    for version in [
        "",
        r#""jsonrpc":"1.0","#,
        r#""jsonrpc":2.0,"#,
        r#""jsonrpc":null,"#,
        r#""jsonrpc":"2.00","#,
    ] {
        let call = format!(r#"{{{version}"method":"m","params":[],"id":1}}"#);
        reads(call, "bad-version -32600 1", "request 1 m array", "request 1 m array");
    }
    alike(r#"{"jsonrpc":"\u0032.0","method":"m","params":[],"id":1}"#, "request 1 m array");
}

#[test]
fn calls_by_params_and_method() {
    let call = |rest: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":{rest}}}"#);
    reads(call(r#""m""#), "request 1 m absent", "bad-params -32600 1", "request 1 m absent");
    reads(
        call(r#""m","params":{}"#),
        "request 1 m object",
        "bad-params -32600 1",
        "request 1 m object",
    );
    for params in ["null", "1", "\"[]\"", "true"] {
        alike(call(&format!(r#""m","params":{params}"#)), "bad-params -32600 1");
    }
    alike(call(r#""","params":[]"#), "request 1  array");
    alike(call(r#""\ud800x","params":[]"#), "request 1 \u{fffd}x array");
    for method in ["1", "null", "[]", "{}", "true"] {
        alike(call(&format!(r#"{method},"params":[]"#)), "bad-method -32600 1");
    }
}

#[test]
fn checks_come_in_order() {
    reads(
        r#"{"method":1,"params":1,"id":true}"#,
        "bad-id -32600 null",
        "bad-params -32600 true",
        "bad-id -32600 null",
    );
    reads(
        r#"{"method":1,"params":1,"id":1}"#,
        "bad-version -32600 1",
        "bad-params -32600 1",
        "bad-params -32600 1",
    );
    reads(
        r#"{"method":1}"#,
        "bad-version -32600 null",
        "missing-id -32600 null",
        "bad-method -32600 null",
    );
    reads(
        r#"{"result":1,"error":1,"id":{}}"#,
        "bad-id -32600 null",
        "both -32600 {}",
        "bad-id -32600 null",
    );
    reads(
        r#"{"result":1,"error":1}"#,
        "missing-id -32600 null",
        "missing-id -32600 null",
        "missing-id -32600 null",
    );
    reads(
        r#"{"result":1,"error":1,"id":1}"#,
        "bad-version -32600 1",
        "both -32600 1",
        "both -32600 1",
    );
}

#[test]
fn replies() {
    let reply = |rest: &str| format!(r#"{{"jsonrpc":"2.0","id":1,{rest}}}"#);
    for result in ["1", "null", "{}"] {
        let rest = format!(r#""result":{result}"#);
        reads(reply(&rest), "response 1", "need-both -32600 1", "response 1");
        reads(
            reply(&format!(r#"{rest},"error":null"#)),
            "both -32600 1",
            "response 1",
            "response 1",
        );
    }
    alike(reply(r#""result":1,"error":{"code":1,"message":""}"#), "both -32600 1");
    reads(
        reply(r#""result":null,"error":{"code":-5,"message":""}"#),
        "both -32600 1",
        "error 1 -5",
        "error 1 -5",
    );
    reads(reply(r#""error":null"#), "bad-error -32600 1", "need-both -32600 1", "neither -32600 1");
    reads(
        reply(r#""error":{"code":-32000,"message":"a","data":[]}"#),
        "error 1 -32000",
        "need-both -32600 1",
        "error 1 -32000",
    );
    for (error, code) in [
        ("{}", "none"),
        (r#"{"code":1}"#, "1"),
        (r#"{"code":1.0,"message":""}"#, "none"),
        (r#"{"code":1e0,"message":""}"#, "none"),
        (r#"{"code":true,"message":""}"#, "none"),
        (r#"{"code":"1","message":""}"#, "none"),
        (r#"{"code":1,"message":null}"#, "1"),
        ("-7", "-7"),
        ("7.5", "none"),
        ("\"text\"", "none"),
        ("[1]", "none"),
        ("true", "none"),
    ] {
        let expected = format!("error 1 {code}");
        let reply = reply(&format!(r#""error":{error}"#));
        reads(reply, "bad-error -32600 1", "need-both -32600 1", &expected);
    }
    let huge = "9".repeat(100);
    let reply = reply(&format!(r#""error":{{"code":1,"c\u006fde":-{huge},"message":""}}"#));
    let expected = format!("error 1 -{huge}");
    reads(reply, &expected, "need-both -32600 1", &expected);
    alike(r#"{"result":1}"#, "missing-id -32600 null");
    reads(
        r#"{"result":1,"error":null,"id":null}"#,
        "bad-version -32600 null",
        "response null",
        "response null",
    );
}

#[test]
fn duplicates_and_escaped_names_count() {
    alike(
        r#"{"jsonrpc":"1.0","jsonrpc":"2.0","method":1,"id":true,"m\u0065thod":"m","params":[],"i\u0064":2}"#,
        "request 2 m array",
    );
    let nested = r#"{"jsonrpc":"2.0","params":[{"id":9,"method":"x"}],"method":"m"}"#;
    reads(nested, "notification - m array", "missing-id -32600 null", "notification - m array");
}

#[test]
fn batches() {
    let batch = r#" [{"jsonrpc":"2.0","method":"m","id":1}, {"jsonrpc":"2.0","method":"n"},1,[]] "#;
    let expected = "batch request [request 1 m absent, notification - n absent, \
        not-object -32600 null, not-object -32600 null]";
    reads(batch, expected, "not-object -32600 null", expected);
    let batch = r#"[{"jsonrpc":"2.0","result":1,"id":1},{"jsonrpc":"2.0","error":5,"id":2}]"#;
    reads(
        batch,
        "batch response [response 1, bad-error -32600 2]",
        "not-object -32600 null",
        "batch response [response 1, error 2 5]",
    );
    let batch = r#"[{"jsonrpc":"2.0","result":1,"id":1},{}]"#;
    let expected = "batch mixed [response 1, neither -32600 null]";
    reads(batch, expected, "not-object -32600 null", expected);
    alike("[{},]", "json -32700 null");
}

#[test]
fn spans_lie_in_the_frame() {
    let frame = br#"  {"id" : 1 ,"method":"m", "params":[] } "#;
    let message = Reader::new(Dialect::Loose).read(frame);
    assert_eq!(&frame[message.span.clone()], br#"{"id" : 1 ,"method":"m", "params":[] }"#);
    let object = message.object.clone().unwrap();
    let id = object.id.clone().unwrap();
    assert_eq!((&frame[id.span()], &frame[id.value.clone()]), (&br#""id" : 1"#[..], &b"1"[..]));
    assert_eq!(&frame[id.removal()], br#""id" : 1 ,"#);
    let params = object.params.clone().unwrap();
    assert_eq!(&frame[params.removal()], br#", "params":[]"#);
    assert_eq!(object.insertion(), params.value.end);

    let frame = br#"[1, {"error": {"code": 5, "message":"m" },"id":2}]"#;
    let message = Reader::new(Dialect::Loose).read(frame);
    let spans: Vec<_> = message.spans().map(|item| &frame[item.value]).collect();
    assert_eq!(spans[0], b"1");
    let item = message.items().nth(1).unwrap();
    assert_eq!(&frame[item.span.clone()], spans[1]);
    let trouble = item.trouble().unwrap();
    assert_eq!(&frame[trouble.code.unwrap().value], b"5");
    assert_eq!(&frame[trouble.message.unwrap().value], b"\"m\"");
    assert_eq!(&frame[trouble.span], br#"{"code": 5, "message":"m" }"#);
}

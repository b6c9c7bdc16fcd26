//! Any bytes: nothing panics, cuts never matter, and what is JSON is what others take for it.

use crate::stream::told;
use chenapan_protocols::json::{Scan, Scanner};
use chenapan_protocols::json_rpc::{Dialect, Forgery, Framing, Kind, Reader, Reason};
use proptest::prelude::*;
use serde_json::value::RawValue;

/// Bytes that are nearly JSON.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u00",
        "\\ud83d",
        "\\ude00",
        "0",
        "1",
        "-",
        ".",
        "e",
        "+",
        "true",
        "null",
        "tru",
        " ",
        "\n",
        "\r",
        "\t",
        "é",
        "\"id\"",
        "\"method\"",
        "\"jsonrpc\"",
        "\"2.0\"",
        "\"result\"",
        "\"error\"",
        "\"params\"",
        "\"code\"",
        "\u{7f}",
        "\0",
        "data:",
        "Content-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "POST / HTTP/1.1\r\n",
        "\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "2\r\n[]\r\n",
        "0\r\n\r\n",
        "Content-Type: text/event-stream\r\n",
        "Upgrade: websocket\r\n\r\n",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![tokens(), prop::collection::vec(any::<u8>(), 0..200)]
}

/// JSON of some depth, with all sorts of texts and spaces.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<f64>().prop_filter_map("finite", |number| {
            number.is_finite().then(|| format!("{number:e}"))
        }),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let member = (any::<String>(), inner.clone()).prop_map(|(name, value)| {
            format!(" {}: {value}", serde_json::to_string(&name).unwrap())
        });
        prop_oneof![
            prop::collection::vec(inner, 0..6)
                .prop_map(|items| format!("[{} ]", items.join(" , "))),
            prop::collection::vec(member, 0..6)
                .prop_map(|items| format!("{{{}\n}}", items.join(","))),
        ]
    })
}

fn is_json(text: &[u8]) -> bool {
    let mut scanner = Scanner::new();
    str::from_utf8(text).is_ok()
        && match scanner.scan(text) {
            Scan::More => scanner.finish(),
            Scan::End(end) => text[end..].iter().all(|byte| b" \t\r\n".contains(byte)),
            Scan::Wrong(_) => false,
        }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn others_agree_on_what_is_json(text in prop_oneof![
        bytes(),
        json().prop_map(String::into_bytes),
        (json(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
            let mut text = text.into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            text
        }),
    ]) {
        prop_assert_eq!(is_json(&text), serde_json::from_slice::<&RawValue>(&text).is_ok());
        let message = Reader::new(Dialect::V2).read(&text);
        let says = !matches!(message.reason().map(Reason::name), Some("json" | "utf8"));
        prop_assert_eq!(says && message.kind != Kind::Blank, is_json(&text));
    }

    #[test]
    fn a_tree_says_the_same_of_an_object(id in json(), method in any::<String>(), params in json()) {
        let name = serde_json::to_string(&method).unwrap();
        let frame = format!(r#"{{"params": {params},"id":{id} , "method" :{name},"jsonrpc":"2.0"}}"#);
        let tree: serde_json::Value = serde_json::from_str(&frame).unwrap();
        let message = Reader::new(Dialect::Auto).read(frame.as_bytes());
        let expected = match (&tree["id"], &tree["params"]) {
            (serde_json::Value::Bool(_) | serde_json::Value::Array(_) | serde_json::Value::Object(_), _) => "bad-id",
            (_, serde_json::Value::Array(_) | serde_json::Value::Object(_)) => "",
            _ => "bad-params",
        };
        prop_assert_eq!(message.reason().map_or("", Reason::name), expected);
        prop_assert_eq!(message.id().unwrap().raw(), id);
        if expected.is_empty() {
            prop_assert_eq!(&*message.method().unwrap(), &method);
            let forgery = Forgery { code: 1, message: &method, data: None };
            let reply = forgery.reply(&message).unwrap();
            let reply = Reader::new(Dialect::V2).read(&reply);
            prop_assert_eq!(reply.kind, Kind::Error);
            prop_assert_eq!(reply.id().unwrap().key(), message.id().unwrap().key());
        }
    }

    #[test]
    fn cuts_never_matter(
        input in bytes(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        max_size in prop::sample::select(vec![None, Some(0), Some(1), Some(7), Some(20)]),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        for framing in Framing::ALL {
            let whole = told(framing.framer(max_size), [&input[..]]);
            let pieces = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]);
            prop_assert_eq!(&told(framing.framer(max_size), pieces), &whole, "{}", framing);
            prop_assert_eq!(&told(framing.framer(max_size), input.chunks(1)), &whole, "{}", framing);
        }
    }

    #[test]
    fn ids_of_one_value_match(digits in "[1-9][0-9]{0,30}", zeroes in 0..30usize, power in -40i64..40) {
        let mut reader = Reader::new(Dialect::Loose);
        let mut key = |id: String| {
            reader.read(format!(r#"{{"method":"m","id":{id}}}"#).as_bytes()).id().unwrap().key()
        };
        let moved = power - zeroes as i64;
        let same = key(format!("{digits}{}e{moved}", "0".repeat(zeroes)));
        prop_assert_eq!(key(format!("{digits}e{power}")), same.clone());
        prop_assert_ne!(key(format!("{digits}1e{power}")), same);
    }
}

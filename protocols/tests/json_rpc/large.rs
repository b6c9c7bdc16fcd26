//! Large, deep and long: everything is read, in one walk.

use crate::stream::{Told, told};
use chenapan_protocols::json_rpc::{Cut, Dialect, Framing, Kind, Reader};

#[test]
fn a_hundred_megabytes_are_one_frame() {
    let mut frame = br#"{"jsonrpc":"2.0","id":1,"result":""#.to_vec();
    frame.resize(100_000_000, b'x');
    frame.extend_from_slice(b"\"}");
    let mut framer = Framing::Json.framer(Some(0));
    // As much as comes at once, over a buffer that grows.
    let mut end = 0;
    let found = loop {
        end = (end + 1_000_000).min(frame.len());
        match framer.cut(&frame[..end]) {
            Cut::Incomplete => {}
            cut => break cut,
        }
    };
    let Cut::Frame(found) = found else { panic!("{found:?}") };
    assert_eq!(found.size, frame.len());
    assert_eq!(Reader::new(Dialect::Auto).read(found.payload(&frame)).kind, Kind::Response);
}

#[test]
fn a_hundred_thousand_levels_are_read() {
    let depth = 100_000;
    let nest = format!("{}{}", "[{\"a\":".repeat(depth / 2) + "0", "}]".repeat(depth / 2));
    let frame = format!(r#"{{"id":1,"result":{nest},"jsonrpc":"2.0"}}"#);
    let found = told(Framing::Json.framer(None), frame.as_bytes().chunks(1_000));
    assert!(matches!(&found[..], [Told::Frame { .. }]));
    assert_eq!(Reader::new(Dialect::V2).read(frame.as_bytes()).kind, Kind::Response);
    let broken = frame.replacen("}]", "]}", 1);
    assert_eq!(Reader::new(Dialect::V2).read(broken.as_bytes()).reason().unwrap().name(), "json");
}

#[test]
fn a_number_of_many_digits_is_an_id_like_any_other() {
    let digits = "7".repeat(5_000);
    let frame = format!(r#"{{"method":"m","id":{digits}}}"#);
    let mut reader = Reader::new(Dialect::Auto);
    let message = reader.read(frame.as_bytes());
    assert_eq!(message.id().unwrap().raw(), digits);
    let other = format!(r#"{{"result":1,"id":{digits}.0e0}}"#);
    let other = reader.read(other.as_bytes()).id().unwrap().key();
    assert_eq!(message.id().unwrap().key(), other);
}

#[test]
fn a_batch_of_millions_is_gone_through_without_being_kept() {
    let frame = format!("[{}0]", "0,".repeat(1_000_000));
    let message = Reader::new(Dialect::V2).read(frame.as_bytes());
    assert_eq!(message.items().count(), 1_000_001);
}

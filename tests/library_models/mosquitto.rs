//! The model of MQTT before mosquitto.

use crate::ask;
use crate::mqtt::{Mqtt, written};
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, server};
use crate::support::{connect, read_exactly};
use chenapan::blocking::{Running, proxy};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

pub(crate) const TESTS: &[Test] = tests![
    a_client_is_refused_once_with_the_code_of_its_protocol needs Program("mosquitto");
    topics_are_lost_and_doubled_and_all_others_arrive needs Program("mosquitto");
    a_topic_is_damaged_and_the_broker_gets_a_sound_packet needs Program("mosquitto");
    a_text_is_replaced_and_the_broker_gets_a_sound_packet needs Program("mosquitto");
];

fn mosquitto() -> Server {
    let configuration = |_: &std::path::Path, address: SocketAddr| {
        let (port, host) = (address.port(), address.ip());
        format!("listener {port} {host}\nallow_anonymous true\npersistence false\nuser root\n")
    };
    Server::start(&server("mosquitto"), configuration, &["-c", "{}"])
}

fn before(broker: &Server, rules: &[&'static str]) -> Running {
    let proxy = proxy(broker.address).speaking(Mqtt { max_size: chenapan_core::Size(1 << 20) });
    proxy.rules(rules.iter().copied()).seed(42).start().unwrap()
}

/// A packet behind its first byte and its length.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first][..], &written(body.len()), body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

fn publish(topic: &str, payload: &str) -> Vec<u8> {
    packet(0x30, &[&text(topic)[..], payload.as_bytes()].concat())
}

fn greeting(client: &str) -> Vec<u8> {
    packet(0x10, &[&text("MQTT")[..], &[4, 2, 0, 60], &text(client)].concat())
}

/// A client that was accepted.
fn joined(address: SocketAddr, client: &str) -> TcpStream {
    let mut stream = connect(address);
    ask(&mut stream, greeting(client), [0x20, 2, 0, 0]);
    stream
}

/// A client that gets everything that is published.
fn listening(broker: &Server) -> TcpStream {
    let mut stream = joined(broker.address, "listener");
    let subscribe = packet(0x82, &[&[0, 1][..], &text("#"), &[0]].concat());
    ask(&mut stream, subscribe, [0x90, 3, 0, 1, 0]);
    stream
}

/// Publishes packets through a proxy, and checks that exactly these arrive, in order.
#[track_caller]
fn arrives(proxy: &Running, listener: &mut TcpStream, published: &[Vec<u8>], expected: &[Vec<u8>]) {
    let mut client = joined(proxy.address(), "publisher");
    let last = publish("last", "word");
    client.write_all(&[&published.concat()[..], &last].concat()).unwrap();
    let expected = [&expected.concat()[..], &last].concat();
    let got = read_exactly(listener, expected.len());
    assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

fn a_client_is_refused_once_with_the_code_of_its_protocol() {
    let broker = mosquitto();
    let proxy = before(&broker, &["transient:label=CONNECT:code=5"]);
    ask(&mut connect(proxy.address()), greeting("one"), [0x20, 2, 0, 5]);
    let mut client = joined(proxy.address(), "one");
    ask(&mut client, packet(0xc0, &[]), packet(0xd0, &[]));
    assert_eq!(proxy.journal().len(), 1);
}

fn topics_are_lost_and_doubled_and_all_others_arrive() {
    let broker = mosquitto();
    let mut listener = listening(&broker);
    let rules = ["drop:label=PUBLISH secret/*", "duplicate:label=PUBLISH dup:direction=upstream"];
    let proxy = before(&broker, &rules);
    let long = "long ".repeat(100);
    let [secret, open, dup, long] =
        [("secret/1", "a"), ("open", "b"), ("dup", "c"), ("long", &long)]
            .map(|(topic, text)| publish(topic, text));
    let published = [open.clone(), secret.clone(), dup.clone(), secret, long.clone()];
    arrives(&proxy, &mut listener, &published, &[open, dup.clone(), dup, long]);
    assert_eq!((proxy.rule("drop").faults(), proxy.rule("duplicate").faults()), (2, 1));
}

fn a_topic_is_damaged_and_the_broker_gets_a_sound_packet() {
    let broker = mosquitto();
    let mut listener = listening(&broker);
    let proxy = before(
        &broker,
        &[
            "corrupt-header:field=topic:how=set:value=another/topic:label=PUBLISH a",
            "corrupt-header:field=payload:how=missing:label=PUBLISH b",
        ],
    );
    let published = ["a", "b", "c"].map(|topic| publish(topic, "payload"));
    let [_, _, other] = published.clone();
    let expected = [publish("another/topic", "payload"), publish("b", ""), other];
    arrives(&proxy, &mut listener, &published, &expected);
    assert_eq!(proxy.journal().len(), 2);
}

fn a_text_is_replaced_and_the_broker_gets_a_sound_packet() {
    let broker = mosquitto();
    let mut listener = listening(&broker);
    let long = "long ".repeat(50);
    let rule: &'static str =
        Box::leak(format!("replace:match=town|city:with={long}").into_boxed_str());
    let proxy = before(&broker, &[rule]);
    let published = [publish("a", "in town"), publish("in/city", "of b"), publish("c", "other")];
    let [.., other] = published.clone();
    // Two lengths have another size now, and one is that of the topic.
    let expected =
        [publish("a", &format!("in {long}")), publish(&format!("in/{long}"), "of b"), other];
    arrives(&proxy, &mut listener, &published, &expected);
    assert_eq!(proxy.journal().len(), 2);
}

//! All of them with literal bytes and in virtual time, since a server does not say everything.

use crate::http::Http;
use crate::kafka::Kafka;
use crate::mischief::{Answer, Bomb, Greeter, Mirror, Nth, Waves, registry};
use crate::mqtt::Mqtt;
use crate::resp::Resp;
use crate::support::needs::{Test, tests};
use chenapan::rule::{Defaults, Rule, RuleError, Rules};
use chenapan_core::Direction::{self, Upstream};
use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Behavior, BehaviorEntry, Context, Handled, Instances, Malformed, Plugin, Protocol,
    ProtocolEntry, Unit, Verdict, plugin,
};
use chenapan_engine::testing::Side::{Client, Server};
use chenapan_engine::testing::{Conversation, at_every_split, configured, converse, passes, sound};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    plug_ins_are_sound_and_their_mistakes_are_told;
    a_plug_in_takes_the_place_of_one_of_its_name_where_that_is_meant;
    units_do_not_depend_on_how_bytes_arrive;
    responses_of_kafka_find_their_requests;
    a_field_of_kafka_is_damaged_and_the_size_stays_right;
    a_reply_that_is_cut_holds_up_no_other;
    every_body_of_http_ends_where_it_should;
    a_refused_request_of_http_does_not_reframe_the_next_reply;
    waves_rise_and_fall;
    questions_are_turned_round_on_every_protocol_that_has_an_order;
];

fn rules(texts: &[&str]) -> Result<Rules, RuleError> {
    let read = texts.iter().map(|text| Rule::parse(text, &registry(), &Defaults::new()));
    Ok(Rules::new(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten()))
}

fn plug_ins_are_sound_and_their_mistakes_are_told() {
    fn both<P: Plugin>() {
        sound::<P>();
        chenapan_engine::testing::writes_itself::<P>();
    }
    both::<Kafka>();
    both::<Http>();
    both::<Mqtt>();
    both::<Resp>();
    both::<Nth>();
    both::<Waves>();
    both::<Answer>();
    both::<Mirror>();
    both::<Bomb>();
    both::<Greeter>();
    for (rule, told) in [
        ("nth:n=0", r#"behavior "nth": option "n": expected 1 or more"#),
        ("waves:period=0s", r#"behavior "waves": option "period": expected more than nothing"#),
        ("answer", "\"text\""),
        ("bomb:place=wakes", "did you mean"),
        ("wave", r#"did you mean "waves"?"#),
    ] {
        let error = rules(&[rule]).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

plugin! {
    /// Drops what the behavior of this name would delay.
    struct Delay = "delay" {}
}

impl Behavior for Delay {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Drop
    }
}

plugin! {
    /// Bytes without structure.
    struct Tcp = "tcp" {}
}

impl Protocol for Tcp {
    fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(Handled::Opaque)
    }
}

fn a_plug_in_takes_the_place_of_one_of_its_name_where_that_is_meant() {
    let (behavior, protocol) = (BehaviorEntry::of::<Delay>(), ProtocolEntry::of::<Tcp>());
    let mut registry = chenapan::registry();
    let taken = registry.try_behavior(behavior).unwrap_err().to_string();
    assert_eq!(
        taken,
        r#"behavior "delay": there is one of this name; Registry::behavior replaces it"#
    );
    let taken = registry.try_protocol(protocol).unwrap_err().to_string();
    assert_eq!(
        taken,
        r#"protocol "tcp": there is one of this name; Registry::protocol replaces it"#
    );
    let (count, protocols) = (registry.behaviors().len(), registry.protocols().len());
    let other = registry.clone().behavior(behavior).protocol(protocol);
    assert_eq!((other.behaviors().len(), other.protocols().len()), (count, protocols));
    // One rule by the one list and by the other.
    for (registry, got) in [(registry, "ping"), (other, "")] {
        let rules = Rule::parse("delay:first=1", &registry, &Defaults::new()).unwrap();
        let tcp = registry.find_protocol("tcp").unwrap().configure([]).unwrap();
        converse(
            &*tcp,
            Rules::new(rules),
            [Client.says("ping"), passes(Duration::from_secs(60)), Server.gets(got)],
        );
    }
}

/// Labels of the units, however the bytes are split.
fn labels<P: Plugin + Protocol + 'static>(direction: Direction, bytes: &[u8]) -> Vec<String> {
    let units = at_every_split(|| Box::new(configured::<P>(&[])), direction, bytes).unwrap();
    units.into_iter().map(|unit| unit.label.map_or_else(String::new, Into::into)).collect()
}

fn units_do_not_depend_on_how_bytes_arrive() {
    let kafka = [request(3, 7, b"abc"), request(0, 8, b"")].concat();
    assert_eq!(labels::<Kafka>(Upstream, &kafka), ["Metadata", "Produce"]);
    let resp =
        b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*3\r\n$3\r\nset\r\n$1\r\na\r\n$2\r\n\r\n\r\n";
    assert_eq!(labels::<Resp>(Upstream, resp), ["GET", "PING", "SET"]);
    let mqtt = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0\x30\x05\0\x01aok\xc0\0";
    assert_eq!(labels::<Mqtt>(Upstream, mqtt), ["CONNECT", "PUBLISH a", "PINGREQ"]);
    let http = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
                 PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nSum: 1\r\n\r\n";
    assert_eq!(labels::<Http>(Upstream, http), ["GET /", "POST /x", "PUT /c"]);
}

/// A request of Kafka: its API, its id and its body.
fn request(key: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let head = [&[0, key, 0, 0][..], &id.to_be_bytes()].concat();
    let size = (head.len() + body.len()) as u32;
    [&size.to_be_bytes()[..], &head, body].concat()
}

fn response(id: u32, body: &[u8]) -> Vec<u8> {
    let size = (4 + body.len()) as u32;
    [&size.to_be_bytes()[..], &id.to_be_bytes(), body].concat()
}

fn responses_of_kafka_find_their_requests() {
    let rules = rules(&[
        "error:label=Fetch:code=3",
        "delay:label=Produce:sleep=2s:direction=downstream:overtake=yes",
    ]);
    let [fetch, produce, metadata] =
        [request(1, 1, b"f"), request(0, 2, b"p"), request(3, 3, b"m")];
    let heard = converse(
        &configured::<Kafka>(&[]),
        rules.unwrap(),
        [
            Client.says([&fetch[..], &produce, &metadata].concat()),
            // It has an id, so it waits for nobody.
            Client.gets(b"\0\0\0\x06\0\0\0\x01\0\x03"),
            Server.gets([&produce[..], &metadata].concat()),
            Server.says([response(2, b"done"), response(3, b"there")].concat()),
            Client.gets(response(3, b"there")),
            passes(Duration::from_secs(2)),
            Client.gets(response(2, b"done")),
        ],
    );
    let reply = r#"error: reply 10 bytes "\x00\x00\x00\x06\x00\x00\x00\x01\x00\x03""#;
    assert_eq!(heard.faults(), [reply, "delay: hold", "delay: send 12 bytes"]);
    assert_eq!((heard.count("unanswered"), heard.unparsed), (0, 0));
}

fn a_field_of_kafka_is_damaged_and_the_size_stays_right() {
    let [fetch, produce] = [request(1, 1, b"body"), request(0, 2, b"body")];
    for (rule, got) in [
        ("lie-length:field=size:label=Fetch", b"\0\0\0\x0d\0\x01\0\0\0\0\0\x01body".to_vec()),
        ("corrupt-header:field=body:how=missing:label=Fetch", request(1, 1, b"")),
        (
            "corrupt-header:field=body:how=set:value=longer body:label=Fetch",
            request(1, 1, b"longer body"),
        ),
        ("corrupt-header:field=api-key:how=zero:label=Fetch", request(0, 1, b"body")),
    ] {
        let heard = converse(
            &configured::<Kafka>(&[]),
            rules(&[rule]).unwrap(),
            [
                Client.says([&produce[..], &fetch, &produce].concat()),
                Server.gets([&produce[..], &got, &produce].concat()),
            ],
        );
        assert_eq!(heard.faults().len(), 1, "{rule}: {:?}", heard.faults());
    }
    let told = rules(&["lie-length:field=sise"]).unwrap().fit(&configured::<Kafka>(&[]), "kafka");
    let told = told.unwrap_err().to_string();
    assert!(told.contains("did you mean \"size\"?"), "{told}");
}

fn a_reply_that_is_cut_holds_up_no_other() {
    let rules =
        ["truncate:keep=3:close=no:direction=downstream:first=1", "error:label=SET:message=no"];
    let heard = converse(
        &configured::<Resp>(&[]),
        crate::scripts::rules(&rules).unwrap(),
        [
            Client.says("GET a\r\nSET a\r\nPING\r\n"),
            Server.gets("GET a\r\nPING\r\n"),
            Server.says("+one\r\n"),
            // The error has waited for it, and waits for no other.
            Client.gets("+on-no\r\n"),
            Server.says("+PONG\r\n"),
            Client.gets("+PONG\r\n"),
        ],
    );
    assert_eq!((heard.faults().len(), heard.count("unanswered")), (2, 1));
}

fn every_body_of_http_ends_where_it_should() {
    let asked = ["HEAD /h", "GET /c", "GET /n", "GET /o", "GET /e"];
    let asked = asked.map(|first| format!("{first} HTTP/1.1\r\nHost: a\r\n\r\n")).concat();
    let replies = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nSum: 1\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ];
    // Each reply is a unit of its own, under the name of its request.
    let texts = ["/h", "/c", "/n", "/o", "/e"].map(|path| {
        format!("replace:label=* {path}:match=HTTP/1.1:with=HTTP{path}.:direction=downstream")
    });
    let damaged = [("/h", 0), ("/c", 2), ("/n", 3), ("/o", 4), ("/e", 5)];
    for ((path, place), text) in damaged.into_iter().zip(&texts) {
        let mut expected = replies.map(str::to_owned);
        expected[place] = expected[place].replace("HTTP/1.1", &format!("HTTP{path}."));
        for piece in [1, 7, usize::MAX] {
            let http = configured::<Http>(&[]);
            let talk = Conversation::new(&http).rules(rules(&[text]).unwrap()).in_pieces(piece);
            let heard = talk.play([
                Client.says(&asked),
                Server.gets(&asked),
                Server.says(replies.concat()),
                Server.ends(),
                Client.gets(expected.concat()),
                Client.sees_end(),
            ]);
            assert_eq!(heard.unparsed, 0);
        }
    }
}

fn a_refused_request_of_http_does_not_reframe_the_next_reply() {
    let [get, head] = ["GET /bad", "HEAD /x"].map(|first| format!("{first} HTTP/1.1\r\n\r\n"));
    let reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    let heard = converse(
        &configured::<Http>(&[]),
        rules(&["error:label=GET /bad"]).unwrap(),
        [
            Client.says(format!("{get}{head}{get}{head}")),
            Server.gets(format!("{head}{head}")),
            Client.gets("HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"),
            Server.says(reply),
            Client.gets(format!("{reply}HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n")),
            Server.says(reply),
            Client.gets(reply),
        ],
    );
    assert_eq!((heard.faults().len(), heard.unparsed), (2, 0));
}

fn waves_rise_and_fall() {
    let own = "waves:low=1s:high=3s:period=10s:shared=no";
    let heard = converse(
        &configured::<Resp>(&[]),
        rules(&[own]).unwrap(),
        [
            Server.says("+a\r\n"),
            passes(Duration::from_millis(999)),
            Client.gets(""),
            passes(Duration::from_millis(1)),
            Client.gets("+a\r\n"),
            // The top of the wave.
            passes(Duration::from_secs(4)),
            Server.says("+b\r\n"),
            passes(Duration::from_millis(2_999)),
            Client.gets(""),
            passes(Duration::from_millis(1)),
            Client.gets("+b\r\n"),
            // Not in the other direction.
            Client.says("PING\r\n"),
            Server.gets("PING\r\n"),
        ],
    );
    assert_eq!(heard.faults(), ["waves: delay 1s", "waves: delay 3s"]);
}

fn questions_are_turned_round_on_every_protocol_that_has_an_order() {
    let (get, other) = ("GET /secret1 HTTP/1.1\r\n\r\n", "GET /2 HTTP/1.1\r\n\r\n");
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let cases: [(&dyn Instances<dyn Protocol>, _, _, _); 2] = [
        (&configured::<Resp>(&[]), ["ECHO 1\r\n", "ECHO secret2\r\n"], ["+1\r\n", "+s\r\n"], 1),
        (&configured::<Http>(&[]), [other, get], [ok, ok], 1),
    ];
    for (protocol, asked, replies, turned) in cases {
        let letters = asked[turned].chars().rev().filter(char::is_ascii_alphanumeric);
        let mirrored = format!("+{}\r\n", letters.collect::<String>());
        let heard = converse(
            protocol,
            rules(&["mirror:asked=secret"]).unwrap(),
            [
                Client.says(asked.concat()),
                Server.gets(asked.concat()),
                Server.says(replies.concat()),
                Client.gets(format!("{}{mirrored}", replies[0])),
            ],
        );
        assert_eq!(heard.faults(), ["mirror: mirror"]);
    }
}

//! A protocol whose replies find their requests by an id: DNS over TCP.
//!
//! ```sh
//! cargo run --example dns_protocol -- --listen 5353 --backend 192.0.2.53:53 --protocol dns \
//!     --behavior 'error:label=AAAA *' --behavior 'delay:sleep=2s:label=A *.example:direction=downstream'
//! dig +tcp -p 5353 @127.0.0.1 www.example AAAA
//! ```
//!
//! Servers may answer in any order. The id of a message is its `correlation`; from that the engine gives a
//! reply the label of its request, and counts what is `unanswered`. A zone transfer, which has several
//! replies to one request, is beyond this example.

use chenapan_core::bytes::{BufMut, BytesMut};
use chenapan_core::{
    Correlation, Description, Direction, Field, Handled, Kind, Malformed, Protocol, ProtocolEntry,
    Refusal, Replies, Unit, Want, plugin,
};
use std::process::ExitCode;

plugin! {
    /// DNS over TCP. The label of a request is its type and name, such as `AAAA www.example`, and a reply
    /// has that of its request. An error is a reply whose code is not 0.
    pub struct Dns = "dns" {}
}

/// Number of bytes before the question: the length and the header.
const HEAD: usize = 2 + 12;
/// The code of a server that cannot answer.
const SERVFAIL: i64 = 2;

/// A question: its label and the offset at which it ends.
struct Question {
    label: String,
    end: usize,
}

impl Question {
    /// Reads the first question of a message; none where it is broken.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (mut name, mut at) = (String::new(), HEAD);
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            if length > 63 || name.len() > 255 {
                return None;
            }
            if !name.is_empty() {
                name.push('.');
            }
            name += &String::from_utf8_lossy(bytes.get(at..at + length)?);
            at += length;
        }
        let sort = match u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?) {
            1 => "A".to_owned(),
            2 => "NS".to_owned(),
            15 => "MX".to_owned(),
            16 => "TXT".to_owned(),
            28 => "AAAA".to_owned(),
            other => format!("TYPE{other}"),
        };
        let end = at + 4;
        (end <= bytes.len()).then(|| Self { label: format!("{sort} {name}"), end })
    }
}

impl Protocol for Dns {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(size) = input.first_chunk() else {
            return Ok(Handled::Incomplete(Want::Bytes(2 - input.len())));
        };
        let whole = 2 + usize::from(u16::from_be_bytes(*size));
        if whole < HEAD {
            return Err(Malformed::new("a message of DNS has a header of 12 bytes", 0));
        }
        if input.len() < whole {
            return Ok(Handled::Incomplete(Want::Bytes(whole - input.len())));
        }
        let bytes = input.split_to(whole);
        let (id, failed) = (Correlation::of(&bytes[2..4]), bytes[5] & 0x0f != 0);
        let question = Question::read(&bytes);
        let unit = match direction {
            Direction::Upstream => Unit::request(bytes),
            Direction::Downstream if failed => Unit::error(bytes),
            Direction::Downstream => Unit::response(bytes),
        };
        let unit = unit.correlation(id).field("size", 0..2).field("id", 2..4);
        let unit = unit.fields([Field::new("rcode", 5..6).bits(0x0f)]);
        Ok(Handled::Unit(match question {
            Some(Question { label, end }) => unit.field("question", HEAD..end).label(label),
            None => unit,
        }))
    }

    fn describe(&self) -> Description {
        Description::new()
            .kinds(&[Kind::Request], &[Kind::Response, Kind::Error])
            .fields(&["size", "id", "rcode", "question"])
            .replies(Replies::ById)
            .longest(2 + usize::from(u16::MAX))
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let (id, question) = (unit.value("id")?, unit.value("question")?);
        let code = refusal.code.unwrap_or(SERVFAIL).clamp(0, 15) as u16;
        let size = u16::try_from(HEAD - 2 + question.len()).ok()?;
        let mut bytes = BytesMut::new();
        bytes.put_u16(size);
        bytes.put_slice(id);
        // A reply with one question and nothing else.
        bytes.put_u16(0x8000 | code);
        bytes.put_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        bytes.put_slice(question);
        Some(bytes)
    }

    fn seal(&self, unit: &mut Unit) {
        if unit.named("size").is_none_or(|field| field.wrong) {
            return;
        }
        let Ok(length) = u16::try_from(unit.bytes.len().saturating_sub(2)) else { return };
        if let Some([high, low]) = unit.value_mut("size") {
            [*high, *low] = length.to_be_bytes();
        }
    }
}

fn main() -> ExitCode {
    chenapan::cli::main(chenapan::registry().protocol(ProtocolEntry::of::<Dns>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan::Rules;
    use chenapan_core::testing::{at_every_split, configured};
    use chenapan_engine::testing::Side::{Client, Server};
    use chenapan_engine::testing::{converse, passes};
    use std::time::Duration;

    /// A message with one question, for a name of two parts.
    fn message(id: u16, flags: u16, name: [&str; 2], sort: u16) -> BytesMut {
        let mut bytes = BytesMut::new();
        bytes.put_u16((12 + name[0].len() + name[1].len() + 7) as u16);
        bytes.put_u16(id);
        bytes.put_u16(flags);
        bytes.put_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        for part in name {
            bytes.put_u8(part.len() as u8);
            bytes.put_slice(part.as_bytes());
        }
        bytes.put_u8(0);
        bytes.put_u16(sort);
        bytes.put_u16(1);
        bytes
    }

    #[test]
    fn messages_are_cut_at_any_split() {
        let bytes =
            [message(1, 0, ["www", "example"], 28), message(2, 0, ["a", "test"], 99)].concat();
        let fresh = || Box::new(configured::<Dns>(&[])) as Box<dyn Protocol>;
        let units = at_every_split(fresh, Direction::Upstream, &bytes).unwrap();
        let labels: Vec<_> = units.iter().map(|unit| unit.label.as_deref().unwrap()).collect();
        assert_eq!(labels, ["AAAA www.example", "TYPE99 a.test"]);
        assert!(at_every_split(fresh, Direction::Upstream, &[0, 11, 0]).is_err());
    }

    #[test]
    fn a_broken_question_is_no_label_and_no_panic() {
        let whole = message(1, 0, ["www", "example"], 1);
        for at in HEAD..whole.len() {
            let mut cut = BytesMut::from(&whole[..at]);
            cut[..2].copy_from_slice(&((at - 2) as u16).to_be_bytes());
            let unit = configured::<Dns>(&[]).handle(Direction::Upstream, &mut cut).unwrap();
            let Handled::Unit(unit) = unit else { panic!("{unit:?}") };
            assert_eq!((unit.label, unit.bytes.len()), (None, at));
        }
    }

    #[test]
    fn replies_in_another_order_are_met_by_what_was_asked() {
        let name = ["www", "example"];
        let [v4, v6, mail] =
            [(1, 1), (2, 28), (3, 15)].map(|(id, sort)| message(id, 0, name, sort));
        let (late, soon) = (message(1, 0x8000, name, 1), message(3, 0x8000, name, 15));
        let rules =
            ["error:label=AAAA *", "delay:sleep=2s:label=A *:direction=downstream:overtake=yes"];
        let heard = converse(
            &configured::<Dns>(&[]),
            Rules::parse(&rules).unwrap(),
            [
                Client.says([&v4[..], &v6, &mail].concat()),
                Server.gets([&v4[..], &mail].concat()),
                Client.gets(message(2, 0x8002, name, 28)),
                Server.says([&late[..], &soon].concat()),
                Client.gets(&soon),
                passes(Duration::from_secs(2)),
                Client.gets(&late),
                Client.ends(),
                Server.sees_end(),
                Server.ends(),
                Client.sees_end(),
            ],
        );
        assert_eq!(heard.faults()[1..], ["delay: hold", "delay: send 31 bytes"]);
        assert_eq!(heard.count("unanswered"), 0);
    }
}

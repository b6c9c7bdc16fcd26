//! A protocol with a length in front of each message: netstrings, such as `5:hello,`.
//!
//! ```sh
//! printf '5:hello,3:bye,' | cargo run --example netstring_protocol -- apply \
//!     --protocol netstring --behavior lie-length:field=size:written=decimal
//! ```
//!
//! Requests are answered in order. A length is hostile input: it has few digits and a maximum, which are
//! checked before anything is awaited.

use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Description, Direction, Handled, Kind, Malformed, Protocol, ProtocolEntry, Refusal, Replies,
    Size, Unit, Want, plugin,
};
use std::process::ExitCode;

plugin! {
    /// Netstrings, one for each netstring of the client.
    pub struct Netstring = "netstring" {
        /// The longest text.
        max_size: Size = "1MiB",
    }
}

/// The most digits of a length.
const DIGITS: usize = 9;

fn netstring(text: &str) -> BytesMut {
    BytesMut::from(&*format!("{}:{text},", text.len()))
}

impl Protocol for Netstring {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let digits = input.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        match input.get(digits) {
            None if digits <= DIGITS => return Ok(Handled::Incomplete(Want::Bytes(1))),
            Some(b':') if (1..=DIGITS).contains(&digits) => {}
            _ => return Err(Malformed::new("no length of a netstring", digits)),
        }
        let size =
            input[..digits].iter().fold(0, |size, digit| size * 10 + usize::from(digit - b'0'));
        if size as u64 > self.max_size.0 {
            return Err(Malformed::new(format!("a netstring of {size} bytes is too long"), 0));
        }
        let text = digits + 1..digits + 1 + size;
        let Some(end) = input.get(text.end) else {
            return Ok(Handled::Incomplete(Want::Bytes(text.end + 1 - input.len())));
        };
        if *end != b',' {
            return Err(Malformed::new("a netstring must end in a comma", text.end));
        }
        let bytes = input.split_to(text.end + 1);
        let unit = match direction {
            Direction::Upstream => {
                let words = String::from_utf8_lossy(&bytes[text.clone()]).into_owned();
                Unit::request(bytes).labelled(words.split_whitespace().next())
            }
            Direction::Downstream => Unit::response(bytes),
        };
        Ok(Handled::Unit(unit.field("size", 0..digits).field("text", text)))
    }

    fn describe(&self) -> Description {
        Description::new()
            .kinds(&[Kind::Request], &[Kind::Response])
            .fields(&["size", "text"])
            .replies(Replies::InOrder)
            .longest(DIGITS + 2 + self.max_size.0 as usize)
    }

    fn refuse(&self, _: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let text = if refusal.message.is_empty() { "no" } else { &refusal.message };
        Some(netstring(&format!("error: {text}")))
    }

    fn seal(&self, unit: &mut Unit) {
        let Some(size) = unit.named("size").filter(|field| !field.wrong) else { return };
        let range = size.range.clone();
        // All but the digits, the colon and the comma. More digits move the fields behind them.
        let length = unit.bytes.len().saturating_sub(range.len() + 2);
        unit.splice(range, length.to_string().as_bytes());
    }
}

fn main() -> ExitCode {
    chenapan::cli::main(chenapan::registry().protocol(ProtocolEntry::of::<Netstring>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan::Rules;
    use chenapan_core::testing::{at_every_split, configured, sound};
    use chenapan_engine::testing::Side::{Client, Server};
    use chenapan_engine::testing::converse;

    fn upstream(bytes: &[u8]) -> Result<Vec<Unit>, Malformed> {
        let fresh =
            || Box::new(configured::<Netstring>(&[("max-size", "99")])) as Box<dyn Protocol>;
        at_every_split(fresh, Direction::Upstream, bytes)
    }

    #[test]
    fn lengths_are_read_at_any_split() {
        sound::<Netstring>();
        let units = upstream(b"5:get a,0:,12:hello, world,").unwrap();
        let texts: Vec<_> = units.iter().map(|unit| unit.value("text").unwrap()).collect();
        assert_eq!(texts, [&b"get a"[..], b"", b"hello, world"]);
        assert_eq!(units[0].label.as_deref(), Some("get"));
    }

    #[test]
    fn what_is_no_netstring_is_an_error_where_it_begins_to_be_none() {
        let wrong = [("x", 0), (":", 0), ("5x", 1), ("100:", 0), ("3:abcd", 5), ("1234567890", 10)];
        for (text, offset) in wrong {
            assert_eq!(upstream(text.as_bytes()).unwrap_err().offset, offset, "{text}");
        }
    }

    #[test]
    fn rules_work_on_whole_messages() {
        let rules = [
            "error:label=set:message=read only",
            "corrupt-header:field=text:how=set:value=twelve bytes:label=get:direction=downstream",
            "lie-length:field=size:written=decimal:label=last:direction=downstream",
        ];
        let heard = converse(
            &configured::<Netstring>(&[]),
            Rules::parse(&rules).unwrap(),
            [
                Client.says("5:get a,5:set b,4:last,"),
                Server.gets("5:get a,4:last,"),
                Server.says("3:one,5:three,"),
                Client.gets("12:twelve bytes,16:error: read only,6:three,"),
            ],
        );
        assert_eq!(heard.faults().len(), 3);
    }
}

//! Three protocols of somebody else: a header before a stream, lines that are answered in order, and
//! messages behind their length. None of them knows a behavior.

use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Description, Direction, Handled, Kind, Malformed, Protocol, Refusal, Replies, Unit, Want,
};

const MORE: Handled = Handled::Incomplete(Want::Bytes(1));

/// A greeting before the client's bytes: `HI`, a digit for the length of a name, the name, a letter
/// that is its checksum, a line end.
#[derive(Clone)]
pub(crate) struct Greeting {
    pub(crate) greeted: bool,
}

/// Returns the letter that a greeting's bytes add up to.
pub(crate) fn sum(bytes: &[u8]) -> u8 {
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    b'a' + (sum % 26) as u8
}

impl Protocol for Greeting {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        if self.greeted || direction == Direction::Downstream {
            return Ok(Handled::Opaque);
        }
        let Some(digit) = input.get(2) else { return Ok(MORE) };
        let end = 3 + usize::from(digit.wrapping_sub(b'0'));
        if !input.starts_with(b"HI") || !digit.is_ascii_digit() {
            return Err(Malformed::new("no greeting", 0));
        }
        if input.len() < end + 3 {
            return Ok(MORE);
        }
        self.greeted = true;
        let unit = Unit::header(input.split_to(end + 3))
            .field("length", 2..3)
            .field("name", 3..end)
            .field("checksum", end..end + 1)
            .field("line-end", end + 1..end + 3);
        Ok(Handled::Unit(unit))
    }

    fn seal(&self, unit: &mut Unit) {
        let right = |unit: &Unit, name| unit.named(name).is_some_and(|field| !field.wrong);
        if let (true, Some(name)) = (right(unit, "length"), unit.value("name")) {
            let digit = b'0' + name.len() as u8;
            unit.value_mut("length").unwrap()[0] = digit;
        }
        if right(unit, "checksum") {
            let at = unit.named("checksum").unwrap().range.start;
            unit.bytes[at] = sum(&unit.bytes[..at]);
        }
    }

    fn describe(&self) -> Description {
        let fields = &["length", "name", "checksum", "line-end"];
        Description::new().kinds(&[Kind::Header], &[]).unlabelled().fields(fields)
    }
}

/// Lines: each one of the client is answered by one of the server, in the same order.
#[derive(Clone)]
pub(crate) struct Lines;

impl Protocol for Lines {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(end) = input.iter().position(|&byte| byte == b'\n') else { return Ok(MORE) };
        let line = input.split_to(end + 1);
        let verb = line.iter().position(|&byte| byte == b' ').unwrap_or(end);
        let label = String::from_utf8_lossy(&line[..verb]).into_owned();
        let unit = match direction {
            Direction::Upstream => Unit::request(line).label(label).field("verb", 0..verb),
            Direction::Downstream => Unit::response(line),
        };
        Ok(Handled::Unit(unit.field("line-end", end..end + 1)))
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let text = format!("ERR {}\n", refusal.message);
        (unit.kind == Kind::Request).then(|| BytesMut::from(&*text))
    }

    fn describe(&self) -> Description {
        let [upstream, downstream] = Direction::BOTH.map(message);
        let lines = Description::new().kinds(upstream, downstream).fields(&["verb", "line-end"]);
        lines.replies(Replies::InOrder)
    }
}

/// Messages behind a digit for their length; replies come in any order.
#[derive(Clone)]
pub(crate) struct Frames;

impl Protocol for Frames {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(digit) = input.first() else { return Ok(MORE) };
        if !digit.is_ascii_digit() {
            return Err(Malformed::new("no length", 0));
        }
        let end = 1 + usize::from(digit - b'0');
        if input.len() < end {
            return Ok(MORE);
        }
        let unit = Unit::new(message(direction)[0], input.split_to(end));
        Ok(Handled::Unit(unit.field("size", 0..1).field("payload", 1..end)))
    }

    fn seal(&self, unit: &mut Unit) {
        let wrong = unit.named("size").is_none_or(|field| field.wrong);
        if let (false, Some(payload)) = (wrong, unit.value("payload")) {
            let digit = b'0' + payload.len() as u8;
            unit.value_mut("size").unwrap()[0] = digit;
        }
    }

    fn refuse(&self, _: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let digit = char::from(b'0' + refusal.message.len() as u8);
        Some(BytesMut::from(&*format!("{digit}{}", refusal.message)))
    }

    fn describe(&self) -> Description {
        let [upstream, downstream] = Direction::BOTH.map(message);
        let sized = Description::new().kinds(upstream, downstream).unlabelled();
        sized.fields(&["size", "payload"])
    }
}

fn message(direction: Direction) -> &'static [Kind] {
    match direction {
        Direction::Upstream => &[Kind::Request],
        Direction::Downstream => &[Kind::Response],
    }
}

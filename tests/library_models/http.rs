//! HTTP/1.1 in whole messages. The framing of a reply depends on its request: the reply to HEAD has no body.

use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Audit, Description, Direction, Each, Handled, Kind, Malformed, Protocol, Refusal, Replies,
    Size, Turn, Unit, Want, plugin,
};
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

plugin! {
    /// Heads with their bodies: the label is the method and the target, and a reply has that of its request.
    pub struct Http = "http1" {
        /// Size of the largest message.
        max_size: Size = "8MiB",
        ;
        // For each request that was delivered and has no reply yet: whether its reply may have a body.
        bodies: VecDeque<bool>,
        messages: Each<Message>,
        upgraded: bool,
    }
}

/// A message that is not whole yet.
#[derive(Clone, Debug, Default)]
struct Message {
    searched: usize,
    head: usize,
    body: Body,
}

#[derive(Clone, Copy, Debug, Default)]
enum Body {
    /// The head is not whole.
    #[default]
    Unknown,
    /// It ends here.
    Until(usize),
    /// The next chunk begins here.
    Chunk(usize),
    /// It ends with the stream.
    Stream,
}

const MORE: Handled = Handled::Incomplete(Want::Bytes(1));

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let found = bytes.get(from..)?.windows(what.len()).position(|window| window == what);
    found.map(|at| from + at)
}

/// Returns the place of a header's value.
fn header(head: &[u8], name: &str) -> Option<Range<usize>> {
    let mut at = find(head, 0, b"\r\n")? + 2;
    while let Some(end) = find(head, at, b"\r\n") {
        let colon = at + head[at..end].iter().position(|byte| *byte == b':').unwrap_or(0);
        if head[at..colon].eq_ignore_ascii_case(name.as_bytes()) {
            let blanks = head[colon + 1..end].iter().take_while(|byte| **byte == b' ').count();
            return Some(colon + 1 + blanks..end);
        }
        at = end + 2;
    }
    None
}

fn number(bytes: &[u8], base: u32) -> Option<usize> {
    usize::from_str_radix(str::from_utf8(bytes).ok()?, base).ok().filter(|number| *number < 1 << 40)
}

/// Returns the status of a reply.
fn status(head: &[u8]) -> Option<usize> {
    head.starts_with(b"HTTP/1.").then(|| number(head.get(9..12)?, 10))?
}

impl Http {
    fn body(&self, direction: Direction, head: &[u8]) -> Result<Body, Malformed> {
        let length = header(head, "content-length").map(|value| number(&head[value], 10));
        if length == Some(None) {
            return Err(Malformed::new("no length of a body", 0));
        }
        let chunked = header(head, "transfer-encoding").is_some();
        let none = Body::Until(head.len());
        let without = match direction {
            Direction::Upstream if find(head, 0, b" HTTP/1.").is_some() => none,
            Direction::Upstream => return Err(Malformed::new("no request", 0)),
            Direction::Downstream => match status(head) {
                None => return Err(Malformed::new("no status", 0)),
                Some(100..200 | 204 | 304) => return Ok(none),
                Some(_) if self.bodies.front() == Some(&false) => return Ok(none),
                Some(_) => Body::Stream,
            },
        };
        Ok(match (chunked, length.flatten()) {
            (true, _) => Body::Chunk(head.len()),
            (false, Some(length)) => Body::Until(head.len() + length),
            (false, None) => without,
        })
    }

    /// Takes a whole message off the input.
    fn message(&mut self, direction: Direction, bytes: BytesMut) -> Unit {
        let Message { head, .. } = std::mem::take(&mut self.messages[direction]);
        let whole = bytes.len();
        // The reply to HEAD has the length of a body that it has not.
        let length = header(&bytes[..head], "content-length")
            .filter(|range| number(&bytes[range.clone()], 10) == Some(whole - head));
        let unit = match (direction, status(&bytes)) {
            (Direction::Downstream, Some(code)) => {
                self.upgraded |= code == 101;
                let interim = (100..200).contains(&code) && code != 101;
                if !interim {
                    self.bodies.pop_front();
                }
                let kind = if code < 400 { Kind::Response } else { Kind::Error };
                let turn = if interim { Turn::None } else { Turn::ByKind };
                Unit::new(kind, bytes).turn(turn).field("status", 9..12)
            }
            _ => {
                let line = String::from_utf8_lossy(&bytes[..head]).into_owned();
                Unit::request(bytes).labelled(line.split(" HTTP/1.").next())
            }
        };
        let unit = unit.fields(length.map(|range| chenapan_core::Field::new("length", range)));
        unit.field("body", head..whole)
    }
}

impl Protocol for Http {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        if self.upgraded {
            return Ok(Handled::Opaque);
        }
        loop {
            let Message { searched, body, .. } = self.messages[direction];
            let next = match body {
                Body::Unknown => {
                    let Some(at) = find(input, searched, b"\r\n\r\n") else {
                        self.messages[direction].searched = input.len().saturating_sub(3);
                        return Ok(MORE);
                    };
                    self.messages[direction].head = at + 4;
                    self.body(direction, &input[..at + 4])?
                }
                Body::Until(end) if input.len() >= end => {
                    let bytes = input.split_to(end);
                    return Ok(Handled::Unit(self.message(direction, bytes)));
                }
                Body::Until(end) => return Ok(Handled::Incomplete(Want::Bytes(end - input.len()))),
                Body::Chunk(at) => {
                    let Some(line) = find(input, at, b"\r\n") else { return Ok(MORE) };
                    let size = number(&input[at..line], 16);
                    match size.ok_or_else(|| Malformed::new("no size of a chunk", at))? {
                        // Behind the last one come headers, or none.
                        0 => match find(input, line, b"\r\n\r\n") {
                            Some(end) => Body::Until(end + 4),
                            None => return Ok(MORE),
                        },
                        size => Body::Chunk(line + 2 + size + 2),
                    }
                }
                Body::Stream => return Ok(MORE),
            };
            self.messages[direction].body = next;
        }
    }

    fn end(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        match self.messages[direction].body {
            Body::Stream => Ok(Handled::Unit(self.message(direction, input.split()))),
            _ => Ok(MORE),
        }
    }

    fn describe(&self) -> Description {
        Description::new()
            .kinds(&[Kind::Request], &[Kind::Response, Kind::Error])
            .fields(&["status", "length", "body"])
            .replies(Replies::InOrder)
            .longest(usize::try_from(self.max_size.0).unwrap_or(usize::MAX))
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let code = refusal.code.unwrap_or(503);
        let text = if refusal.message.is_empty() { "Unavailable" } else { &refusal.message };
        let reply = format!("HTTP/1.1 {code} {text}\r\nContent-Length: 0\r\n\r\n");
        (unit.kind == Kind::Request).then(|| BytesMut::from(&*reply))
    }

    fn seal(&self, unit: &mut Unit) {
        let field = unit.named("length").filter(|field| !field.wrong);
        if let (Some(range), Some(body)) =
            (field.map(|field| field.range.clone()), unit.value("body"))
        {
            let length = body.len().to_string();
            unit.splice(range, length.as_bytes());
        }
    }

    fn audit(&mut self) -> Option<&mut dyn Audit> {
        Some(self)
    }
}

impl Audit for Http {
    fn delivered(&mut self, direction: Direction, unit: &Unit, _: Duration) {
        if direction == Direction::Upstream {
            let head = unit.label.as_deref().is_some_and(|label| label.starts_with("HEAD "));
            self.bodies.push_back(!head);
        }
    }
}

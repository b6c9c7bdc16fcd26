//! One direction of HTTP/1: the place of each message in the stream [RFC 9112, 6].
//!
//! It knows nothing of the other direction but the form of the request that a reply answers.

use super::head;
use super::parse::{self, Length, Meaning, ReplyHead, Upgrade};
use super::walk::{Part, Piece, Walk};
use crate::framer::RequestForm;
use bytes::BytesMut;
use chenapan_core::{Direction, Field, Kind, Malformed, Turn, Unit};

/// Most data in a piece of a body at which a rule looks.
const PIECE: usize = 16 << 10;

/// One direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    progress: Progress,
    /// Number of bytes of a head that have no end.
    seen: usize,
    /// Set if a rule may look at the next unit.
    pub(super) watched: bool,
}

/// Next thing to come.
#[derive(Clone, Debug, Default)]
enum Progress {
    #[default]
    Head,
    Length(u64),
    Chunks(Box<Walk>),
    /// A body up to the end of the stream.
    ToEnd,
    Raw,
}

/// Head of a reply as a unit.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) unit: Unit,
    pub(super) status: u16,
    /// Protocol to which the connection changes behind it.
    pub(super) upgrade: Upgrade,
}

impl Side {
    /// Nothing is read from here on.
    pub(super) fn close(&mut self) {
        self.progress = Progress::Raw;
    }

    /// Returns `true` if nothing is read any more.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.progress, Progress::Raw)
    }

    /// Returns `true` if a head comes next.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.progress, Progress::Head)
    }

    /// Takes the next piece of the message at hand, or blank lines before a head; none if a head comes
    /// next.
    pub(super) fn rest(
        &mut self,
        direction: Direction,
        input: &mut BytesMut,
    ) -> Result<Option<Unit>, Malformed> {
        let (size, part) = match &mut self.progress {
            Progress::Head | Progress::Raw => return Ok(self.blank(input)),
            _ if input.is_empty() => return Ok(None),
            Progress::ToEnd => (self.room(input.len()), None),
            Progress::Length(left) => {
                let most = if self.watched { PIECE } else { usize::MAX };
                let size = (*left).min(input.len().min(most) as u64);
                *left -= size;
                if *left == 0 {
                    self.progress = Progress::Head;
                }
                (size as usize, None)
            }
            Progress::Chunks(walk) => {
                let piece = if self.watched { walk.chunk(input, PIECE) } else { walk.all(input) };
                match piece {
                    Piece::More => return Ok(None),
                    Piece::Wrong => {
                        self.close();
                        return Err(Malformed::new("no chunk of HTTP/1", 0));
                    }
                    Piece::Taken(part) => {
                        if part.last {
                            self.progress = Progress::Head;
                        }
                        (part.size, Some(part))
                    }
                }
            }
        };
        let last = self.is_between();
        let turn = match (direction, last) {
            (Direction::Upstream, _) => Turn::None,
            (Direction::Downstream, true) => Turn::Closes,
            (Direction::Downstream, false) => Turn::Part,
        };
        let mut unit = Unit::new(Kind::Body, input.split_to(size)).turn(turn).continues(!last);
        if self.watched {
            unit = match part {
                None => unit.field("body", 0..size),
                Some(part) => in_chunks(unit, part),
            };
        }
        Ok(Some(unit))
    }

    /// Takes what the end of the stream makes of the reply at hand.
    pub(super) fn end(&mut self, input: &BytesMut) -> Option<Unit> {
        if input.is_empty() && matches!(self.progress, Progress::ToEnd) {
            self.progress = Progress::Head;
            return Some(Unit::new(Kind::Body, BytesMut::new()).turn(Turn::Closes));
        }
        None
    }

    fn room(&self, size: usize) -> usize {
        if self.watched { size.min(PIECE) } else { size }
    }

    /// Empty lines before a message are ignored [RFC 9112, 2.2].
    fn blank(&self, input: &mut BytesMut) -> Option<Unit> {
        let empty = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        (empty > 0).then(|| Unit::new(Kind::Blank, input.split_to(empty)).turn(Turn::None))
    }

    /// Returns the length of the head at the front, once it is whole.
    pub(super) fn head(&mut self, input: &[u8], most: usize) -> Result<Option<usize>, Malformed> {
        match head::end(&input[..input.len().min(most)], &mut self.seen) {
            Some(end) => {
                self.seen = 0;
                Ok(Some(end))
            }
            None if input.len() >= most => {
                self.close();
                Err(Malformed::new(format!("the head has more than {most} bytes"), 0))
            }
            None => Ok(None),
        }
    }

    /// Takes the head of a request.
    pub(super) fn request(&mut self, input: &mut BytesMut, size: usize) -> Result<Unit, Malformed> {
        let read = parse::request(&input[..size], self.watched);
        let read = read.inspect_err(|_| self.progress = Progress::Raw)?;
        let label = super::label::label(read.method, read.target);
        let (meaning, fields) = (read.meaning, read.fields);
        self.progress = match self.body(meaning)? {
            Some(progress) => progress,
            None if meaning.chunked.is_some() => {
                self.close();
                return Err(Malformed::new("a request with a transfer coding but chunked", 0));
            }
            None => Progress::Head,
        };
        let turn = if meaning.closes() { Turn::Final } else { Turn::Whole };
        let unit = Unit::request(input.split_to(size)).label(label).turn(turn).fields(fields);
        let unit = unit.continues(!self.is_between());
        // Whoever is answered before the body was asked for may send it or not.
        Ok(if meaning.expects && unit.continues { unit.answered_last() } else { unit })
    }

    /// Takes the head of a reply to a request of this form.
    pub(super) fn reply(
        &mut self,
        input: &mut BytesMut,
        size: usize,
        form: impl FnOnce() -> RequestForm,
    ) -> Result<Reply, Malformed> {
        let read = parse::reply(&input[..size], self.watched);
        let ReplyHead { status, meaning, fields } =
            read.inspect_err(|_| self.progress = Progress::Raw)?;
        if (100..200).contains(&status) && status != 101 {
            let unit = Unit::notification(input.split_to(size)).turn(Turn::None).fields(fields);
            return Ok(Reply { unit, status, upgrade: Upgrade::None });
        }
        let switched = match meaning.upgrade {
            Upgrade::None => Upgrade::Other,
            upgrade => upgrade,
        };
        let mut upgrade = Upgrade::None;
        self.progress = match (status, form()) {
            (101, _) => {
                upgrade = switched;
                Progress::Raw
            }
            (200..300, RequestForm::Connect) => {
                upgrade = Upgrade::Other;
                Progress::Raw
            }
            // RFC 9112, 6.3: no body, whatever the headers say.
            (204 | 304, _) | (_, RequestForm::Head) => Progress::Head,
            _ => self.body(meaning)?.unwrap_or(Progress::ToEnd),
        };
        let kind = if status >= 400 { Kind::Error } else { Kind::Response };
        let continues = !matches!(self.progress, Progress::Head | Progress::Raw);
        let turn = if continues { Turn::Opens } else { Turn::Whole };
        let unit = Unit::new(kind, input.split_to(size)).turn(turn).fields(fields);
        Ok(Reply { unit: unit.continues(continues), status, upgrade })
    }

    /// RFC 9112, 6.3: chunks before a length; none where nothing tells the end.
    fn body(&mut self, meaning: Meaning) -> Result<Option<Progress>, Malformed> {
        Ok(match (meaning.chunked, meaning.length) {
            (Some(true), _) => Some(Progress::Chunks(Box::new(Walk::new()))),
            (Some(false), _) | (None, Length::None) => None,
            (None, Length::Bytes(0)) => Some(Progress::Head),
            (None, Length::Bytes(length)) => Some(Progress::Length(length)),
            (None, Length::Wrong) => {
                self.close();
                return Err(Malformed::new("Content-Length is no number, or they differ", 0));
            }
        })
    }
}

/// Names the fields of a piece of a chunk.
fn in_chunks(mut unit: Unit, part: Part) -> Unit {
    let Part { size, digits, data, last } = part;
    if let Some(digits) = digits {
        unit = unit.field("chunk-size", digits);
    }
    if let Some(data) = data {
        unit = unit.field("body", data);
    }
    if last {
        let trailers: Vec<_> = head::headers(&unit.bytes[..size])
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, range)| Field::new("trailer", range).keyed(key))
            .collect();
        unit = unit.fields(trailers);
    }
    unit
}

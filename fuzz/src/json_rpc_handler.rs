//! The protocol `json-rpc`: units of both directions, whatever the reads are.
//!
//! It never looks for a certain unit, only for bytes that got lost, came twice or were changed.

use bytes::BytesMut;
use chenapan_core::{
    Audit, Direction, Handled, Kind, Messages, Pending, Plugin, Protocol, Refusal, Unit, Values,
};
use chenapan_protocols::json_rpc::JsonRpc;
use std::time::Duration;

const FRAMINGS: [&str; 8] =
    ["auto", "newline", "json", "content-length", "http", "sse", "websocket", "bitcoin"];
const DIALECTS: [&str; 4] = ["auto", "v1", "v2", "loose"];
const SIZES: [&str; 4] = ["16MiB", "0", "5", "40"];
const LIMITS: [&str; 2] = ["10000", "1"];

/// Checks everything with an input whose first four bytes choose the options, where the bytes of
/// one direction end and those of the other begin, and the sizes of the reads.
pub fn check(input: &[u8]) {
    let Some((&[framing, more, border, seed], stream)) = input.split_first_chunk() else { return };
    let border = usize::from(border) * stream.len() / 255;
    let (up, down) = stream.split_at(border);
    let options = [
        ("framing", FRAMINGS[usize::from(framing) % FRAMINGS.len()]),
        ("dialect", DIALECTS[usize::from(more) % DIALECTS.len()]),
        ("max-size", SIZES[usize::from(more >> 2) % SIZES.len()]),
        ("pending-limit", LIMITS[usize::from(more >> 4) % LIMITS.len()]),
    ];
    let make = || {
        let values = Values::parse(JsonRpc::OPTIONS, options).unwrap();
        Wire::new(JsonRpc::configure(&values))
    };
    // One direction after the other: what framing and dialect depend on is the same in all.
    let mut whole = make();
    whole.all(up, down, |left| left);
    let mut bytes = make();
    bytes.all(up, down, |_| 1);
    let mut dice = Dice(u64::from(seed) + 1);
    let mut pieces = make();
    pieces.all(up, down, |left| dice.next() % left + 1);
    assert_eq!(bytes.told(), whole.told());
    assert_eq!(pieces.told(), whole.told());

    // Mixed, as reads come.
    let mut mixed = make();
    let (mut up, mut down) = (up, down);
    while !up.is_empty() || !down.is_empty() {
        for (direction, rest) in
            [(Direction::Upstream, &mut up), (Direction::Downstream, &mut down)]
        {
            if !rest.is_empty() {
                let (piece, behind) = rest.split_at(dice.next() % rest.len() + 1);
                mixed.read(direction, piece);
                *rest = behind;
            }
        }
    }
    mixed.end(Direction::Upstream);
    mixed.end(Direction::Downstream);
    mixed.check();
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize
    }
}

/// A message, with its place in its direction.
type Told = (Direction, usize, Kind, Option<Box<str>>, Vec<u8>);

/// A connection.
struct Wire {
    protocol: JsonRpc,
    now: u64,
    /// Bytes that came, bytes that are not cut yet, and bytes of the units: of each direction.
    came: [Vec<u8>; 2],
    held: [BytesMut; 2],
    went: [Vec<u8>; 2],
    opaque: [bool; 2],
    /// The messages, with their places.
    told: Vec<Told>,
}

impl Wire {
    fn new(protocol: JsonRpc) -> Self {
        Self {
            protocol,
            now: 0,
            came: Default::default(),
            held: Default::default(),
            went: Default::default(),
            opaque: [false; 2],
            told: Vec::new(),
        }
    }

    fn all(&mut self, up: &[u8], down: &[u8], mut size: impl FnMut(usize) -> usize) {
        for (direction, mut rest) in Direction::BOTH.into_iter().zip([up, down]) {
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(size(rest.len()));
                self.read(direction, piece);
                rest = behind;
            }
            self.end(direction);
        }
        self.check();
    }

    fn read(&mut self, direction: Direction, piece: &[u8]) {
        self.came[direction as usize].extend_from_slice(piece);
        self.held[direction as usize].extend_from_slice(piece);
        self.cut(direction, false);
    }

    fn end(&mut self, direction: Direction) {
        self.cut(direction, true);
    }

    fn cut(&mut self, direction: Direction, end: bool) {
        let index = direction as usize;
        while !self.opaque[index] && !self.held[index].is_empty() {
            self.now += 1;
            self.protocol.at(Duration::from_millis(self.now));
            let before = self.held[index].len();
            let handled = match end {
                true => self.protocol.end(direction, &mut self.held[index]),
                false => self.protocol.handle(direction, &mut self.held[index]),
            };
            match handled.unwrap() {
                Handled::Unit(unit) => {
                    assert_eq!(unit.bytes.len(), before - self.held[index].len());
                    assert!(!unit.bytes.is_empty());
                    self.note(direction, unit);
                }
                Handled::Incomplete(_) => {
                    assert!(!end, "the end left bytes behind");
                    break;
                }
                Handled::Opaque => self.opaque[index] = true,
                other => panic!("it never says {other:?}"),
            }
        }
    }

    fn note(&mut self, direction: Direction, unit: Unit) {
        assert_eq!(unit.direction, Some(direction));
        for field in &unit.fields {
            assert!(field.range.start <= field.range.end && field.range.end <= unit.bytes.len());
        }
        let payload = self.protocol.message(&unit).map(std::borrow::Cow::into_owned);
        if let Some(payload) = &payload {
            let mut same = unit.clone();
            if self.protocol.put_message(&mut same, payload) {
                assert_eq!(same.bytes, unit.bytes, "the same message in its own place");
            }
            let mut other = unit.clone();
            if self.protocol.put_message(&mut other, b"[7]")
                && let Some(found) = self.protocol.message(&other)
            {
                assert_eq!(*found, *b"[7]");
            }
            if let Some(framed) = self.protocol.frame(direction, payload) {
                assert!(!framed.bytes.is_empty());
            }
            let place = self.went[direction as usize].len();
            self.told.push((direction, place, unit.kind, unit.label.clone(), payload.clone()));
        }
        let mut moved = unit.clone();
        self.protocol.set_apart(&mut moved);
        self.protocol.seal(&mut moved);
        let refusal = Refusal::new("no");
        self.protocol.refuse(&unit, &refusal);
        self.went[direction as usize].extend_from_slice(&unit.bytes);
        // One message in four goes nowhere.
        if payload.is_none() || !self.told.len().is_multiple_of(4) {
            self.protocol.delivered(direction, &unit, Duration::from_millis(self.now));
        }
    }

    fn check(&mut self) {
        for (index, came) in self.came.iter().enumerate() {
            let all = [&self.went[index][..], &self.held[index]].concat();
            assert_eq!(all, *came, "not the bytes that came");
            assert!(self.opaque[index] || self.held[index].is_empty());
        }
        self.protocol.counted();
        self.protocol.pending().map(Pending::close);
    }

    fn told(&self) -> &[Told] {
        &self.told
    }
}

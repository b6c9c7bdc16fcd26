//! A stream that arrives in pieces, and what a framer makes of it.

use chenapan_protocols::json_rpc::{Cut, Event, Framer};

/// Finding of a framer, and its place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Frame { start: usize, end: usize, payload: String, encoded: bool },
    Event(Event, usize),
    Raw(usize),
}

/// Everything that a framer says of these pieces.
pub(crate) fn told<'a>(
    mut framer: Box<dyn Framer>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Told> {
    let (mut all, mut held, mut offset) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let cut = framer.cut(&held);
            match cut {
                Cut::Incomplete => break,
                Cut::Raw => {
                    all.push(Told::Raw(offset));
                    return all;
                }
                cut => note(cut, &mut held, &mut offset, &mut all),
            }
        }
    }
    loop {
        match framer.end(&held) {
            Cut::Incomplete => {
                assert_eq!(held, b"", "nothing is left");
                return all;
            }
            Cut::Raw => return all,
            cut => note(cut, &mut held, &mut offset, &mut all),
        }
    }
}

fn note(cut: Cut, held: &mut Vec<u8>, offset: &mut usize, all: &mut Vec<Told>) {
    let size = cut.size();
    assert!(size <= held.len(), "{cut:?}");
    match cut {
        Cut::Frame(frame) => all.push(Told::Frame {
            start: *offset,
            end: *offset + size,
            payload: frame.payload(held).escape_ascii().to_string(),
            encoded: frame.encoded,
        }),
        Cut::Event(event, _) => all.push(Told::Event(event, *offset)),
        Cut::Pass(size) | Cut::Junk(size) => assert!(size > 0, "it goes on"),
        other => unreachable!("{other:?}"),
    }
    held.drain(..size);
    *offset += size;
}

/// Checks that every cut in two, and byte after byte, give what the whole gives; returns that.
#[track_caller]
pub(crate) fn everywhere(make: impl Fn() -> Box<dyn Framer>, input: &[u8]) -> Vec<Told> {
    let whole = told(make(), [input]);
    for cut in 0..=input.len() {
        let (front, back) = input.split_at(cut);
        assert_eq!(told(make(), [front, back]), whole, "cut at {cut}: {}", input.escape_ascii());
    }
    assert_eq!(told(make(), input.chunks(1)), whole, "bytes: {}", input.escape_ascii());
    assert_eq!(told(make(), input.chunks(3)), whole, "threes: {}", input.escape_ascii());
    whole
}

/// Returns the findings in short: payloads, and names of events.
#[track_caller]
pub(crate) fn short(make: impl Fn() -> Box<dyn Framer>, input: &[u8]) -> Vec<String> {
    let shown = |told| match told {
        Told::Frame { payload, encoded: false, .. } => payload,
        Told::Frame { payload, .. } => format!("encoded:{payload}"),
        Told::Event(Event::Partial(bytes), _) => format!("!partial {bytes}"),
        Told::Event(event, _) => format!("!{}", event.name()),
        Told::Raw(_) => "raw".to_owned(),
    };
    everywhere(make, input).into_iter().map(shown).collect()
}

/// Puts another payload into the first frame of a stream.
pub(crate) fn reframed(
    mut framer: Box<dyn Framer>,
    input: &[u8],
    payload: &[u8],
) -> Option<String> {
    let mut at = 0;
    loop {
        match framer.cut(&input[at..]) {
            Cut::Frame(frame) => {
                let out = framer.reframe(&frame, &input[at..at + frame.size], payload)?;
                return Some(out.escape_ascii().to_string());
            }
            Cut::Incomplete | Cut::Raw => return None,
            cut => at += cut.size(),
        }
    }
}

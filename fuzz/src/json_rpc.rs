//! JSON-RPC: what framers say of a stream and of its pieces, and what a reader says of each frame.
//!
//! It never looks for a certain answer, only for answers that cannot both be right.

use chenapan_protocols::json::{Cursor, Scan, Scanner};
use chenapan_protocols::json_rpc::{Cut, Dialect, Event, Forgery, Framer, Framing, Kind, Reader};

/// Checks everything with an input whose first four bytes choose a framing, a dialect, a limit
/// and a place to cut the stream that follows them.
pub fn check(input: &[u8]) {
    let Some((&[framing, more, high, low], stream)) = input.split_first_chunk() else { return };
    let framing = Framing::ALL[usize::from(framing) % Framing::ALL.len()];
    let dialect = Dialect::ALL[usize::from(more) % Dialect::ALL.len()];
    let max_size = [None, Some(0), Some(1), Some(5), Some(40)][usize::from(more >> 2) % 5];
    let cut = usize::from(u16::from_be_bytes([high, low])) % (stream.len() + 1);

    let make = || framing.framer(max_size);
    let whole = told(make(), [stream], dialect);
    assert_eq!(told(make(), [&stream[..cut], &stream[cut..]], dialect), whole);
    assert_eq!(told(make(), stream.chunks(1), dialect), whole);
    scan(stream, cut);
    read(stream, dialect);
}

type Told = (usize, usize, Option<Event>, Vec<u8>);

fn told<'a>(
    mut framer: Box<dyn Framer>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    dialect: Dialect,
) -> Vec<Told> {
    let (mut all, mut held, mut offset) = (Vec::new(), Vec::new(), 0);
    let mut reader = Reader::new(dialect);
    let mut note = |framer: &dyn Framer, cut: Cut, held: &mut Vec<u8>| {
        let size = cut.size();
        assert!(size <= held.len());
        match cut {
            Cut::Frame(frame) => {
                let payload = frame.payload(held).to_vec();
                reader.read(&payload);
                framer.reframe(&frame, &held[..size], b"{}");
                all.push((offset, size, None, payload));
            }
            Cut::Event(event, _) => all.push((offset, size, Some(event), Vec::new())),
            Cut::Pass(size) | Cut::Junk(size) => assert!(size > 0),
            other => unreachable!("{other:?}"),
        }
        held.drain(..size);
        offset += size;
    };
    let mut raw = false;
    for piece in pieces {
        held.extend_from_slice(piece);
        while !raw {
            match framer.cut(&held) {
                Cut::Incomplete => break,
                Cut::Raw => raw = true,
                cut => note(&*framer, cut, &mut held),
            }
        }
    }
    while !raw {
        match framer.end(&held) {
            Cut::Incomplete => {
                assert!(held.is_empty());
                break;
            }
            Cut::Raw => break,
            cut => note(&*framer, cut, &mut held),
        }
    }
    framer.encode(b"{}", &mut Vec::new());
    all
}

/// Pieces are scanned as the whole is.
fn scan(text: &[u8], cut: usize) {
    let mut whole = Scanner::new();
    let expected = whole.scan(text);
    let mut scanner = Scanner::new();
    let found = match scanner.scan(&text[..cut]) {
        Scan::More => match scanner.scan(&text[cut..]) {
            Scan::More => Scan::More,
            Scan::End(end) => Scan::End(cut + end),
            Scan::Wrong(at) => Scan::Wrong(cut + at),
        },
        decided => decided,
    };
    assert_eq!(found, expected);
    assert_eq!(scanner.finish(), whole.finish());
}

/// Whatever is said of a message can be asked for, and a reply to it is a message.
fn read(frame: &[u8], dialect: Dialect) {
    let message = Reader::new(dialect).read(frame);
    for said in std::iter::once(message.clone()).chain(message.items()) {
        said.method();
        said.params();
        said.code();
        said.trouble();
        let same = said.id().is_some_and(|id| id.matches(id));
        assert_eq!(same, said.id().is_some_and(|id| id.key().is_some()));
        assert!(said.span.end <= frame.len());
    }
    assert_eq!(message.items().count(), message.spans().count());
    let forgery = Forgery { code: -1, message: "no", data: None };
    if let Some(reply) = forgery.reply(&message) {
        let reply = Reader::new(message.dialect).read(&reply).meant();
        assert!(matches!(reply, Kind::Error | Kind::Batch(_)), "{reply:?}");
    }
    if let Some(object) = &message.object {
        let mut cursor = Cursor::new(frame, object.span.start);
        while let Some(member) = cursor.member().unwrap() {
            let range = member.removal();
            let rest = [&frame[..range.start], &frame[range.end..]].concat();
            let kind = Reader::new(message.dialect).read(&rest);
            assert_ne!(kind.reason().map(|reason| reason.name()), Some("json"));
        }
    }
}

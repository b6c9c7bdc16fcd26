//! Why the library answers differently: one class a reason, told by the bytes alone.
//!
//! A class allows certain pairs of answers, and only for the streams it is about.

use super::oracle::{Binary, Fault, LIMIT, LINE, can_begin, dictionary};
use super::{Accepted, Answer};
use Difference::{Ends, LastWins, Pair, Tlvs};
use Kind::{Accept, Bytes, Checksum, Crash, Line, Syntax};

/// One way in which two answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// In kind: ours, then the library's.
    Pair(Kind, Kind),
    /// Both wait for bytes, but for another number.
    Count,
    /// Both accept, with other endpoints.
    Ends,
    /// Both accept; the library has the last TLV of each type only.
    LastWins,
    /// Both accept, and each has of a block that does not count what it can make out there.
    Tlvs,
    /// Both accept, with something else.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Accept,
    Bytes,
    Line,
    Syntax,
    Checksum,
    Crash,
}

pub(super) struct Class {
    pub(super) name: &'static str,
    /// With the section of the standard.
    pub(super) why: &'static str,
    pub(super) applies: fn(&[u8]) -> bool,
    pub(super) differences: &'static [Difference],
}

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "first eight bytes",
        why: "the library tells the version by eight bytes; the first byte tells [2.2]",
        applies: |input| input.len() < 8 && can_begin(input),
        differences: &[Pair(Line, Bytes), Difference::Count],
    },
    Class {
        name: "refused at once",
        why: "what cannot become a header is refused \"as soon as possible\" [2.1]; the library waits",
        applies: |input| !can_begin(input),
        differences: &[Pair(Syntax, Bytes), Pair(Syntax, Line)],
    },
    Class {
        name: "line feed in UNKNOWN",
        why: "\"ignore anything presented before the CRLF\" [2.1]; the library stops at a line feed",
        applies: |input| {
            line(input).is_some_and(|line| !line.ends_with(b"\r\n"))
                && input.starts_with(b"PROXY UNKNOWN ")
                && can_begin(input)
        },
        differences: &[Pair(Accept, Syntax), Pair(Line, Syntax)],
    },
    Class {
        name: "longer than 107 bytes",
        why: "a line has \"107 bytes\" at most [2.1]; the library knows no bound",
        applies: |input| {
            line(input).is_some_and(|line| line.ends_with(b"\r\n") && line.len() > LINE)
                && input.starts_with(b"PROXY UNKNOWN ")
        },
        differences: &[Pair(Syntax, Accept)],
    },
    Class {
        name: "number of Python's",
        why: "ports are decimal, \"heading zeroes are not permitted\" [2.1]; int() takes more",
        applies: |input| {
            let Some(fields) = fields(input) else { return false };
            fields[3..].iter().any(|port| strange_number(port))
        },
        differences: &[Pair(Syntax, Accept)],
    },
    Class {
        name: "IPv6 zone",
        why: "an address has hexadecimal groups and colons [2.1]; the library takes %zone",
        applies: |input| {
            fields(input).is_some_and(|fields| {
                fields[0] == b"TCP6" && fields[1..3].iter().any(|address| address.contains(&b'%'))
            })
        },
        differences: &[Pair(Syntax, Accept)],
    },
    Class {
        name: "longer than the limit",
        why: "a receiver may bound the header, ours does at 4096 by default; the standard is silent [2.2]",
        applies: |input| Binary::read(input).is_some_and(|header| 16 + header.length > LIMIT),
        differences: &[Pair(Syntax, Accept)],
    },
    Class {
        name: "undefined family or transport",
        why: "\"must be rejected as invalid by receivers\" [2.2]; the library takes them for unspecified",
        applies: |input| {
            whole(input)
                .is_some_and(|header| !header.local && (header.family > 3 || header.transport > 2))
        },
        differences: &[Pair(Syntax, Accept), Pair(Syntax, Checksum), Pair(Syntax, Crash)],
    },
    Class {
        name: "too short for addresses",
        why: "12, 36 or 216 bytes of addresses [2.2]; the library fails with struct.error",
        applies: |input| {
            whole(input).is_some_and(|header| header.used() && header.length < header.size())
        },
        differences: &[Pair(Syntax, Crash)],
    },
    Class {
        name: "unspecified transport",
        why: "UNSPEC in either half: \"should ignore address information\" [2.2]; the library uses it",
        applies: |input| {
            whole(input).is_some_and(|header| {
                !header.local && matches!(header.family, 1..=3) && header.transport == 0
            })
        },
        differences: &[Ends, Tlvs, LastWins, Pair(Accept, Crash)],
    },
    Class {
        name: "unspecified family",
        why: "TLVs may follow no addresses, and the checksum MUST be verified [2.2.3]; the library skips all",
        applies: |input| {
            whole(input).is_some_and(|header| {
                !header.local && header.family == 0 && header.transport <= 2 && header.length > 0
            })
        },
        differences: &[Tlvs, Pair(Checksum, Accept)],
    },
    Class {
        name: "TLVs under LOCAL",
        why: "addresses of the stated family come first [2.2]; the library reads TLVs from the first byte",
        applies: |input| whole(input).is_some_and(|header| header.local && header.length > 0),
        differences: &[Tlvs, LastWins],
    },
    Class {
        name: "checksum under LOCAL",
        why: "\"discard the protocol block\" [2.2]; the library looks for a checksum in it",
        applies: |input| {
            whole(input).is_some_and(|header| header.local && header.rebuilt_differs())
        },
        differences: &[Pair(Accept, Checksum), Pair(Accept, Crash)],
    },
    Class {
        name: "checksum of rebuilt TLVs",
        why: "the checksum is that of the received header [2.2.3]; the library sums TLVs sorted by type",
        applies: |input| {
            whole(input).is_some_and(|header| {
                header.received_right() == Some(true) && header.rebuilt_differs()
            })
        },
        differences: &[Pair(Accept, Checksum)],
    },
    Class {
        name: "last of a type",
        why: "all TLVs count, in their order [2.2]; the library keeps the last of a type",
        applies: |input| {
            whole(input).is_some_and(|header| header.used() && header.fault().is_none())
        },
        differences: &[LastWins],
    },
    Class {
        name: "path that is not ASCII",
        why: "a UNIX path is 108 bytes of any kind [2.2]; the library decodes US-ASCII",
        applies: |input| {
            whole(input).is_some_and(|header| {
                let paths = header.block.get(..216).unwrap_or_default();
                !header.local && header.family == 3 && !paths.is_ascii()
            })
        },
        differences: &[Pair(Accept, Syntax), Pair(Checksum, Syntax)],
    },
    Class {
        name: "checksum of another size",
        why: "a checksum is \"a 32-bit number\" [2.2.3]; the library fails with struct.error",
        applies: |input| {
            whole(input).is_some_and(|header| {
                let sum = |(kind, value): &(u8, Vec<u8>)| *kind == 0x03 && value.len() != 4;
                header.fault().is_some() && header.library_tlvs().iter().any(sum)
            })
        },
        differences: &[Pair(Syntax, Crash)],
    },
    fault(
        "TLV that does not fit",
        "TLVs fill what follows the addresses [2.2]; the library cuts the last one short",
        |input| has(input, Fault::Frame),
    ),
    fault(
        "second checksum",
        "which of two counts is nowhere said [2.2.3]; to the library the last",
        |input| has(input, Fault::SecondChecksum),
    ),
    fault(
        "checksum that does not fit",
        "a checksum is \"a 32-bit number\" [2.2.3]; the library takes what a later TLV says",
        |input| has(input, Fault::ChecksumSize),
    ),
    fault(
        "long unique id",
        "\"of up to 128 bytes\" [2.2.5]; the library knows no bound",
        |input| has(input, Fault::UniqueId),
    ),
    fault(
        "broken SSL",
        "five bytes, then whole TLVs [2.2.6]; the library looks when asked, and cuts the last one short",
        |input| has(input, Fault::Ssl),
    ),
    fault(
        "broken text",
        "names are UTF-8 or US-ASCII [2.2.2, 2.2.6, 2.2.7]; the library decodes when asked",
        |input| has(input, Fault::Text),
    ),
];

/// A fault in TLVs: we refuse it, and the library may find the checksum wrong at most.
const fn fault(name: &'static str, why: &'static str, applies: fn(&[u8]) -> bool) -> Class {
    Class { name, why, applies, differences: &[Pair(Syntax, Accept), Pair(Syntax, Checksum)] }
}

fn has(input: &[u8], fault: Fault) -> bool {
    whole(input).is_some_and(|header| header.fault() == Some(fault))
}

fn whole(input: &[u8]) -> Option<Binary<'_>> {
    Binary::read(input).filter(Binary::whole)
}

/// The line as the library reads it: eight bytes, then up to a line feed.
fn line(input: &[u8]) -> Option<&[u8]> {
    let behind = input.get(8..).filter(|_| input.starts_with(b"PROXY "))?;
    if input[7] == b'\n' {
        return Some(&input[..8]);
    }
    let end = behind.iter().position(|byte| *byte == b'\n')?;
    Some(&input[..8 + end + 1])
}

/// Keyword, addresses and ports of such a line.
fn fields(input: &[u8]) -> Option<[&[u8]; 5]> {
    let text = line(input)?.strip_prefix(b"PROXY ")?.strip_suffix(b"\r\n")?;
    let fields: Vec<_> = text.split(|byte| *byte == b' ').collect();
    fields.try_into().ok()
}

/// A number to Python but not to the standard: with a sign, zeroes in front, underscores or space
/// around it.
fn strange_number(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else { return false };
    let plain = text.trim_matches(|char: char| char.is_ascii_whitespace() || char == '\x0b');
    let plain = plain.strip_prefix(['+', '-']).unwrap_or(plain).replace('_', "");
    let number = plain.parse::<u64>();
    number.is_ok_and(|number| number <= 65_535 && number.to_string() != text)
}

pub(super) fn differences(input: &[u8], ours: &Answer, theirs: &Answer) -> Vec<Difference> {
    match (ours, theirs) {
        (Answer::Accept(ours), Answer::Accept(theirs)) => parts(input, ours, theirs),
        (ours, theirs) if ours == theirs => Vec::new(),
        (Answer::Bytes(_), Answer::Bytes(_)) => vec![Difference::Count],
        (ours, theirs) => vec![Pair(kind(ours), kind(theirs))],
    }
}

fn parts(input: &[u8], ours: &Accepted, theirs: &Accepted) -> Vec<Difference> {
    let mut differences = Vec::new();
    if (ours.consumed, ours.version, &ours.command)
        != (theirs.consumed, theirs.version, &theirs.command)
    {
        differences.push(Difference::Other);
    }
    if ours.ends != theirs.ends {
        let none = ours.ends.family == "unknown";
        differences.push(if none { Ends } else { Difference::Other });
    }
    if (&ours.tlvs, ours.checksum) != (&theirs.tlvs, theirs.checksum) {
        let wins = dictionary(ours.tlvs.iter().cloned()) == theirs.tlvs;
        let made_out = whole(input).is_some_and(|header| {
            ours.tlvs == header.made_out() && theirs.tlvs == header.library_tlvs()
        });
        differences.push(match (wins, made_out) {
            (true, _) if ours.checksum == theirs.checksum => LastWins,
            (_, true) => Tlvs,
            _ => Difference::Other,
        });
    }
    differences
}

fn kind(answer: &Answer) -> Kind {
    match answer {
        Answer::Accept(_) => Accept,
        Answer::Bytes(_) => Bytes,
        Answer::Line => Line,
        Answer::Syntax => Syntax,
        Answer::Checksum => Checksum,
        Answer::Crash => Crash,
    }
}

//! Headers that do not arrive whole, or do not end: group DEL, as far as a decoder decides it.
//!
//! Every split of every case is in `pieces`.

use crate::case::Expected::{Local, Refuse, Wait};
use crate::case::{Case, SIG, case};

pub(crate) const CASES: &[Case] = &[
    case("DEL-07", "v1 split in source address", &[b"PROXY TCP4 203.0.113"], Wait(87)),
    case(
        "DEL-08",
        "v1 split inside the last port",
        &[b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 84"],
        Wait(63),
    ),
    case(
        "DEL-09",
        "v1 split between CR and LF",
        &[b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r"],
        Wait(60),
    ),
    case("DEL-12", "v2 split after 5 bytes (at the NUL)", &[b"\r\n\r\n\0"], Wait(11)),
    case("DEL-13", "v2 split after 12 (signature)", &[SIG], Wait(4)),
    case("DEL-14", "v2 split after 14 (inside length)", &[SIG, b"\x21\x11\0"], Wait(1)),
    case("DEL-15", "v2 split after 16 (fixed part)", &[SIG, b"\x21\x11\0\x0c"], Wait(12)),
    case("DEL-16", "v2 split inside addresses", &[SIG, b"\x21\x11\0\x0c\xcb\0\x71\x07"], Wait(8)),
    case(
        "DEL-17",
        "v2 split inside a TLV",
        &[SIG, b"\x21\x11\0\x1a\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\x02\0\x0bexa"],
        Wait(8),
    ),
    case("DEL-18", "v2 LOCAL split after 16, length 12", &[SIG, b"\x20\x11\0\x0c"], Wait(12)),
    case("DEL-26", "connect, send nothing", &[], Wait(1)),
    case(
        "DEL-35",
        "v1 CRLF exactly at 107 bytes",
        &[b"PROXY UNKNOWN ", &[b'x'; 91], b"\r\n"],
        Local,
    ),
    case("DEL-36", "v1 endless line without CRLF", &[b"PROXY TCP4 ", &[b'x'; 8_192]], Refuse(11)),
    case(
        "DEL-37",
        "v1 endless line, drip fed after 107 bytes",
        &[b"PROXY UNKNOWN ", &[b'x'; 94]],
        Refuse(105),
    ),
];

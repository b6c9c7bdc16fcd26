//! Headers that an attacker would send: group SEC, as far as one header decides it.

use crate::case::Expected::{Accept, Local, Refuse};
use crate::case::{Case, SIG, V4, case, inet};

pub(crate) const CASES: &[Case] = &[
    case("SEC-01", "no header at all, plain payload", &[], Refuse(0)),
    case(
        "SEC-02",
        "TLS ClientHello instead of a header",
        &[b"\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03", &[0; 193]],
        Refuse(0),
    ),
    case(
        "SEC-03",
        "HTTP/2 preface instead of a header",
        &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
        Refuse(2),
    ),
    case("SEC-04", "SSH banner instead of a header", &[b"SSH-2.0-x\r\n"], Refuse(0)),
    case(
        "SEC-05",
        "32 random bytes",
        &[
            b"\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda",
            b"\xdb\xdc\xdd\xde\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7",
        ],
        Refuse(0),
    ),
    case("SEC-06", "HTTP method PROXY", &[b"PROXY / HTTP/1.1\r\nHost: x\r\n\r\n"], Refuse(6)),
    inet(
        "SEC-13",
        "v1 header hidden in a NOOP TLV",
        60,
        &[b"\x04\0\x2dPROXY TCP4 10.9.9.9 198.51.100.9 51234 8443\r\n"],
        Accept(V4),
    ),
    inet(
        "SEC-14",
        "v2 header hidden in a UNIQUE_ID TLV",
        43,
        &[
            b"\x05\0\x1c",
            b"\x0d\x0a\x0d\x0a\0\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\0\x0c\x0a\x09\x09",
            b"\x09\xc6\x33\x64\x09\xc8\x22\x20\xfb",
        ],
        Accept(V4),
    ),
    case(
        "SEC-15",
        "v1 line hidden in UNKNOWN rest",
        &[b"PROXY UNKNOWN PROXY TCP4 10.9.9.9 1.1.1.1 1 2\r\n"],
        Local,
    ),
    inet(
        "SEC-16",
        "v2 length too short by 4: TLV tail becomes payload",
        15,
        &[b"\x04\0\x04abcd"],
        Refuse(30),
    ),
    case(
        "SEC-19",
        "v1 source with header injection",
        &[b"PROXY TCP4 203.0.113.7\nX-Admin:1 198.51.100.9 51234 8443\r\n"],
        Refuse(22),
    ),
    case(
        "SEC-20",
        "v1 CR inside a field",
        &[b"PROXY TCP4 203.0.113.7\r198.51.100.9 51234 8443\r\n"],
        Refuse(22),
    ),
    inet(
        "SEC-22",
        "v2 with CN=admin but verify failed",
        38,
        &[b"\x20\0\x17\x07\0\0\0\x01\x21\0\x07TLSv1.3", b"\x22\0\x05admin"],
        Accept(V4),
    ),
    case(
        "SEC-23",
        "v1 with 1 MiB of digits as port",
        &[b"PROXY TCP4 203.0.113.7 198.51.100.9 ", &[b'9'; 1_048_576]],
        Refuse(40),
    ),
    case(
        "SEC-24",
        "v2 PROXY with family/transport of LOCAL and payload that looks like addresses",
        &[SIG, b"\x21\x11\0\0"],
        Refuse(15),
    ),
];

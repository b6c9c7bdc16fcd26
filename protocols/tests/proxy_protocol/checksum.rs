//! Checksums: group CRC.

use crate::case::Expected::{Accept, Local, Mismatch, Refuse};
use crate::case::{A4, A6, Case, SIG, V4, V6, case};

pub(crate) const CASES: &[Case] = &[
    case(
        "CRC-01",
        "correct, only TLV",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\x01\x42\x9e\xbd"],
        Accept(V4),
    ),
    case(
        "CRC-02",
        "correct, IPv6",
        &[SIG, b"\x21\x21\0\x2b", A6, b"\x03\0\x04\x77\x13\x06\xba"],
        Accept(V6),
    ),
    case(
        "CRC-03",
        "correct, last of three TLVs",
        &[
            SIG,
            b"\x21\x11\0\x24",
            A4,
            b"\x01\0\x02h2\x02\0\x09a.example",
            b"\x03\0\x04\xa8\x01\xc9\x5f",
        ],
        Accept(V4),
    ),
    case(
        "CRC-04",
        "correct, first, higher and lower types after",
        &[SIG, b"\x21\x11\0\x1d", A4, b"\x03\0\x04\x55\xcf\xa4\xf5\x05\0\x02id", b"\x01\0\x02h2"],
        Accept(V4),
    ),
    case(
        "CRC-05",
        "correct, duplicate TLV types present",
        &[SIG, b"\x21\x11\0\x1c", A4, b"\x04\0\x01a\x04\0\x02bb\x03\0\x04\xcc\x6a\x2b\x85"],
        Accept(V4),
    ),
    case(
        "CRC-06",
        "correct, type 0xE0 before it",
        &[SIG, b"\x21\x11\0\x18", A4, b"\xe0\0\x02zz\x03\0\x04\xca\x5f\x37\x0c"],
        Accept(V4),
    ),
    case(
        "CRC-07",
        "correct, with SSL TLV before it",
        &[
            SIG,
            b"\x21\x11\0\x25",
            A4,
            b"\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3",
            b"\x03\0\x04\x32\xaa\xe3\x57",
        ],
        Accept(V4),
    ),
    case(
        "CRC-08",
        "one bit wrong",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\x01\x42\x9e\xbc"],
        Mismatch(31),
    ),
    case("CRC-09", "zero", &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\0\0\0\0"], Mismatch(31)),
    case(
        "CRC-10",
        "0xFFFFFFFF",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\xff\xff\xff\xff"],
        Mismatch(31),
    ),
    case(
        "CRC-11",
        "byte order swapped",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\xbd\x9e\x42\x01"],
        Mismatch(31),
    ),
    case(
        "CRC-12",
        "CRC-32 (IEEE) instead of CRC-32C",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\x89\xef\xe3\xb6"],
        Mismatch(31),
    ),
    case(
        "CRC-13",
        "computed without zeroing the field (field=0xAAAAAAAA)",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\x27\x09\x94\xc2"],
        Mismatch(31),
    ),
    case(
        "CRC-14",
        "computed over the TLVs only",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\xe3\x7e\xa1\x85"],
        Mismatch(31),
    ),
    case(
        "CRC-15",
        "computed including the payload",
        &[SIG, b"\x21\x11\0\x13", A4, b"\x03\0\x04\x5f\x47\x72\x6e"],
        Mismatch(31),
    ),
    case(
        "CRC-16",
        "address altered after summing",
        &[
            SIG,
            b"\x21\x11\0\x13\x0a\0\0\x01\xc6\x33\x64\x09\xc8\x22\x20\xfb",
            b"\x03\0\x04\x01\x42\x9e\xbd",
        ],
        Mismatch(31),
    ),
    case("CRC-17", "length 3", &[SIG, b"\x21\x11\0\x12", A4, b"\x03\0\x03\0\0\0"], Refuse(28)),
    case("CRC-18", "length 5", &[SIG, b"\x21\x11\0\x14", A4, b"\x03\0\x05\0\0\0\0\0"], Refuse(28)),
    case("CRC-19", "length 0", &[SIG, b"\x21\x11\0\x0f", A4, b"\x03\0\0"], Refuse(28)),
    case(
        "CRC-20",
        "two CRC TLVs, first correct with second zero",
        &[SIG, b"\x21\x11\0\x1a", A4, b"\x03\0\x04\xdf\x81\x3f\x6f\x03\0\x04\0\0\0\0"],
        Refuse(35),
    ),
    case(
        "CRC-21",
        "two CRC TLVs, both summed with both zeroed",
        &[SIG, b"\x21\x11\0\x1a", A4, b"\x03\0\x04\xdf\x81\x3f\x6f\x03\0\x04\xdf\x81\x3f\x6f"],
        Refuse(35),
    ),
    case(
        "CRC-22",
        "correct CRC on PROXY UNSPEC",
        &[SIG, b"\x21\0\0\x07\x03\0\x04\x3e\xc9\x89\x4e"],
        Local,
    ),
    case(
        "CRC-23",
        "wrong CRC on PROXY UNSPEC",
        &[SIG, b"\x21\0\0\x07\x03\0\x04\x3e\xc9\x89\xb1"],
        Mismatch(19),
    ),
    case(
        "CRC-24",
        "CRC inside the SSL TLV",
        &[
            SIG,
            b"\x21\x11\0\x1f",
            A4,
            b"\x20\0\x10\x01\0\0\0\0\x21\0\x01x",
            b"\x03\0\x04\x01\x02\x03\x04",
        ],
        Accept(V4),
    ),
    case(
        "CRC-25",
        "correct, 500 byte NOOP after it",
        &[SIG, b"\x21\x11\x01\xf6", A4, b"\x03\0\x04\xe3\xbf\xe8\x23\x04\x01\xe0", &[b'p'; 480]],
        Accept(V4),
    ),
];

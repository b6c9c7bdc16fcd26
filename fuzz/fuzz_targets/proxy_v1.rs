//! A line of version 1, read by the decoder that takes nothing else.

#![no_main]

use chenapan_fuzz::proxy::check;
use chenapan_protocols::proxy_protocol::v1;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| check(input, |stream, profile| {
    v1::unpack(stream, profile).map(|(header, size)| (header.into(), size))
}));

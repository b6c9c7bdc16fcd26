//! A header of either version, as the first bytes tell.

#![no_main]

use chenapan_fuzz::proxy::check;
use chenapan_protocols::proxy_protocol::unpack;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| check(input, unpack));

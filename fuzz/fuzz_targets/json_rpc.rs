//! A stream of JSON-RPC, in any framing and dialect.

#![no_main]

use chenapan_fuzz::json_rpc::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| check(input));
